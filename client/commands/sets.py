"""Sets: members without order, each once."""

from __future__ import annotations

from typing import Any, overload

from garrison.client.commands.arguments import Args, Keys, counted, many, option
from garrison.client.commands.base import CommandSet, Reply, T
from garrison.client.commands.replies import as_scan_step, as_set, each
from garrison.client.core.commands import command
from garrison.client.core.resp import Arg, Key

__all__ = ["SetCommands"]

_SADD = command("SADD")
_SCARD = command("SCARD")
_SDIFF = command("SDIFF")
_SDIFFSTORE = command("SDIFFSTORE")
_SINTER = command("SINTER")
_SINTERCARD = command("SINTERCARD")
_SINTERSTORE = command("SINTERSTORE")
_SISMEMBER = command("SISMEMBER")
_SMEMBERS = command("SMEMBERS")
_SMISMEMBER = command("SMISMEMBER")
_SMOVE = command("SMOVE")
_SPOP = command("SPOP")
_SRANDMEMBER = command("SRANDMEMBER")
_SREM = command("SREM")
_SSCAN = command("SSCAN")
_SUNION = command("SUNION")
_SUNIONSTORE = command("SUNIONSTORE")


class SetCommands(CommandSet[T]):
    """The commands on sets. Those on several sets need all keys in one slot."""

    def sadd(self, key: Key, *values: Arg) -> Reply[int]:
        """Add members; how many are new."""
        return self._keyed(_SADD, (key, *values))

    def srem(self, key: Key, *values: Arg) -> Reply[int]:
        """Remove members; how many there were."""
        return self._keyed(_SREM, (key, *values))

    def scard(self, key: Key) -> Reply[int]:
        """The number of members."""
        return self._keyed(_SCARD, (key,))

    def sismember(self, key: Key, value: Arg) -> Reply[bool]:
        """Whether a value is a member."""
        return self._keyed(_SISMEMBER, (key, value), bool)

    def smismember(self, key: Key, values: Args, *more: Arg) -> Reply[list[bool]]:
        """Whether each of the values is a member."""
        return self._keyed(_SMISMEMBER, (key, *many(values, *more)), each(bool))

    def smembers(self, key: Key) -> Reply[set[T]]:
        """All members."""
        return self._keyed(_SMEMBERS, (key,), as_set)

    @overload
    def spop(self, key: Key, count: None = None) -> Reply[T | None]: ...

    @overload
    def spop(self, key: Key, count: int) -> Reply[set[T]]: ...

    def spop(self, key: Key, count: int | None = None) -> Reply[Any]:
        """Take a random member, None if there is none; with ``count`` a set of at most so many."""
        return self._keyed(_SPOP, (key,)) if count is None else self._keyed(_SPOP, (key, count), as_set)

    @overload
    def srandmember(self, key: Key, number: None = None) -> Reply[T | None]: ...

    @overload
    def srandmember(self, key: Key, number: int) -> Reply[list[T]]: ...

    def srandmember(self, key: Key, number: int | None = None) -> Reply[Any]:
        """A random member, which stays; with ``number`` a list of so many, if negative with repetitions."""
        return self._keyed(_SRANDMEMBER, (key,) if number is None else (key, number))

    def smove(self, src: Key, dst: Key, value: Arg) -> Reply[bool]:
        """Move a member to another set; whether it was a member."""
        return self._keyed(_SMOVE, (src, dst, value), bool)

    def sdiff(self, keys: Keys, *more: Key) -> Reply[set[T]]:
        """The members of the first set that are in none of the others."""
        return self._routed(_SDIFF, many(keys, *more), as_set)

    def sinter(self, keys: Keys, *more: Key) -> Reply[set[T]]:
        """The members that all sets have."""
        return self._routed(_SINTER, many(keys, *more), as_set)

    def sunion(self, keys: Keys, *more: Key) -> Reply[set[T]]:
        """The members of all sets together."""
        return self._routed(_SUNION, many(keys, *more), as_set)

    def sintercard(self, numkeys: int, keys: Keys, limit: int = 0) -> Reply[int]:
        """How many members all sets have in common; counting ends at ``limit``, unless it is 0."""
        return self._routed(_SINTERCARD, [*counted(many(keys), numkeys), *option("LIMIT", limit or None)])

    def sdiffstore(self, dest: Key, keys: Keys, *more: Key) -> Reply[int]:
        """Store the result of :meth:`sdiff`; its size."""
        return self._routed(_SDIFFSTORE, [dest, *many(keys, *more)])

    def sinterstore(self, dest: Key, keys: Keys, *more: Key) -> Reply[int]:
        """Store the result of :meth:`sinter`; its size."""
        return self._routed(_SINTERSTORE, [dest, *many(keys, *more)])

    def sunionstore(self, dest: Key, keys: Keys, *more: Key) -> Reply[int]:
        """Store the result of :meth:`sunion`; its size."""
        return self._routed(_SUNIONSTORE, [dest, *many(keys, *more)])

    def sscan(
        self, key: Key, cursor: int = 0, match: Arg | None = None, count: int | None = None
    ) -> Reply[tuple[int, list[T]]]:
        """One step through the members: the next cursor (0 at the end) and some members."""
        args: tuple[Arg, ...] = (key, cursor, *option("MATCH", match), *option("COUNT", count))
        return self._keyed(_SSCAN, args, as_scan_step)
