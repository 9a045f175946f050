"""The desk knows whether something can be asked."""

from __future__ import annotations

import asyncio

import pytest

from garrison.cluster.core.manager.manager_settings import ManagerSettings
from garrison.cluster.core.manager.picture import NotableKey, Picture
from garrison.cluster.core.manager.requests import Pause
from garrison.cluster.core.manager.status import KeySearch
from garrison.cluster.daemon.desk import Desk, NotPossibleError, address_of
from garrison.cluster.daemon.driving import Driver
from garrison.cluster.daemon.http_limits import HttpLimits
from garrison.cluster.daemon.watching_core import WatchingCore
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
    assert desk.status().leader_address == address_of("n@10.0.0.9:7380") == "10.0.0.9:7380"


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
