// All nodes as one table that sorts and filters, and stays smooth with a thousand of them: a row is made once,
// and only the cells whose text has changed are touched.

import { shadeClass } from "./colours.js";
import { h, keyed, setAttribute, setText } from "./dom.js";
import { bytes, count, micros, millis, percent, plural, rate } from "./format.js";
import { history } from "./figures.js";
import { sparkline, stateBadge } from "./parts.js";

const NUMBER = "figure";
/** key, title, class, value to sort by. */
const COLUMNS = [
  ["address", "Node", "", (node) => node.address],
  ["state", "State", "", (node) => STATE_ORDER.indexOf(node.state)],
  ["shard", "Shard", "", (node, store) => store.names.number(shardId(node)) * 2 + (node.role === "replica")],
  ["zone", "Zone", "", (node) => node.zone],
  ["ops", "Throughput", NUMBER, (node) => node.load.ops_per_s],
  ["memory", "Memory", NUMBER, (node) => node.load.memory_bytes],
  ["p99", "p99", NUMBER, (node) => node.load.p99_us],
  ["hits", "Hit rate", NUMBER, (node) => node.load.hit_rate],
  ["lag", "Lag", NUMBER, (node) => node.load.lag_ms],
  ["keys", "Keys", NUMBER, (node) => node.keys],
  ["version", "Version", "", (node) => node.version],
];
const STATE_ORDER = ["data-lost", "failed", "silent", "suspected", "slow", "loading", "ok"];

function shardId(node) {
  return node.role === "primary" ? node.id : node.primary_id;
}

export function createNodes(store, { showNode }) {
  const root = document.getElementById("view-nodes");
  let sortBy = "shard";
  let falling = false;
  const body = h("tbody");
  const found = h("p", { class: "hint", role: "status" });
  const filter = h(
    "input",
    {
      type: "search",
      id: "node-filter",
      placeholder: "address, zone, state…",
      autocomplete: "off",
      oninput: () => update(),
    },
  );
  const heads = COLUMNS.map(([key, title, kind]) => {
    const button = h("button", { type: "button", class: "sort", onclick: () => sort(key) }, title);
    return h("th", { scope: "col", class: kind }, button);
  });
  // Lines are drawn only in rows that can be seen.
  const seen = new WeakSet();
  const drawers = new WeakMap();
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) {
        seen.add(entry.target);
        drawers.get(entry.target)?.();
      } else seen.delete(entry.target);
    }
  });
  root.append(
    h("h2", { id: "head-nodes" }, "Nodes"),
    h("div", { class: "tools" }, h("label", { for: "node-filter" }, "Find"), filter, found),
    h(
      "div",
      { class: "scroll tall", tabindex: "0", role: "region", "aria-label": "Table of nodes" },
      h(
        "table",
        { class: "nodes" },
        h("caption", { class: "visually-hidden" }, "Nodes with state and load"),
        h("thead", {}, h("tr", {}, ...heads)),
        body,
      ),
    ),
  );

  function sort(key) {
    falling = sortBy === key ? !falling : COLUMNS.find((column) => column[0] === key)[2] === NUMBER;
    sortBy = key;
    update();
  }

  function makeRow(first) {
    const open = h(
      "button",
      { type: "button", class: "link address", "data-key": `node ${first.id}`, onclick: () => showNode(first.id) },
    );
    const badge = stateBadge(first.state);
    const why = h("span", { class: "why" });
    const shard = h("span");
    const role = h("span", { class: "role" });
    const line = sparkline();
    const ops = h("span");
    const cells = Object.fromEntries(COLUMNS.slice(1).map(([key, , kind]) => [key, h("td", { class: kind || null })]));
    cells.state.append(badge.element, why);
    cells.shard.append(shard, " ", role);
    cells.ops.append(line.element, ops);
    const element = h("tr", {}, h("th", { scope: "row" }, open), ...Object.values(cells));
    let sparkOf = null;
    const drawLine = () => {
      if (sparkOf === store.series || !seen.has(element)) return;
      line.update(history(store.series, "ops_per_s", first.id));
      sparkOf = store.series;
    };
    drawers.set(element, drawLine);
    watcher.observe(element);
    const update = (node) => {
      const { load } = node;
      setText(open, node.address || node.id.slice(0, 8));
      badge.update(node.state);
      setText(why, node.why);
      const number = store.names.number(shardId(node));
      setText(shard, number ? `S${number}` : "–");
      setAttribute(shard, "class", number ? `shard-name ${shadeClass(number)}` : null);
      setText(role, node.role);
      setText(cells.zone, node.zone || "–");
      setText(ops, rate(load.ops_per_s));
      setText(cells.memory, memoryText(load));
      setAttribute(
        cells.memory,
        "data-tone",
        load.memory_bytes > 0.8 * load.memory_max_bytes && load.memory_max_bytes ? "warn" : null,
      );
      setText(cells.p99, micros(load.p99_us));
      setText(cells.hits, percent(load.hit_rate));
      setText(cells.lag, node.role === "replica" ? millis(load.lag_ms) : "–");
      setAttribute(cells.lag, "data-tone", load.lag_ms > 1000 ? "warn" : null);
      setText(cells.keys, count(node.keys));
      setText(cells.version, node.version || "–");
      drawLine();
    };
    return { element, update };
  }

  function update() {
    if (!store.picture) return;
    const wanted = filter.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const shown = store.picture.nodes.filter((node) => {
      const { address, hostname, id, zone, state, role, version } = node;
      const shard = store.shardName(shardId(node));
      const text = [address, hostname, id, zone, state, role, version, shard].join(" ").toLowerCase();
      return wanted.every((word) => text.includes(word));
    });
    const valueOf = COLUMNS.find((column) => column[0] === sortBy)[3];
    const values = new Map(shown.map((node) => [node, valueOf(node, store)]));
    shown.sort((a, b) => compare(values.get(a), values.get(b)) * (falling ? -1 : 1) || compare(a.address, b.address));
    keyed(body, shown, (node) => node.id, makeRow);
    heads.forEach(
      (head, at) => setAttribute(
        head,
        "aria-sort",
        COLUMNS[at][0] === sortBy ? (falling ? "descending" : "ascending") : null,
      ),
    );
    const all = store.picture.nodes.length;
    setText(found, shown.length === all ? plural(all, "node") : `${shown.length} of ${plural(all, "node")}`);
  }
  return { root, update };
}

function memoryText(load) {
  if (!load.memory_max_bytes) return bytes(load.memory_bytes);
  return `${bytes(load.memory_bytes)} · ${percent(load.memory_bytes / load.memory_max_bytes)}`;
}

/** What is not known sorts last in a falling and first in a rising order. */
function compare(a, b) {
  if (a === b) return 0;
  if (a === null || a === undefined) return -1;
  if (b === null || b === undefined) return 1;
  return a < b ? -1 : 1;
}
