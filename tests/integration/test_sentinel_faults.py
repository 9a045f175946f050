"""Three of our Sentinels over our nodes, as real processes: kill, stop, loss of data, old configuration."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from garrison.client import ClientError
from garrison.cluster.local.process import LocalProcess
from garrison.cluster.local.sentinel_group import NAME, LocalGroup

pytestmark = pytest.mark.timeout(180)
WAIT_S = 60.0


@pytest.fixture
async def group(tmp_path: Path) -> AsyncIterator[LocalGroup]:
    async with LocalGroup(
        directory=tmp_path / "group", down_after_ms=1_500, failover_timeout_ms=5_000
    ) as group:
        yield group


async def until(holds: Callable[[], Any], what: str) -> Any:
    """Wait until an awaitable condition gives something true; that."""
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            value = await holds()
        except ClientError:
            value = None
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {WAIT_S:.0f} s: {what}"
        await asyncio.sleep(0.05)


async def named_by(group: LocalGroup, sentinel: LocalProcess) -> LocalProcess:
    reply = await group.call(sentinel, "SENTINEL", "get-master-addr-by-name", NAME)
    return group.node_at(int(reply[1]))


async def all_name_another(group: LocalGroup, old: LocalProcess) -> LocalProcess:
    """The new primary, once all running Sentinels agree on one."""

    async def agreed() -> LocalProcess | None:
        named = {
            (await named_by(group, sentinel)).address for sentinel in group.sentinels if sentinel.running
        }
        return group.node_at(named.pop().port) if len(named) == 1 and old.address not in named else None

    new: LocalProcess = await until(agreed, f"all Sentinels name another primary than {old.address}")
    return new


async def role(group: LocalGroup, node: LocalProcess) -> bytes:
    answer: bytes = (await group.call(node, "ROLE"))[0]
    return answer


async def follows(group: LocalGroup, replica: LocalProcess, primary: LocalProcess) -> bool:
    answer = await group.call(replica, "ROLE")
    return bool(answer[0] == b"slave" and answer[2:4] == [primary.address.port, b"connected"])


async def settled(group: LocalGroup, primary: LocalProcess) -> None:
    """Exactly one primary, and everybody else follows it."""
    for node in group.nodes:
        if node is not primary and node.running:
            await until(partial(follows, group, node, primary), f"{node.address} follows")
    assert await role(group, primary) == b"master"


async def write(group: LocalGroup, key: str) -> None:
    primary = await group.primary()
    assert await group.call(primary, "SET", key, "1") == b"OK"
    assert await group.call(primary, "WAIT", "2", "10000") == 2


async def test_a_killed_primary_returns_as_a_replica_with_nothing_lost(group: LocalGroup) -> None:
    old = await group.primary()
    await write(group, "before")
    await old.kill()
    new = await all_name_another(group, old)
    assert await group.call(new, "GET", "before") == b"1"
    await group.start_node(old)
    await settled(group, new)


async def test_a_coordinated_failover_loses_nothing(group: LocalGroup) -> None:
    old = await group.primary()
    await write(group, "before")
    stop = asyncio.Event()
    acknowledged: list[int] = []

    async def keep_writing() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            try:
                if await group.call(await group.primary(), "SET", "count", str(number)) == b"OK":
                    acknowledged.append(number)
            except ClientError:
                continue

    writer = asyncio.create_task(keep_writing())
    await group.call(group.sentinels[1], "SENTINEL", "FAILOVER", NAME, "COORDINATED")
    new = await all_name_another(group, old)
    written = len(acknowledged)
    await until(lambda: _later(acknowledged, written), "writes flow again")
    stop.set()
    await writer
    assert int(await group.call(new, "GET", "count")) >= acknowledged[-1]
    await settled(group, new)


async def test_primary_that_is_told_to_end_hands_over_first(group: LocalGroup) -> None:
    old = await group.primary()
    await write(group, "before")
    await old.stop()
    new = await all_name_another(group, old)
    assert await group.call(new, "GET", "before") is not None
    assert "Handed over" in old.log.read_text()
    await group.start_node(old)
    await settled(group, new)


async def _later(acknowledged: list[int], written: int) -> bool:
    return len(acknowledged) > written


async def test_empty_returning_primary_is_replaced_by_one_with_data(group: LocalGroup) -> None:
    old = await group.primary()
    await write(group, "precious")
    for sentinel in group.sentinels:  # what a server holds is known from INFO, every ten seconds otherwise
        await group.call(sentinel, "SENTINEL", "DEBUG", "info-period", "500")
    await until(lambda: _seen_with_data(group), "the Sentinels have seen the data")
    await old.kill()
    await group.start_node(old)
    new = await all_name_another(group, old)
    assert await group.call(new, "GET", "precious") == b"1"
    await settled(group, new)
    assert await group.call(new, "GET", "precious") == b"1"


async def _seen_with_data(group: LocalGroup) -> bool:
    for sentinel in group.sentinels:
        _, entries = await group.call(sentinel, "SENTINEL", "INFO-CACHE", NAME)
        if any(b"db0:keys=" not in (text or b"") for _, text in entries):
            return False
    return True


async def test_stopped_sentinel_neither_hinders_nor_undoes_failover(group: LocalGroup) -> None:
    old = await group.primary()
    sleeper = group.sentinels[2]
    sleeper.signal(signal.SIGSTOP)
    await old.kill()

    async def others_moved() -> bool:
        return all([(await named_by(group, each)) is not old for each in group.sentinels[:2]])

    await until(others_moved, "the two others fail over")
    new = await named_by(group, group.sentinels[0])
    await group.start_node(old)
    sleeper.signal(signal.SIGCONT)
    assert await all_name_another(group, old) is new
    await settled(group, new)


async def test_a_sentinel_with_an_old_configuration_learns_the_new_one(group: LocalGroup) -> None:
    old, backward = await group.primary(), group.sentinels[0]
    file = backward.directory / "sentinel.conf"
    before = file.read_text()
    await old.kill()
    new = await all_name_another(group, old)
    await backward.stop()
    file.write_text(before)
    await group.start_node(old)
    await group.start_sentinel(backward)
    assert await all_name_another(group, old) is new
    await settled(group, new)


async def test_a_minority_does_not_fail_over_and_says_why(group: LocalGroup) -> None:
    old = await group.primary()
    for sentinel in group.sentinels[1:]:
        await sentinel.kill()
    await old.kill()
    witness = group.sentinels[0]

    async def explained() -> Any:
        status = await _status(witness)
        primary = status["primaries"][0]
        return primary if primary["state"] == "suspected" and "1 of 2" in primary["reason"] else None

    primary = await until(explained, "the last Sentinel says that it is alone")
    assert "no valid reply to PING" in primary["reason"]
    assert (await named_by(group, witness)) is old
    await group.start_sentinel(group.sentinels[1])
    await until(lambda: _moved(group, witness, old), "with a second Sentinel there is a majority")


async def _moved(group: LocalGroup, sentinel: LocalProcess, old: LocalProcess) -> bool:
    return (await named_by(group, sentinel)) is not old


async def _status(sentinel: LocalProcess) -> dict[str, Any]:
    """What `garrison sentinel status --json` prints."""
    command = (sys.executable, "-m", "garrison", "sentinel", "status", "--json", "-s", str(sentinel.address))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    picture: dict[str, Any] = json.loads(output)
    return picture


async def test_copied_sentinels_with_one_id_still_leave_one_primary(group: LocalGroup) -> None:
    """Somebody copied a Sentinel's file: two have one id, so one of three votes counts for both."""
    first, copy = group.sentinels[0], group.sentinels[1]
    await copy.stop()
    text = (first.directory / "sentinel.conf").read_text()
    text = text.replace(str(first.address.port), str(copy.address.port)).replace(
        str(first.directory), str(copy.directory)
    )
    (copy.directory / "sentinel.conf").write_text(text)
    await group.start_sentinel(copy)
    old = await group.primary()
    await old.kill()
    new = await all_name_another(group, old)
    await group.start_node(old)
    await settled(group, new)


