"""For everybody: names for controls, contrast, focus, order of headings; phone, dark, less motion."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.unit.cluster.web import sample_documents as samples
from tests.unit.cluster.web.conftest import Visitor
from tests.unit.cluster.web.fake_manager import FakeManager

VIEWS = ("overview", "nodes", "jobs", "desired", "keys")
CONTRAST_MIN = 4.5
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}

# For each text that can be seen: its contrast to what lies behind it, by the formula of WCAG 2.
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
    if (!node.data.trim() || !element.checkVisibility() || element.closest(".visually-hidden, noscript")) continue;
    count += 1;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < least) found.push(`${ratio.toFixed(2)} ${element.className} ${node.data.trim().slice(0, 40)}`);
  }
  return [count, found];
}"""

# Controls without a name, ids that occur twice, references to ids that do not exist.
MISTAKES = """() => {
  const found = [];
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) found.push(`twice: ${id}`);
  for (const name of ["aria-labelledby", "aria-describedby", "for"]) {
    for (const element of document.querySelectorAll(`[${name}]`)) {
      for (const id of element.getAttribute(name).split(" ")) if (!ids.includes(id)) found.push(`${name}=${id}`);
    }
  }
  for (const control of document.querySelectorAll("button, a[href], input, select, textarea, [tabindex='0']")) {
    const label = control.labels?.[0]?.textContent;
    const name = control.getAttribute("aria-label") || label || control.textContent || control.title;
    if (!name.trim()) found.push(`no name: ${control.outerHTML.slice(0, 80)}`);
  }
  for (const table of document.querySelectorAll("table")) {
    if (!table.caption) found.push("a table without caption");
    for (const head of table.querySelectorAll("th")) if (!head.scope) found.push(`no scope: ${head.textContent}`);
  }
  return found;
}"""

HEADINGS = """() => [...document.querySelectorAll("h1, h2, h3, h4")]
  .filter((heading) => heading.checkVisibility() && !heading.closest("dialog")).map((heading) => Number(heading.tagName[1]))"""


def fill_up(manager: FakeManager) -> None:
    """Something in every part of the page, in every tone."""
    manager.picture = samples.busy_picture(manager.now_ms).model_copy(
        update={"problems": ("a problem",), "big_keys": samples.notable_keys(), "majority_answers": False}
    )
    ended = samples.make_job(manager.now_ms, 16, samples.Progress.DONE)
    manager.answers["jobs"] = [samples.make_job(manager.now_ms), ended]


def settle(page: Page) -> None:
    page.wait_for_function("() => document.getAnimations().length === 0")


@pytest.mark.parametrize(
    "options", [{"color_scheme": "light"}, {"color_scheme": "dark"}], ids=["light", "dark"]
)
def test_every_text_has_contrast(manager: FakeManager, visitor: Visitor, options: dict[str, Any]) -> None:
    fill_up(manager)
    for view in VIEWS:
        page = visitor.open(view)
        expect(page.locator(".banner")).to_have_count(2)
        if view == "jobs":
            expect(page.locator(".planned")).to_be_visible()
        settle(page)
        count, low = page.evaluate(LOW_CONTRAST, CONTRAST_MIN)
        assert count > 20
        assert low == [], view
    scheme = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert (scheme == "rgb(16, 18, 23)") == (options["color_scheme"] == "dark")


def test_contrast_check_sees_grey_on_grey(visitor: Visitor) -> None:
    page = visitor.open()
    page.evaluate("document.querySelector('.coverage').style.color = 'rgb(200, 200, 200)'")
    assert page.evaluate(LOW_CONTRAST, CONTRAST_MIN)[1] != []


def test_controls_have_names_and_headings_an_order(manager: FakeManager, visitor: Visitor) -> None:
    fill_up(manager)
    for view in VIEWS:
        page = visitor.open(view)
        if view == "jobs":
            expect(page.locator(".planned")).to_be_visible()
        assert page.evaluate(MISTAKES) == [], view
        levels = page.evaluate(HEADINGS)
        assert levels[:2] == [1, 2]
        assert all(after - before <= 1 for before, after in zip(levels, levels[1:], strict=False)), levels
        for landmark in ("banner", "navigation", "main", "contentinfo"):
            assert page.get_by_role(landmark).count() == 1  # type: ignore[arg-type]
    page = visitor.open("overview")
    page.get_by_role("button", name="Move slots…").click()
    assert page.evaluate(MISTAKES) == []


def test_every_stop_of_the_tab_key_can_be_seen(visitor: Visitor) -> None:
    page = visitor.open()
    seen = """() => {
      const at = document.activeElement;
      const style = getComputedStyle(at);
      const box = at.getBoundingClientRect();
      return [at === document.body, style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 && box.width > 0];
    }"""
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    stops = 0
    while True:
        ended, visible = page.evaluate(seen)
        if ended or stops > 60:
            break
        assert visible, page.evaluate("document.activeElement.outerHTML.slice(0, 100)")
        stops += 1
        page.keyboard.press("Tab")
    assert stops > 25


def test_focus_stays_when_the_picture_changes(manager: FakeManager, visitor: Visitor) -> None:
    page = visitor.open()
    chip = page.locator(".chip", has_text=samples.address(3))
    chip.focus()
    after = samples.failed_over(manager.picture, 1)
    manager.show(after.model_copy(update={"name": "later"}), after.events[-1:])
    expect(page.locator("h1")).to_have_text("later")
    expect(chip).to_be_focused()


@pytest.mark.parametrize("options", [PHONE], ids=["phone"])
def test_phone_needs_no_sideways_scroll(
    manager: FakeManager, visitor: Visitor, options: dict[str, Any]
) -> None:
    fill_up(manager)
    for view in VIEWS:
        page = visitor.open(view)
        if view == "jobs":
            expect(page.locator(".planned")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == 360, view
    page = visitor.open("overview")
    page.get_by_role("button", name="Move slots…").tap()
    box = page.get_by_role("dialog").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
    page.get_by_role("button", name="Show the plan").tap()
    expect(page.get_by_role("heading", name="The plan")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360


@pytest.mark.parametrize("options", [{"reduced_motion": "no-preference"}, {"reduced_motion": "reduce"}])
def test_motion_is_left_out_where_not_wanted(visitor: Visitor, options: dict[str, Any]) -> None:
    page = visitor.open()
    durations = page.evaluate("""() => [...document.querySelectorAll("*")].filter((element) => {
        const style = getComputedStyle(element);
        return style.animationName !== "none" || parseFloat(style.transitionDuration) > 0;
    }).length""")
    assert (durations > 0) == (options["reduced_motion"] == "no-preference")


@pytest.mark.parametrize("options", [{"java_script_enabled": False}])
def test_without_javascript_a_command_is_named(visitor: Visitor, options: dict[str, Any]) -> None:
    visitor.page.goto(visitor.url)
    expect(visitor.page.locator("noscript code")).to_have_text("garrison manager status")
    expect(visitor.page.locator("#gate")).to_be_hidden()
