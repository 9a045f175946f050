// Making and changing elements. Text from the cluster enters the page as text nodes only: nothing here, and
// nothing that uses this, parses HTML. The policy `require-trusted-types-for 'script'` holds browsers to that.

const SVG = "http://www.w3.org/2000/svg";
const PROPERTIES = new Set(["value", "checked", "disabled", "hidden", "htmlFor", "open", "spellcheck"]);

function furnish(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (PROPERTIES.has(name)) element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  add(element, children);
  return element;
}

/** Append children: elements, texts, arrays of them; null, undefined and false are left out. */
export function add(element, children) {
  for (const child of children.flat(3)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
}

/** An HTML element. Attributes named `onclick` and the like take functions. */
export function h(tag, attributes = {}, ...children) {
  return furnish(document.createElement(tag), attributes, children);
}

/** An SVG element. */
export function s(tag, attributes = {}, ...children) {
  return furnish(document.createElementNS(SVG, tag), attributes, children);
}

/** Replace what is in an element. */
export function fill(element, ...children) {
  element.replaceChildren();
  add(element, children);
}

/** Set a text, and touch the document only when it differs. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Set or remove an attribute, and touch the document only when it differs. */
export function setAttribute(element, name, value) {
  if (value === null || value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
}

const rowsOf = new WeakMap();

/**
 * Make the children of `parent` those of `items`, in this order, and keep the element of each key: focus,
 * selection and scroll position survive an update. `make(item)` gives `{element, update(item)}`.
 */
export function keyed(parent, items, keyOf, make) {
  const before = rowsOf.get(parent) ?? new Map();
  const now = new Map();
  for (const item of items) {
    const key = keyOf(item);
    if (now.has(key)) continue;
    const row = before.get(key) ?? make(item);
    row.update?.(item);
    now.set(key, row);
  }
  for (const [key, row] of before) if (!now.has(key)) row.element.remove();
  let at = parent.firstElementChild;
  for (const row of now.values()) {
    if (at && row.element === at.nextElementSibling) {
      // The row at this place belongs further down: take it out, instead of moving all others past it.
      const late = at;
      at = row.element;
      late.remove();
    }
    if (row.element === at) at = at.nextElementSibling;
    else parent.insertBefore(row.element, at);
  }
  rowsOf.set(parent, now);
}

/** Read from the page's style sheet, so that canvas and SVG follow the colour scheme. */
export function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

let idCount = 0;
/** An id that no other element of the page has. */
export function freshId(stem) {
  idCount += 1;
  return `${stem}-${idCount}`;
}
