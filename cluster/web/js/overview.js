// The overview: the figures of the whole, the slots with their shards, replicas and zones, and the timeline.

import { shadeClass } from "./colours.js";
import { fill, h, keyed, setAttribute, setText } from "./dom.js";
import { enableDragging } from "./dragging.js";
import { rate, whole } from "./format.js";
import { commandLine, message, showMessage, signOf } from "./parts.js";
import { createFigures } from "./figures.js";
import { SlotPicture } from "./slot_picture.js";
import { SLOT_COUNT } from "./slots.js";
import { createTimeline } from "./timeline.js";
import { createTrouble } from "./trouble.js";
import { commands } from "./commands.js";

/** With more zones than this, a node says its zone itself. */
const ZONE_COLUMNS_MAX = 4;

export function createOverview(store, live, { showNode, showReshard }) {
  const root = document.getElementById("view-overview");
  const trouble = createTrouble(store, live);
  const figures = createFigures(store);
  const slots = new SlotPicture(store, { onMove: showReshard });
  const timeline = createTimeline(store, { showNode });
  const empty = h("div", { hidden: true });
  const heading = h("h3");
  const state = h("p", { class: "coverage" });
  const sentinels = h("ul", { class: "sentinels", "aria-label": "Sentinels" });
  const head = h("tr");
  const body = h("tbody");
  const caption = h("caption", { class: "visually-hidden" }, "Shards: their slots, and their nodes by zone");
  const table = h("table", { class: "shards" }, caption, h("thead", {}, head), body);
  const move = h("button", { type: "button", onclick: () => showReshard(null, null, null) }, "Move slots…");
  const help = h(
    "p",
    { class: "hint", id: "slots-help" },
    "Drag slots of one shard onto another to plan a move. By keyboard: arrows look, Shift selects, Enter moves.",
  );
  const content = h(
    "div",
    {},
    trouble.element,
    figures.element,
    h(
      "div",
      { class: "panel picture" },
      h(
        "div",
        { class: "panel-head" },
        heading,
        state,
        h("label", { class: "switch" }, slots.loadSwitch, "Load"),
        move,
      ),
      h("div", { class: "square" }, slots.canvas, slots.summary, slots.readout, help),
      h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Shards" }, table, sentinels),
    ),
    timeline.element,
  );
  root.append(h("h2", { id: "head-overview", class: "visually-hidden" }, "Overview"), empty, content);
  enableDragging(store, slots, root, showReshard);
  let zonesShown = null;
  const narrow = matchMedia("(max-width: 640px)");
  narrow.addEventListener("change", () => store.changed());

  function makeRow() {
    const name = h("span", { class: "shard-name" });
    const handle = h("span", { class: "handle", "data-handle": "true", title: "Drag onto another shard" }, name);
    const bar = h("span", { class: "bar" });
    const number = h("span", { class: "figure" });
    const ranges = h("span", { class: "visually-hidden" });
    const load = h("td", { class: "figure" });
    const slotsCell = h(
      "td",
      { class: "slot-cell" },
      number,
      ranges,
      h("span", { class: "track", "aria-hidden": "true" }, bar),
    );
    const places = zonesShown.map(() => h("td"));
    const title = h("th", { scope: "row" }, handle);
    const element = h("tr", {}, title, slotsCell, load, ...places);
    const update = ({ shard, members }) => {
      const index = store.names.number(shard.id);
      setAttribute(element, "data-shard", shard.id);
      setText(name, `S${index}`);
      setAttribute(name, "class", `shard-name ${shadeClass(index)}`);
      setText(number, whole(shard.slot_count));
      setText(ranges, `ranges ${shard.slots || "none"}`);
      setAttribute(slotsCell, "title", shard.slots);
      bar.style.inlineSize = `${(100 * shard.slot_count) / SLOT_COUNT}%`;
      setAttribute(bar, "class", `bar ${shadeClass(index)}`);
      setText(load, rate(shard.ops_per_s));
      placeNodes(places, members);
    };
    return { element, update };
  }

  /** Nodes that belong to no shard: a primary that came back, or did not, without its slots; a spare. */
  function makeStrayRow() {
    const places = zonesShown.map(() => h("td"));
    const title = h("th", { scope: "row" }, "No shard");
    const update = ({ members }) => {
      setAttribute(title, "colspan", (narrow.matches ? 2 : 3) - (store.picture.kind === "cluster" ? 0 : 1));
      placeNodes(places, members);
    };
    return { element: h("tr", {}, title, ...places), update };
  }

  function placeNodes(places, members) {
    zonesShown.forEach((zone, at) => {
      const there = members.filter((node) => zone === null || node.zone === zone);
      keyed(places[at], there, (node) => node.id, () => nodeChip(store, showNode, zone === null));
    });
  }

  function update() {
    const { picture } = store;
    const isEmpty = picture.nodes.length === 0;
    content.hidden = isEmpty;
    if (isEmpty !== !empty.hidden) showMessage(empty, ...(isEmpty ? [emptyMessage()] : []));
    if (isEmpty) return;
    trouble.update();
    figures.update();
    const zones = [...new Set(picture.nodes.map((node) => node.zone))].sort();
    const single = narrow.matches || zones.length > ZONE_COLUMNS_MAX || zones.join("") === "";
    const columns = single ? [null] : zones;
    if (columns.join("\n") !== zonesShown?.join("\n")) {
      zonesShown = columns;
      const names = columns.map((zone) => (zone === null ? "Nodes" : zone || "no zone"));
      const column = (text) => h("th", { scope: "col", class: text === "Slots" ? "slot-cell" : null }, text);
      fill(head, ["Shard", "Slots", "Load", ...names].map(column));
      keyed(body, [], String, makeRow);
    }
    const members = new Map(picture.shards.map((shard) => [shard.id, []]));
    const strays = [];
    for (const node of picture.nodes) {
      (members.get(node.role === "primary" ? node.id : node.primary_id) ?? strays).push(node);
    }
    const rows = picture.shards.map((shard) => ({ shard, members: members.get(shard.id) }));
    if (strays.length) rows.push({ shard: null, members: strays });
    // A shard keeps its row over a failover: the key is its name, not the id of its primary.
    const keyOf = ({ shard }) => (shard ? store.names.number(shard.id) : "stray");
    keyed(body, rows, keyOf, ({ shard }) => (shard ? makeRow() : makeStrayRow()));
    slots.update();
    const isCluster = picture.kind === "cluster";
    setAttribute(root, "data-kind", picture.kind);
    setText(heading, isCluster ? "Slots and shards" : "Servers");
    setText(state, isCluster ? slots.coverage() : "no cluster: slots do not apply");
    setAttribute(state, "data-tone", isCluster && picture.slots_covered < SLOT_COUNT ? "bad" : null);
    sentinels.hidden = !picture.sentinels?.length;
    keyed(sentinels, picture.sentinels ?? [], (each) => each.id, sentinelItem);
    timeline.update();
  }
  return { root, update };
}

