"""Sets of hash slots as integers: bit n of the number says whether slot n is a member.

A Python integer of 16,384 bits is 2 KiB, and union, difference and comparison of two such sets
take about a microsecond, so ownership is computed on whole sets and never slot by slot. The bus
carries the same bits (bit n % 8 of byte n // 8), which is the little-endian form of the number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

SLOT_COUNT: Final = 16384
BITMAP_BYTES: Final = SLOT_COUNT // 8
ALL_SLOTS: Final = (1 << SLOT_COUNT) - 1
NO_SLOTS: Final = 0


def from_bitmap(bitmap: bytes) -> int:
    """The set that a bitmap of 2,048 bytes stands for."""
    return int.from_bytes(bitmap, "little")


@lru_cache(maxsize=4096)
def to_bitmap(slots: int) -> bytes:
    """The bitmap of 2,048 bytes that the bus carries."""
    return slots.to_bytes(BITMAP_BYTES, "little")


def from_range(first: int, last: int) -> int:
    """The slots first..last, both included."""
    return ((1 << (last - first + 1)) - 1) << first


def from_slots(slots: Iterable[int]) -> int:
    """The set of the given slots."""
    bitmap = bytearray(BITMAP_BYTES)
    for slot in slots:
        bitmap[slot >> 3] |= 1 << (slot & 7)
    return int.from_bytes(bitmap, "little")


def count(slots: int) -> int:
    """How many slots the set has."""
    return slots.bit_count()


def has(slots: int, slot: int) -> bool:
    """Whether `slot` is in the set."""
    return bool(slots >> slot & 1)


@lru_cache(maxsize=4096)
def ranges(slots: int) -> tuple[tuple[int, int], ...]:
    """The set as ranges (first, last), ascending, both ends included."""
    found = []
    base = 0
    while slots:
        gap = (slots & -slots).bit_length() - 1
        slots >>= gap
        base += gap
        length = (~slots & (slots + 1)).bit_length() - 1
        found.append((base, base + length - 1))
        slots >>= length
        base += length
    return tuple(found)


def each(slots: int) -> Iterator[int]:
    """The members one by one, ascending."""
    for first, last in ranges(slots):
        yield from range(first, last + 1)


def describe(slots: int) -> str:
    """The set as people write it: ``0-5460 7000``; empty for none."""
    return " ".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges(slots))
