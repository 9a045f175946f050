"""Hashes: fields with values under one key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Mapping
from typing import Any

from garrison.client.commands.base import CommandSet, T, as_dict, as_float, as_pairs
from garrison.client.core.commands import command
from garrison.client.core.resp import Arg, Key
from garrison.client.errors import UsageError

__all__ = ["HashCommands"]

_HDEL = command("HDEL")
_HEXISTS = command("HEXISTS")
_HGET = command("HGET")
_HGETALL = command("HGETALL")
_HINCRBY = command("HINCRBY")
_HINCRBYFLOAT = command("HINCRBYFLOAT")
_HKEYS = command("HKEYS")
_HLEN = command("HLEN")
_HMGET = command("HMGET")
_HRANDFIELD = command("HRANDFIELD")
_HSCAN = command("HSCAN")
_HSET = command("HSET")
_HSETNX = command("HSETNX")
_HSTRLEN = command("HSTRLEN")
_HVALS = command("HVALS")


class HashCommands(CommandSet[T]):
    """The commands on hashes."""

    def hset(self, key: Key, values: Mapping[Any, Arg]) -> Coroutine[Any, Any, int]:
        """Set fields, given as a mapping; how many are new."""
        if not values:
            raise UsageError("no fields: give a mapping with at least one field and its value")
        return self._keyed(_HSET, (key, *(part for pair in values.items() for part in pair)))

    def hsetnx(self, key: Key, field: Arg, value: Arg) -> Coroutine[Any, Any, bool]:
        """Set a field unless it exists; whether it was set."""
        return self._keyed(_HSETNX, (key, field, value), bool)

    def hget(self, key: Key, field: Arg) -> Coroutine[Any, Any, T | None]:
        """The value of a field; None when there is none."""
        return self._keyed(_HGET, (key, field))

    def hmget(self, key: Key, *fields: Arg) -> Coroutine[Any, Any, list[T | None]]:
        """The values of several fields, in order."""
        return self._keyed(_HMGET, (key, *fields))

    def hgetall(self, key: Key) -> Coroutine[Any, Any, dict[T, T]]:
        """All fields with their values; empty if the key does not exist."""
        return self._keyed(_HGETALL, (key,), as_dict)

    def hdel(self, key: Key, *fields: Arg) -> Coroutine[Any, Any, int]:
        """Delete fields; how many there were."""
        return self._keyed(_HDEL, (key, *fields))

    def hexists(self, key: Key, field: Arg) -> Coroutine[Any, Any, bool]:
        """Whether the field exists."""
        return self._keyed(_HEXISTS, (key, field), bool)

    def hlen(self, key: Key) -> Coroutine[Any, Any, int]:
        """The number of fields."""
        return self._keyed(_HLEN, (key,))

    def hkeys(self, key: Key) -> Coroutine[Any, Any, list[T]]:
        """The names of all fields."""
        return self._keyed(_HKEYS, (key,))

    def hvals(self, key: Key) -> Coroutine[Any, Any, list[T]]:
        """The values of all fields."""
        return self._keyed(_HVALS, (key,))

    def hstrlen(self, key: Key, field: Arg) -> Coroutine[Any, Any, int]:
        """The length in bytes of a field's value; 0 when there is none."""
        return self._keyed(_HSTRLEN, (key, field))

    def hincrby(self, key: Key, field: Arg, by: int = 1) -> Coroutine[Any, Any, int]:
        """Add to the integer in a field; the new value."""
        return self._keyed(_HINCRBY, (key, field, by))

    def hincrbyfloat(self, key: Key, field: Arg, by: float) -> Coroutine[Any, Any, float]:
        """Add to the number in a field; the new value."""
        return self._keyed(_HINCRBYFLOAT, (key, field, by), as_float)

    def hrandfield(self, key: Key, count: int = 1) -> Coroutine[Any, Any, list[T]]:
        """Random fields: ``count`` different ones, or, if negative, -count with repetitions."""
        return self._keyed(_HRANDFIELD, (key, count))

    def hrandfield_with_values(self, key: Key, count: int = 1) -> Coroutine[Any, Any, list[tuple[T, T]]]:
        """Random fields with their values; ``count`` as in :meth:`hrandfield`."""
        return self._keyed(_HRANDFIELD, (key, count, "WITHVALUES"), as_pairs)

    def hscan(
        self, key: Key, cursor: int = 0, *, match: Arg | None = None, count: int | None = None
    ) -> Coroutine[Any, Any, tuple[int, dict[T, T]]]:
        """One step through the fields: the next cursor (0 at the end) and some fields with values."""
        args: list[Arg] = [key, cursor]
        if match is not None:
            args += ["MATCH", match]
        if count is not None:
            args += ["COUNT", count]
        return self._keyed(_HSCAN, args, _as_step)

    async def hscan_iter(
        self, key: Key, *, match: Arg | None = None, count: int | None = None
    ) -> AsyncIterator[tuple[T, T]]:
        """All fields with values, in steps. A field may come twice while the hash is changed."""
        cursor = 0
        while True:
            cursor, fields = await self.hscan(key, cursor, match=match, count=count)
            for item in fields.items():
                yield item
            if cursor == 0:
                return


def _as_step(reply: Any) -> Any:
    return int(reply[0]), as_dict(reply[1])
