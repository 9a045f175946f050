"""For everybody: names for controls, contrast, focus, order of headings; phone, dark, less motion."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from garrison.cluster.core.manager.jobs import Progress
from tests.unit.cluster.web import sample_documents as samples
from tests.unit.cluster.web.conftest import Visitor
from tests.unit.cluster.web.fake_manager import FakeManager
from tests.unit.cluster.web.page_checks import FOCUS, HEADINGS, LOW_CONTRAST, MISTAKES

VIEWS = ("overview", "nodes", "jobs", "desired", "keys", "history")
CONTRAST_MIN = 4.5
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


def fill_up(manager: FakeManager) -> None:
    """Something in every part of the page, in every tone."""
    manager.picture = samples.busy_picture(manager.now_ms).model_copy(
        update={"problems": ("a problem",), "big_keys": samples.notable_keys(), "majority_answers": False}
    )
    ended = samples.make_job(manager.now_ms, 16, Progress.DONE)
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
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels)), levels
        for landmark in ("banner", "navigation", "main", "contentinfo"):
            assert page.get_by_role(landmark).count() == 1
    page = visitor.open("overview")
    page.get_by_role("button", name="Move slots…").click()
    assert page.evaluate(MISTAKES) == []


def test_every_stop_of_the_tab_key_can_be_seen(visitor: Visitor) -> None:
    page = visitor.open()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    stops = 0
    while True:
        ended, visible = page.evaluate(FOCUS)
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
