"""The number of keys is read from a snapshot's head, or is not known; nothing else happens."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from garrison.cluster.backup.core.rdb_head import Counts, counts_in_head

AUX = b"\xfa\x09redis-ver\x057.2.0\xfa\x0aredis-bits\xc0\x40\xfa\x05ctime\xc2\x01\x02\x03\x04"


def test_counts_stand_behind_auxiliary_fields() -> None:
    assert counts_in_head(b"REDIS0011" + AUX + b"\xfe\x00\xfb\x05\x02\x00") == Counts(5, 2)
    assert counts_in_head(b"REDIS0011" + AUX + b"\xfe\x00\xfb\x41\x00\x80\x00\x01\x00\x00") == Counts(
        256, 65536
    )
    assert counts_in_head(b"REDIS0011\xfe\x00\xfb\x81\0\0\0\1\0\0\0\0\x00") == Counts(1 << 32, 0)


def test_empty_snapshot_has_no_keys() -> None:
    assert counts_in_head(b"REDIS0011" + AUX + b"\xff") == Counts(0, 0)


def test_snapshot_without_counts_has_unknown_ones() -> None:
    assert counts_in_head(b"REDIS0006\xfe\x00\x00\x01k\x01v\xff") is None
    assert counts_in_head(b"something else") is None


@given(st.binary(max_size=40))
def test_no_bytes_raise(data: bytes) -> None:
    counts_in_head(b"REDIS0011" + data)
