// Dragging slots with a pointer: within one shard it selects, onto another shard it asks to move them.
// Fingers scroll and look; on a touch screen the form does the moving.

import { h, setAttribute, setText } from "./dom.js";
import { plural } from "./format.js";
import { runAround } from "./slots.js";

const DRAG_PIXELS_MIN = 4;

/**
 * `picture` is the SlotPicture; places with the attribute `data-shard` take drops too, and start drags
 * by their handle (`data-handle`).
 */
export function enableDragging(store, picture, root, onMove) {
  const ghost = h("div", { class: "ghost", hidden: true, "aria-hidden": "true" });
  document.body.append(ghost);
  let drag = null;

  function shardUnder(event) {
    const slot = picture.slotAt(event);
    if (slot !== null) return picture.shardAt(slot);
    const place = document.elementFromPoint(event.clientX, event.clientY)?.closest("[data-shard]");
    return store.picture.shards.find((shard) => shard.id === place?.dataset.shard) ?? null;
  }

  function begin(event) {
    if (event.pointerType === "touch" || event.button !== 0 || !store.picture) return;
    const handle = event.target.closest("[data-handle]");
    if (event.target !== picture.canvas && !handle) return;
    const slot = handle ? null : picture.slotAt(event);
    const source = handle ? shardUnder(event) : slot === null ? null : picture.shardAt(slot);
    if (!source) return;
    const grip = slot === null ? null : picture.grip(slot);
    const held = Boolean(slot !== null && picture.selection && grip === picture.selection);
    drag = { source, slot, grip, held, x: event.clientX, y: event.clientY, moving: false, pointer: event.pointerId };
    if (slot !== null) picture.cursor = slot;
  }

  function move(event) {
    if (!drag || event.pointerId !== drag.pointer) return;
    const far = Math.hypot(event.clientX - drag.x, event.clientY - drag.y) >= DRAG_PIXELS_MIN;
    if (!drag.moving && !far) return;
    drag.moving = true;
    event.preventDefault();
    const target = shardUnder(event);
    const onto = target && target.id !== drag.source.id ? target : null;
    const slot = picture.slotAt(event);
    if (!onto && !drag.held && drag.slot !== null && slot !== null) picture.select(drag.slot, slot);
    else if (onto && !drag.held && picture.selection) picture.selection = null;
    picture.aimAt(onto);
    mark(onto);
    ghost.hidden = false;
    ghost.style.transform = `translate(${event.clientX + 14}px, ${event.clientY + 14}px)`;
    const size = drag.grip ? plural(drag.grip[1] - drag.grip[0] + 1, "slot") : "slots";
    const from = `${size} of ${store.shardName(drag.source.id)}`;
    setText(ghost, onto ? `${from} → ${store.shardName(onto.id)}` : `${from}: drop on another shard`);
  }

  function mark(onto) {
    for (const place of root.querySelectorAll("[data-shard]")) {
      setAttribute(place, "data-aim", onto && place.dataset.shard === onto.id ? "true" : null);
    }
  }

  function end(event, dropped) {
    if (!drag || (event.pointerId !== undefined && event.pointerId !== drag.pointer)) return;
    const { source, slot, grip, moving } = drag;
    drag = null;
    ghost.hidden = true;
    const target = dropped ? shardUnder(event) : null;
    picture.aimAt(null);
    mark(null);
    if (!moving && slot !== null) picture.selection = null;
    picture.draw();
    if (!moving || !target || target.id === source.id) return;
    // What was under the pointer may have another owner by now: then the drop means nothing any more.
    const stale = grip && runAround(picture.owners, grip[0])[1] < grip[1];
    const present = store.picture.shards.some((shard) => shard.id === source.id);
    if (present && !stale) onMove(source, target, grip);
  }

  root.addEventListener("pointerdown", begin);
  addEventListener("pointermove", move);
  addEventListener("pointerup", (event) => end(event, true));
  addEventListener("pointercancel", (event) => end(event, false));
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && drag) end({}, false);
  });
}
