"""The screens of `garrison top` as text, in every state.

`python -m tests.unit.cluster.top.screens` rewrites them. Read `git diff` afterwards line by line: it is the
review.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC
from pathlib import Path

from textual.app import App
from textual.pilot import Pilot

from garrison.cluster.core.manager.picture import Picture
from garrison.cluster.top.picture_sources import SourceError
from garrison.cluster.top.top_app import TopApp
from tests.unit.cluster.top.scenes import (
    NOW_MS,
    FedSource,
    cluster,
    failover,
    running_job,
    sentinel_group,
)

FOLDER = Path(__file__).with_name("screens")
WIDE = (132, 40)
USUAL = (80, 24)
NARROW = (60, 20)

Act = Callable[["Stage"], Awaitable[None]]


class Stage:
    """A running application, its source and a clock that stands still."""

    def __init__(self, *, with_job: bool = False) -> None:
        self.now_ms = NOW_MS
        self.source = FedSource((running_job(),) if with_job else ())
        self.app = TopApp(self.source, now_ms=lambda: self.now_ms, retry_s=0.0, zone=UTC)
        self.pilot: Pilot[None]

    async def show(self, item: Picture | SourceError) -> None:
        await self.source.feed(item)
        await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    def text(self) -> str:
        return text_of(self.app)


def text_of(app: App[None]) -> str:
    """What is on the screen, without colours and without blanks at the ends of lines."""
    lines = app.screen._compositor.render_strips()
    return "".join(f"{line.text.rstrip()}\n" for line in lines)


async def render(size: tuple[int, int], act: Act, *, with_job: bool = False) -> str:
    stage = Stage(with_job=with_job)
    async with stage.app.run_test(size=size) as stage.pilot:
        await stage.pilot.pause()
        await act(stage)
        return stage.text()


async def _loading(stage: Stage) -> None:
    pass


async def _empty(stage: Stage) -> None:
    await stage.show(Picture(at_ms=NOW_MS, kind="cluster"))


async def _healthy(stage: Stage) -> None:
    await stage.show(cluster())


async def _failover(stage: Stage) -> None:
    await stage.show(failover())


async def _lost(stage: Stage) -> None:
    await stage.show(cluster())
    stage.now_ms += 90_000
    await stage.show(SourceError("10.0.0.1:7000 does not answer in time"))


async def _lost_before_the_first(stage: Stage) -> None:
    await stage.show(SourceError("cannot connect to 10.0.0.1:7000"))


async def _hundred(stage: Stage) -> None:
    await stage.show(cluster(50, 1))
    await stage.press("end")


async def _sorted(stage: Stage) -> None:
    await stage.show(cluster())
    await stage.press("s", "s", "s", "s", "s", "s")


async def _filtered(stage: Stage) -> None:
    await stage.show(cluster(50, 1))
    await stage.press("slash", *"zone-2", "enter")


async def _detail(stage: Stage) -> None:
    await stage.show(cluster())
    await stage.press("enter")


async def _help(stage: Stage) -> None:
    await stage.show(cluster())
    await stage.press("question_mark")


async def _sentinel(stage: Stage) -> None:
    await stage.show(sentinel_group())


SCREENS: dict[str, tuple[tuple[int, int], Act, bool]] = {
    "loading": (USUAL, _loading, False),
    "empty": (USUAL, _empty, False),
    "healthy": (USUAL, _healthy, False),
    "healthy-wide": (WIDE, _healthy, True),
    "healthy-narrow": (NARROW, _healthy, False),
    "failover": (USUAL, _failover, True),
    "lost": (USUAL, _lost, False),
    "lost-before-the-first": (USUAL, _lost_before_the_first, False),
    "hundred-nodes": (USUAL, _hundred, False),
    "sorted": (USUAL, _sorted, False),
    "filtered": (USUAL, _filtered, False),
    "detail": (USUAL, _detail, False),
    "help": (USUAL, _help, False),
    "sentinel": (USUAL, _sentinel, False),
}


async def rewrite() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, (size, act, with_job) in SCREENS.items():
        (FOLDER / f"{name}.txt").write_text(await render(size, act, with_job=with_job))


if __name__ == "__main__":
    asyncio.run(rewrite())
