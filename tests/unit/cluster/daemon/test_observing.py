"""The observer over a model of a cluster."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.picture import Event, Picture
from garrison.cluster.core.topology import Address
from garrison.cluster.daemon import observing
from garrison.cluster.daemon.observing import Observer
from garrison.cluster.manager.admin_client import Access
from tests.unit.cluster.daemon.tiny_cluster import Command, TinyCluster

Seen = list[tuple[Picture, tuple[Event, ...]]]


@contextlib.asynccontextmanager
async def observed(
    cluster: TinyCluster, monkeypatch: pytest.MonkeyPatch, desired: DesiredState | None = None
) -> AsyncIterator[Callable[[Callable[[Picture], bool]], object]]:
    """Observe quickly; the value waits for a picture that is as wanted."""
    monkeypatch.setattr(observing, "DRAW_INTERVAL_S", 0.02)
    monkeypatch.setattr(observing, "SUSPECTED_INTERVAL_S", 0.01)
    news: asyncio.Queue[Picture] = asyncio.Queue()
    entries = [node.address for node in cluster.nodes.values()]
    observer = Observer(
        entries,
        Access(),
        lambda picture, events: news.put_nowait(picture),
        desired=lambda: desired or DesiredState(),
    )
    observer._admin = cluster  # type: ignore[assignment]
    task = asyncio.create_task(observer.run())

    async def wait(until: Callable[[Picture], bool]) -> Picture:
        async with asyncio.timeout(10):
            while True:
                picture = await news.get()
                if until(picture):
                    return picture

    try:
        yield wait
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_failover_becomes_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = TinyCluster.of("a", "b", "d", "a>c")
    async with observed(cluster, monkeypatch) as wait:
        await wait(lambda picture: len(picture.nodes) == 4 and all(n.as_of_ms for n in picture.nodes))  # type: ignore[misc]
        cluster.node("a").is_up = False
        replica = cluster.node("c")
        replica.primary_id, replica.slots, replica.epoch = None, cluster.node("a").slots, 9
        for node in cluster.nodes.values():
            node.failed = {"a" * 40}
        picture = await wait(lambda found: any(e.kind == "node-down" for e in found.events))  # type: ignore[misc]
    assert [event.subject[0] for event in picture.events if event.kind == "failover"] == ["c"]
    assert picture.slots_covered == 16384


async def test_member_that_all_forgot_is_asked_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = TinyCluster.of("a", "b", "a>c")
    async with observed(cluster, monkeypatch) as wait:
        await wait(lambda picture: len(picture.nodes) == 3 and all(n.as_of_ms for n in picture.nodes))  # type: ignore[misc]
        for name in "ab":
            cluster.node(name).known.discard("c" * 40)
        cluster.node("c").known = {"c" * 40}
        await wait(lambda picture: len(picture.nodes) == 2)  # type: ignore[misc]


async def test_settings_are_read_when_they_are_wished(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = TinyCluster.of("a", "b")
    cluster.node("a").settings = {"hz": "10"}
    wish = DesiredState(settings={"hz": "20"})
    async with observed(cluster, monkeypatch, wish) as wait:
        await wait(  # type: ignore[misc]
            lambda picture: (
                sorted(
                    (node.settings.get("hz"), node.settings_unknown)
                    for node in picture.nodes
                    if node.settings
                )
                == [("10", ())]
                and [node.settings_unknown for node in picture.nodes if not node.settings] == [("hz",)]
            )
        )


async def test_settings_from_before_a_step_count_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the planner would configure the node again and again until they are next read."""
    cluster = TinyCluster.of("a")
    cluster.node("a").settings = {"hz": "10"}
    pictures: list[Picture] = []
    observer = Observer(
        [cluster.node("a").address],
        Access(),
        lambda picture, events: pictures.append(picture),
        desired=lambda: DesiredState(settings={"hz": "20"}),
    )
    observer._admin = cluster  # type: ignore[assignment]
    held, begun, go_on = cluster.call_many, asyncio.Event(), asyncio.Event()

    async def slow(address: Address, commands: Sequence[Command], lane: int = 0) -> list[object]:
        replies = await held(address, commands, lane)
        if lane == 0 and ("CONFIG", "GET", "hz") in commands:
            begun.set()
            await go_on.wait()
        return replies

    cluster.call_many = slow  # type: ignore[method-assign]
    task = asyncio.create_task(observer.run())
    try:
        async with asyncio.timeout(10):
            await begun.wait()
            cluster.node("a").settings["hz"] = "20"
            await observer.look_again(["a" * 40])
            assert pictures[-1].nodes[0].settings == {"hz": "20"}
            go_on.set()
            while len(pictures) < 3:
                await asyncio.sleep(0)
                observer.draw()
        assert pictures[-1].nodes[0].settings == {"hz": "20"}
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_picture_says_that_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = TinyCluster.of("a", "b")
    for node in cluster.nodes.values():
        node.is_up = False
    async with observed(cluster, monkeypatch) as wait:
        picture = await wait(lambda found: "no node answers" in "".join(found.problems))  # type: ignore[misc]
    assert picture.nodes == ()


def test_only_a_slot_that_stays_disputed_is_named() -> None:
    addresses = Address("10.0.0.1", 7001), Address("10.0.0.1", 7002)
    observer = Observer([addresses[0]], Access(), lambda picture, events: None)
    for moment_ms in range(0, 12_000, 1_000):  # A reshard: another slot each second, and one that stays.
        said = observer._lasting({5: addresses, moment_ms: addresses}, moment_ms)
        assert bool(said) == (moment_ms >= observing.DISAGREEMENT_MS_MIN)
    assert said == (f"{addresses[0]} and {addresses[1]} see different owners of slots 5",)
    assert observer._lasting({}, 12_000) == ()


async def test_answer_counts_from_its_question(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was done to a node between question and answer is not in it, so the answer is not that new."""
    cluster = TinyCluster.of("a")
    answer, asked_ms = cluster.call_many, set[int]()

    async def late(address: Address, commands: Sequence[Command], lane: int = 0) -> list[object]:
        asked_ms.add(int(time.time() * 1000))
        await asyncio.sleep(0.1)
        return await answer(address, commands, lane)

    monkeypatch.setattr(cluster, "call_many", late)
    async with observed(cluster, monkeypatch) as wait:
        picture = await wait(lambda picture: any(node.as_of_ms for node in picture.nodes))  # type: ignore[misc]
    assert min(abs(picture.nodes[0].as_of_ms - each) for each in asked_ms) < 50
