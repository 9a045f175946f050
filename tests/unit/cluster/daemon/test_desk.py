"""The desk knows whether something can be asked."""

from __future__ import annotations

import asyncio

import pytest

from garrison.base.clock import boot_ms, wall_ms
from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.effects import ReadRecords, StoredRecords
from garrison.cluster.core.manager.jobs import JobKind
from garrison.cluster.core.manager.manager_names import address_in
from garrison.cluster.core.manager.manager_settings import ManagerSettings
from garrison.cluster.core.manager.picture import (
    LeasePicture,
    NodePicture,
    NodeState,
    NotableKey,
    Picture,
    SparePicture,
)
from garrison.cluster.core.manager.requests import Pause
from garrison.cluster.core.manager.status import KeySearch
from garrison.cluster.core.ranges import SLOT_COUNT
from garrison.cluster.daemon.broadcast import ShownPicture
from garrison.cluster.daemon.desk import Desk, NotPossibleError
from garrison.cluster.daemon.driving import Driver
from garrison.cluster.daemon.http_limits import HttpLimits
from garrison.cluster.daemon.watching_core import NEVER_MS, WatchingCore
from tests.unit.cluster.daemon.desks import make_desk, search_nothing


def following(leader: str) -> Desk:
    core = WatchingCore()
    core.leader = leader
    driver = Driver(core, lambda events: None, lambda jobs: None)
    return Desk(ManagerSettings(id="m@h:1"), driver, HttpLimits(), search_nothing, is_read_only=True)


async def test_follower_names_the_leader() -> None:
    with pytest.raises(NotPossibleError) as refusal:
        await following("n@10.0.0.9:7380").ask(lambda ticket: Pause("ann", ticket))
    assert (refusal.value.status, refusal.value.leader) == (409, "10.0.0.9:7380")
    with pytest.raises(NotPossibleError) as refusal:
        await following("").ask(lambda ticket: Pause("ann", ticket))
    assert refusal.value.status == 503


def test_picture_names_all_managers() -> None:
    desk = following("n@10.0.0.9:7380")
    picture = desk.show(Picture(at_ms=1), ())
    assert [(manager.id, manager.leads) for manager in picture.managers] == [
        ("m@h:1", False),
        ("n@10.0.0.9:7380", True),
    ]
    assert picture.read_only
    assert picture.lease is not None
    assert [(each.text, each.since_ms) for each in picture.wrong] == [("no node is known", 1)]
    assert desk.show(Picture(at_ms=7), ()).wrong == picture.wrong
    assert desk.status().leader_address == address_in("n@10.0.0.9:7380") == "10.0.0.9:7380"


async def test_searches_are_bounded_and_remembered() -> None:
    desk = await make_desk(limits=HttpLimits(searches_max=1))
    going, begun = asyncio.Event(), asyncio.Event()

    async def slow(search: KeySearch) -> tuple[NotableKey, ...]:
        begun.set()
        await going.wait()
        return (NotableKey(node_id=search.node, key="k", bytes=1),)

    desk._search_keys = slow
    search = KeySearch(node="a" * 40)
    first = asyncio.create_task(desk.search_keys(search))
    await begun.wait()
    with pytest.raises(NotPossibleError) as refusal:
        await desk.search_keys(search)
    assert refusal.value.status == 429
    going.set()
    assert (await first)[0].key == "k"
    assert [key.key for key in desk.show(desk.picture, ()).big_keys] == ["k"]


class FakeCore(WatchingCore):
    """A core whose lease a test gives and takes."""

    def __init__(self) -> None:
        super().__init__()
        self.leads, self.leader, self.epoch = True, "m@h:1", 4
        self.ends_at_ms = NEVER_MS

    def tick(self, now_ms: int) -> None:
        if now_ms >= self.ends_at_ms:
            self.leads, self.leader, self.ends_at_ms = False, "", NEVER_MS

    def records_read(self, node_id: str, answer: StoredRecords | None, now_ms: int) -> None:
        """By which a manager hears who leads."""

    def next_deadline_ms(self) -> int:
        return self.ends_at_ms


def desk_of(core: FakeCore) -> Desk:
    driver = Driver(core, lambda events: None, lambda jobs: None)
    desk = Desk(ManagerSettings(id="m@h:1"), driver, HttpLimits(), search_nothing)
    desk.show(Picture(at_ms=7), ())
    return desk


async def test_lost_lease_is_told_without_a_new_observation() -> None:
    core = FakeCore()
    desk = desk_of(core)
    follower = desk.broadcast.follow()
    assert follower is not None
    core.leads, core.leader, core.epoch = False, "n@h:2", 5
    desk.driver.answered(ReadRecords("a"), None)
    told = await asyncio.wait_for(follower.next(), 5)
    assert isinstance(told, ShownPicture)
    assert told.picture.at_ms == 7, "no newer than what was seen"
    assert told.picture.lease == LeasePicture(holder="n@h:2", epoch=5)
    assert [(each.id, each.leads) for each in told.picture.managers] == [("m@h:1", False), ("n@h:2", True)]
    desk.driver.answered(ReadRecords("a"), None)
    assert desk.shown is told, "nothing has changed, so nothing is told"


async def test_lease_that_ended_in_sleep_is_not_shown() -> None:
    core = FakeCore()
    desk = desk_of(core)
    core.ends_at_ms = boot_ms()
    assert not desk.status().leads
    assert [manager.leads for manager in desk.picture.managers] == [False]


async def test_pause_is_shown_at_once() -> None:
    desk = await make_desk()
    shown_at_ms = desk.picture.at_ms
    await desk.ask(lambda ticket: Pause("ann", ticket))
    assert (desk.picture.paused_by, desk.picture.mode) == ("ann", "paused")
    assert desk.picture.at_ms == shown_at_ms


def test_plan_for_a_wish_knows_how_long_a_replica_is_dead() -> None:
    now = wall_ms()
    nodes = (
        NodePicture(
            id="a", address="h:1", role="primary", slots="0-16383", slot_count=SLOT_COUNT, as_of_ms=now
        ),
        NodePicture(id="r", address="h:2", role="replica", primary_id="a", state=NodeState.FAILED),
    )
    picture = Picture(at_ms=now, nodes=nodes, slots_covered=SLOT_COUNT, spares=(SparePicture(address="h:3"),))
    core = FakeCore()
    desk = desk_of(core)
    wish = DesiredState(replicas_per_shard=1, node_dead_after_s=10, spares=("h:3",))
    for age_ms in (20_000, 10_000, 0):
        core.observed(picture.model_copy(update={"at_ms": now - age_ms}), boot_ms())
    desk.show(picture, ())
    assert [job.kind for job in desk.plan_for(wish).jobs] == [JobKind.REPLACE_REPLICA]
