"""Commands that wait until there is something to take: methods of the client only.

Each waits on a connection of its own, so that nothing else waits with it; what holds when such a call is
cancelled or its connection breaks is in :mod:`garrison.client.waiting`. A ``timeout`` is in seconds, 0
is for ever; None is returned when it passes. Reading streams with ``block`` waits in the same way.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, TypeAlias

from garrison.client.commands.arguments import Keys, Side, counted, many
from garrison.client.commands.base import CommandSet, Reply, T
from garrison.client.commands.lists import as_popped
from garrison.client.commands.sorted_sets import as_popped_scores, end_word
from garrison.client.core.commands import command
from garrison.client.core.resp import Arg, Key

__all__ = ["BlockingCommands"]

Timeout: TypeAlias = float | timedelta

_BLMOVE = command("BLMOVE")
_BLMPOP = command("BLMPOP")
_BLPOP = command("BLPOP")
_BRPOP = command("BRPOP")
_BRPOPLPUSH = command("BRPOPLPUSH")
_BZMPOP = command("BZMPOP")
_BZPOPMAX = command("BZPOPMAX")
_BZPOPMIN = command("BZPOPMIN")


class BlockingCommands(CommandSet[T]):
    """The commands on lists and sorted sets that wait. Several keys of one call must be in one slot."""

    def blpop(self, keys: Keys, timeout: Timeout = 0) -> Reply[tuple[T, T] | None]:
        """Wait for an element at the left end of any of the lists: its key, and it."""
        return self._waiting(_BLPOP, [*many(keys), _seconds(timeout)], _as_tuple)

    def brpop(self, keys: Keys, timeout: Timeout = 0) -> Reply[tuple[T, T] | None]:
        """Wait for an element at the right end of any of the lists: its key, and it."""
        return self._waiting(_BRPOP, [*many(keys), _seconds(timeout)], _as_tuple)

    def blmove(
        self,
        first_list: Key,
        second_list: Key,
        timeout: Timeout,
        src: Side = "LEFT",
        dest: Side = "RIGHT",
    ) -> Reply[T | None]:
        """Wait for an element at an end of one list, and move it to an end of another."""
        return self._waiting(_BLMOVE, (first_list, second_list, src, dest, _seconds(timeout)))

    def brpoplpush(self, src: Key, dst: Key, timeout: Timeout = 0) -> Reply[T | None]:
        """The older form of :meth:`blmove`, from the right end to the left one."""
        return self._waiting(_BRPOPLPUSH, (src, dst, _seconds(timeout)))

    def blmpop(
        self, timeout: Timeout, numkeys: int, *keys: Key, direction: Side, count: int = 1
    ) -> Reply[tuple[T, list[T]] | None]:
        """Wait until one of the lists has elements, and take at most ``count``: its key, and they."""
        args = [_seconds(timeout), *counted(keys, numkeys), direction, "COUNT", count]
        return self._waiting(_BLMPOP, args, as_popped)

    def bzpopmin(self, keys: Keys, timeout: Timeout = 0) -> Reply[tuple[T, T, float] | None]:
        """Wait for a member of any of the sorted sets, and take the lowest: key, member and score."""
        return self._waiting(_BZPOPMIN, [*many(keys), _seconds(timeout)], _as_scored)

    def bzpopmax(self, keys: Keys, timeout: Timeout = 0) -> Reply[tuple[T, T, float] | None]:
        """Wait for a member of any of the sorted sets, and take the highest: key, member and score."""
        return self._waiting(_BZPOPMAX, [*many(keys), _seconds(timeout)], _as_scored)

    def bzmpop(
        self,
        timeout: Timeout,
        numkeys: int,
        keys: Keys,
        min: bool = False,
        max: bool = False,
        count: int = 1,
    ) -> Reply[tuple[T, list[tuple[T, float]]] | None]:
        """Wait until one of the sorted sets has members; take at most ``count`` of the lowest or highest."""
        args = [_seconds(timeout), *counted(many(keys), numkeys), end_word(min, max), "COUNT", count]
        return self._waiting(_BZMPOP, args, as_popped_scores)


def _seconds(timeout: Timeout) -> Arg:
    return timeout / timedelta(seconds=1) if isinstance(timeout, timedelta) else timeout


def _as_tuple(reply: Any) -> Any:
    return None if reply is None else tuple(reply)


def _as_scored(reply: Any) -> Any:
    return None if reply is None else (reply[0], reply[1], float(reply[2]))
