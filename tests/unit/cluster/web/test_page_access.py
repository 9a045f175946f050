"""For everybody: names for controls, contrast, focus, order of headings; phone, dark, less motion."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from garrison.cluster.core.manager.jobs import Progress
from garrison.cluster.core.manager.picture import Event, Picture
from tests.unit.cluster.web import sample_documents as samples
from tests.unit.cluster.web.conftest import Visitor
from tests.unit.cluster.web.fake_manager import FakeManager
from tests.unit.cluster.web.page_checks import (
    FOCUS,
    HEADINGS,
    LOW_CONTRAST,
    MISTAKES,
    SMALL_TARGETS,
    VIEW_BORDERS,
    WATCH_ANNOUNCER,
    accessible_nodes,
)

VIEWS = ("overview", "nodes", "jobs", "desired", "keys", "history")
CONTRAST_MIN = 4.5
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


TARGET_PIXELS_MIN = 24
AXE_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
ROLES = {
    *("button", "checkbox", "combobox", "DisclosureTriangle", "group", "link"),
    *("listitem", "main", "option", "region", "searchbox", "slider", "textbox"),
}


def without_shard(picture: Picture, number: int) -> Picture:
    """The same, with that node a primary without slots."""
    lost = {"role": "primary", "primary_id": None}
    nodes = [
        node.model_copy(update=lost) if node.id == samples.node_id(number) else node for node in picture.nodes
    ]
    return picture.model_copy(update={"nodes": tuple(nodes)})


def fill_up(manager: FakeManager) -> None:
    """Something in every part of the page, in every tone."""
    manager.picture = samples.busy_picture(manager.now_ms).model_copy(
        update={"problems": ("a problem",), "big_keys": samples.notable_keys(), "majority_answers": False}
    )
    ended = samples.make_job(manager.now_ms, 16, Progress.DONE)
    manager.answers["jobs"] = [samples.make_job(manager.now_ms), ended]


def each_view(visitor: Visitor) -> Iterator[tuple[str, Page]]:
    """All views one after the other, each when what it asks for is there."""
    for view in VIEWS:
        page = visitor.open(view)
        if view == "jobs":
            expect(page.locator(".planned")).to_be_visible()
        yield view, page


def settle(page: Page) -> None:
    page.wait_for_function("() => document.getAnimations().length === 0")


@pytest.mark.parametrize(
    "options", [{"color_scheme": "light"}, {"color_scheme": "dark"}], ids=["light", "dark"]
)
def test_every_text_has_contrast(manager: FakeManager, visitor: Visitor, options: dict[str, Any]) -> None:
    fill_up(manager)
    for view, page in each_view(visitor):
        expect(page.locator(".banner", has_text="a problem")).to_be_visible()
        settle(page)
        count, low = page.evaluate(LOW_CONTRAST, CONTRAST_MIN)
        assert count > 20
        assert low == [], view
    scheme = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert (scheme == "rgb(16, 18, 23)") == (options["color_scheme"] == "dark")


@pytest.mark.parametrize(
    "options",
    [
        {"bypass_csp": True, "color_scheme": scheme, "viewport": {"width": width, "height": 800}}
        for scheme in ("light", "dark")
        for width in (1280, 320)
    ],
    ids=["light", "light-narrow", "dark", "dark-narrow"],
)
def test_axe_finds_no_violation(manager: FakeManager, visitor: Visitor, options: dict[str, Any]) -> None:
    """axe-core is another program: the policy that forbids such ones is set aside for it."""
    fill_up(manager)
    for view, page in each_view(visitor):
        settle(page)
        found = Axe().run(page, options={"runOnly": AXE_RULES}).response
        assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]] == []
        assert len(found["passes"]) > 30, view


def test_browser_gives_every_control_a_role_and_a_name(manager: FakeManager, visitor: Visitor) -> None:
    """What a screen reader is told: Chromium's accessibility tree, over the DevTools protocol."""
    fill_up(manager)
    for view, page in each_view(visitor):
        controls = [node for node in accessible_nodes(page) if node.is_focusable]
        assert len(controls) > 10
        assert [node for node in controls if not node.name and node.role != "main"] == [], view
        assert {node.role for node in controls} <= ROLES, view


def test_slot_picture_says_in_words_what_it_shows(manager: FakeManager, visitor: Visitor) -> None:
    first = manager.picture.shards[0].model_copy(update={"slots": "0-3000", "slot_count": 3001})
    manager.picture = samples.busy_picture(manager.now_ms).model_copy(
        update={"shards": (first, *manager.picture.shards[1:]), "slots_covered": 16384 - 275}
    )
    page = visitor.open()
    (slider,) = [node for node in accessible_nodes(page) if node.role == "slider"]
    for fact in (
        "275 slots served by nobody: 3001-3275",
        "S1 3,001, S2 3,277",
        "slot 9900 moves to 10.0.0.1:7000",
        "slots with most load: 977,",
    ):
        assert fact in slider.description
    expect(page.locator(".slots")).to_have_attribute(
        "aria-valuetext", re.compile("^Slot 0: S1, 10.0.0.1:7000")
    )
    expect(page.get_by_role("cell", name="3,001 ranges 0-3000")).to_be_visible()


