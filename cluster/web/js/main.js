// Puts the page together: one store, one connection, six views of which one is shown.

import { Announcer, News } from "./announcer.js";
import { Api } from "./api.js";
import { commands } from "./commands.js";
import { createDesired } from "./desired.js";
import { fill, h, setAttribute, setText } from "./dom.js";
import { keepingFocus } from "./focus.js";
import { createBanners, createHeader } from "./header.js";
import { createHistory } from "./history.js";
import { isOpen } from "./jobs.js";
import { createKeys } from "./keys.js";
import { Live } from "./live.js";
import { createNodePanel } from "./node_panel.js";
import { createNodes } from "./nodes.js";
import { createOverview } from "./overview.js";
import { commandLine, message } from "./parts.js";
import { createPlanAndJobs } from "./plan.js";
import { createReshard } from "./reshard.js";
import { Store } from "./store.js";

const api = new Api();
takeTokenFromAddress();
const store = new Store();
const announcer = new Announcer(document.getElementById("announcer"));
const announce = (text) => announcer.say(text);
const live = new Live(api, store, announce);
const news = new News(store, announce);
const panel = createNodePanel(store);
const reshard = createReshard(store, api, live);
const doors = { showNode: panel.show, showReshard: reshard.show };
const header = createHeader(store, api, live);
const banners = createBanners(store, api, live);
const views = {
  overview: createOverview(store, live, doors),
  nodes: createNodes(store, doors),
  jobs: createPlanAndJobs(store, api, live),
  desired: createDesired(store, api, live),
  keys: createKeys(store, api),
  history: createHistory(store, api),
};
const gate = document.getElementById("gate");
let shown = null;
let gateKind = "";

/** A token in the address (`#token=...`, as `garrison dev` prints it) goes to the session, not to history. */
function takeTokenFromAddress() {
  const match = /^#token=([^&]+)/.exec(location.hash);
  if (!match) return;
  try {
    api.setToken(decodeURIComponent(match[1]));
  } catch {
    // not a token that we have made
  }
  history.replaceState(null, "", `${location.pathname}#overview`);
}

function viewName() {
  const name = location.hash.slice(1);
  return Object.hasOwn(views, name) ? name : "overview";
}

function showView() {
  const name = viewName();
  const ready = store.picture !== null && store.link !== "locked";
  for (const [each, view] of Object.entries(views)) view.root.hidden = !ready || each !== name;
  for (const link of document.querySelectorAll("nav.views a")) {
    setAttribute(link, "aria-current", link.hash === `#${name}` ? "page" : null);
  }
  if (!ready || shown === name) return;
  shown = name;
  views[name].opened?.();
}

/** What stands in the place of all views; empty for nothing. */
function gateNow() {
  if (store.link === "locked") return `locked ${store.linkError}`;
  if (store.picture) return "";
  return store.link === "lost" ? "lost" : "loading";
}

function showGate() {
  const kind = gateNow();
  gate.hidden = kind === "";
  setAttribute(gate, "aria-busy", kind === "loading" ? "true" : null);
  if (kind === gateKind) return;
  gateKind = kind;
  if (store.link === "locked") fill(gate, tokenForm());
  else if (kind === "lost") {
    fill(
      gate,
      message(
        "The manager does not answer.",
        h("p", {}, "It may be starting, or stopped. This page tries again by itself."),
      ),
    );
  } else if (kind === "loading") fill(gate, h("p", { class: "message" }, "Asking the manager…"));
}

function tokenForm() {
  const input = h("input", { id: "token", type: "password", autocomplete: "current-password", spellcheck: false });
  const submit = (event) => {
    event.preventDefault();
    api.setToken(input.value.trim());
    live.restart();
  };
  const wrong = store.linkError ? h(
    "p",
    { class: "outcome", "data-tone": "bad", role: "alert" },
    `Refused: ${store.linkError}`,
  ) : null;
  const form = h(
    "form",
    { class: "message token", onsubmit: submit },
    h("h2", {}, "This manager asks for a token"),
    h("p", {}, "It is kept for this tab only. One kind of token may read, another may act."),
    h("label", { for: "token" }, "Token"),
    input,
    h("button", { type: "submit", class: "primary" }, "Open"),
    wrong,
  );
  requestAnimationFrame(() => input.focus());
  return form;
}

function update() {
  keepingFocus(show);
}

function show() {
  header.update();
  banners();
  showGate();
  showView();
  news.update();
  if (!store.picture) return;
  const nodes = store.picture.nodes;
  const troubled = nodes.filter((node) => node.state !== "ok").length;
  setText(
    document.getElementById("count-nodes"),
    troubled ? `${troubled} of ${nodes.length} not ok` : String(nodes.length),
  );
  const wrong = store.picture.wrong?.length ?? 0;
  setText(document.getElementById("count-overview"), wrong ? `${wrong} wrong` : "");
  const open = [...store.jobs.values()].filter(isOpen).length;
  setText(document.getElementById("count-jobs"), open ? `${open} open` : "");
  views[viewName()].update();
  panel.update();
  reshard.update();
}

store.subscribe(update);
addEventListener("hashchange", () => {
  update();
  document.getElementById("main").focus({ preventScroll: true });
  scrollTo(0, 0);
});
setInterval(() => {
  header.updateAge();
  keepingFocus(banners);
}, 1000);
document.getElementById("where").append(commandLine(commands.where()).element);
update();
live.start();