function emptyMessage() {
  return message(
    "The manager knows no nodes yet.",
    h("p", {}, "Start it with the address of one node of the cluster; it finds the others."),
    commandLine(commands.start()).element,
  );
}

function sentinelItem() {
  const sign = h("span", { class: "sign", "aria-hidden": "true" });
  const text = h("span");
  const element = h("li", {}, sign, text);
  const update = (sentinel) => {
    const [glyph, tone] = signOf(sentinel.reachable ? "ok" : "silent");
    setText(sign, glyph);
    setText(text, `Sentinel ${sentinel.address}${sentinel.reachable ? "" : ", silent"}`);
    setAttribute(element, "data-tone", tone);
  };
  return { element, update };
}

/** A node as a small button: role, address, state. */
export function nodeChip(store, showNode, withZone) {
  const sign = h("span", { class: "sign", "aria-hidden": "true" });
  const role = h("span", { class: "role", "aria-hidden": "true" });
  const label = h("span", { class: "address" });
  const hidden = h("span", { class: "visually-hidden" });
  let id = "";
  const element = h(
    "button",
    { type: "button", class: "chip", onclick: () => showNode(id) },
    sign,
    role,
    label,
    hidden,
  );
  const update = (node) => {
    id = node.id;
    setAttribute(element, "data-key", `node ${id}`);
    const [glyph, tone] = signOf(node.state);
    setText(sign, glyph);
    setText(role, node.role === "primary" ? "P" : "R");
    setText(label, withZone && node.zone ? `${node.address} ${node.zone}` : node.address);
    setText(hidden, `, ${node.role}, ${node.state}`);
    setAttribute(element, "data-tone", tone);
    setAttribute(element, "data-role", node.role);
    setAttribute(element, "title", node.why || null);
  };
  return { element, update };
}

