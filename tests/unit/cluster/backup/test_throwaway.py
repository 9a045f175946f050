"""A node loads a backup for a moment, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from garrison.client import Client
from garrison.cluster.backup.core.chain import chain_of
from garrison.cluster.backup.taking import take_backup
from garrison.cluster.backup.target import FolderTarget
from garrison.cluster.backup.throwaway import loaded_node
from garrison.cluster.errors import ManagerError
from garrison.cluster.manager.session import Session
from tests.unit.cluster.backup.conftest import KEYS, address_of
from tests.unit.cluster.backup.test_files import link


async def test_node_has_the_data_and_leaves_no_files(
    session: Session, target: FolderTarget, source: Client[bytes], tmp_path: Path
) -> None:
    record = await take_backup(session, target, address_of(source))
    folder = tmp_path / "temporary"
    folder.mkdir()
    async with loaded_node(target, chain_of(record, record.shards[0], {}), folder=folder) as node:
        assert await node.call("DBSIZE") == KEYS
        (place,) = folder.iterdir()
        assert place.stat().st_mode & 0o077 == 0
    assert list(folder.iterdir()) == []


async def test_files_that_do_not_load_are_told_with_the_log(target: FolderTarget) -> None:
    chain = [await link(target, 1, b"REDIS0011\xfa\x01a\x01b no snapshot")]
    with pytest.raises(ManagerError, match=r"backup b1, shard shard-00, does not load(.|\n)*dump.rdb"):
        async with loaded_node(target, chain):
            pass
