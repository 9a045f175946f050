// What is wrong, since when, and what the manager does about it: the first thing on the overview, and absent from a
// healthy one.

import { h, keyed, setAttribute, setText } from "./dom.js";
import { clock, duration, percent, plural } from "./format.js";
import { doneFraction, isOpen } from "./jobs.js";
import { hindrance, signOf } from "./parts.js";

/** A plan is asked for this often while something is wrong. */
const PLAN_MS = 5000;
const ANSWERS_MAX = 4;
const WRONG_MAX = 6;

export function createTrouble(store, live) {
  const list = h("ul", { class: "wrong" });
  const more = h("p", { class: "hint" });
  const answers = h("ul", { class: "wrong-answers" });
  const element = h(
    "div",
    { class: "panel trouble", hidden: true },
    h("h3", {}, "What is wrong"),
    list,
    more,
    h("h3", {}, "What the manager does about it"),
    answers,
    h("p", {}, h("a", { href: "#jobs" }, "Plan and jobs")),
  );
  let plannedAt = -PLAN_MS;

  function update() {
    const { picture } = store;
    const wrong = picture.wrong ?? [];
    element.hidden = wrong.length === 0;
    if (element.hidden) return;
    setAttribute(element, "data-tone", wrong.some((each) => each.severity === "error") ? "bad" : "warn");
    keyed(list, wrong.slice(0, WRONG_MAX), (each) => each.about, complaintRow);
    more.hidden = wrong.length <= WRONG_MAX;
    setText(more, `And ${plural(wrong.length - WRONG_MAX, "thing")} more: garrison status names all.`);
    keyed(answers, answersNow(), (each) => each, (text) => ({ element: h("li", {}, text) }));
    if (picture.why_read_only || performance.now() - plannedAt < PLAN_MS) return;
    plannedAt = performance.now();
    live.loadPlan();
  }

  function complaintRow() {
    const sign = h("span", { class: "sign", "aria-hidden": "true" });
    const text = h("span");
    const since = h("span", { class: "hint" });
    const row = h("li", {}, sign, text, " ", since);
    const show = (complaint) => {
      const [glyph, tone] = signOf(complaint.severity);
      setText(sign, glyph);
      setAttribute(row, "data-tone", tone);
      setText(text, complaint.text);
      const lasted = duration((store.picture.at_ms - complaint.since_ms) / 1000);
      setText(since, `for ${lasted}, since ${clock(complaint.since_ms)}`);
    };
    return { element: row, update: show };
  }

  /** What is under way, else what is planned, else why nothing is. */
  function answersNow() {
    if (store.link === "lost") return ["It does not answer: what it does is not known."];
    if (store.picture.why_read_only) return [store.picture.why_read_only];
    const jobs = [...store.jobs.values()].filter(isOpen);
    const found = jobs.map((job) => {
      const state = job.state === "running" ? `running, ${percent(doneFraction(job))}` : job.state;
      return `${job.id} ${state}: ${job.title}${job.waits_for ? `; it waits for ${job.waits_for}` : ""}`;
    });
    const { plan } = store;
    for (const job of plan?.jobs ?? []) {
      found.push(`It would ${job.title}${job.waits_for ? `; that waits for ${job.waits_for}` : ""}`);
    }
    const why = hindrance(store);
    if (!found.length && why) found.push(why);
    if (!found.length) found.push("Nothing is planned.");
    // Sentences about what was looked at and left come last: they are many in a large cluster.
    found.push(...(plan?.explanations ?? []));
    return found.slice(0, ANSWERS_MAX);
  }
  return { element, update };
}
