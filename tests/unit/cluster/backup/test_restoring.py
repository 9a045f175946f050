"""Restoring into a node, and into files."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from garrison.client import Client
from garrison.cluster.backup.restoring import restore_files, restore_keys
from garrison.cluster.backup.taking import take_backup
from garrison.cluster.backup.target import FolderTarget
from garrison.cluster.errors import ManagerError, StoppedError, UsageProblem
from garrison.cluster.manager.session import Session
from tests.unit.cluster.backup.conftest import KEYS, address_of, started_node


async def test_all_types_and_expiries_come_back(
    session: Session, target: FolderTarget, source: Client[bytes], empty: Client[bytes]
) -> None:
    record = await take_backup(session, target, address_of(source))
    restored = await restore_keys(session, target, record, {}, address_of(empty))
    assert restored.meter.keys_moved == KEYS == await empty.call("DBSIZE")
    assert await empty.call("HGETALL", "hash") == {b"field": b"value"}
    assert await empty.call("PEXPIRETIME", "short") == await source.call("PEXPIRETIME", "short")
    assert await empty.call("TTL", "list") == -1


async def test_target_with_keys_wants_replace(
    session: Session, target: FolderTarget, source: Client[bytes], empty: Client[bytes]
) -> None:
    record = await take_backup(session, target, address_of(source))
    await empty.set("key:1", "other")
    await empty.set("own", "kept")
    with pytest.raises(UsageProblem, match=r"is not empty .*has 2 keys.*--replace"):
        await restore_keys(session, target, record, {}, address_of(empty))
    await restore_keys(session, target, record, {}, address_of(empty), replace=True)
    assert await empty.mget("key:1", "own") == [b"1", b"kept"]


async def test_point_in_time_is_restored(
    session: Session, target: FolderTarget, source: Client[bytes], empty: Client[bytes]
) -> None:
    first = await take_backup(session, target, address_of(source))
    following = asyncio.create_task(
        take_backup(session, target, address_of(source), incremental=True, follow_s=60)
    )
    await asyncio.sleep(0.3)
    await source.set("good", "1")
    await asyncio.sleep(1.1)
    until = datetime.fromtimestamp(int(time.time()), UTC)
    await asyncio.sleep(1.1)
    await source.call("FLUSHALL")
    await asyncio.sleep(0.3)
    session.stop.set()
    record = await following
    assert record.keys == 0
    await restore_keys(session, target, record, {first.id: first}, address_of(empty), until=until)
    assert await empty.call("DBSIZE") == KEYS + 1
    assert await empty.get("good") == b"1"


async def test_databases_are_restored(
    session: Session, target: FolderTarget, source: Client[bytes], empty: Client[bytes]
) -> None:
    async with source.dedicated() as connection:
        await connection.call("SELECT", 5)
        await connection.call("SET", "there", "1")
    record = await take_backup(session, target, address_of(source))
    await restore_keys(session, target, record, {}, address_of(empty))
    async with empty.dedicated() as connection:
        await connection.call("SELECT", 5)
        assert await connection.call("GET", "there") == b"1"


async def test_refused_key_is_named(
    session: Session, target: FolderTarget, source: Client[bytes], empty: Client[bytes]
) -> None:
    record = await take_backup(session, target, address_of(source))
    await empty.call("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(ManagerError, match=r"the target refused key '.*': OOM"):
        await restore_keys(session, target, record, {}, address_of(empty))


async def test_stopped_restore_says_what_is_there(
    session: Session, target: FolderTarget, source: Client[bytes], empty: Client[bytes]
) -> None:
    record = await take_backup(session, target, address_of(source))
    restoring = asyncio.create_task(restore_keys(session, target, record, {}, address_of(empty)))
    await asyncio.sleep(0.1)
    restoring.cancel()
    with pytest.raises(StoppedError, match=r"stopped after \d+ keys"):
        await restoring


@pytest.mark.parametrize("is_incremental", [False, True])
async def test_node_starts_from_restored_files(
    session: Session, target: FolderTarget, source: Client[bytes], tmp_path: Path, is_incremental: bool
) -> None:
    record = await take_backup(session, target, address_of(source))
    others = {record.id: record}
    if is_incremental:
        await source.set("later", "1")
        record = await take_backup(session, target, address_of(source), incremental=True)
    ((place, is_log),) = await restore_files(session, target, record, others, tmp_path / "files")
    assert is_log == is_incremental
    async with started_node(place, "--appendonly", "yes" if is_log else "no") as node:
        while True:
            if b"loading:0" in await node.call("INFO", "persistence"):
                break
        assert await node.call("DBSIZE") == KEYS + is_incremental


async def test_keys_that_expire_meanwhile_stop_nothing(
    session: Session, target: FolderTarget, source: Client[bytes], empty: Client[bytes]
) -> None:
    async with source.pipeline() as pipe:
        for number in range(20_000):
            pipe.set(f"short:{number}", "x" * 50, px=1_000 + number // 4)
    record = await take_backup(session, target, address_of(source))
    await restore_keys(session, target, record, {}, address_of(empty))
    async with asyncio.timeout(30):
        while await empty.call("DBSIZE") > KEYS:
            await asyncio.sleep(0.1)
    assert await empty.get("key:1") == b"1"


@pytest.mark.parametrize(
    ("was_moving", "strays", "values"),
    [(False, 2, [b"owner's", None]), (True, 1, [b"owner's", b"only here"])],
)
async def test_strays_are_restored_where_slots_were_moving(
    session: Session,
    target: FolderTarget,
    source: Client[bytes],
    empty: Client[bytes],
    tmp_path: Path,
    was_moving: bool,
    strays: int,
    values: list[bytes | None],
) -> None:
    """Two nodes as shards: the first has two keys of a slot of the second, which has one of them."""
    await source.call("FLUSHALL")
    await source.mset({"{foo}:both": "old", "{foo}:one": "only here"})
    async with started_node(tmp_path / "other") as other:
        await other.set("{foo}:both", "owner's")
        records = [await take_backup(session, target, address_of(node)) for node in (source, other)]
    (first,), (second,) = (record.shards for record in records)
    first.slots, second.slots, second.name = "0-8000", "8001-16383", "second"
    for data in (target.path / records[1].id).glob("*.rdb"):
        data.rename(target.path / records[0].id / "second.rdb")
    second.file.name = "second.rdb"
    whole = records[0].model_copy(update={"shards": [first, second], "warnings": ["moving"] * was_moving})
    restored = await restore_keys(session, target, whole, {}, address_of(empty))
    assert await empty.mget("{foo}:both", "{foo}:one") == values
    assert restored.strays == strays
