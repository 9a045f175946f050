"""What the core is told of replication, and when."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from garrison.node.shell.bridge import Bridge
from garrison.node.shell.replication import ReplicationView, primary_of_role

REPLICA_UP = {"role": "slave", "link": "up", "offset": 5, "last_io_ms": 40}
REPLICA_DOWN = REPLICA_UP | {"link": "down"}


async def turns() -> None:
    """Let the loop turn so often that whatever waits for no clock has happened."""
    for _ in range(50):
        await asyncio.sleep(0)


@pytest.fixture
async def bridge(plane: Any) -> Bridge:
    bridge = Bridge(plane, asyncio.get_running_loop())
    bridge.open()
    return bridge


async def test_a_replica_has_a_whole_copy_once_the_link_was_up(bridge: Bridge) -> None:
    view = ReplicationView(bridge)
    assert not view.facts(REPLICA_DOWN, 1).synced
    assert view.facts(REPLICA_UP, 2).synced
    down = view.facts(REPLICA_DOWN, 3)
    assert (down.synced, down.link_up, down.link_down_since_ms, down.offset) == (True, False, 40, 5)
    view.follow("10.0.0.1", 7000)
    assert not view.facts(REPLICA_DOWN, 4).synced
    bridge.close()


async def test_a_primary_is_no_replica_in_sync(bridge: Bridge) -> None:
    facts = ReplicationView(bridge).facts({"role": "master", "link": "up", "offset": 9}, 1)
    assert (facts.synced, facts.link_up, facts.offset) == (False, False, 9)
    bridge.close()


async def test_writes_are_paused_when_the_data_plane_has_done_it(bridge: Bridge, plane: Any) -> None:
    view = ReplicationView(bridge)
    view.pause(100)
    assert not view.facts({}, 1).writes_paused
    await turns()
    assert [request[0] for request in plane.posted] == ["pause", "run"]
    assert view.facts({}, 1).writes_paused
    assert not view.facts({}, 100).writes_paused
    view.resume()
    assert not view.facts({}, 1).writes_paused
    bridge.close()


async def test_a_pause_that_was_ended_before_it_began_does_not_count(bridge: Bridge) -> None:
    view = ReplicationView(bridge)
    view.pause(100)
    view.resume()
    await turns()
    assert not view.facts({}, 1).writes_paused
    bridge.close()


def test_whom_a_role_reply_names() -> None:
    reply = b"*5\r\n$5\r\nslave\r\n$8\r\n10.0.0.1\r\n:7000\r\n$9\r\nconnected\r\n:0\r\n"
    assert primary_of_role(reply) == "10.0.0.1 7000"
    assert primary_of_role(b"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n") == ""
    assert primary_of_role(b"-ERR\r\n") == ""
