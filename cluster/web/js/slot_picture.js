// The 16,384 slots as one square of 128 by 128: a colour and a name for each shard, dots for load.
//
// To a screen reader and to the keyboard it is a slider over the slots: its value in words says slot, shard,
// range and load. Shift with an arrow selects slots; Enter moves them. A pointer drags slots of one shard onto
// another; the table of shards beside it holds the same facts as text.

import { shade } from "./colours.js";
import { h, setAttribute, setText, token } from "./dom.js";
import { bytes, percent, plural, whole } from "./format.js";
import { SLOT_COUNT, formatRanges, ownersOf, runAround } from "./slots.js";

const SIDE = 128;
const LABEL_ROWS_MIN = 4;
/** Longer texts of ranges are left out beside the picture. */
const RANGES_CHARS_MAX = 60;
const SUMMARY_MAX = 12;
const HOTTEST_MAX = 3;

export class SlotPicture {
  owners = ownersOf([]);
  cursor = 0;
  /** [first, last] of one owner, or null. */
  selection = null;
  #store;
  #load = new Map();
  #loadTop = 0;
  #showLoad = true;
  #target = -1;
  #drawn = null;

  constructor(store, { onMove }) {
    this.#store = store;
    this.onMove = onMove;
    this.canvas = h("canvas", {
      class: "slots",
      tabindex: "0",
      role: "slider",
      "aria-label": "Slots by owner",
      "aria-valuemin": "0",
      "aria-valuemax": String(SLOT_COUNT - 1),
      "aria-describedby": "slots-summary slots-help",
      onkeydown: (event) => this.#key(event),
      onfocus: () => this.#say(this.cursor),
      onpointermove: (event) => this.#hover(event),
      onpointerleave: () => this.#say(this.cursor),
    });
    this.summary = h("p", { class: "visually-hidden", id: "slots-summary" });
    this.readout = h("p", { class: "readout", id: "slot-readout" });
    const switchLoad = (event) => {
      this.#showLoad = event.target.checked;
      this.draw();
    };
    this.loadSwitch = h("input", { type: "checkbox", checked: true, onchange: switchLoad });
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
      matchMedia(query).addEventListener("change", () => this.draw());
    }
  }

  update() {
    const { picture } = this.#store;
    if (this.#drawn === picture) return;
    this.#drawn = picture;
    this.owners = ownersOf(picture.shards);
    this.#load = new Map(picture.slot_load?.map((load) => [load.slot, load]));
    this.#loadTop = Math.max(0, ...[...this.#load.values()].map(weight));
    setAttribute(this.loadSwitch.parentElement, "data-off", this.#load.size ? null : "true");
    this.loadSwitch.disabled = this.#load.size === 0;
    this.draw();
    this.#say(this.cursor);
    setText(this.summary, this.#summarise());
  }

  /** How many slots are served and on their way, and which nobody serves. */
  coverage() {
    const { slots_covered: covered, open_slots: open } = this.#store.picture;
    const missing = SLOT_COUNT - covered;
    const parts = ["all 16,384 slots served"];
    if (missing) parts[0] = `${plural(missing, "slot")} served by nobody`;
    const unowned = missing ? formatRanges([...this.owners.keys()].filter((slot) => this.owners[slot] < 0)) : "";
    if (unowned && unowned.length <= RANGES_CHARS_MAX) parts[0] += `: ${unowned}`;
    if (open?.length) parts.push(`${plural(open.length, "slot")} moving`);
    return parts.join(" · ");
  }

  /** In words what the square shows. The ranges of each shard are in the table. */
  #summarise() {
    const { shards, open_slots: open } = this.#store.picture;
    const parts = [this.coverage()];
    const owners = shards.map((shard) => `${this.#store.shardName(shard.id)} ${whole(shard.slot_count)}`);
    parts.push(`slots of each shard: ${owners.slice(0, SUMMARY_MAX).join(", ")}`);
    if (owners.length > SUMMARY_MAX) parts.push(`and ${owners.length - SUMMARY_MAX} more shards`);
    const moves = (open ?? []).map((each) => `slot ${each.slot} moves to ${this.#store.nodeName(each.target)}`);
    parts.push(...moves.slice(0, SUMMARY_MAX));
    const hottest = [...this.#load.values()].sort((a, b) => weight(b) - weight(a)).slice(0, HOTTEST_MAX);
    if (this.#loadTop) parts.push(`slots with most load: ${hottest.map((each) => each.slot).join(", ")}`);
    return `${parts.join("; ")}.`;
  }

  shardAt(slot) {
    return this.#store.picture?.shards[this.owners[slot]] ?? null;
  }

  /** The slots that a drag or Enter at `slot` is about: the selection round it, else its whole run. */
  grip(slot) {
    if (this.selection && slot >= this.selection[0] && slot <= this.selection[1]) return this.selection;
    return runAround(this.owners, slot);
  }

  select(first, last) {
    const [low, high] = runAround(this.owners, first);
    const end = Math.min(high, Math.max(low, last));
    this.selection = [Math.min(first, end), Math.max(first, end)];
    this.draw();
  }

  /** Mark the shard that slots would be dropped on; null for none. */
  aimAt(shard) {
    const index = shard ? this.#store.picture.shards.indexOf(shard) : -1;
    if (index === this.#target) return;
    this.#target = index;
    this.draw();
  }

  slotAt(event) {
    const box = this.canvas.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * SIDE);
    const row = Math.floor(((event.clientY - box.top) / box.height) * SIDE);
    const inside = column >= 0 && column < SIDE && row >= 0 && row < SIDE;
    return inside ? row * SIDE + column : null;
  }

  describe(slot) {
    const shard = this.shardAt(slot);
    if (!shard) return `Slot ${slot}: nobody serves it`;
    const [first, last] = runAround(this.owners, slot);
    const parts = [`Slot ${slot}: ${this.#store.shardName(shard.id)}, ${this.#store.nodeName(shard.id)}`];
    parts.push(`range ${first}–${last}`);
    const open = this.#store.picture.open_slots?.find((each) => each.slot === slot);
    if (open) parts.push(`moving to ${this.#store.nodeName(open.target)}`);
    const load = this.#load.get(slot);
    if (load?.keys !== null && load?.keys !== undefined) parts.push(plural(load.keys, "key"));
    if (load?.cpu_fraction) parts.push(`${percent(load.cpu_fraction)} of a core`);
    if (load?.input_bytes_per_s) parts.push(`${bytes(load.input_bytes_per_s)}/s in`);
    if (load?.output_bytes_per_s) parts.push(`${bytes(load.output_bytes_per_s)}/s out`);
    if (this.selection) parts.push(`${whole(this.selection[1] - this.selection[0] + 1)} selected`);
    return parts.join(" · ");
  }

  #say(slot) {
    if (!this.#store.picture) return;
    const text = this.describe(slot);
    setText(this.readout, text);
    setAttribute(this.canvas, "aria-valuenow", this.cursor);
    if (slot === this.cursor) setAttribute(this.canvas, "aria-valuetext", text);
  }

  #hover(event) {
    const slot = this.slotAt(event);
    if (slot !== null) this.#say(slot);
  }

  #key(event) {
    const steps = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -SIDE,
      ArrowDown: SIDE,
      PageUp: -8 * SIDE,
      PageDown: 8 * SIDE,
    };
    let to = null;
    if (event.key in steps) to = this.cursor + steps[event.key];
    else if (event.key === "Home") to = runAround(this.owners, this.cursor)[0];
    else if (event.key === "End") to = runAround(this.owners, this.cursor)[1];
    else if (event.key === "Escape" && this.selection) this.selection = null;
    else if (event.key === "Enter") {
      const shard = this.shardAt(this.cursor);
      if (shard) this.onMove(shard, null, this.grip(this.cursor));
    } else return;
    event.preventDefault();
    if (to !== null) this.#walk(Math.min(SLOT_COUNT - 1, Math.max(0, to)), event.shiftKey);
    this.draw();
    this.#say(this.cursor);
  }

  #walk(to, selecting) {
    if (selecting) {
      const anchor = this.anchor ?? this.cursor;
      this.select(anchor, to);
      this.anchor = anchor;
      this.cursor = this.selection[to < anchor ? 0 : 1];
    } else {
      this.anchor = null;
      this.selection = null;
      this.cursor = to;
    }
  }

  draw() {
    const width = this.canvas.clientWidth;
    if (!width || !this.#store.picture) return;
    const cell = Math.max(1, Math.ceil((width * devicePixelRatio) / SIDE));
    if (this.canvas.width !== cell * SIDE) this.canvas.width = this.canvas.height = cell * SIDE;
    const context = this.canvas.getContext("2d");
    const { shards } = this.#store.picture;
    const numbers = shards.map((shard) => this.#store.names.number(shard.id));
    const colours = numbers.map(shade);
    context.fillStyle = token("--surface-sunken");
    context.fillRect(0, 0, cell * SIDE, cell * SIDE);
    this.#paintOwners(context, cell, colours);
    this.#paintEdges(context, cell);
    if (this.#showLoad) this.#paintLoad(context, cell);
    this.#paintNames(context, cell, numbers);
    this.#paintMarks(context, cell);
  }

  #paintOwners(context, cell, colours) {
    for (let slot = 0; slot < SLOT_COUNT; ) {
      const rowEnd = slot - (slot % SIDE) + SIDE;
      let end = slot + 1;
      while (end < rowEnd && this.owners[end] === this.owners[slot]) end += 1;
      const owner = this.owners[slot];
      if (owner >= 0) {
        context.globalAlpha = this.#target >= 0 && this.#target !== owner ? 0.45 : 1;
        context.fillStyle = colours[owner];
        context.fillRect((slot % SIDE) * cell, Math.floor(slot / SIDE) * cell, (end - slot) * cell, cell);
      } else this.#hatch(context, cell, slot, end);
      slot = end;
    }
    context.globalAlpha = 1;
  }

  /** A slot that nobody serves: stripes, in the colour of danger. */
  #hatch(context, cell, from, end) {
    context.fillStyle = token("--bad");
    for (let slot = from; slot < end; slot += 1) {
      if ((slot + Math.floor(slot / SIDE)) % 3 === 0) {
        context.fillRect((slot % SIDE) * cell, Math.floor(slot / SIDE) * cell, cell, cell);
      }
    }
  }

  /** A line wherever two owners meet, so that neighbours differ without their colours. */
  #paintEdges(context, cell) {
    const line = Math.max(1, Math.round(cell / 4));
    context.fillStyle = token("--surface");
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      const x = (slot % SIDE) * cell;
      const y = Math.floor(slot / SIDE) * cell;
      if (slot % SIDE && this.owners[slot] !== this.owners[slot - 1]) context.fillRect(x, y, line, cell);
      if (slot >= SIDE && this.owners[slot] !== this.owners[slot - SIDE]) context.fillRect(x, y, cell, line);
    }
  }

  #paintLoad(context, cell) {
    if (!this.#loadTop) return;
    context.fillStyle = token("--on-shade");
    for (const [slot, load] of this.#load) {
      const share = Math.sqrt(weight(load) / this.#loadTop);
      if (share < 0.08) continue;
      const radius = cell * (0.35 + share * 1.3);
      context.globalAlpha = 0.55 + share * 0.4;
      context.beginPath();
      context.arc((slot % SIDE) * cell + cell / 2, Math.floor(slot / SIDE) * cell + cell / 2, radius, 0, 7);
      context.fill();
    }
    context.globalAlpha = 1;
  }

  #paintNames(context, cell, numbers) {
    const size = Math.max(cell * 3, 12 * devicePixelRatio);
    context.font = `600 ${size}px ${token("--font")}`;
    context.textAlign = "left";
    context.textBaseline = "middle";
    const rows = Math.max(LABEL_ROWS_MIN, (size * 1.3) / cell);
    const named = new Set();
    for (let slot = 0; slot < SLOT_COUNT; ) {
      const [, last] = runAround(this.owners, slot);
      const owner = this.owners[slot];
      if (owner >= 0 && !named.has(owner) && last - slot + 1 >= rows * SIDE) {
        named.add(owner);
        const middle = (Math.floor(slot / SIDE) + Math.floor(last / SIDE) + 1) / 2;
        this.#plate(context, cell * 2, middle * cell, `S${numbers[owner]}`, size);
      }
      slot = last + 1;
    }
  }

  #plate(context, x, y, text, size) {
    const pad = size * 0.4;
    const width = context.measureText(text).width + 2 * pad;
    context.fillStyle = token("--surface");
    context.beginPath();
    context.roundRect(x, y - size * 0.75, width, size * 1.5, size * 0.35);
    context.fill();
    context.fillStyle = token("--text");
    context.fillText(text, x + pad, y + size * 0.05);
  }

  /** Open slots, the selection and the place of the keyboard. */
  #paintMarks(context, cell) {
    const frame = (slot, colour, grow) => {
      context.strokeStyle = colour;
      context.lineWidth = Math.max(1, cell / 2.5);
      const x = (slot % SIDE) * cell - grow;
      context.strokeRect(x, Math.floor(slot / SIDE) * cell - grow, cell + 2 * grow, cell + 2 * grow);
    };
    for (const open of this.#store.picture.open_slots ?? []) frame(open.slot, token("--text"), cell / 2);
    if (this.selection) {
      context.fillStyle = token("--text");
      context.globalAlpha = 0.55;
      for (let slot = this.selection[0]; slot <= this.selection[1]; slot += 1) {
        context.fillRect((slot % SIDE) * cell, Math.floor(slot / SIDE) * cell, cell, cell);
      }
      context.globalAlpha = 1;
    }
    if (document.activeElement === this.canvas) {
      frame(this.cursor, token("--surface"), cell * 1.2);
      frame(this.cursor, token("--text"), cell * 0.7);
    }
  }
}

/** One number for the cost of a slot: its share of a core, else its traffic, else its keys. */
function weight(load) {
  if (load.cpu_fraction) return load.cpu_fraction;
  const traffic = (load.input_bytes_per_s ?? 0) + (load.output_bytes_per_s ?? 0);
  return traffic ? traffic / 1e9 : (load.keys ?? 0) / 1e12;
}
