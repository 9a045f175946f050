"""The history on the page: what it shows, how it is found and paged, and what it says when there is none."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from garrison.cluster.core.manager.jobs import AuditEntry
from garrison.cluster.core.manager.picture import Event
from tests.unit.cluster.web.conftest import Visitor
from tests.unit.cluster.web.fake_manager import FakeManager

LINES = "#view-history .history > li"


def pauses(manager: FakeManager, number: int) -> list[AuditEntry]:
    return [AuditEntry(at_ms=manager.now_ms + at, by="ann", what=f"pause {at}") for at in range(number)]


def test_history_says_who_what_from_where_and_what_came(visitor: Visitor) -> None:
    page = visitor.open("history")
    lines = page.locator(LINES)
    expect(lines).to_have_count(6)
    expect(lines.first).to_contain_text("ann from 10.0.3.17")
    expect(lines.first).to_contain_text("consent 1f3a52c09b7d4e11")
    expect(lines.first).to_contain_text("job-18 waiting: replace the replica 10.0.0.3:7000")
    expect(lines.nth(1)).to_contain_text("job-15 failed (replace the replica 10.0.0.3:7000)")
    change = lines.last.get_by_text("limits.memory_percent_max: 80 -> 75")
    expect(change).to_be_hidden()
    lines.last.get_by_text("4 changes").click()
    expect(change).to_be_visible()


def test_history_is_filtered_as_its_command_line_says(visitor: Visitor) -> None:
    page = visitor.open("history")
    page.get_by_label("Words").fill("bob pause")
    expect(page.locator(LINES)).to_have_count(1)
    command = page.locator("#view-history .command code")
    expect(command).to_have_text("garrison manager history --limit 50 --find 'bob pause'")
    page.get_by_label("Words").fill("nobody-asked-so")
    expect(page.get_by_text("No line has all of these words.")).to_be_visible()


def test_older_lines_are_shown_and_focused(manager: FakeManager, visitor: Visitor) -> None:
    manager.history = pauses(manager, 70)
    page = visitor.open("history")
    expect(page.locator(LINES)).to_have_count(50)
    older = page.get_by_role("button", name="Show older")
    older.press("Enter")
    expect(page.locator(LINES)).to_have_count(70)
    expect(older).to_be_hidden()
    expect(page.locator(LINES).nth(50)).to_be_focused()
    expect(page.locator("#view-history .command code")).to_have_text("garrison manager history --limit 100")


def test_history_grows_while_it_is_read(manager: FakeManager, visitor: Visitor) -> None:
    page = visitor.open("history")
    fold = page.locator("#view-history summary")
    fold.click()
    manager.history = [*manager.history, *pauses(manager, 1)]
    manager.send("event", Event(at_ms=manager.now_ms, kind="manager", text="records: ann asks: pause"))
    expect(page.locator(LINES)).to_have_count(7)
    expect(fold).to_be_focused()
    expect(page.get_by_text("limits.memory_percent_max: 80 -> 75")).to_be_visible()


def test_empty_history_says_so(manager: FakeManager, visitor: Visitor) -> None:
    manager.history = []
    page = visitor.open("history")
    expect(page.get_by_text("Nobody has asked for anything yet.")).to_be_visible()
    expect(page.locator("#view-history .history")).to_be_hidden()


def test_history_that_cannot_be_read_says_why(manager: FakeManager, visitor: Visitor) -> None:
    manager.refusals["GET audit"] = (503, {"error": "no majority of primaries answers"})
    visitor.expected = ("Failed to load resource",)
    page = visitor.open("history")
    expect(page.get_by_role("alert")).to_contain_text("no majority of primaries answers")
    manager.refusals.clear()
    page.get_by_role("button", name="Read again").click()
    expect(page.locator(LINES)).to_have_count(6)
    expect(page.get_by_text("cannot be read")).to_have_count(0)


@pytest.mark.parametrize("mark", ["<img src=x onerror=alert(1)>", "\u202egpj.exe"])
def test_history_shows_foreign_text_as_text(manager: FakeManager, visitor: Visitor, mark: str) -> None:
    manager.history = [AuditEntry(at_ms=1, by=mark, what=mark, origin=mark, changes=(mark,))]
    page = visitor.open("history")
    expect(page.locator(f"{LINES} .what")).to_have_text(mark)
    assert page.locator(f"{LINES} img").count() == 0
