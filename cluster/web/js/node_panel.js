// One node in a dialog: what it says about itself, its figures over time, and what to type.

import { commands } from "./commands.js";
import { fill, h, setText } from "./dom.js";
import { closable } from "./focus.js";
import { nodeFigures } from "./figures.js";
import { clock, duration, millis, whole } from "./format.js";
import { commandLine, stateBadge } from "./parts.js";

const LINKS = new Map([
  [true, "up"],
  [false, "down"],
]);

export function createNodePanel(store) {
  const title = h("h2", { id: "node-title" });
  const content = h("div");
  const close = h("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, "Close");
  const dialog = closable(
    h(
      "dialog",
      { class: "side", "aria-labelledby": "node-title" },
      h("div", { class: "panel-head" }, title, close),
      content,
    ),
    () => `node ${id}`,
  );
  document.body.append(dialog);
  let id = "";
  let drawn = null;

  function show(nodeId) {
    id = nodeId;
    drawn = null;
    draw();
    dialog.showModal();
  }

  function facts(node) {
    const shard = store.shardOf(node);
    const age = node.as_of_ms ? duration((store.picture.at_ms - node.as_of_ms) / 1000) : null;
    const rows = [
      ["Role", node.role === "primary" ? "primary" : `replica of ${store.nodeName(node.primary_id)}`],
      ["Shard", shard ? store.shardName(shard.id) : "none"],
      ["Zone", node.zone || "not said"],
      ["Host", node.hostname || node.host || "not said"],
      ["Slots", node.slots ? `${node.slots} (${whole(node.slot_count)})` : "none"],
      ["Keys", whole(node.keys)],
      ["Clients", `${whole(node.load?.clients)}, ${whole(node.load?.clients_blocked)} blocked`],
      ["Version", node.version || "not known"],
      ["Running for", duration(node.uptime_s)],
      ["Last save", Number.isFinite(node.last_save_age_s) ? `${duration(node.last_save_age_s)} ago` : "not known"],
      ["Last answer", age === null ? "never" : `${age} before this picture, in ${millis(node.answered_in_ms)}`],
      ["Id", node.id],
    ];
    if (node.role === "replica") rows.splice(1, 0, ["Link", LINKS.get(node.link_up) ?? "not known"]);
    return h(
      "dl",
      { class: "pairs" },
      ...rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
    );
  }

  function draw() {
    const node = store.nodes.get(id);
    if (!node) {
      setText(title, "Node");
      return fill(content, h("p", { class: "message" }, "This node is not in the picture any more."));
    }
    setText(title, node.address || node.id.slice(0, 8));
    const events = store.events.filter((event) => event.subject === id).slice(-5).reverse();
    fill(
      content,
      h("p", {}, stateBadge(node.state).element, node.why ? ` ${node.why}` : null),
      nodeFigures(store, node),
      facts(node),
      events.length ? h("h3", {}, "Last events") : null,
      events.length ? h(
        "ol",
        { class: "events" },
        events.map((event) => h("li", {}, h("time", {}, clock(event.at_ms)), " ", event.text)),
      ) : null,
      h("h3", {}, "To look closer"),
      commandLine(commands.slow(node.address)).element,
      commandLine(commands.bigKeys(node.address)).element,
    );
  }

  function update() {
    // Not under somebody's hands: a selected text or a focused button stays.
    const busy = content.contains(document.activeElement) || !getSelection().isCollapsed;
    if (!dialog.open || drawn === store.picture || busy) return;
    drawn = store.picture;
    draw();
  }
  return { show, update };
}
