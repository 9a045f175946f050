"""Several sorted sets together: unions, intersections and differences. All keys in one slot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias, overload

from garrison.client.commands.arguments import Keys, bound, counted, flag, many, option
from garrison.client.commands.base import CommandSet, Reply, T
from garrison.client.commands.replies import as_score_pairs
from garrison.client.core.commands import Command, command
from garrison.client.core.resp import Arg, Key

__all__ = ["SortedSetUnionCommands", "Weighted"]

Weighted: TypeAlias = Iterable[Key] | Mapping[Any, float]
"""Keys, or keys with the weights that their scores are multiplied by."""
Aggregate: TypeAlias = Literal["SUM", "MIN", "MAX", "sum", "min", "max"]
"""What becomes of the scores of a member of several sets."""

_ZDIFF = command("ZDIFF")
_ZDIFFSTORE = command("ZDIFFSTORE")
_ZINTER = command("ZINTER")
_ZINTERCARD = command("ZINTERCARD")
_ZINTERSTORE = command("ZINTERSTORE")
_ZUNION = command("ZUNION")
_ZUNIONSTORE = command("ZUNIONSTORE")


class SortedSetUnionCommands(CommandSet[T]):
    """The commands on several sorted sets."""

    @overload
    def zdiff(self, keys: Keys, withscores: Literal[False] = False) -> Reply[list[T]]: ...

    @overload
    def zdiff(self, keys: Keys, withscores: Literal[True]) -> Reply[list[tuple[T, float]]]: ...

    def zdiff(self, keys: Keys, withscores: bool = False) -> Reply[Any]:
        """The members of the first set that are in none of the others."""
        return self._combined(_ZDIFF, counted(many(keys)), withscores)

    @overload
    def zinter(
        self, keys: Weighted, aggregate: Aggregate | None = None, withscores: Literal[False] = False
    ) -> Reply[list[T]]: ...

    @overload
    def zinter(
        self, keys: Weighted, aggregate: Aggregate | None = None, *, withscores: Literal[True]
    ) -> Reply[list[tuple[T, float]]]: ...

    def zinter(
        self, keys: Weighted, aggregate: Aggregate | None = None, withscores: bool = False
    ) -> Reply[Any]:
        """The members that all sets have; their scores are added, unless ``aggregate`` says otherwise."""
        return self._combined(_ZINTER, _weighted(keys, aggregate), withscores)

    @overload
    def zunion(
        self, keys: Weighted, aggregate: Aggregate | None = None, withscores: Literal[False] = False
    ) -> Reply[list[T]]: ...

    @overload
    def zunion(
        self, keys: Weighted, aggregate: Aggregate | None = None, *, withscores: Literal[True]
    ) -> Reply[list[tuple[T, float]]]: ...

    def zunion(
        self, keys: Weighted, aggregate: Aggregate | None = None, withscores: bool = False
    ) -> Reply[Any]:
        """The members of all sets; scores as of :meth:`zinter`."""
        return self._combined(_ZUNION, _weighted(keys, aggregate), withscores)

    def zintercard(self, numkeys: int, keys: Keys, limit: int = 0) -> Reply[int]:
        """How many members all sets have in common; counting ends at ``limit``, unless it is 0."""
        return self._routed(_ZINTERCARD, [*counted(many(keys), numkeys), *option("LIMIT", limit or None)])

    def zdiffstore(self, dest: Key, keys: Keys) -> Reply[int]:
        """Store the result of :meth:`zdiff`; its size."""
        return self._routed(_ZDIFFSTORE, [dest, *counted(many(keys))])

    def zinterstore(self, dest: Key, keys: Weighted, aggregate: Aggregate | None = None) -> Reply[int]:
        """Store the result of :meth:`zinter`; its size."""
        return self._routed(_ZINTERSTORE, [dest, *_weighted(keys, aggregate)])

    def zunionstore(self, dest: Key, keys: Weighted, aggregate: Aggregate | None = None) -> Reply[int]:
        """Store the result of :meth:`zunion`; its size."""
        return self._routed(_ZUNIONSTORE, [dest, *_weighted(keys, aggregate)])

    def _combined(self, command: Command, args: list[Arg], withscores: bool) -> Reply[Any]:
        words = [*args, *flag(withscores, "WITHSCORES")]
        return self._routed(command, words, as_score_pairs if withscores else None)


def _weighted(keys: Weighted, aggregate: Aggregate | None) -> list[Arg]:
    words = counted(list(keys))
    if isinstance(keys, Mapping):
        words += ["WEIGHTS", *(bound(weight) for weight in keys.values())]
    return [*words, *option("AGGREGATE", aggregate)]
