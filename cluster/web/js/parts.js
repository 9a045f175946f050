// The parts that several views use: command lines, actions, states, sparklines, progress.

import { fill, freshId, h, s, setAttribute, setText } from "./dom.js";
import { percent, words } from "./format.js";

/** What a state looks like: a sign beside the colour, and a tone. */
const SIGNS = {
  ok: ["●", "good"],
  loading: ["◐", "warn"],
  slow: ["◔", "warn"],
  suspected: ["?", "warn"],
  silent: ["…", "bad"],
  failed: ["✕", "bad"],
  "data-lost": ["!", "bad"],
  planned: ["○", "quiet"],
  waiting: ["◷", "quiet"],
  running: ["▶", "accent"],
  done: ["✓", "good"],
  stopped: ["■", "warn"],
  refused: ["⊘", "warn"],
  info: ["●", "quiet"],
  warning: ["▲", "warn"],
  error: ["✕", "bad"],
};

export function signOf(state) {
  return SIGNS[state] ?? ["?", "warn"];
}

/** A state in words, with its sign; `update(state)` changes it. */
export function stateBadge(state) {
  const sign = h("span", { class: "sign", "aria-hidden": "true" });
  const text = h("span");
  const element = h("span", { class: "state" }, sign, text);
  const update = (now) => {
    const [glyph, tone] = signOf(now);
    setText(sign, glyph);
    setText(text, words(now));
    setAttribute(element, "data-tone", tone);
  };
  update(state);
  return { element, update };
}

/** A command line with a button that copies it; `update(text)` changes it. */
export function commandLine(text) {
  const code = h("code", {}, text);
  const copy = h("button", { type: "button", class: "copy", onclick: copied }, "Copy");
  async function copied() {
    const done = await copyText(code.textContent);
    setText(copy, done ? "Copied" : "Select");
    if (!done) getSelection().selectAllChildren(code);
    setTimeout(() => setText(copy, "Copy"), 1500);
  }
  const element = h("span", { class: "command" }, code, copy);
  const update = (now) => {
    setText(code, now);
    setAttribute(copy, "aria-label", `Copy the command ${now}`);
  };
  update(text);
  return { element, update };
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // no secure context, or not allowed: the text is selected instead
  }
}

/** Why nobody may act here: the manager says it of itself, or else it is the token. */
export function whyOnlyReading(store) {
  return store.picture?.why_read_only || "You may look, not act: this token only reads.";
}

/** Why a button does nothing here, or empty. */
export function hindrance(store) {
  if (store.mayAct) return "";
  if (store.picture?.why_read_only) return whyOnlyReading(store);
  if (store.isLeaderless) return "No manager leads now: nothing can be begun.";
  if (store.followsLeader) return "This manager does not lead: act at the leader.";
  if (store.picture?.read_only || store.forbidden) return whyOnlyReading(store);
  return "Nothing is known of the cluster yet.";
}

/**
 * A button, the command line that does the same, and what became of it.
 * `run()` does it and may return a sentence; `reads` for one that a reader may use too.
 */
export function action(store, { label, command, run, tone = "", reads = false }) {
  const outcome = h("span", { class: "outcome", role: "status" });
  const reason = h("span", { class: "visually-hidden", id: freshId("reason") });
  const button = h("button", { type: "button", class: tone, onclick: pressed }, label);
  const line = commandLine(command);
  let busy = false;

  async function pressed() {
    if (busy || button.getAttribute("aria-disabled") === "true") return;
    busy = true;
    setAttribute(button, "aria-busy", "true");
    setAttribute(outcome, "data-tone", null);
    setText(outcome, "");
    try {
      setText(outcome, (await run()) ?? "");
    } catch (error) {
      setText(outcome, explain(store, error));
      setAttribute(outcome, "data-tone", "bad");
    } finally {
      busy = false;
      setAttribute(button, "aria-busy", null);
    }
  }

  function update(nowLabel = label, nowCommand = command) {
    const why = reads ? "" : hindrance(store);
    setText(button, nowLabel);
    line.update(nowCommand);
    setAttribute(button, "aria-disabled", why ? "true" : null);
    setAttribute(button, "title", why || null);
    setAttribute(button, "aria-describedby", why ? reason.id : null);
    setText(reason, why);
  }
  update();
  return { element: h("div", { class: "action" }, button, line.element, reason, outcome), button, outcome, update };
}

/** A refused or failed request as a sentence; remembers what it says about this token and the leader. */
export function explain(store, error) {
  if (error.status === 403) {
    store.forbidden = true;
    store.changed();
    return "Refused: this token may only read.";
  }
  if (error.status === 409 && error.leader) {
    store.leader = error.leader;
    store.changed();
  }
  return error.path ? `${error.path}: ${error.message}` : `${error.message}.`.replace(/([.!?])\.$/, "$1");
}

/** A meter of done work, 0 to 1, with words beside it. */
export function progressBar(label) {
  const bar = h("progress", { max: "1", "aria-label": label });
  const text = h("span", { class: "figure" });
  const update = (fraction) => {
    if (bar.value !== fraction) bar.value = fraction;
    setText(text, percent(fraction));
  };
  return { element: h("span", { class: "progress" }, bar, text), update };
}

const SPARK_WIDTH = 96;
const SPARK_HEIGHT = 22;

/** A small line of the last values; gaps where nothing is known. It only repeats what figures say. */
export function sparkline() {
  const path = s("path", { class: "spark-line" });
  const area = s("path", { class: "spark-area" });
  const box = { viewBox: `0 0 ${SPARK_WIDTH} ${SPARK_HEIGHT}`, preserveAspectRatio: "none" };
  const element = s("svg", { ...box, class: "spark", "aria-hidden": "true", focusable: "false" }, area, path);
  const update = (values = []) => {
    const known = values.filter((value) => value !== null && value !== undefined);
    setAttribute(element, "data-empty", known.length < 2 ? "true" : null);
    if (known.length < 2) return;
    const top = Math.max(...known, 1e-9);
    const step = SPARK_WIDTH / (values.length - 1);
    const first = values.findIndex((value) => value !== null && value !== undefined) * step;
    let line = "";
    let pen = "M";
    values.forEach((value, index) => {
      if (value === null || value === undefined) {
        pen = "M";
        return;
      }
      const y = SPARK_HEIGHT - 1.5 - (value / top) * (SPARK_HEIGHT - 3);
      line += `${pen}${(index * step).toFixed(1)} ${y.toFixed(1)}`;
      pen = "L";
    });
    setAttribute(path, "d", line);
    setAttribute(area, "d", line.includes("M", 1) ? "" : `${line}V${SPARK_HEIGHT}H${first.toFixed(1)}Z`);
  };
  update();
  return { element, update };
}

/** A message in the place of something: empty, loading, error. */
export function message(title, ...more) {
  return h("div", { class: "message" }, h("p", { class: "message-title" }, title), ...more);
}

/** Show a message in `place`, or hide it. */
export function showMessage(place, ...what) {
  place.hidden = what.length === 0;
  fill(place, ...what);
}
