// The figures: what is measured, how it is written, and the tiles of the whole.

import { fill, h, setAttribute, setText } from "./dom.js";
import { bytes, micros, millis, percent, rate } from "./format.js";
import { sparkline } from "./parts.js";

/** name in NodeLoad, title, how a value is written. */
export const FIGURES = [
  ["ops_per_s", "Throughput", rate],
  ["memory_bytes", "Memory", bytes],
  ["p99_us", "p99", micros],
  ["hit_rate", "Hit rate", percent],
  ["lag_ms", "Lag", millis],
  ["cpu_fraction", "CPU", percent],
];

const WHOLE = FIGURES.slice(0, 5);
const NOTES = {
  ops_per_s: "all primaries",
  p99_us: "the slowest node",
  hit_rate: "the lowest node",
  lag_ms: "the last replica",
};

/** The values of one figure over time: of a node, or of the whole without an id. */
export function history(series, figure, nodeId = null) {
  const of = nodeId === null ? series?.whole : series?.nodes?.[nodeId];
  const values = of?.[figure];
  return Array.isArray(values) ? values : [];
}

/** What the whole spends, as the series counts it: sums over primaries, else the worst of all nodes. */
export function wholeLoad(nodes) {
  const primaries = nodes.filter((node) => node.role === "primary");
  const known = (name, among = nodes) =>
    among.map((node) => node.load?.[name] ?? null).filter((value) => value !== null);
  const sum = (values) => (values.length ? values.reduce((a, b) => a + b, 0) : null);
  const maximum = known("memory_max_bytes", primaries);
  return {
    ops_per_s: sum(known("ops_per_s", primaries)),
    memory_bytes: sum(known("memory_bytes", primaries)),
    memory_max_bytes: maximum.length === primaries.length ? sum(maximum) : null,
    p99_us: worst(known("p99_us"), Math.max),
    hit_rate: worst(known("hit_rate"), Math.min),
    lag_ms: worst(known("lag_ms"), Math.max),
  };
}

function worst(values, of) {
  return values.length ? of(...values) : null;
}

function tile([, title]) {
  const value = h("dd", { class: "value" });
  const note = h("dd", { class: "note" });
  const line = sparkline();
  return { element: h("div", { class: "tile" }, h("dt", {}, title), value, note, line.element), value, note, line };
}

export function createFigures(store) {
  const tiles = WHOLE.map(tile);
  const element = h("dl", { class: "tiles" }, ...tiles.map((each) => each.element));
  const update = () => {
    const load = wholeLoad(store.picture.nodes);
    WHOLE.forEach(([name, , format], at) => {
      const { value, note, line } = tiles[at];
      setText(value, format(load[name]));
      setText(note, noteOf(name, load));
      const past = history(store.series, name);
      line.update(past.length ? [...past, load[name]] : []);
    });
    setAttribute(tiles[4].element, "data-tone", load.lag_ms > 1000 ? "warn" : null);
  };
  return { element, update };
}

function noteOf(name, load) {
  if (name !== "memory_bytes") return NOTES[name];
  if (load.memory_max_bytes) return `${Math.round((100 * load.memory_bytes) / load.memory_max_bytes)} % of its limit`;
  return "of all primaries";
}

/** A list of all figures of one node, for its panel. */
export function nodeFigures(store, node) {
  const list = h("dl", { class: "tiles small" });
  fill(
    list,
    FIGURES.map(([name, title, format]) => {
      const one = tile([name, title]);
      const past = history(store.series, name, node.id);
      setText(one.value, format(node.load?.[name]));
      one.line.update(past.length ? [...past, node.load?.[name]] : []);
      one.note.remove();
      return one.element;
    }),
  );
  return list;
}
