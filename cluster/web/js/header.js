// The top of the page: name, leader, lease, mode, and how old what is shown is.

import { commands } from "./commands.js";
import { fill, h, setAttribute, setText } from "./dom.js";
import { UNKNOWN, duration } from "./format.js";
import { action, whyOnlyReading } from "./parts.js";

/** A picture comes each second: one that is older than this is a warning. */
export const STALE_MS = 5000;
/** One that is older than this is only history. */
export const OLD_MS = 30_000;

const MODES = {
  "act": ["acts", "good"],
  "dry-run": ["dry run: plans, does nothing", "quiet"],
  "paused": ["paused", "warn"],
  "watch-only": ["only watches", "quiet"],
};

export function createHeader(store, api, live) {
  const facts = {};
  const list = document.getElementById("facts");
  for (const name of ["Leader", "Lease", "Mode", "Shown"]) {
    facts[name] = h("dd");
    list.append(h("div", { class: "fact", "data-fact": name.toLowerCase() }, h("dt", {}, name), facts[name]));
  }
  const pause = action(store, {
    label: "Pause",
    command: commands.pause(),
    run: async () => {
      const wasPaused = store.mode === "paused";
      await api.post(wasPaused ? "api/resume" : "api/pause");
      await live.loadPicture();
      return wasPaused ? "Resumed." : "Paused: no new step begins.";
    },
  });
  const actions = document.getElementById("top-actions");
  actions.append(pause.element);

  function update() {
    const { picture } = store;
    const name = picture?.name || store.desired?.name || "Garrison";
    setText(document.getElementById("title"), name);
    const wrong = picture?.wrong?.length ?? 0;
    document.title = (wrong ? `${wrong} wrong · ` : "") + (name === "Garrison" ? name : `${name} · Garrison`);
    actions.hidden = !picture;
    if (picture) {
      const paused = store.mode === "paused";
      pause.update(paused ? "Resume" : "Pause", paused ? commands.resume() : commands.pause());
    }
    const leader = store.leadingManager;
    const none = picture && !picture.why_read_only ? "none" : UNKNOWN;
    setText(facts.Leader, leader ? leader.address || leader.id : none);
    setAttribute(facts.Leader, "data-tone", picture && !leader && picture.managers?.length && !picture.why_read_only ? "bad" : null);
    setText(facts.Lease, leaseText(picture?.lease));
    const [mode, tone] = MODES[picture?.why_read_only ? "watch-only" : store.mode] ?? ["not known", "quiet"];
    setText(facts.Mode, picture?.paused_by ? `${mode} by ${picture.paused_by}` : mode);
    setAttribute(facts.Mode, "data-tone", tone);
    updateAge();
  }

  /** Each second: age is all that changes by itself. */
  function updateAge() {
    const { picture } = store;
    if (!picture) return setText(facts.Shown, "nothing yet");
    const age = Math.max(0, api.now() - picture.at_ms);
    const tone = age >= OLD_MS ? "bad" : age >= STALE_MS ? "warn" : "good";
    const how = store.link === "live" ? "" : store.link === "polling" ? ", polled" : "";
    setText(facts.Shown, age < 1500 ? `now${how}` : `as of ${duration(age / 1000)} ago${how}`);
    setAttribute(facts.Shown, "data-tone", tone);
    setAttribute(document.body, "data-age", age >= OLD_MS ? "old" : age >= STALE_MS ? "stale" : null);
  }
  return { update, updateAge };
}

function leaseText(lease) {
  if (!lease) return UNKNOWN;
  if (!lease.holder) return `epoch ${lease.epoch}, free`;
  const left = lease.left_ms === null || lease.left_ms === undefined ? "" : `, ${duration(lease.left_ms / 1000)} left`;
  return `epoch ${lease.epoch}${left}`;
}

/** Everything that a person must know before believing what is below. */
export function createBanners(store, api, live) {
  const place = document.getElementById("banners");
  let shown = "";

  function banner(tone, text, ...more) {
    const sign = h("span", { class: "sign", "aria-hidden": "true" }, tone === "bad" ? "✕" : "▲");
    return h("div", { class: "banner", "data-tone": tone }, sign, h("p", {}, text), ...more);
  }

  function wanted() {
    const { picture } = store;
    const found = [];
    if (store.link === "lost") {
      const since = duration((Date.now() - store.lostSince) / 1000);
      found.push(["lost", "bad", `The manager has not answered for ${since}. ${store.linkError}`.trim()]);
    }
    if (!picture) return found;
    if (document.body.dataset.age && store.link !== "lost") {
      const age = duration((api.now() - picture.at_ms) / 1000);
      found.push(["stale", "warn", `What is shown is ${age} old: the manager answers, and has nothing newer.`]);
    }
    if (store.isLeaderless && !picture.why_read_only) {
      found.push(["none", "warn", "No manager leads now: nothing is begun until one has the lease."]);
    }
    if (store.followsLeader) found.push(["leader", "warn", "This manager does not lead. It shows, and cannot act."]);
    else if (picture.read_only || store.forbidden) {
      found.push(["read", "warn", whyOnlyReading(store)]);
    }
    if (picture.majority_answers === false) {
      found.push(["majority", "bad", "No majority of primaries answers: nothing can be stored, and nothing is begun."]);
    }
    for (const problem of picture.problems ?? []) found.push(["problem", "warn", problem]);
    return found;
  }

  function furnish([kind, tone, text]) {
    if (kind === "lost") {
      return banner(tone, text, h("button", { type: "button", onclick: () => live.retry() }, "Try now"));
    }
    const address = kind === "leader" && leaderUrl(store.leadingManager?.address || store.leader);
    return banner(tone, text, address ? h("a", { href: address }, "Go to the leader") : null);
  }

  return () => {
    const now = wanted();
    const key = JSON.stringify(now);
    if (key === shown) return;
    // Only the words change: the buttons stay where they are, with their focus.
    const kinds = now.map((each) => each[0]).join();
    if (place.dataset.kinds === kinds) {
      now.forEach(([, , text], at) => setText(place.children[at].querySelector("p"), text));
    } else fill(place, now.map(furnish));
    place.dataset.kinds = kinds;
    shown = key;
  };
}

/** The address of a manager as a link, or null when it is not host:port: it comes from the cluster. */
export function leaderUrl(address) {
  if (!/^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):\d{1,5}$/.test(address ?? "")) return null;
  return `${location.protocol}//${address}/`;
}