def test_contrast_check_sees_grey_on_grey(visitor: Visitor) -> None:
    page = visitor.open()
    page.evaluate("document.querySelector('.coverage').style.color = 'rgb(200, 200, 200)'")
    assert page.evaluate(LOW_CONTRAST, CONTRAST_MIN)[1] != []


def test_controls_have_names_and_headings_an_order(manager: FakeManager, visitor: Visitor) -> None:
    fill_up(manager)
    for view, page in each_view(visitor):
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


def test_focus_follows_a_node_to_another_row(manager: FakeManager, visitor: Visitor) -> None:
    """A failed primary leaves its shard's row: its button is another one then."""
    page = visitor.open()
    chip = page.locator(".chip", has_text=samples.address(2) + ",")
    chip.focus()
    manager.show(without_shard(samples.failed_over(manager.picture, 2), 2))
    expect(page.locator(".shards tbody tr").last).to_contain_text("No shard")
    expect(page.locator(".shards tbody tr").last.locator(".chip")).to_be_focused()


def test_dialog_gives_the_focus_back_though_its_opener_went(manager: FakeManager, visitor: Visitor) -> None:
    page = visitor.open()
    page.locator(".chip", has_text=samples.address(2) + ",").press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    manager.show(without_shard(samples.failed_over(manager.picture, 2), 2))
    expect(page.locator("#count-nodes")).to_have_text("1 of 15 not ok")
    page.keyboard.press("Escape")
    expect(page.locator(".shards tbody tr").last.locator(".chip")).to_be_focused()


def test_focus_stays_with_a_job_that_ends(manager: FakeManager, visitor: Visitor) -> None:
    manager.answers["jobs"] = [samples.make_job(manager.now_ms)]
    page = visitor.open("jobs")
    page.get_by_role("button", name="Stop", exact=True).focus()
    manager.send("job", samples.make_job(manager.now_ms, 17, Progress.STOPPED))
    expect(page.get_by_role("button", name="Resume", exact=True)).to_be_visible()
    expect(page.locator(".job")).to_be_focused()


def test_many_lost_nodes_are_announced_in_one_message(manager: FakeManager, visitor: Visitor) -> None:
    page = visitor.open()
    page.evaluate(WATCH_ANNOUNCER)
    for number in range(40):
        text = f"node {number} does not answer"
        event = Event(at_ms=manager.now_ms + 500 + number, kind="node-down", text=text, severity="error")
        manager.send("event", event)
    announcer = page.locator("#announcer")
    expect(announcer).to_contain_text("node 39 does not answer")
    assert page.evaluate("window.said.length") <= 3
    assert page.evaluate("Math.max(...window.said.map((text) => text.length))") < 120


@pytest.mark.parametrize("options", [PHONE], ids=["phone"])
def test_targets_of_fingers_are_large_enough(
    manager: FakeManager, visitor: Visitor, options: dict[str, Any]
) -> None:
    fill_up(manager)
    for view, page in each_view(visitor):
        assert page.evaluate(SMALL_TARGETS, TARGET_PIXELS_MIN) == [], view


@pytest.mark.parametrize("options", [{"forced_colors": "active"}], ids=["forced"])
def test_forced_colours_show_the_current_view(visitor: Visitor, options: dict[str, Any]) -> None:
    page = visitor.open("nodes")
    borders = page.evaluate(VIEW_BORDERS)
    assert len(set(borders)) == 2
    assert borders.count(borders[1]) == 1


@pytest.mark.parametrize(
    "options",
    [{"viewport": {"width": 320, "height": 640}}, {"viewport": {"width": 640, "height": 450}}],
    ids=["320", "zoom-200"],
)
def test_zoomed_page_needs_no_sideways_scroll(
    manager: FakeManager, visitor: Visitor, options: dict[str, Any]
) -> None:
    fill_up(manager)
    for view, page in each_view(visitor):
        assert page.evaluate("document.documentElement.scrollWidth") == options["viewport"]["width"], view


@pytest.mark.parametrize("options", [PHONE], ids=["phone"])
def test_phone_needs_no_sideways_scroll(
    manager: FakeManager, visitor: Visitor, options: dict[str, Any]
) -> None:
    fill_up(manager)
    for view, page in each_view(visitor):
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
