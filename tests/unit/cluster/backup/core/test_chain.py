"""Increments lead back to their snapshot, and backups to what they need."""

from __future__ import annotations

import pytest

from garrison.cluster.backup.core.chain import chain_of, continued, needed_by, newest_of
from garrison.cluster.errors import ManagerError
from tests.unit.cluster.backup.records import backup, by_id, shard

FULL = backup(1, shard())
NEXT = backup(2, shard(kind="increment"), parent=1)
LAST = backup(3, shard(kind="increment"), parent=2)


def test_chain_begins_with_the_snapshot() -> None:
    chain = chain_of(LAST, LAST.shards[0], by_id(FULL, NEXT, LAST))
    assert [link.backup.id for link in chain] == ["b1", "b2", "b3"]


def test_snapshot_within_incremental_backup_needs_nothing() -> None:
    mixed = backup(4, shard("a"), shard("b", "increment"), parent=1)
    assert [link.backup.id for link in chain_of(mixed, mixed.shards[0], {})] == ["b4"]


def test_missing_parent_is_named() -> None:
    with pytest.raises(ManagerError, match="b3 needs backup b2, which is not there"):
        chain_of(LAST, LAST.shards[0], by_id(FULL, LAST))


def test_backup_that_needs_itself_is_refused() -> None:
    circle = backup(5, shard(kind="increment"), parent=5)
    with pytest.raises(ManagerError, match="needs itself"):
        chain_of(circle, circle.shards[0], by_id(circle))
    assert needed_by(circle, by_id(circle)) == {"b5"}


def test_all_ancestors_are_needed() -> None:
    assert needed_by(LAST, by_id(FULL, NEXT, LAST)) == {"b1", "b2", "b3"}


def test_shard_is_found_by_its_history() -> None:
    first, second = shard("a", history="1" * 40), shard("b", history="2" * 40)
    assert continued([first, second], ("3" * 40, "2" * 40)) == second
    assert continued([first, second], ("3" * 40,)) is None


def test_newest_backup_of_the_same_history_is_continued() -> None:
    other = backup(9, shard(history="f" * 40))
    assert newest_of([FULL, NEXT, other], {FULL.shards[0].history}) == NEXT
    assert newest_of([other], {FULL.shards[0].history}) is None
