"""Backups of one node: full, incremental, followed, broken off."""

from __future__ import annotations

import asyncio

import pytest

from garrison.client import Client
from garrison.cluster.backup.backup_commands import verify
from garrison.cluster.backup.core.record import BackupRecord
from garrison.cluster.backup.taking import take_backup
from garrison.cluster.backup.target import FolderTarget
from garrison.cluster.core.topology import Address
from garrison.cluster.errors import ManagerError, UnreachableError
from garrison.cluster.manager.session import Session
from tests.unit.cluster.backup.conftest import KEYS, Notes, address_of


def kinds(record: BackupRecord) -> list[str]:
    return [shard.file.kind for shard in record.shards]


async def test_full_backup_says_what_it_has(
    session: Session, target: FolderTarget, source: Client[bytes]
) -> None:
    record = await take_backup(session, target, address_of(source))
    (shard,) = record.shards
    info = await source.call("INFO", "replication")
    assert (shard.keys, shard.expiring, record.is_cluster) == (KEYS, 1, False)
    assert f"master_replid:{shard.history}\r\nmaster_replid2:" in info.decode()
    assert list((await target.catalog()).records.values()) == [record]


async def test_increment_has_what_came_since(
    session: Session, target: FolderTarget, source: Client[bytes]
) -> None:
    first = await take_backup(session, target, address_of(source))
    await source.set("later", "1")
    second = await take_backup(session, target, address_of(source), incremental=True)
    assert (kinds(second), second.parent, second.keys) == (["increment"], first.id, KEYS + 1)
    assert second.shards[0].file.bytes < 500
    third = await take_backup(session, target, address_of(source), incremental=True)
    assert third.parent == second.id
    report = await verify(session, target, third.id)
    assert [shard.keys for shard in report.shards] == [KEYS + 1]


async def test_first_incremental_backup_is_full(
    session: Session, notes: Notes, target: FolderTarget, source: Client[bytes]
) -> None:
    record = await take_backup(session, target, address_of(source), incremental=True)
    assert kinds(record) == ["snapshot"]
    assert "no backup that this one could continue" in notes.texts[0]


async def test_lost_stream_makes_a_full_backup(
    session: Session, notes: Notes, target: FolderTarget, source: Client[bytes]
) -> None:
    await take_backup(session, target, address_of(source))
    await source.call("CONFIG", "SET", "repl-backlog-size", "16384")
    for _ in range(4):
        await source.set("big", "x" * 1_000_000)
    record = await take_backup(session, target, address_of(source), incremental=True)
    assert (kinds(record), record.parent) == (["snapshot"], None)
    assert "no longer has the changes since backup" in notes.texts[0]


async def test_stream_is_followed_until_stopped(
    session: Session, target: FolderTarget, source: Client[bytes]
) -> None:
    await take_backup(session, target, address_of(source))
    following = asyncio.create_task(
        take_backup(session, target, address_of(source), incremental=True, follow_s=60)
    )
    await asyncio.sleep(0.3)
    await source.set("during", "1")
    session.stop.set()
    record = await following
    assert record.keys == KEYS + 1
    assert session.is_stoppable


async def test_database_of_the_stream_is_kept(
    session: Session, target: FolderTarget, source: Client[bytes]
) -> None:
    await take_backup(session, target, address_of(source))
    async with source.dedicated() as connection:
        await connection.call("SELECT", 3)
        await connection.call("SET", "elsewhere", "1")
        second = await take_backup(session, target, address_of(source), incremental=True)
        await connection.call("SET", "elsewhere:too", "1")
    assert second.shards[0].database == 3
    third = await take_backup(session, target, address_of(source), incremental=True)
    report = await verify(session, target, third.id)
    assert [shard.keys for shard in report.shards] == [KEYS + 2]


async def follow(
    session: Session, target: FolderTarget, source: Client[bytes]
) -> tuple[dict[str, bool], asyncio.Task[BackupRecord]]:
    """The folders that are there, and a backup that follows the stream for longer than any test."""
    await take_backup(session, target, address_of(source))
    before = await target.folders()
    following = asyncio.create_task(
        take_backup(session, target, address_of(source), incremental=True, follow_s=60)
    )
    await asyncio.sleep(0.3)
    return before, following


async def test_cancelled_backup_leaves_nothing(
    session: Session, target: FolderTarget, source: Client[bytes]
) -> None:
    before, following = await follow(session, target, source)
    assert len(await target.folders()) == len(before) + 1
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following
    assert await target.folders() == before


async def test_node_that_ends_meanwhile_leaves_nothing(
    session: Session, target: FolderTarget, source: Client[bytes]
) -> None:
    before, following = await follow(session, target, source)
    async with source.dedicated() as connection:
        connection.send(b"*2\r\n$8\r\nSHUTDOWN\r\n$6\r\nNOSAVE\r\n").add_done_callback(
            lambda f: f.exception()
        )
        await asyncio.sleep(0.1)
    with pytest.raises(ManagerError, match="broke off: the node closed the connection"):
        await following
    assert await target.folders() == before


async def test_silent_node_is_told(session: Session, target: FolderTarget, free_port: int) -> None:
    with pytest.raises(UnreachableError, match="is a server listening there"):
        await take_backup(session, target, Address("127.0.0.1", free_port))
    assert await target.folders() == {}
