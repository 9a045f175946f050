// Focus is never lost to a change of the page: whoever had it gets it back at the same thing, or else at the content.

/**
 * Carry out a change. When the focused element has gone or is hidden afterwards, focus what stands for the same
 * thing (`data-key`), else the content of the page.
 */
export function keepingFocus(change) {
  const before = document.activeElement;
  const key = keyOf(before);
  change();
  if (before && before !== document.body && isLost()) focusOn(key);
}

/**
 * Close a dialog by its button, by Escape, or by a click beside it. The browser gives the focus back to what opened
 * it; when that has gone meanwhile, it goes to what stands for `key()`.
 */
export function closable(dialog, key = () => "") {
  dialog.addEventListener("close", () => {
    if (isLost()) focusOn(key());
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  return dialog;
}

function keyOf(element) {
  return element?.closest("[data-key]")?.dataset.key ?? "";
}

/** Focus what stands for this, else the content. */
function focusOn(key) {
  const places = key ? [...document.querySelectorAll(`main [data-key="${CSS.escape(key)}"]`)] : [];
  const place = places.find(isThere) ?? document.getElementById("main");
  place.focus({ preventScroll: true });
}

/** Nothing has the focus, or what has it cannot be seen. */
function isLost() {
  return document.activeElement === document.body || !isThere(document.activeElement);
}

function isThere(element) {
  return element.isConnected && element.checkVisibility();
}
