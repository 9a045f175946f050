"""A primary under three of our Sentinels that comes back without its data before anybody holds it down."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from garrison.client import ClientError
from garrison.cluster.local.process import LocalProcess
from garrison.cluster.local.sentinel_group import NAME, LocalGroup
from tests.integration.test_sentinel_faults import all_name_another, settled, until

pytestmark = pytest.mark.timeout(180)
KEYS = 100
AGE_S = 0.5
"""So old are the data when the primary is killed; INFO is read every 10 s."""


def watched(folder: Path, replicas: int) -> LocalGroup:
    return LocalGroup(
        replicas=replicas, directory=folder / "group", down_after_ms=2_000, failover_timeout_ms=5_000
    )


async def fill(group: LocalGroup, replicas: int) -> LocalProcess:
    """Write to the primary, and wait for the replicas and until the data are AGE_S old."""
    primary = await group.primary()
    for number in range(KEYS):
        assert await group.call(primary, "SET", f"key:{number}", str(number)) == b"OK"
    await until(lambda: _all_hold(group, KEYS), "the replicas have the data")
    assert len(group.nodes) == 1 + replicas
    await asyncio.sleep(AGE_S)
    return primary


async def _all_hold(group: LocalGroup, keys: int) -> bool:
    return all([await group.call(node, "DBSIZE") == keys for node in group.nodes])


def erase(node: LocalProcess) -> None:
    """Everything but its configuration, as it was written by hand."""
    for path in node.directory.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in ("node.conf", "node.log"):
            path.unlink()


async def holds_all(group: LocalGroup, node: LocalProcess) -> None:
    for number in range(KEYS):
        assert await group.call(node, "GET", f"key:{number}") == str(number).encode()


@pytest.mark.parametrize("replicas", [1, 2])
@pytest.mark.parametrize("written", [0, 3], ids=["empty", "written to again"])
async def test_data_half_a_second_old_survive(tmp_path: Path, replicas: int, written: int) -> None:
    async with watched(tmp_path, replicas) as group:
        old = await fill(group, replicas)
        await old.kill()
        erase(old)
        await group.start_node(old)
        for number in range(written):
            await group.call(old, "SET", f"new:{number}", "1")
        new = await all_name_another(group, old)
        await settled(group, new)
        await holds_all(group, new)
        assert await group.call(new, "DBSIZE") == KEYS
        logs = [sentinel.log.read_text() for sentinel in group.sentinels]
        assert sum(f"+lost-data master {NAME} " in text for text in logs) >= group.quorum


async def test_empty_primary_knowing_sentinels_acknowledges_nothing(tmp_path: Path) -> None:
    """It has lost its data but not the names of its Sentinels, and they do not vouch for it."""
    async with watched(tmp_path, 2) as group:
        peers = group.nodes[0].directory / "sentinel-peers.conf"
        await until(lambda: _lines(peers, "sentinel ", 3), "the primary knows its Sentinels")
        old = await fill(group, 2)
        await old.kill()
        await group.start_node(old)
        with pytest.raises(ClientError, match="READONLY"):
            await group.call(old, "SET", "lost", "1")
        new = await all_name_another(group, old)
        await settled(group, new)
        await holds_all(group, new)


async def _lines(file: Path, prefix: str, count: int) -> bool:
    return file.exists() and f"\n{file.read_text()}".count(f"\n{prefix}") == count


async def test_a_primary_that_comes_back_with_its_data_goes_on_at_once(tmp_path: Path) -> None:
    """A Redis with an append-only file has another history then, and its replicas take it."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    keeps = {"appendonly": "yes", "appendfsync": "always"}
    async with LocalGroup(
        directory=tmp_path / "group", down_after_ms=2_000, node_command=("redis-server",), settings=keeps
    ) as group:
        primary = await fill(group, 2)
        await primary.kill()
        await group.start_node(primary)
        await until(lambda: _all_hold(group, KEYS), "all have the data again")
        await asyncio.sleep(2)
        assert await group.primary() is primary
        assert "+sdown" not in "".join(sentinel.log.read_text() for sentinel in group.sentinels)
