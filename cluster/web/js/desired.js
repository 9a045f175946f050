// The desired state as a text: checked by the manager itself before it is stored, refusals at their place.

import { commands } from "./commands.js";
import { fill, h, setAttribute, setText } from "./dom.js";
import { lineOf, placeInJson, placeInYaml } from "./document_places.js";
import { action, explain } from "./parts.js";
import { planPicture } from "./plan.js";

const TYPES = { json: "application/json", yaml: "application/yaml" };

export function createDesired(store, api, live) {
  const root = document.getElementById("view-desired");
  const text = h(
    "textarea",
    {
      id: "desired-text",
      spellcheck: false,
      rows: "24",
      autocomplete: "off",
      autocapitalize: "off",
      wrap: "off",
      oninput: typed,
      onkeydown: keyed,
    },
  );
  const language = h("p", { class: "hint", id: "desired-language" });
  const problems = h("ul", { class: "refusals" });
  const result = h("div", { class: "plan-box panel", hidden: true, role: "group", "aria-label": "The plan" });
  const check = action(store, { label: "Check", command: commands.check("desired.json"), run: () => put(true) });
  const save = action(
    store,
    { label: "Save", command: commands.apply("desired.json"), tone: "primary", run: () => put(false) },
  );
  const undo = action(store, { label: "Undo the last change", command: commands.undo(), run: undone });
  const reload = h("button", { type: "button", class: "quiet", onclick: () => load(true) }, "Take the stored one");
  root.append(
    h("h2", { id: "head-desired" }, "Desired state"),
    h(
      "p",
      { class: "hint" },
      "What you want of the cluster. The manager compares, plans and explains; in the mode ",
      h("code", {}, "act"),
      " it also acts.",
    ),
    h(
      "div",
      { class: "editor" },
      h(
        "div",
        {},
        h(
          "div",
          { class: "panel-head" },
          h("label", { for: "desired-text" }, "Document, JSON or YAML"),
          language,
          reload,
        ),
        text,
        h("div", { id: "desired-problems", role: "alert" }, problems),
      ),
      h("div", { class: "editor-side" }, check.element, save.element, undo.element, result),
    ),
  );
  setAttribute(text, "aria-describedby", "desired-language desired-problems");
  let stored = "";
  let loaded = false;
  let checked = "";

  function kind() {
    return /^\s*[{[]/.test(text.value) ? "json" : "yaml";
  }

  function typed() {
    setText(language, `read as ${kind().toUpperCase()}${text.value === stored ? "" : ", not stored"}`);
    const file = `desired.${kind()}`;
    check.update("Check", commands.check(file));
    save.update(checked === text.value ? "Save" : "Check and save", commands.apply(file));
  }

  function keyed(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      check.button.click();
    }
  }

  async function load(force = false) {
    if (loaded && !force && text.value !== stored) return; // somebody is writing
    setAttribute(text, "aria-busy", "true");
    const before = text.value;
    try {
      store.desired = await api.get("api/desired");
      if (text.value !== before) return; // somebody has begun to write meanwhile
      stored = JSON.stringify(store.desired, null, 2);
      text.value = stored;
      loaded = true;
      show([]);
      result.hidden = true;
    } catch (error) {
      show([{ path: "", error: `The stored one cannot be read. ${explain(store, error)}` }]);
    } finally {
      setAttribute(text, "aria-busy", null);
      typed();
    }
  }

  async function put(dry) {
    const sent = text.value;
    try {
      const plan = await api.request(
        "PUT",
        `api/desired${dry ? "?dry_run=1" : ""}`,
        { body: sent, type: TYPES[kind()] },
      );
      show([]);
      checked = sent;
      result.hidden = false;
      fill(result, h("h3", {}, dry ? "With this the manager would" : "Stored. The manager will"), planPicture(plan));
      if (!dry) {
        stored = sent;
        await live.loadDesired();
      }
      typed();
      return dry ? "It can hold. Nothing was stored." : "Stored.";
    } catch (error) {
      if (![400, 413, 422].includes(error.status)) throw error;
      result.hidden = true;
      show(error.refusals.length ? error.refusals : [{ path: error.path, error: error.message }]);
      return "Refused: see below the text.";
    }
  }

  async function undone() {
    await api.post("api/undo");
    await load(true);
    return "The former desired state is back.";
  }

  /** Refusals as a list; each leads to its place in the text. */
  function show(refusals) {
    setAttribute(text, "aria-invalid", refusals.length ? "true" : null);
    fill(problems, refusals.map(refusalItem));
  }

  function refusalItem({ path = "", error }) {
    const find = kind() === "json" ? placeInJson : placeInYaml;
    const place = path ? find(text.value, path) : null;
    const go = () => {
      text.focus();
      if (place) text.setSelectionRange(place[0], place[1]);
    };
    const where = place ? `line ${lineOf(text.value, place[0])}, ${path}` : path;
    return h(
      "li",
      {},
      path ? h("button", { type: "button", class: "link", onclick: go }, where) : null,
      path ? ": " : null,
      error,
    );
  }

  function update() {
    undo.update();
    typed();
  }
  return { root, update, opened: () => load() };
}
