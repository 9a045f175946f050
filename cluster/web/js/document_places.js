// Where in a text a path such as `nodes.10.0.0.1:7001.weight` or `windows[0].ends` stands: for the editor.

/** The parts of a path as the manager writes it: dots and brackets, or a JSON pointer. */
export function pathParts(path) {
  if (path.startsWith("/")) {
    return path.slice(1).split("/").map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  }
  return path.replace(/^\$\.?/, "").replace(/\[(\d+)\]/g, ".$1").split(".").filter(Boolean);
}

/** [start, end] of what stands at `path` in a JSON text; the nearest parent's when it is not there; or null. */
export function placeInJson(text, path) {
  let at = 0;
  const places = new Map();
  const space = () => {
    while (/\s/.test(text[at] ?? "")) at += 1;
  };
  const string = () => {
    const start = at;
    at += 1;
    while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
    at += 1;
    return JSON.parse(text.slice(start, at));
  };
  const value = (trail) => {
    space();
    const start = at;
    if (text[at] === "{") members("}", trail, true);
    else if (text[at] === "[") members("]", trail, false);
    else if (text[at] === '"') string();
    else while (at < text.length && !/[\s,}\]]/.test(text[at])) at += 1;
    places.set(trail, [start, at]);
  };
  const members = (end, trail, named) => {
    at += 1;
    for (let index = 0; ; index += 1) {
      space();
      if (at >= text.length || text[at] === end) break;
      const key = named ? string() : String(index);
      space();
      if (named && text[at] === ":") at += 1;
      value(trail ? `${trail}.${key}` : key);
      space();
      if (text[at] === ",") at += 1;
    }
    at += 1;
  };
  try {
    value("");
  } catch {
    return null;
  }
  return nearest(places, path);
}

/** The same for YAML, by indentation: the key's line is enough to find a mistake. */
export function placeInYaml(text, path) {
  const places = new Map();
  const open = [];
  let start = 0;
  for (const line of text.split("\n")) {
    const match = /^(\s*)(- )?(?:(["']?)([^#]*?)\3\s*:(?:\s|$))?/.exec(line);
    const indent = match[1].length;
    while (open.length && open.at(-1).indent >= indent + (match[2] ? 1 : 0)) open.pop();
    let parent = open.at(-1);
    if (match[2]) {
      parent ??= { trail: "", items: 0, indent: -1 };
      const trail = join(parent.trail, String(parent.items));
      parent.items += 1;
      places.set(trail, [start + indent, start + line.length]);
      open.push({ indent: indent + 1, trail, items: 0 });
    }
    if (match[4]) {
      const trail = join(open.at(-1)?.trail ?? "", match[4]);
      places.set(trail, [start + indent, start + line.length]);
      open.push({ indent: indent + (match[2] ? 2 : 0), trail, items: 0 });
    }
    start += line.length + 1;
  }
  return nearest(places, path);
}

function join(trail, key) {
  return trail ? `${trail}.${key}` : key;
}

function nearest(places, path) {
  for (let parts = pathParts(path); parts.length; parts = parts.slice(0, -1)) {
    const place = places.get(parts.join("."));
    if (place) return place;
  }
  return null;
}

/** The line, from 1, of a place in a text. */
export function lineOf(text, at) {
  return text.slice(0, at).split("\n").length;
}
