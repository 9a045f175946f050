"""What a page can be asked about itself (contrast, names, headings, focus, targets), and what Chromium tells
screen readers."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Page

LOW_CONTRAST = """(least) => {
  const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const linear = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let count = 0;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || !element.checkVisibility()) continue;
    if (element.closest(".visually-hidden, noscript")) continue;
    count += 1;
    const pair = [light(parse(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    if (ratio < least) found.push(`${ratio.toFixed(2)} ${element.className} ${node.data.slice(0, 40)}`);
  }
  return [count, found];
}"""
"""How many texts can be seen, and those whose contrast (WCAG 2) to what lies behind them is below `least`."""

MISTAKES = """() => {
  const found = [];
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) found.push(`twice: ${id}`);
  for (const name of ["aria-labelledby", "aria-describedby", "for"]) {
    for (const element of document.querySelectorAll(`[${name}]`)) {
      const named = element.getAttribute(name).split(" ");
      for (const id of named) if (!ids.includes(id)) found.push(`${name}=${id}`);
    }
  }
  const controls = "button, a[href], input, select, textarea, [tabindex='0']";
  for (const control of document.querySelectorAll(controls)) {
    const label = control.labels?.[0]?.textContent;
    const name = control.getAttribute("aria-label") || label || control.textContent || control.title;
    if (!name.trim()) found.push(`no name: ${control.outerHTML.slice(0, 80)}`);
  }
  for (const table of document.querySelectorAll("table")) {
    if (!table.caption) found.push("a table without caption");
    const heads = [...table.querySelectorAll("th")];
    for (const head of heads) if (!head.scope) found.push(`no scope: ${head.textContent}`);
  }
  return found;
}"""
"""Controls without a name, ids that occur twice or are named and do not exist, tables without semantics."""

HEADINGS = """() => [...document.querySelectorAll("h1, h2, h3, h4")]
  .filter((heading) => heading.checkVisibility() && !heading.closest("dialog"))
  .map((heading) => Number(heading.tagName[1]))"""
"""The levels of the headings that can be seen or heard, in order."""

FOCUS = """() => {
  const at = document.activeElement;
  const { outlineStyle, outlineWidth } = getComputedStyle(at);
  const ring = outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
  return [at === document.body, ring && at.getBoundingClientRect().width > 0];
}"""
"""Whether the focus has left the page, and whether it can be seen."""

SMALL_TARGETS = """(least) => [...document.querySelectorAll("button, a, input, select, textarea, summary")]
  .filter((control) => control.checkVisibility() && getComputedStyle(control).display !== "inline")
  .map((control) => [(control.closest("label") ?? control).getBoundingClientRect(), control])
  .filter(([box]) => box.width > 1 && (box.width < least || box.height < least))
  .map(([box, control]) => `${box.width} x ${box.height} ${control.outerHTML.slice(0, 80)}`)"""
"""Controls that are smaller than `least` pixels either way; links within text are exempt (WCAG 2.5.8)."""

VIEW_BORDERS = """() => [...document.querySelectorAll("nav.views a")]
  .map((link) => getComputedStyle(link).borderBlockEndColor)"""

WATCH_ANNOUNCER = """() => {
  window.said = [];
  const place = document.getElementById("announcer");
  new MutationObserver(() => window.said.push(place.textContent)).observe(place, { childList: true });
}"""
"""Keep each text that a screen reader is told from now on."""


@dataclass(frozen=True)
class AccessibleNode:
    """A node of Chromium's accessibility tree."""

    role: str
    name: str
    description: str
    is_focusable: bool


def accessible_nodes(page: Page) -> list[AccessibleNode]:
    """All nodes that a screen reader is told of."""
    session = page.context.new_cdp_session(page)
    found = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    nodes = []
    for node in found:
        if node["ignored"] or node.get("role", {}).get("value") == "RootWebArea":
            continue
        properties = {each["name"]: each["value"].get("value") for each in node.get("properties", ())}
        role, name, said = (
            str(node.get(part, {}).get("value", "")) for part in ("role", "name", "description")
        )
        nodes.append(AccessibleNode(role, name, said, bool(properties.get("focusable"))))
    return nodes
