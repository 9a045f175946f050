"""Bloom filters: whether a value was added before, with false positives at a chosen rate.

redis-py has these as ``client.bf().add(...)``; here they are methods like all others, ``client.bf_add(...)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from garrison.client.commands.arguments import flag, option
from garrison.client.commands.base import CommandSet, Reply, T
from garrison.client.commands.replies import as_bytes, as_fields, as_ok, each
from garrison.client.core.commands import command
from garrison.client.core.resp import Arg, Key

__all__ = ["BloomCommands"]

_ADD = command("BF.ADD")
_CARD = command("BF.CARD")
_EXISTS = command("BF.EXISTS")
_INFO = command("BF.INFO")
_INSERT = command("BF.INSERT")
_LOADCHUNK = command("BF.LOADCHUNK")
_MADD = command("BF.MADD")
_MEXISTS = command("BF.MEXISTS")
_RESERVE = command("BF.RESERVE")
_SCANDUMP = command("BF.SCANDUMP")


class BloomCommands(CommandSet[T]):
    """The commands on Bloom filters."""

    def bf_reserve(
        self,
        key: Key,
        error_rate: float,
        capacity: int,
        expansion: int | None = None,
        no_scale: bool = False,
    ) -> Reply[bool]:
        """Make a filter for ``capacity`` values and a rate of false positives such as 0.01. Always True.

        Beyond its capacity it grows by further filters, each ``expansion`` times as big as the one before;
        with ``no_scale`` it is full.
        """
        words = (*option("EXPANSION", expansion), *flag(no_scale, "NONSCALING"))
        return self._keyed(_RESERVE, (key, error_rate, capacity, *words), as_ok)

    def bf_add(self, key: Key, item: Arg) -> Reply[bool]:
        """Add a value; whether it was certainly not there."""
        return self._keyed(_ADD, (key, item), bool)

    def bf_madd(self, key: Key, *items: Arg) -> Reply[list[bool]]:
        """Add values; for each, whether it was certainly not there."""
        return self._keyed(_MADD, (key, *items), each(bool))

    def bf_insert(
        self,
        key: Key,
        items: Sequence[Arg],
        capacity: int | None = None,
        error: float | None = None,
        no_create: bool = False,
        expansion: int | None = None,
        no_scale: bool = False,
    ) -> Reply[list[bool]]:
        """Add values, making the filter first if there is none (and not ``no_create``)."""
        words = (*option("CAPACITY", capacity), *option("ERROR", error), *option("EXPANSION", expansion))
        words += (*flag(no_create, "NOCREATE"), *flag(no_scale, "NONSCALING"))
        return self._keyed(_INSERT, (key, *words, "ITEMS", *items), each(bool))

    def bf_exists(self, key: Key, item: Arg) -> Reply[bool]:
        """Whether a value may have been added; False is certain."""
        return self._keyed(_EXISTS, (key, item), bool)

    def bf_mexists(self, key: Key, *items: Arg) -> Reply[list[bool]]:
        """Whether each of the values may have been added; False is certain."""
        return self._keyed(_MEXISTS, (key, *items), each(bool))

    def bf_card(self, key: Key) -> Reply[int]:
        """How many values were added."""
        return self._keyed(_CARD, (key,))

    def bf_info(self, key: Key) -> Reply[dict[str, Any]]:
        """Capacity, size in bytes, number of filters and of values, and the expansion."""
        return self._keyed(_INFO, (key,), as_fields)

    def bf_scandump(self, key: Key, iter: int) -> Reply[tuple[int, bytes]]:
        """A piece of a filter for :meth:`bf_loadchunk`, and the number of the next; begin and end with 0."""
        return self._keyed(_SCANDUMP, (key, iter), _as_chunk)

    def bf_loadchunk(self, key: Key, iter: int, data: bytes) -> Reply[bool]:
        """Restore a piece that :meth:`bf_scandump` gave with this number. Always True."""
        return self._keyed(_LOADCHUNK, (key, iter, data), as_ok)


def _as_chunk(reply: Any) -> Any:
    return int(reply[0]), as_bytes(reply[1])
