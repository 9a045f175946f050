"""Slot ranges: the short way to write a set of slots.

A cluster speaks of slots in three shapes: a set (who owns what), sorted inclusive ranges (what
``CLUSTER NODES`` prints and ``CLUSTER ADDSLOTSRANGE`` takes) and text such as ``0-99,205``.
These functions convert between them; everything else in the manager works on one of the three.
"""

from collections.abc import Iterable

SLOT_COUNT = 16384

Range = tuple[int, int]


def to_ranges(slots: Iterable[int]) -> tuple[Range, ...]:
    """Return the sorted inclusive ranges that hold exactly ``slots``."""
    found: list[Range] = []
    for slot in sorted(set(slots)):
        if found and found[-1][1] == slot - 1:
            found[-1] = (found[-1][0], slot)
        else:
            found.append((slot, slot))
    return tuple(found)


def merge_ranges(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Return the sorted inclusive ranges that hold exactly the slots of ``ranges``."""
    found: list[Range] = []
    for first, last in sorted(ranges):
        if found and found[-1][1] >= first - 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return tuple(found)


def to_slots(ranges: Iterable[Range]) -> list[int]:
    """Return the slots of ``ranges``, in the order given."""
    return [slot for first, last in ranges for slot in range(first, last + 1)]


def format_ranges(ranges: Iterable[Range], *, limit: int | None = None) -> str:
    """Write ranges as ``0-99,205``; with ``limit``, name at most so many and count the rest."""
    listed = list(ranges)
    shown = listed if limit is None else listed[:limit]
    text = ",".join(str(first) if first == last else f"{first}-{last}" for first, last in shown)
    hidden = len(listed) - len(shown)
    return f"{text} and {hidden} more ranges" if hidden else text


def format_slots(slots: Iterable[int], *, limit: int | None = None) -> str:
    """Write slots as ``0-99,205``."""
    return format_ranges(to_ranges(slots), limit=limit)


def parse_ranges(text: str) -> tuple[Range, ...]:
    """Read ``0-99,205``. ValueError names the part that is wrong and what is allowed."""
    return merge_ranges(_parse_part(part.strip()) for part in text.split(","))


def _parse_part(part: str) -> Range:
    first, dash, last = part.partition("-")
    if not (first.isdecimal() and (last.isdecimal() or not dash)):
        raise ValueError(f"{part!r} is not a slot range; write 5 or 0-99, and a comma between several")
    low, high = int(first), int(last or first)
    if low > high or high >= SLOT_COUNT:
        raise ValueError(f"slot range {part!r} must rise and end at {SLOT_COUNT - 1} or below")
    return low, high
