// Slow commands, big and hot keys. Managers do not scan by themselves: somebody asks, for one node.

import { commands } from "./commands.js";
import { fill, h, keyed, setText } from "./dom.js";
import { bytes, clock, micros, rate } from "./format.js";
import { action } from "./parts.js";

const SLOW_MAX = 100;

function table(caption, titles) {
  const body = h("tbody");
  const head = h("tr", {}, titles.map(([title, kind]) => h("th", { scope: "col", class: kind }, title)));
  const element = h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {}, h("caption", { class: "visually-hidden" }, caption), h("thead", {}, head), body),
  );
  return { element, body };
}

export function createKeys(store, api) {
  const root = document.getElementById("view-keys");
  const node = h("select", { id: "key-node", onchange: () => update() });
  const slow = table(
    "Slow commands, the slowest first",
    [["Duration", "figure"], ["Command"], ["Node"], ["When"], ["Client"]],
  );
  const keys = table("Notable keys", [["Key"], ["Type"], ["Size", "figure"], ["Rate", "figure"], ["Node"]]);
  const noSlow = h("p", { class: "hint" }, "No slow command is known.");
  const noKeys = h(
    "p",
    { class: "hint" },
    "Nobody has looked for big or hot keys. A search reads through one node, in bounded steps.",
  );
  const ask = action(store, { label: "Ask the node", command: commands.slow("HOST:PORT"), reads: true, run: askSlow });
  const big = action(
    store,
    { label: "Search big keys", command: commands.bigKeys("HOST:PORT"), run: () => search("big") },
  );
  const hot = action(
    store,
    { label: "Search hot keys", command: commands.hotKeys("HOST:PORT"), run: () => search("hot") },
  );
  let asked = null;
  let found = null;
  root.append(
    h("h2", { id: "head-keys" }, "Commands and keys"),
    h("div", { class: "tools" }, h("label", { for: "key-node" }, "Node"), node),
    h("div", { class: "panel-head" }, h("h3", {}, "Slow commands"), ask.element),
    noSlow,
    slow.element,
    h("div", { class: "panel-head" }, h("h3", {}, "Big and hot keys")),
    h("div", { class: "actions" }, big.element, hot.element),
    noKeys,
    keys.element,
  );

  async function askSlow() {
    asked = await api.get(`api/slow?node=${encodeURIComponent(node.value)}`);
    store.changed();
    return asked.length ? `${asked.length} found.` : "This node has no slow command.";
  }

  async function search(what) {
    found = await api.post("api/keys/search", { node: node.value, what });
    store.changed();
    return found.length ? `${found.length} found.` : "None found.";
  }

  function slowRow() {
    const cells = [h("td", { class: "figure" }), h("td", { class: "code" }), h("td"), h("td"), h("td")];
    const update = (entry) => {
      const texts = [
        micros(entry.duration_us),
        entry.words.join(" "),
        store.nodeName(entry.node_id),
        clock(entry.at_ms),
        entry.client || "–",
      ];
      texts.forEach((text, at) => setText(cells[at], text));
    };
    return { element: h("tr", {}, cells), update };
  }

  function keyRow() {
    const cells = [
      h("th", { scope: "row", class: "code" }),
      h("td"),
      h("td", { class: "figure" }),
      h("td", { class: "figure" }),
      h("td"),
    ];
    const update = (key) => {
      [
        key.key,
        key.type || "–",
        bytes(key.bytes),
        rate(key.ops_per_s),
        store.nodeName(key.node_id),
      ].forEach((text, at) => setText(cells[at], text));
    };
    return { element: h("tr", {}, cells), update };
  }

  function updateNodes() {
    const ids = store.picture.nodes.map((each) => each.id).join();
    if (node.dataset.ids === ids) return;
    const before = node.value;
    node.dataset.ids = ids;
    fill(node, store.picture.nodes.map((each) => h("option", { value: each.id }, `${each.address} (${each.role})`)));
    if (store.nodes.has(before)) node.value = before;
  }

  function update() {
    const { picture } = store;
    if (!picture) return;
    updateNodes();
    const address = store.nodes.get(node.value)?.address ?? "HOST:PORT";
    ask.update("Ask the node", commands.slow(address));
    big.update("Search big keys", commands.bigKeys(address));
    hot.update("Search hot keys", commands.hotKeys(address));
    const slowest = [...(asked ?? picture.slow_commands ?? [])].sort((a, b) => b.duration_us - a.duration_us);
    const entries = slowest.slice(0, SLOW_MAX);
    keyed(
      slow.body,
      entries,
      (each) => `${each.node_id} ${each.at_ms} ${each.duration_us} ${each.words.join(" ")}`,
      slowRow,
    );
    noSlow.hidden = entries.length > 0;
    slow.element.hidden = entries.length === 0;
    const notable = found ?? [...(picture.big_keys ?? []), ...(picture.hot_keys ?? [])];
    keyed(keys.body, notable, (each) => `${each.node_id} ${each.key} ${each.bytes} ${each.ops_per_s}`, keyRow);
    noKeys.hidden = notable.length > 0;
    keys.element.hidden = notable.length === 0;
  }
  return { root, update };
}
