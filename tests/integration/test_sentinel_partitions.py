"""Sentinels over nodes on hosts of their own, between which packets get lost; and with wrong clocks.

One group serves all tests: each leaves everything mended, one primary, and everybody in agreement about it.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.integration.group_on_hosts import DOWN_AFTER_MS, NAME, Group, Server, in_sync, until
from tests.integration.namespaces import network, reason_to_skip

pytestmark = pytest.mark.timeout(180)
FAKE_CLOCK = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Group]:
    reason = reason_to_skip()
    if reason:
        pytest.skip(reason)
    with network() as net:
        group = Group(net, tmp_path_factory.mktemp("group"))
        try:
            for server in group.servers:
                server.start()
            yield group
        finally:
            group.stop()


@pytest.fixture
async def group(running: Group) -> AsyncIterator[Group]:
    """Whole at the beginning, and at the end."""
    await until(running.all_watched, "all Sentinels know everybody")
    await running.settled()
    yield running
    running.stop_writers()
    running.net.heal()
    await running.configure("min-replicas-to-write", "0")
    await until(running.all_watched, "all Sentinels know everybody again")
    await running.settled()


def split(group: Group, primary: Server) -> tuple[list[Server], list[Server]]:
    """The primary with the first Sentinel, and all others."""
    minority = [primary, group.sentinels[0]]
    return minority, [server for server in group.servers if server not in minority]


async def epochs(group: Group) -> list[str]:
    return [(await group.seen_by(sentinel))["config-epoch"] for sentinel in group.sentinels]


@pytest.mark.parametrize("careful", [False, True], ids=["by default", "with min-replicas-to-write"])
async def test_a_primary_cut_off_with_its_client_and_a_sentinel(group: Group, careful: bool) -> None:
    """What it acknowledges alone is lost, unless it was told to acknowledge nothing alone."""
    primary = await group.settled()
    minority, majority = split(group, primary)
    await group.configure("min-replicas-max-lag", "1")
    await group.configure("min-replicas-to-write", "1" if careful else "0")
    writes = group.write_from(group.client, f"careful-{careful}")
    await writes.more()
    await in_sync(primary)
    kept = writes.acknowledged()[0]

    group.net.cut([group.client, *(each.host for each in minority)], [each.host for each in majority])
    new = await group.all_name_another(primary, group.sentinels[1:])
    assert await group.named_by(group.sentinels[0]) is primary, "a minority gave its primary up"
    if careful:
        await until(lambda: asyncio.sleep(0, "NOREPLICAS" in writes.refused()), "writes are refused")
        so_far = writes.acknowledged()
        await asyncio.sleep(1)
        assert writes.acknowledged() == so_far
        lost = []
    else:
        since = writes.acknowledged()[-1]
        await writes.more(5)
        lost = [number for number in writes.acknowledged() if number > since]
    group.net.heal()

    assert await group.settled() is new
    after = await writes.more(3)
    assert await new("GET", f"{writes.name}:{kept}") == str(kept).encode()
    assert await new("GET", f"{writes.name}:{after}") == str(after).encode()
    assert [await new("GET", f"{writes.name}:{number}") for number in lost] == [None] * len(lost)


async def test_a_primary_whose_packets_to_the_sentinels_are_lost(group: Group) -> None:
    """It hears everybody, and its replicas hear it; the Sentinels do not."""
    primary = await group.settled()
    group.net.lose([primary.host], at=[sentinel.host for sentinel in group.sentinels])
    new = await group.all_name_another(primary, group.sentinels)
    replica = next(node for node in group.nodes if node not in (primary, new))
    await until(lambda: follows(replica, new), "the other replica follows the new primary")
    group.net.heal()
    assert await group.settled() is new


async def follows(replica: Server, primary: Server) -> bool:
    role = await replica("ROLE")
    return bool(role[0] == b"slave" and role[1] == primary.address.encode() and role[3] == b"connected")


async def test_a_sentinel_that_is_cut_off_alone(group: Group) -> None:
    """It holds everybody down and changes nothing; afterwards it learns what it has missed."""
    primary = await group.settled()
    alone, others = group.sentinels[2], group.sentinels[:2]
    before = await epochs(group)
    group.net.cut([alone.host], [server.host for server in group.servers if server is not alone])
    await until(lambda: flagged(group, alone, "s_down"), "it holds the primary down")
    await asyncio.sleep(2 * DOWN_AFTER_MS / 1000)
    assert "o_down" not in (await group.seen_by(alone))["flags"]
    assert await epochs(group) == before
    assert await group.named_by(alone) is primary

    await others[0]("SENTINEL", "FAILOVER", NAME, "COORDINATED")
    new = await group.all_name_another(primary, others)
    assert await group.named_by(alone) is primary
    group.net.heal()
    assert await group.all_name_another(primary, [alone]) is new


async def flagged(group: Group, sentinel: Server, flag: str) -> bool:
    return flag in (await group.seen_by(sentinel))["flags"].split(",")


async def test_sentinels_that_are_cut_off_from_each_other(group: Group) -> None:
    """Each sees the nodes, and hears the hellos of the others there; no vote is to be had."""
    primary = await group.settled()
    before = await epochs(group)
    hosts = [sentinel.host for sentinel in group.sentinels]
    for host in hosts:
        group.net.lose([each for each in hosts if each is not host], at=[host])
    group.net.cut([primary.host], [server.host for server in group.servers if server is not primary])
    for sentinel in group.sentinels:
        await until(partial(flagged, group, sentinel, "s_down"), "all hold it down")
    await asyncio.sleep(2 * DOWN_AFTER_MS / 1000)
    assert await epochs(group) == before
    assert {await group.named_by(sentinel) for sentinel in group.sentinels} == {primary}
    group.net.heal()


async def test_a_wall_clock_that_jumps_changes_nothing(group: Group, tmp_path: Path) -> None:
    if FAKE_CLOCK is None:
        pytest.skip("no libfaketime here (Debian: faketime)")
    jumping = group.sentinels[1]
    offset = tmp_path / "offset"
    offset.write_text("+0")
    jumping.restart({"LD_PRELOAD": str(FAKE_CLOCK), "FAKETIME_TIMESTAMP_FILE": str(offset),
                     "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"})  # fmt: skip
    await until(group.all_watched, "all know everybody")
    before = await epochs(group)
    shown = await shown_clock(jumping)
    for text, low, high in (("+3600", 3000, 4200), ("-3600", -4200, -3000), ("+0", -600, 600)):
        offset.write_text(text)
        await asyncio.sleep(2.5 * DOWN_AFTER_MS / 1000)
        assert low < await shown_clock(jumping) - shown < high, "the clock did not jump"
    assert "+tilt" not in jumping.log.read_text()
    assert await group.all_watched()
    assert await epochs(group) == before
    jumping.restart({})


async def shown_clock(sentinel: Server) -> int:
    """The wall clock as it sees it, in seconds."""
    facts = (await sentinel("INFO", "server")).decode()
    line = next(line for line in facts.splitlines() if line.startswith("server_time_usec:"))
    return int(line.partition(":")[2]) // 1_000_000


async def test_a_sentinel_that_slept_is_in_tilt_and_then_votes_again(group: Group) -> None:
    sleeper, primary = group.sentinels[0], await group.settled()
    for sentinel in group.sentinels:
        await sentinel("SENTINEL", "DEBUG", "tilt-period", "1500")
    before = await epochs(group)
    sleeper.signal(signal.SIGSTOP)
    await asyncio.sleep(3)
    sleeper.signal(signal.SIGCONT)
    await until(lambda: in_tilt(sleeper, 1), "it is in TILT")
    await until(lambda: in_tilt(sleeper, 0), "it has left TILT")
    assert await epochs(group) == before
    assert "+tilt" in sleeper.log.read_text()

    # Its vote is needed: of the two others, one is cut off.
    group.net.cut([group.sentinels[2].host], [server.host for server in group.servers[:5]])
    group.net.cut([primary.host], [server.host for server in group.servers if server is not primary])
    new = await group.all_name_another(primary, group.sentinels[:2])
    group.net.heal()
    assert await group.settled() is new


async def in_tilt(sentinel: Server, wanted: int) -> Any:
    return f"sentinel_tilt:{wanted}\r\n" in (await sentinel("INFO", "sentinel")).decode()
