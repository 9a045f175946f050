// Jobs as documents show them: reason, steps, progress, time left, and how to stop or resume them.

import { commands } from "./commands.js";
import { freshId, h, keyed, setAttribute, setText } from "./dom.js";
import { clock, duration, words } from "./format.js";
import { action, progressBar, stateBadge } from "./parts.js";
import { span, stepsText } from "./timeline.js";

const ENDED = new Set(["done", "failed", "stopped", "refused"]);
const ENDED_SHOWN_MAX = 30;

export function isOpen(job) {
  return !ENDED.has(job.state);
}

/** From 0 to 1, each step counted alike. */
export function doneFraction(job) {
  return job.steps.length ? job.steps.reduce((sum, step) => sum + step.done_fraction, 0) / job.steps.length : 1;
}

/** The steps of a job as an ordered list. */
export function stepList() {
  const list = h("ol", { class: "steps" });
  const make = () => {
    const badge = stateBadge("waiting");
    const text = h("span", { class: "step-text" });
    const why = h("span", { class: "why" });
    const update = ({ step }) => {
      badge.update(step.state);
      const isUnderWay = step.state === "running" && step.done_fraction > 0;
      const share = isUnderWay ? ` (${Math.round(step.done_fraction * 100)} %)` : "";
      setText(text, (step.explanation || words(step.kind)) + share);
      setText(why, step.why);
    };
    return { element: h("li", {}, badge.element, text, why), update };
  };
  const update = (steps) => keyed(list, steps.map((step, at) => ({ step, at })), ({ at }) => at, make);
  return { element: list, update };
}

function jobCard(store, api, first) {
  const title = h("h4", { id: freshId("job-title") });
  const badge = stateBadge(first.state);
  const reason = h("p", { class: "reason" });
  const why = h("p", { class: "why" });
  const meta = h("p", { class: "hint" });
  const bar = progressBar("Progress of the job");
  const steps = stepList();
  const stepsHead = h("summary");
  const details = h("details", { open: isOpen(first) }, stepsHead, steps.element);
  const stop = action(store, {
    label: "Stop",
    command: commands.stop(first.id),
    run: async () => {
      store.takeJob(await api.post(`api/jobs/${encodeURIComponent(first.id)}/stop`));
      return "It stops at the next safe point.";
    },
  });
  const resume = action(store, {
    label: "Resume",
    command: commands.resumeJob(first.id),
    run: async () => {
      store.takeJob(await api.post(`api/jobs/${encodeURIComponent(first.id)}/resume`));
    },
  });
  const element = h(
    "li",
    { class: "job panel", tabindex: "-1", "aria-labelledby": title.id, "data-key": `job ${first.id}` },
    h("div", { class: "panel-head" }, title, badge.element, bar.element),
    reason,
    why,
    meta,
    details,
    stop.element,
    resume.element,
  );
  const update = (job) => {
    setText(title, job.title);
    badge.update(job.state);
    setText(reason, job.reason);
    setText(why, job.state === "waiting" && job.waits_for ? `Waits for ${job.waits_for}.` : job.why);
    why.hidden = why.textContent === "";
    const isEstimated = job.state === "running" && Number.isFinite(job.seconds_left);
    const left = isEstimated ? `about ${duration(job.seconds_left)} left` : "";
    const costs = job.harm ? `harm ${job.harm}` : "";
    const parts = [
      job.id,
      words(job.kind),
      `by ${job.by}`,
      clock(job.began_ms ?? job.made_ms),
      span(job, store.picture.at_ms),
      left,
      costs,
    ];
    setText(meta, parts.filter(Boolean).join(" · "));
    bar.element.hidden = !isOpen(job);
    bar.update(doneFraction(job));
    setText(stepsHead, stepsText(job));
    steps.update(job.steps);
    stop.element.hidden = !isOpen(job);
    resume.element.hidden = !["stopped", "failed"].includes(job.state);
    stop.update();
    resume.update();
    setAttribute(element, "data-state", job.state);
  };
  return { element, update };
}

export function createJobs(store, api) {
  const open = h("ul", { class: "cards" });
  const ended = h("ul", { class: "cards" });
  const none = h("p", { class: "hint" }, "No job is planned, waiting or running.");
  const noneEnded = h("p", { class: "hint" }, "None yet.");
  const element = h("div", {}, h("h3", {}, "Open jobs"), none, open, h("h3", {}, "Ended jobs"), noneEnded, ended);
  const make = (job) => jobCard(store, api, job);
  const update = () => {
    const jobs = [...store.jobs.values()].sort((a, b) => b.made_ms - a.made_ms);
    const running = jobs.filter(isOpen);
    const over = jobs.filter((job) => !isOpen(job)).slice(0, ENDED_SHOWN_MAX);
    none.hidden = running.length > 0;
    noneEnded.hidden = over.length > 0;
    keyed(open, running, (job) => job.id, make);
    keyed(ended, over, (job) => job.id, make);
  };
  return { element, update };
}
