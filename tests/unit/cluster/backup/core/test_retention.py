"""Pruning keeps what the rules keep, and all that it needs."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from garrison.cluster.backup.core.chain import chain_of
from garrison.cluster.backup.core.record import BackupRecord
from garrison.cluster.backup.core.retention import choose_abandoned, choose_removed
from tests.unit.cluster.backup.records import NOON, backup, by_id, shard

DAY = timedelta(days=1)


def history_of(fulls: list[bool]) -> dict[str, BackupRecord]:
    """One backup a day, the oldest first; true is a full one."""
    records = []
    for number, is_full in enumerate(fulls):
        full = is_full or number == 0
        made = shard(kind="snapshot" if full else "increment")
        parent = None if full else number - 1
        records.append(backup(number, made, parent=parent, days_old=len(fulls) - number))
    return by_id(*records)


def test_newest_are_kept() -> None:
    assert choose_removed(history_of([True] * 5), NOON, keep=2) == ["b0", "b1", "b2"]


def test_old_ones_are_removed() -> None:
    assert choose_removed(history_of([True] * 5), NOON, older_than=3 * DAY) == ["b0", "b1"]


def test_needed_parent_is_kept() -> None:
    assert choose_removed(history_of([True, True, False, False]), NOON, keep=1) == ["b0"]


def test_both_rules_must_allow_it() -> None:
    assert choose_removed(history_of([True] * 5), NOON, keep=1, older_than=3 * DAY) == ["b0", "b1"]


def test_newest_is_kept_however_old() -> None:
    assert choose_removed(history_of([True]), NOON + 100 * DAY, older_than=DAY) == []


def test_only_old_unfinished_folders_are_abandoned() -> None:
    names = ["20261127T120000Z-aa", "20261129T110000Z-bb", "photos"]
    assert choose_abandoned(names, NOON) == ["20261127T120000Z-aa"]


@given(st.lists(st.booleans(), min_size=1, max_size=12), st.integers(1, 5), st.integers(0, 12))
def test_what_stays_can_be_restored(fulls: list[bool], keep: int, days: int) -> None:
    records = history_of(fulls)
    removed = choose_removed(records, NOON, keep=keep, older_than=days * DAY)
    left = {name: record for name, record in records.items() if name not in removed}
    assert len(left) >= min(keep, len(records))
    for record in left.values():
        for made in record.shards:
            chain_of(record, made, left)
