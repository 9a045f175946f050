// A reshard as a dialog: opened by a drag, or filled in by hand. The manager plans it, the plan is shown, and
// only consent runs it.

import { commands } from "./commands.js";
import { fill, h, setAttribute, setText } from "./dom.js";
import { closable } from "./focus.js";
import { plural, whole } from "./format.js";
import { commandLine, explain, hindrance } from "./parts.js";
import { consentPicture } from "./plan.js";
import { expand, formatRanges, levelling } from "./slots.js";

export function createReshard(store, api, live) {
  const source = h("select", { id: "move-source", onchange: sourceChosen });
  const target = h("select", { id: "move-target", onchange: targetChosen });
  const number = h(
    "input",
    { id: "move-count", type: "number", min: "1", max: "16384", inputmode: "numeric", oninput: takeCount },
  );
  const ranges = h(
    "input",
    {
      id: "move-slots",
      type: "text",
      autocomplete: "off",
      spellcheck: false,
      oninput: takeRanges,
      "aria-describedby": "move-effect",
    },
  );
  const effect = h("p", { class: "hint", id: "move-effect" });
  const line = commandLine("");
  const plan = h("button", { type: "submit" }, "Show the plan");
  const outcome = h("p", { class: "outcome", role: "status" });
  const place = h("div", { class: "plan-box", tabindex: "-1", role: "group", "aria-label": "The plan" });
  const close = h("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, "Close");
  const field = (label, input) => h("div", { class: "field" }, h("label", { for: input.id }, label), input);
  const form = h(
    "form",
    { onsubmit: submit, novalidate: true },
    h("div", { class: "fields" }, field("From", source), field("To", target), field("How many", number)),
    field("Which slots", ranges),
    effect,
    h("div", { class: "action" }, plan, line.element),
    outcome,
  );
  const dialog = closable(
    h(
      "dialog",
      { class: "reshard", "aria-labelledby": "move-title" },
      h("div", { class: "panel-head" }, h("h2", { id: "move-title" }, "Move slots"), close),
      form,
      place,
    ),
  );
  document.body.append(dialog);
  /** The slots were chosen by a person: another target does not change them. */
  let chosen = false;
  let consent = null;

  function shardOf(select) {
    return store.picture.shards.find((shard) => shard.id === select.value) ?? null;
  }

  function show(from, to, grip) {
    const { shards } = store.picture;
    setText(outcome, shards.length < 2 ? "There is only one shard: slots have nowhere to go." : "");
    setAttribute(outcome, "data-tone", null);
    for (const select of [source, target]) {
      fill(
        select,
        shards.map(
          (shard) => h(
            "option",
            { value: shard.id },
            `${store.shardName(shard.id)} · ${store.nodeName(shard.id)} · ${whole(shard.slot_count)} slots`,
          ),
        ),
      );
    }
    const giver = from ?? [...shards].sort((a, b) => b.slot_count - a.slot_count)[0];
    const taker = to ?? emptiestBut(giver);
    source.value = giver?.id ?? "";
    target.value = taker?.id ?? "";
    fill(place);
    consent = null;
    suggest(grip);
    if (!dialog.open) dialog.showModal();
    (from && !to ? target : from ? plan : source).focus();
  }

  /** Who gives cannot take: the emptiest other shard takes its place. */
  function sourceChosen() {
    if (source.value === target.value) target.value = emptiestBut(shardOf(source))?.id ?? "";
    suggest();
  }

  function emptiestBut(giver) {
    const others = store.picture.shards.filter((shard) => shard !== giver);
    return others.sort((a, b) => a.slot_count - b.slot_count)[0];
  }

  function targetChosen() {
    if (chosen) changed();
    else suggest();
  }

  /** A whole shard that was dragged means "some of these"; a selection means itself. */
  function suggest(grip = null) {
    const from = shardOf(source);
    const to = shardOf(target);
    if (!from || !to) return;
    const taken = grip ? slotsOf(grip) : expand(from.slots);
    chosen = taken.length < from.slot_count;
    const amount = chosen ? taken.length : levelling(from.slot_count, to.slot_count);
    number.value = String(amount);
    ranges.value = formatRanges(taken.slice(-amount));
    changed();
  }

  function takeCount() {
    chosen = true;
    const from = shardOf(source);
    const amount = Number(number.value);
    if (from && amount >= 1) ranges.value = formatRanges(expand(from.slots).slice(-amount));
    changed();
  }

  function takeRanges() {
    chosen = true;
    try {
      number.value = String(expand(ranges.value).length);
    } catch {
      // said by `changed`
    }
    changed();
  }

  /** What is wrong with the form, or empty. */
  function mistake(from, to) {
    if (!from || !to) return "There is no such shard.";
    if (from === to) return "Source and target are the same shard.";
    let slots;
    try {
      slots = expand(ranges.value);
    } catch (error) {
      return `${error.message}.`;
    }
    if (!slots.length) return "Say which slots, as 0-99,205.";
    const owned = new Set(expand(from.slots));
    const foreign = slots.filter((slot) => !owned.has(slot));
    if (foreign.length) return `${store.shardName(from.id)} does not own ${formatRanges(foreign).slice(0, 60)}.`;
    return "";
  }

  function changed() {
    const from = shardOf(source);
    const to = shardOf(target);
    const wrong = mistake(from, to);
    setAttribute(ranges, "aria-invalid", wrong ? "true" : null);
    setAttribute(effect, "data-tone", wrong ? "bad" : null);
    if (wrong) return setText(effect, wrong);
    const amount = new Set(expand(ranges.value)).size;
    const kept = `${store.shardName(from.id)} keeps ${whole(from.slot_count - amount)}`;
    const after = `${kept}, ${store.shardName(to.id)} has ${whole(to.slot_count + amount)}.`;
    setText(effect, `${plural(amount, "slot")}: ${after}`);
    line.update(commands.move(from.id, to.id, ranges.value));
  }

  async function submit(event) {
    event.preventDefault();
    const from = shardOf(source);
    const to = shardOf(target);
    const why = hindrance(store) || mistake(from, to);
    setAttribute(outcome, "data-tone", why ? "bad" : null);
    setText(outcome, why || "Planning…");
    if (why) return;
    try {
      const slots = formatRanges(expand(ranges.value));
      const planned = await api.post("api/reshard", { moves: [{ source: from.id, target: to.id, slots }] });
      setText(outcome, "");
      consent = consentPicture(store, api, planned, { onDone, onChanged });
      fill(place, h("h3", {}, "The plan"), consent.elements);
      place.focus();
    } catch (error) {
      setAttribute(outcome, "data-tone", "bad");
      setText(outcome, explain(store, error));
      fill(place);
    }
  }

  async function onChanged(why) {
    fill(place);
    setText(outcome, `${why} Plan it again.`);
  }

  async function onDone() {
    await live.loadJobs();
    dialog.close();
    location.hash = "#jobs";
  }

  function update() {
    if (!dialog.open) return;
    setAttribute(plan, "aria-disabled", hindrance(store) ? "true" : null);
    setAttribute(plan, "title", hindrance(store) || null);
    consent?.update();
  }
  return { show, update };
}

function slotsOf([first, last]) {
  return Array.from({ length: last - first + 1 }, (_, at) => first + at);
}