async def test_sentinel_that_cannot_save_sends_no_orders_ever(group: LocalGroup) -> None:
    """Its file is gone, as if the disk refused; what it was asked for meanwhile is not made up for."""
    sentinel, old = group.sentinels[0], await group.primary()
    await write(group, "before")
    file = sentinel.directory / "sentinel.conf"
    file.rename(file.with_suffix(".away"))
    with pytest.raises(ClientError, match="MISCONF This Sentinel cannot save its configuration: No such"):
        await group.call(sentinel, "SENTINEL", "FAILOVER", NAME)
    with pytest.raises(ClientError, match="MISCONF"):
        await named_by(group, sentinel)
    shown = (await _status(sentinel))["primaries"][0]
    assert shown["reason"].startswith("not failing over because this Sentinel cannot save its configuration")
    assert shown["state"] == "up", "it watches on"
    await asyncio.sleep(group.failover_timeout_ms / 1000)
    file.with_suffix(".away").rename(file)
    await until(lambda: named_by(group, sentinel), "it takes part again")
    await asyncio.sleep(2)
    assert await role(group, old) == b"master"
    assert [await role(group, node) for node in group.nodes].count(b"master") == 1
    await group.call(sentinel, "SENTINEL", "FAILOVER", NAME)
    await settled(group, await all_name_another(group, old))
