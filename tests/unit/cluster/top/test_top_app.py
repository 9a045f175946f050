"""What `garrison top` shows in each state, and what its keys do."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.filter import NoColor

from garrison.cluster.top.picture_sources import SourceError
from garrison.cluster.top.top_app import PANEL_HEIGHTS
from tests.unit.cluster.top.scenes import NOW_MS, cluster, failover
from tests.unit.cluster.top.screens import FOLDER, SCREENS, USUAL, Stage, render


@pytest.mark.parametrize("name", SCREENS)
async def test_screen_is_as_recorded(name: str) -> None:
    size, act, with_job = SCREENS[name]
    assert await render(size, act, with_job=with_job) == (FOLDER / f"{name}.txt").read_text()


def test_every_recorded_screen_is_drawn() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(SCREENS)


def test_documentation_shows_a_recorded_screen(root: Path) -> None:
    assert (FOLDER / "failover.txt").read_text() in (root / "docs" / "top.md").read_text()


async def test_pictures_after_a_loss_are_shown() -> None:
    stage = Stage()
    async with stage.app.run_test(size=USUAL) as stage.pilot:
        await stage.show(SourceError("nobody answers"))
        assert "connection lost: nobody answers" in stage.text()
        await stage.show(cluster())
        assert "connection lost" not in stage.text()
        assert "10.0.0.1:7000" in stage.text()


async def test_pause_keeps_the_picture_until_it_ends() -> None:
    stage = Stage()
    async with stage.app.run_test(size=USUAL) as stage.pilot:
        await stage.show(cluster())
        await stage.press("p")
        await stage.show(failover())
        assert "paused" in stage.text()
        assert "failed" not in stage.text()
        await stage.press("p")
        assert "paused" not in stage.text()
        assert "failed" in stage.text()


async def test_age_of_the_picture_goes_on_without_pictures() -> None:
    stage = Stage()
    async with stage.app.run_test(size=USUAL) as stage.pilot:
        await stage.show(cluster())
        stage.now_ms = NOW_MS + 59_000
        stage.app._draw_title()
        await stage.pilot.pause()
        assert "as of 60 s ago" in stage.text()


async def test_filter_ends_with_escape() -> None:
    stage = Stage()
    async with stage.app.run_test(size=USUAL) as stage.pilot:
        await stage.show(cluster())
        await stage.press("slash", *"0.5:")
        assert "10.0.0.5:7000" in stage.text()
        assert "10.0.0.2:7000" not in stage.text()
        await stage.press("escape")
        assert "10.0.0.2:7000" in stage.text()
        await stage.press("q")
    assert stage.app._exit


async def test_detail_follows_new_pictures() -> None:
    stage = Stage()
    async with stage.app.run_test(size=USUAL) as stage.pilot:
        await stage.show(cluster())
        await stage.press("enter")
        assert "state     ok" in stage.text()
        await stage.show(failover())
        assert "state     failed: declared by 2 of 3 primaries" in stage.text()
        await stage.press("escape")
        assert "s sort: shard" in stage.text()


async def test_cursor_stays_on_its_node_in_another_order() -> None:
    stage = Stage()
    async with stage.app.run_test(size=USUAL) as stage.pilot:
        await stage.show(cluster())
        await stage.press("down", "down", "r")
        (line,) = [line for line in stage.text().splitlines() if line.startswith(">")]
        assert "10.0.0.2:7000" in line


async def test_panel_of_events_changes_its_height() -> None:
    stage = Stage()
    async with stage.app.run_test(size=USUAL) as stage.pilot:
        await stage.show(cluster())
        heights = []
        for _ in PANEL_HEIGHTS:
            await stage.press("e")
            panel = stage.app.query_one("#panel")
            heights.append(panel.size.height + 1 if panel.display else 0)
        assert sorted(heights) == sorted(PANEL_HEIGHTS)


async def test_no_color_leaves_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    stage = Stage()
    async with stage.app.run_test(size=USUAL) as stage.pilot:
        await stage.show(failover())
        assert any(isinstance(each, NoColor) for each in stage.app._filters)
