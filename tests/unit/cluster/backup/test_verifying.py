"""A backup is verified by loading it; a wrong number of keys is noticed."""

from __future__ import annotations

import pytest

from garrison.client import Client
from garrison.cluster.backup.taking import take_backup
from garrison.cluster.backup.target import FolderTarget
from garrison.cluster.backup.verifying import count_problem, keys_in, verify_backup
from garrison.cluster.errors import ManagerError
from garrison.cluster.manager.session import Session
from tests.unit.cluster.backup.conftest import KEYS, address_of
from tests.unit.cluster.backup.records import shard


async def test_right_backup_is_verified(
    session: Session, target: FolderTarget, source: Client[bytes]
) -> None:
    record = await take_backup(session, target, address_of(source))
    (verified,) = await verify_backup(session, target, record, {})
    assert (verified.keys, verified.files) == (KEYS, 1)


async def test_flipped_bit_is_noticed(session: Session, target: FolderTarget, source: Client[bytes]) -> None:
    record = await take_backup(session, target, address_of(source))
    path = target.path / record.id / record.shards[0].file.name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ManagerError, match="is damaged: its SHA-256"):
        await verify_backup(session, target, record, {})


async def test_missing_keys_are_noticed(
    session: Session, target: FolderTarget, source: Client[bytes]
) -> None:
    record = await take_backup(session, target, address_of(source))
    record.shards[0].keys = KEYS + 2
    with pytest.raises(ManagerError, match=f"{KEYS} keys were loaded instead of {KEYS + 1} to {KEYS + 2}"):
        await verify_backup(session, target, record, {})


@pytest.mark.parametrize(
    ("keys", "expiring", "found", "is_right"),
    [
        (5, 0, 5, True),
        (5, 0, 4, False),
        (5, 2, 3, True),
        (5, 2, 2, False),
        (5, 2, 6, False),
        (None, None, 9, True),
    ],
)
def test_expired_keys_may_be_missing(
    keys: int | None, expiring: int | None, found: int, is_right: bool
) -> None:
    made = shard()
    made.keys, made.expiring = keys, expiring
    assert (count_problem(made, found) == "") == is_right


def test_keys_of_databases_are_read() -> None:
    reply = b"# Keyspace\r\ndb0:keys=3,expires=1,avg_ttl=0\r\ndb7:keys=2,expires=0,avg_ttl=0\r\n"
    assert keys_in(reply) == {0: 3, 7: 2}
