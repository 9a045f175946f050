"""Walking through big collections step by step: of the client only, as each step waits for a reply."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Literal, overload

from garrison.client.commands.base import T
from garrison.client.commands.hashes import HashCommands
from garrison.client.commands.sets import SetCommands
from garrison.client.commands.sorted_sets import SortedSetCommands
from garrison.client.core.resp import Arg, Key

__all__ = ["ScanCommands"]


class ScanCommands(HashCommands[T], SetCommands[T], SortedSetCommands[T]):
    """Iterators over one collection, in steps of about ``count``.

    What exists throughout comes at least once; what is added or removed meanwhile may come or not, and an
    element may come twice.
    """

    @overload
    def hscan_iter(
        self,
        key: Key,
        match: Arg | None = None,
        count: int | None = None,
        no_values: Literal[False] = False,
    ) -> AsyncIterator[tuple[T, T]]: ...

    @overload
    def hscan_iter(
        self,
        key: Key,
        match: Arg | None = None,
        count: int | None = None,
        *,
        no_values: Literal[True],
    ) -> AsyncIterator[T]: ...

    async def hscan_iter(
        self,
        key: Key,
        match: Arg | None = None,
        count: int | None = None,
        no_values: bool = False,
    ) -> AsyncIterator[Any]:
        """The fields of a hash with their values, or, with ``no_values``, alone."""
        cursor = 0
        while True:
            if no_values:
                cursor, names = await self.hscan(key, cursor, match=match, count=count, no_values=True)
                for name in names:
                    yield name
            else:
                cursor, fields = await self.hscan(key, cursor, match=match, count=count)
                for item in fields.items():
                    yield item
            if cursor == 0:
                return

    async def sscan_iter(
        self, key: Key, match: Arg | None = None, count: int | None = None
    ) -> AsyncIterator[T]:
        """The members of a set."""
        cursor = 0
        while True:
            cursor, members = await self.sscan(key, cursor, match=match, count=count)
            for member in members:
                yield member
            if cursor == 0:
                return

    async def zscan_iter(
        self, key: Key, match: Arg | None = None, count: int | None = None
    ) -> AsyncIterator[tuple[T, float]]:
        """The members of a sorted set with their scores."""
        cursor = 0
        while True:
            cursor, members = await self.zscan(key, cursor, match=match, count=count)
            for item in members:
                yield item
            if cursor == 0:
                return
