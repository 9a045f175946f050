"""What a backup says of itself is read as it was written, and what is damaged is named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from garrison.cluster.backup.core.record import new_id, parse_record, time_of_id
from garrison.cluster.errors import ManagerError
from tests.unit.cluster.backup.records import NOON, backup, shard


def test_document_is_read_as_it_was_written() -> None:
    record = backup(1, shard(slots="0-99,205"))
    assert parse_record(record.render(), "x") == record
    assert record.shards[0].slot_set == {*range(100), 205}


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (b'"bytes": 3', b'"bytes": -3', "shards.0.file.bytes"),
        (b'"id": "b1"', b'"id": "../b1"', "id"),
        (b'"name": "shard-00.rdb"', b'"name": "../../x"', "shards.0.file.name"),
        (b"{", b"", "the document"),
        (b'"format": 1', b'"format": 2', "use a newer Garrison"),
    ],
)
def test_damaged_document_is_refused(before: bytes, after: bytes, words: str) -> None:
    data = backup(1, shard()).render().replace(before, after, 1)
    with pytest.raises(ManagerError, match=words):
        parse_record(data, "x")


def test_keys_are_unknown_if_those_of_one_shard_are() -> None:
    known, unknown = shard("a"), shard("b")
    known.keys = 5
    assert backup(1, known).keys == 5
    assert backup(1, known, unknown).keys is None


def test_missing_shard_is_named() -> None:
    with pytest.raises(ManagerError, match="b1 has no shard shard-07"):
        backup(1, shard()).shard("shard-07")


def test_id_tells_its_time() -> None:
    now = datetime(2026, 11, 29, 17, 3, 7, tzinfo=UTC)
    assert new_id(now, "ab12") == "20261129T170307Z-ab12"
    assert time_of_id("20261129T170307Z-ab12") == now
    assert time_of_id("lost+found") is None


def test_backup_reaches_as_far_as_its_newest_shard() -> None:
    early, late = shard("a"), shard("b")
    record = backup(1, early, late)
    late.taken_at = NOON + timedelta(hours=1)
    assert record.reaches == NOON + timedelta(hours=1)
