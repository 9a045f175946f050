"""Pictures of a group one after the other, and what happened between them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from garrison.cluster.core.manager.picture import Event, NodePicture, NodeState, Picture
from garrison.cluster.daemon import group_following
from garrison.cluster.daemon.group_following import GroupFollower
from garrison.cluster.daemon.observing import DRAW_INTERVAL_S, SUSPECTED_INTERVAL_S
from garrison.cluster.errors import UnreachableError


def group(primary: str, state: NodeState = NodeState.OK, at_ms: int = 1) -> Picture:
    nodes = tuple(
        NodePicture(
            id=name,
            address=name,
            role="primary" if name == primary else "replica",
            primary_id=None if name == primary else primary,
            state=state if name == "a:1" else NodeState.OK,
        )
        for name in ("a:1", "b:1")
    )
    return Picture(kind="sentinel", at_ms=at_ms, nodes=nodes)


class Scripted:
    """An observer whose pictures a test has drawn; after the last one it waits for ever."""

    def __init__(self, *pictures: Picture | Exception) -> None:
        self.left = list(pictures)
        self.closed = False
        self.all_asked = asyncio.Event()

    async def picture(self) -> Picture:
        if not self.left:
            self.all_asked.set()
            await asyncio.Event().wait()
        found = self.left.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def now_ms(self) -> int:
        return 5

    async def close(self) -> None:
        self.closed = True


async def follow(observer: Any, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Picture, tuple[Event, ...]]]:
    seen: list[tuple[Picture, tuple[Event, ...]]] = []
    follower = GroupFollower(observer, lambda picture, events: seen.append((picture, events)))
    follower.note([Event(at_ms=1, kind="manager", text="of another")])
    monkeypatch.setattr(group_following, "PAUSE_S_MIN", 0.0)
    monkeypatch.setattr(group_following, "DRAW_INTERVAL_S", 0.0)
    monkeypatch.setattr(group_following, "SUSPECTED_INTERVAL_S", 0.0)
    task = asyncio.create_task(follower.run())
    await asyncio.wait_for(observer.all_asked.wait(), 5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return seen


async def test_failover_is_an_event_on_the_timeline(monkeypatch: pytest.MonkeyPatch) -> None:
    observer = Scripted(group("a:1"), group("a:1", NodeState.SILENT), group("b:1", NodeState.SILENT, 3))
    seen = await follow(observer, monkeypatch)
    assert [[event.kind for event in events] for _, events in seen] == [
        [],
        ["node-down"],
        ["failover", "role"],
    ]
    assert seen[-1][1][0].text == "b:1 is primary instead of a:1"
    assert [event.kind for event in seen[-1][0].events] == ["manager", "node-down", "failover", "role"]
    assert observer.closed


async def test_nobody_answers_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = await follow(Scripted(UnreachableError("away"), group("a:1")), monkeypatch)
    assert seen[0] == (Picture(at_ms=5, problems=("no node answers: away",)), ())
    assert seen[1][0].nodes == group("a:1").nodes


async def test_looks_more_often_while_somebody_is_suspected() -> None:
    follower = GroupFollower(Scripted(group("a:1"), group("a:1", NodeState.SUSPECTED)), lambda *seen: None)  # type: ignore[arg-type]
    await follower.look()
    assert follower._interval_s() == DRAW_INTERVAL_S
    await follower.look_again(["a:1"])
    assert follower._interval_s() == SUSPECTED_INTERVAL_S
