"""The arguments of CLUSTER commands: numbers and slots, with Redis's error texts."""

from __future__ import annotations

from typing import Final

from garrison.base.reply import Error
from garrison.node.core import slots as sl

SUPERSEDED: Final = Error("STALEMANAGER the lease that this connection spoke for has ended here")
"""What a command is answered that a manager sent before its connection was closed."""


class RefusedError(Exception):
    """A command that cannot be carried out; the text follows ``ERR ``."""


def integer(text: str) -> int:
    """A 64-bit integer as Redis accepts it."""
    try:
        value = int(text) if text == text.strip() and "_" not in text else None
    except ValueError:
        value = None
    if value is None or not -(1 << 63) <= value < 1 << 63:
        raise RefusedError("value is not an integer or out of range")
    return value


def slot_number(text: str) -> int:
    """A slot from 0 to 16383."""
    try:
        slot = integer(text)
    except RefusedError:
        slot = -1
    if not 0 <= slot < sl.SLOT_COUNT:
        raise RefusedError("Invalid or out of range slot")
    return slot


def slot_set(words: list[str], *, ranges: bool) -> int:
    """The slots that the words name one by one or as pairs; none may come twice."""
    if not ranges:
        numbers = [slot_number(word) for word in words]
        _refuse_twice(numbers)
        return sl.from_slots(numbers)
    slots = sl.NO_SLOTS
    for first, last in zip(words[::2], words[1::2], strict=True):
        low, high = slot_number(first), slot_number(last)
        if low > high:
            raise RefusedError(f"start slot number {low} is greater than end slot number {high}")
        part = sl.from_range(low, high)
        if part & slots:
            raise RefusedError(f"Slot {next(sl.each(part & slots))} specified multiple times")
        slots |= part
    return slots


def _refuse_twice(numbers: list[int]) -> None:
    seen: set[int] = set()
    for number in numbers:
        if number in seen:
            raise RefusedError(f"Slot {number} specified multiple times")
        seen.add(number)
