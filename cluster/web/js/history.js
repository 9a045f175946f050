// The history: who asked for what, from where, what that led to, and how jobs ended. The manager filters it, so
// the page and the command line show the same lines.

import { commands } from "./commands.js";
import { h, keyed, setAttribute, setText } from "./dom.js";
import { clock, plural } from "./format.js";
import { action, explain, message, showMessage } from "./parts.js";

const PAGE = 50;
const LINES_MAX = 1000;
const TYPING_MS = 250;
const FIND_CHARACTERS_MAX = 200;
/** More lines than this are folded away. */
const CHANGES_SHOWN_MAX = 3;

export function createHistory(store, api) {
  const root = document.getElementById("view-history");
  const find = h("input", {
    id: "history-find",
    type: "search",
    autocomplete: "off",
    spellcheck: false,
    maxlength: FIND_CHARACTERS_MAX,
    oninput: typed,
    "aria-describedby": "history-hint",
  });
  const again = action(store, { label: "Read again", command: commands.history(PAGE, ""), reads: true, run: load });
  const summary = h("p", { class: "hint", role: "status" });
  const trouble = h("div", { hidden: true, role: "alert" });
  const list = h("ol", { class: "history panel", hidden: true });
  const older = h("button", { type: "button", hidden: true, onclick: showOlder }, "Show older");
  root.append(
    h("h2", { id: "head-history" }, "History"),
    h(
      "p",
      { class: "hint", id: "history-hint" },
      "Who asked for what, from where, what it led to, and how jobs ended. Requests that were refused changed "
        + "nothing and are not here.",
    ),
    h("div", { class: "tools" }, h("label", { for: "history-find" }, "Words"), find, again.element),
    summary,
    trouble,
    list,
    older,
  );
  let limit = PAGE;
  let timer = 0;
  let asked = 0;
  /** The newest event that the shown lines can know of. */
  let knows = "";

  function words() {
    return find.value.trim();
  }

  function typed() {
    clearTimeout(timer);
    limit = PAGE;
    timer = setTimeout(load, TYPING_MS);
    again.update("Read again", commands.history(limit, words()));
  }

  async function showOlder() {
    const last = list.lastElementChild;
    limit = Math.min(limit + PAGE, LINES_MAX);
    await load();
    // The button may be gone now: go on reading where the older lines begin.
    const next = last?.nextElementSibling ?? last;
    setAttribute(next, "tabindex", "-1");
    next?.focus();
  }

  async function load() {
    clearTimeout(timer);
    const number = (asked += 1);
    const looksFor = words();
    knows = newestEvent();
    setAttribute(root, "aria-busy", "true");
    if (!store.audit) setText(summary, "Reading the history…");
    try {
      const query = new URLSearchParams({ limit, find: looksFor });
      const entries = await api.get(`api/audit?${query}`);
      if (number !== asked) return; // somebody has asked for something else meanwhile
      store.audit = entries;
      showMessage(trouble);
      draw(looksFor);
    } catch (error) {
      if (number !== asked) return;
      setText(summary, store.audit ? "These lines were read before." : "");
      showMessage(trouble, message("The history cannot be read.", h("p", {}, explain(store, error))));
    } finally {
      if (number === asked) setAttribute(root, "aria-busy", null);
    }
  }

  function draw(looksFor) {
    const entries = store.audit;
    keyed(list, entries, (each) => `${each.at_ms} ${each.by} ${each.what}`, lineOf);
    list.hidden = entries.length === 0;
    older.hidden = entries.length < limit || limit >= LINES_MAX;
    const none = looksFor ? "No line has all of these words." : "Nobody has asked for anything yet.";
    const some = `${older.hidden ? "" : "The newest "}${plural(entries.length, "line")}, newest first.`;
    setText(summary, entries.length ? some : none);
    again.update("Read again", commands.history(limit, looksFor));
  }

  function newestEvent() {
    const newest = store.events.findLast((event) => event.kind === "manager" || event.kind === "job");
    return newest ? `${newest.at_ms} ${newest.text}` : "none";
  }

  function update() {
    if (store.audit && knows !== newestEvent()) load();
  }
  return { root, update, opened: load };
}

/** One line. Changes are few or folded away. */
function lineOf(entry) {
  const from = entry.origin ? h("span", { class: "hint" }, ` from ${entry.origin}`) : null;
  const subject = entry.subject ? ` (${entry.subject})` : "";
  const changes = entry.changes ?? [];
  const shown = changes.length ? h("ul", { class: "changes" }, changes.map((each) => h("li", {}, each))) : null;
  const folded = changes.length > CHANGES_SHOWN_MAX
    ? h("details", {}, h("summary", {}, plural(changes.length, "change")), shown)
    : shown;
  const element = h(
    "li",
    {},
    h("time", { datetime: new Date(entry.at_ms).toISOString() }, clock(entry.at_ms)),
    h("span", { class: "who" }, entry.by, from),
    h("div", {}, h("span", { class: "what" }, entry.what), subject, folded),
  );
  return { element };
}
