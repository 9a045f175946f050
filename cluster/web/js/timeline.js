// Failovers and jobs over the last hour: lanes to see, and the same as a list to read.

import { fill, h, keyed, s } from "./dom.js";
import { clock, duration, plural, words } from "./format.js";
import { stateBadge } from "./parts.js";
import { eventKey } from "./store.js";

const SPAN_MS = 3_600_000;
const ROWS_MAX = 60;
const LANES = ["failovers", "nodes", "jobs"];
const LANE_HEIGHT = 22;

/** Failovers and losses have lanes of their own; the shape says the kind. */
function laneOf(event) {
  if (event.kind === "failover") return 0;
  return event.kind === "job" ? 2 : 1;
}

export function createTimeline(store, { showNode }) {
  let width = 1000;
  const lanes = s(
    "svg",
    {
      class: "lanes",
      viewBox: `0 0 ${width} ${LANES.length * LANE_HEIGHT}`,
      preserveAspectRatio: "none",
      "aria-hidden": "true",
      focusable: "false",
    },
  );
  const names = h("div", { class: "lane-names", "aria-hidden": "true" }, ...LANES.map((name) => h("span", {}, name)));
  const axis = h(
    "div",
    { class: "axis", "aria-hidden": "true" },
    ...["60 min ago", "45", "30", "15", "now"].map((text) => h("span", {}, text)),
  );
  const list = h("ol", { class: "events" });
  const none = h("p", { class: "hint" }, "Nothing has happened since this manager began to watch.");
  const element = h(
    "div",
    { class: "panel timeline" },
    h("div", { class: "panel-head" }, h("h3", {}, "Timeline")),
    h("div", { class: "lane-box" }, names, lanes, axis),
    none,
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Events, newest first" }, list),
  );

  new ResizeObserver(() => {
    if (!lanes.clientWidth || lanes.clientWidth === width) return;
    width = lanes.clientWidth;
    lanes.setAttribute("viewBox", `0 0 ${width} ${LANES.length * LANE_HEIGHT}`);
    if (store.picture) draw(store.picture.at_ms);
  }).observe(lanes);

  function makeRow(event) {
    const badge = stateBadge(event.severity);
    const node = store.nodes.get(event.subject);
    const text = h("span", { class: "event-text" }, event.text);
    const link = node ? h(
      "button",
      { type: "button", class: "link", onclick: () => showNode(event.subject) },
      node.address,
    ) : null;
    const when = h("time", { datetime: new Date(event.at_ms).toISOString() }, clock(event.at_ms));
    const kind = h("span", { class: "kind" }, words(event.kind));
    return { element: h("li", { "data-severity": event.severity }, when, badge.element, kind, text, link) };
  }

  function update() {
    const now = store.picture.at_ms;
    const newest = store.events.slice(-ROWS_MAX).reverse();
    none.hidden = newest.length > 0;
    keyed(list, newest, eventKey, makeRow);
    draw(now);
  }

  function draw(now) {
    const at = (ms) => width * (1 - (now - ms) / SPAN_MS);
    const shapes = LANES.map((_, lane) => s("path", { class: "lane", d: `M0 ${(lane + 0.5) * LANE_HEIGHT}H${width}` }));
    for (const job of store.jobs.values()) {
      if (!job.began_ms || (job.ended_ms ?? now) < now - SPAN_MS) continue;
      const from = Math.max(0, at(job.began_ms));
      const length = Math.max(4, at(job.ended_ms ?? now) - from);
      shapes.push(
        s(
          "rect",
          {
            class: "lane-job",
            "data-state": job.state,
            x: from,
            y: 2.3 * LANE_HEIGHT,
            width: length,
            height: LANE_HEIGHT * 0.4,
          },
        ),
      );
    }
    for (const event of store.events) {
      if (event.at_ms < now - SPAN_MS) continue;
      const x = Math.min(width - 4, at(event.at_ms));
      const y = (laneOf(event) + 0.5) * LANE_HEIGHT;
      const shape = event.kind === "failover" ? `M${x} ${y - 8}l4 8l-4 8l-4-8z` : `M${x - 1.2} ${y - 6}h2.4v12h-2.4z`;
      shapes.push(s("path", { class: "lane-event", "data-severity": event.severity, d: shape }));
    }
    fill(lanes, shapes);
  }
  return { element, update };
}

/** A sentence for how long a job has run or ran. */
export function span(job, now) {
  if (!job.began_ms) return "";
  const seconds = ((job.ended_ms ?? now) - job.began_ms) / 1000;
  return job.ended_ms ? `took ${duration(seconds)}` : `for ${duration(seconds)}`;
}

export function stepsText(job) {
  const done = job.steps.filter((step) => step.state === "done").length;
  return `${done} of ${plural(job.steps.length, "step")}`;
}
