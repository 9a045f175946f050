"""Lists: elements in order, taken from and added to either end. The waiting forms are in ``blocking``."""

from __future__ import annotations

from typing import Any, Literal, overload

from garrison.client.commands.arguments import Side, counted, option
from garrison.client.commands.base import CommandSet, Reply, T
from garrison.client.commands.replies import as_ok
from garrison.client.core.commands import command
from garrison.client.core.resp import Arg, Key

__all__ = ["ListCommands", "as_popped"]

_LINDEX = command("LINDEX")
_LINSERT = command("LINSERT")
_LLEN = command("LLEN")
_LMOVE = command("LMOVE")
_LMPOP = command("LMPOP")
_LPOP = command("LPOP")
_LPOS = command("LPOS")
_LPUSH = command("LPUSH")
_LPUSHX = command("LPUSHX")
_LRANGE = command("LRANGE")
_LREM = command("LREM")
_LSET = command("LSET")
_LTRIM = command("LTRIM")
_RPOP = command("RPOP")
_RPOPLPUSH = command("RPOPLPUSH")
_RPUSH = command("RPUSH")
_RPUSHX = command("RPUSHX")


class ListCommands(CommandSet[T]):
    """The commands on lists. Indexes count from 0, negative ones from the end."""

    def lpush(self, key: Key, *values: Arg) -> Reply[int]:
        """Add elements at the left end, one after the other; the new length."""
        return self._keyed(_LPUSH, (key, *values))

    def rpush(self, key: Key, *values: Arg) -> Reply[int]:
        """Add elements at the right end; the new length."""
        return self._keyed(_RPUSH, (key, *values))

    def lpushx(self, key: Key, *values: Arg) -> Reply[int]:
        """:meth:`lpush` if the list exists; the length, 0 if it does not."""
        return self._keyed(_LPUSHX, (key, *values))

    def rpushx(self, key: Key, *values: Arg) -> Reply[int]:
        """:meth:`rpush` if the list exists; the length, 0 if it does not."""
        return self._keyed(_RPUSHX, (key, *values))

    @overload
    def lpop(self, key: Key, count: None = None) -> Reply[T | None]: ...

    @overload
    def lpop(self, key: Key, count: int) -> Reply[list[T] | None]: ...

    def lpop(self, key: Key, count: int | None = None) -> Reply[Any]:
        """Take the leftmost element, or a list of at most ``count``; None if there is no list."""
        return self._keyed(_LPOP, (key,) if count is None else (key, count))

    @overload
    def rpop(self, key: Key, count: None = None) -> Reply[T | None]: ...

    @overload
    def rpop(self, key: Key, count: int) -> Reply[list[T] | None]: ...

    def rpop(self, key: Key, count: int | None = None) -> Reply[Any]:
        """Take the rightmost element, or a list of at most ``count``; None if there is no list."""
        return self._keyed(_RPOP, (key,) if count is None else (key, count))

    def lmpop(
        self, num_keys: int, *keys: Key, direction: Side, count: int = 1
    ) -> Reply[tuple[T, list[T]] | None]:
        """Take at most ``count`` elements from the first of the lists that has any: its key, and they.

        All keys in one slot. None if all lists are empty.
        """
        return self._routed(_LMPOP, [*counted(keys, num_keys), direction, "COUNT", count], as_popped)

    def lmove(
        self, first_list: Key, second_list: Key, src: Side = "LEFT", dest: Side = "RIGHT"
    ) -> Reply[T | None]:
        """Move an element from an end of one list to an end of another of its slot; the element."""
        return self._keyed(_LMOVE, (first_list, second_list, src, dest))

    def rpoplpush(self, src: Key, dst: Key) -> Reply[T | None]:
        """The older form of :meth:`lmove`, from the right end to the left one."""
        return self._keyed(_RPOPLPUSH, (src, dst))

    def llen(self, key: Key) -> Reply[int]:
        """The number of elements."""
        return self._keyed(_LLEN, (key,))

    def lindex(self, key: Key, index: int) -> Reply[T | None]:
        """The element at an index; None when there is none."""
        return self._keyed(_LINDEX, (key, index))

    def lrange(self, key: Key, start: int, end: int) -> Reply[list[T]]:
        """The elements ``start`` to ``end``, both included."""
        return self._keyed(_LRANGE, (key, start, end))

    def lset(self, key: Key, index: int, value: Arg) -> Reply[bool]:
        """Replace the element at an index, which must exist. Always True."""
        return self._keyed(_LSET, (key, index, value), as_ok)

    def linsert(
        self, key: Key, where: Literal["BEFORE", "AFTER", "before", "after"], refvalue: Arg, value: Arg
    ) -> Reply[int]:
        """Insert beside the first ``refvalue``; the new length, -1 if it is not there, 0 without a list."""
        return self._keyed(_LINSERT, (key, where, refvalue, value))

    def lrem(self, key: Key, count: int, value: Arg) -> Reply[int]:
        """Remove ``count`` equal elements, from the right if negative, all if 0; how many there were."""
        return self._keyed(_LREM, (key, count, value))

    def ltrim(self, key: Key, start: int, end: int) -> Reply[bool]:
        """Keep only the elements ``start`` to ``end``, both included. Always True."""
        return self._keyed(_LTRIM, (key, start, end), as_ok)

    @overload
    def lpos(
        self, key: Key, value: Arg, rank: int | None = None, count: None = None, maxlen: int | None = None
    ) -> Reply[int | None]: ...

    @overload
    def lpos(
        self, key: Key, value: Arg, rank: int | None = None, *, count: int, maxlen: int | None = None
    ) -> Reply[list[int]]: ...

    def lpos(
        self,
        key: Key,
        value: Arg,
        rank: int | None = None,
        count: int | None = None,
        maxlen: int | None = None,
    ) -> Reply[Any]:
        """The index of the first equal element, or, with ``count``, the indexes of so many (0: all).

        ``rank`` -1 searches from the right end, 2 begins with the second match; at most ``maxlen``
        elements are compared.
        """
        args: tuple[Arg, ...] = (key, value, *option("RANK", rank), *option("COUNT", count))
        return self._keyed(_LPOS, (*args, *option("MAXLEN", maxlen)))


def as_popped(reply: Any) -> Any:
    """A key and its elements; None if there was nothing."""
    return None if reply is None else (reply[0], reply[1])
