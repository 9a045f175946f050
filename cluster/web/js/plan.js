// A plan as it is shown before it runs: what, why, in which order, and what was looked at and left alone.

import { commands } from "./commands.js";
import { fill, h, setText } from "./dom.js";
import { plural, words } from "./format.js";
import { keepingFocus } from "./focus.js";
import { action, commandLine, explain, message } from "./parts.js";
import { createJobs, stepList } from "./jobs.js";

/** A plan as elements. */
export function planPicture(plan) {
  if (!plan.jobs.length) {
    return [h("p", { class: "nothing" }, "Nothing would be done."), explanations(plan)];
  }
  const jobs = plan.jobs.map((job) => {
    const steps = stepList();
    steps.update(job.steps);
    const meta = [
      words(job.kind),
      plural(job.steps.length, "step"),
      job.harm ? `harm ${job.harm}` : "",
      job.waits_for ? `waits for ${job.waits_for}` : "",
    ];
    return h(
      "li",
      { class: "planned" },
      h("p", { class: "planned-title" }, job.title),
      h("p", { class: "reason" }, job.reason),
      h("p", { class: "hint" }, meta.filter(Boolean).join(" · ")),
      h("details", { open: plan.jobs.length === 1 }, h("summary", {}, "Steps"), steps.element),
      job.command ? commandLine(job.command).element : null,
    );
  });
  return [h("ol", { class: "plan" }, jobs), explanations(plan)];
}

function explanations(plan) {
  if (!plan.explanations?.length) return null;
  const items = plan.explanations.map((text) => h("li", {}, text));
  return h(
    "details",
    { class: "explanations", open: plan.jobs.length === 0 },
    h("summary", {}, `Looked at, and left: ${plan.explanations.length}`),
    h("ul", {}, items),
  );
}

/**
 * A plan with the button that consents to it. Consent is in two steps, and to what was shown: when the plan
 * has changed meanwhile, the manager refuses (409), and the new one is shown.
 */
export function consentPicture(store, api, plan, { onDone, onChanged }) {
  let armed = false;
  const consent = action(store, {
    label: "Run this plan…",
    command: commands.consent(plan.id),
    tone: "primary",
    run: async () => {
      if (!armed) {
        armed = true;
        consent.update(`Yes, run ${plural(plan.jobs.length, "job")}`);
        return `${sentence(plan)} Press again to begin.`;
      }
      armed = false;
      consent.update();
      try {
        await api.post(`api/plan/${encodeURIComponent(plan.id)}/consent`);
      } catch (error) {
        if (error.status === 409 && !error.leader) await onChanged(explain(store, error));
        throw error;
      }
      await onDone();
      return "It begins.";
    },
  });
  return {
    elements: [...planPicture(plan), plan.jobs.length ? consent.element : null].filter(Boolean),
    update: () => armed || consent.update(),
  };
}

function sentence(plan) {
  return `${plural(plan.jobs.length, "job")}, harm ${plan.harm} of the hour's budget.`;
}

export function createPlanAndJobs(store, api, live) {
  const root = document.getElementById("view-jobs");
  const outcome = h("p", { class: "outcome", role: "status" });
  const place = h(
    "div",
    { class: "plan-box panel", tabindex: "-1", role: "group", "aria-label": "The plan", "data-key": "plan" },
  );
  const jobs = createJobs(store, api);
  const refresh = action(store, { label: "Plan again", command: commands.plan(), reads: true, run: () => load() });
  root.append(
    h("h2", { id: "head-jobs" }, "Plan and jobs"),
    h("div", { class: "panel-head" }, h("h3", {}, "What the manager would do now"), refresh.element),
    outcome,
    place,
    jobs.element,
  );
  let shown = null;
  let consent = null;

  async function load() {
    place.setAttribute("aria-busy", "true");
    if (!store.plan) fill(place, h("p", { class: "hint" }, "Planning…"));
    try {
      store.plan = await api.get("api/plan");
      draw();
    } catch (error) {
      shown = null;
      fill(place, message("No plan can be made.", h("p", {}, explain(store, error))));
    } finally {
      place.removeAttribute("aria-busy");
    }
  }

  function draw() {
    if (!store.plan || shown === store.plan.id) return;
    shown = store.plan.id;
    consent = consentPicture(store, api, store.plan, {
      onDone: async () => {
        await live.loadJobs();
        setText(outcome, "The plan was begun: see the open jobs.");
        await load();
      },
      onChanged: async (why) => {
        shown = null;
        await load();
        setText(outcome, `${why} This is the plan as it is now.`);
      },
    });
    keepingFocus(() => fill(place, consent.elements));
  }

  function update() {
    consent?.update();
    jobs.update();
  }
  return { root, update, opened: load };
}
