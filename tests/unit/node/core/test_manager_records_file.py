"""The file of the manager register: what is written is read, and a damaged one is refused."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from garrison.node.core.manager_records_file import DamagedRecordsError, SavedRecords, load, write

numbers = st.integers(0, (1 << 63) - 1)
saved_records = st.builds(
    SavedRecords,
    node_id=st.just("a" * 40),
    epoch=numbers,
    holder=st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=20),
    ttl_ms=numbers,
    counted_epoch=st.none() | numbers,
    is_behind=st.booleans(),
    is_lost=st.booleans(),
    written_epoch=numbers,
    version=numbers,
    content=st.binary(max_size=200),
)
EXAMPLE = write(SavedRecords("a" * 40, 7, "m1", 10_000, 3, False, False, 6, 12, b'{"x": 1}\n\xff'))


@given(saved_records)
def test_what_is_written_is_read(saved: SavedRecords) -> None:
    assert load(write(saved)) == saved


@given(at=st.integers(0, len(EXAMPLE) - 1), other=st.characters(codec="ascii"))
def test_any_other_character_is_noticed(at: int, other: str) -> None:
    changed = EXAMPLE[:at] + other + EXAMPLE[at + 1 :]
    if changed != EXAMPLE:
        with pytest.raises(DamagedRecordsError):
            load(changed)


@pytest.mark.parametrize("length", range(len(EXAMPLE)))
def test_file_that_was_cut_off_is_noticed(length: int) -> None:
    with pytest.raises(DamagedRecordsError):
        load(EXAMPLE[:length])


def test_message_says_what_is_wrong() -> None:
    with pytest.raises(DamagedRecordsError, match="it was cut off, changed or damaged"):
        load(EXAMPLE[:-1])
    with pytest.raises(DamagedRecordsError, match="does not begin as the file of a manager register"):
        load("vars currentEpoch 3\n")
