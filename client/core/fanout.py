"""Splitting one command over the slots of its keys, and putting the replies together again.

A cluster serves a multi-key command only when all keys share a slot. MGET, MSET, DEL, UNLINK, EXISTS
and TOUCH treat each key on its own, so they can be split: one part a slot, all parts sent at once.
What is lost is atomicity: the parts are executed one by one, and a failing part does not undo the others.

>>> parts = split([b"a", b"b", b"{a}2"], step=1)
>>> [(part.args, part.positions) for part in parts]
[([b'a', b'{a}2'], [0, 2]), ([b'b'], [1])]
>>> merge_in_order(parts, [["A", "A2"], ["B"]])
['A', 'B', 'A2']
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from garrison.client.core.resp import Arg, to_bytes
from garrison.client.core.slots import group_by_slot

__all__ = ["Part", "merge_all_ok", "merge_in_order", "merge_sum", "split"]


class Part(NamedTuple):
    """The share of one slot in a split command."""

    slot: int
    args: list[Arg]
    positions: list[int]
    """Which keys of the whole command, counted from 0, these are."""


def split(args: Sequence[Arg], *, step: int) -> list[Part]:
    """Split arguments in groups of ``step``, each beginning with its key, into one part a slot."""
    keys = [to_bytes(key) for key in args[::step]]
    return [
        Part(slot, [arg for at in positions for arg in args[at * step : (at + 1) * step]], positions)
        for slot, positions in group_by_slot(keys).items()
    ]


def merge_in_order(parts: Sequence[Part], replies: Sequence[Sequence[Any]]) -> list[Any]:
    """One value a key, in the order in which the keys were given."""
    merged: list[Any] = [None] * sum(len(part.positions) for part in parts)
    for part, values in zip(parts, replies, strict=True):
        for position, value in zip(part.positions, values, strict=True):
            merged[position] = value
    return merged


def merge_sum(_parts: Sequence[Part], replies: Sequence[int]) -> int:
    """Counts added up."""
    return sum(replies)


def merge_all_ok(_parts: Sequence[Part], replies: Sequence[Any]) -> bool:
    """All parts answered ``OK``."""
    return all(reply is not None for reply in replies)
