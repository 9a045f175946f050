"""Strings: values read and written whole, in part, or as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, overload

from garrison.client.commands.arguments import (
    Keys,
    Lifetime,
    Moment,
    conditions,
    flag,
    in_milliseconds,
    in_seconds,
    lifetime,
    many,
    one_of,
    option,
    pairs,
)
from garrison.client.commands.base import CommandSet, Reply, T
from garrison.client.commands.replies import as_fields, as_float, as_ok
from garrison.client.core.commands import Command, Retry, command
from garrison.client.core.fanout import merge_all_ok, merge_in_order
from garrison.client.core.resp import Arg, Key
from garrison.client.errors import UsageError

__all__ = ["StringCommands"]

_GET = command("GET")
_SET = command("SET")
# With NX or GET the reply is what the caller is after, so a second sending would mislead.
_SET_ONCE = Command("SET", Retry.ONCE, "1")
_GETSET = command("GETSET")
_GETDEL = command("GETDEL")
_GETEX = command("GETEX")
_MGET = command("MGET")
_MSET = command("MSET")
_MSETNX = command("MSETNX")
_MSETEX = command("MSETEX")
_SETNX = command("SETNX")
_SETEX = command("SETEX")
_PSETEX = command("PSETEX")
_INCR = command("INCR")
_INCRBY = command("INCRBY")
_INCRBYFLOAT = command("INCRBYFLOAT")
_DECR = command("DECR")
_DECRBY = command("DECRBY")
_APPEND = command("APPEND")
_STRLEN = command("STRLEN")
_SETRANGE = command("SETRANGE")
_GETRANGE = command("GETRANGE")
_SUBSTR = command("SUBSTR")
_LCS = command("LCS")


class StringCommands(CommandSet[T]):
    """The commands on strings."""

    def get(self, key: Key) -> Reply[T | None]:
        """The value of ``key``; None when there is none."""
        return self._keyed(_GET, (key,))

    @overload
    def set(
        self,
        key: Key,
        value: Arg,
        ex: Lifetime | None = None,
        px: Lifetime | None = None,
        nx: bool = False,
        xx: bool = False,
        keepttl: bool = False,
        get: Literal[False] = False,
        exat: Moment | None = None,
        pxat: Moment | None = None,
        ifeq: Arg | None = None,
    ) -> Reply[bool]: ...

    @overload
    def set(
        self,
        key: Key,
        value: Arg,
        ex: Lifetime | None = None,
        px: Lifetime | None = None,
        nx: bool = False,
        xx: bool = False,
        keepttl: bool = False,
        *,
        get: Literal[True],
        exat: Moment | None = None,
        pxat: Moment | None = None,
        ifeq: Arg | None = None,
    ) -> Reply[T | None]: ...

    def set(
        self,
        key: Key,
        value: Arg,
        ex: Lifetime | None = None,
        px: Lifetime | None = None,
        nx: bool = False,
        xx: bool = False,
        keepttl: bool = False,
        get: bool = False,
        exat: Moment | None = None,
        pxat: Moment | None = None,
        ifeq: Arg | None = None,
    ) -> Reply[Any]:
        """Set ``key`` to ``value``; False when ``nx``, ``xx`` or ``ifeq`` kept it from being set.

        With ``ifeq`` it is set only if it holds that string now.

        The key then lives for ``ex`` seconds or ``px`` milliseconds, or until ``exat`` (Unix seconds)
        or ``pxat`` (milliseconds), or as long as it would have (``keepttl``); else for ever. With
        ``get`` the reply is the old value instead, None when there was none.
        """
        if ex is px is exat is pxat is ifeq is None and not (keepttl or nx or xx or get):
            return self._keyed(_SET, (key, value), as_ok)
        args: tuple[Arg, ...] = (key, value, *conditions(nx=nx, xx=xx), *option("IFEQ", ifeq))
        args += (*flag(get, "GET"), *lifetime(ex=ex, px=px, exat=exat, pxat=pxat, keepttl=keepttl))
        is_once = nx or get or ifeq is not None
        return self._keyed(_SET_ONCE if is_once else _SET, args, None if get else as_ok)

    def setnx(self, key: Key, value: Arg) -> Reply[bool]:
        """Set ``key`` unless it exists; whether it was set."""
        return self._keyed(_SETNX, (key, value), bool)

    def setex(self, key: Key, time: Lifetime, value: Arg) -> Reply[bool]:
        """Set ``key`` for so many seconds."""
        return self._keyed(_SETEX, (key, in_seconds(time), value), as_ok)

    def psetex(self, key: Key, time_ms: Lifetime, value: Arg) -> Reply[bool]:
        """Set ``key`` for so many milliseconds."""
        return self._keyed(_PSETEX, (key, in_milliseconds(time_ms), value), as_ok)

    def getset(self, key: Key, value: Arg) -> Reply[T | None]:
        """Set ``key`` and return its old value."""
        return self._keyed(_GETSET, (key, value))

    def getdel(self, key: Key) -> Reply[T | None]:
        """Return the value of ``key`` and delete it."""
        return self._keyed(_GETDEL, (key,))

    def getex(
        self,
        key: Key,
        ex: Lifetime | None = None,
        px: Lifetime | None = None,
        exat: Moment | None = None,
        pxat: Moment | None = None,
        persist: bool = False,
    ) -> Reply[T | None]:
        """Return the value of ``key`` and change how long it lives; options as in :meth:`set`."""
        return self._keyed(_GETEX, (key, *lifetime(ex=ex, px=px, exat=exat, pxat=pxat, persist=persist)))

    def mget(self, keys: Keys, *more: Key) -> Reply[list[T | None]]:
        """The values of many keys, in order; in a cluster one request a slot, all at once."""
        return self._split(_MGET, many(keys, *more), 1, merge_in_order)

    def mset(self, mapping: Mapping[Any, Arg]) -> Reply[bool]:
        """Set many keys; in a cluster one request a slot, not atomic beyond a slot."""
        return self._split(_MSET, pairs(mapping), 2, merge_all_ok)

    def msetnx(self, mapping: Mapping[Any, Arg]) -> Reply[bool]:
        """Set many keys of one slot if none of them exists; whether they were set."""
        return self._keyed(_MSETNX, pairs(mapping), bool)

    def msetex(
        self,
        mapping: Mapping[Any, Arg],
        data_persist_option: Literal["NX", "XX"] | None = None,
        ex: Lifetime | None = None,
        px: Lifetime | None = None,
        exat: Moment | None = None,
        pxat: Moment | None = None,
        keepttl: bool = False,
    ) -> Reply[bool]:
        """Set many keys of one slot with one lifetime; whether they were set.

        ``NX``: only if none of them exists; ``XX``: only if all do. The other options as in :meth:`set`.
        """
        ends = lifetime(ex=ex, px=px, exat=exat, pxat=pxat, keepttl=keepttl)
        words = () if data_persist_option is None else (data_persist_option,)
        return self._routed(_MSETEX, [len(mapping), *pairs(mapping), *words, *ends], bool)

    def incr(self, key: Key, amount: int = 1) -> Reply[int]:
        """Add ``amount`` to the integer at ``key``; the new value."""
        return self._keyed(_INCR, (key,)) if amount == 1 else self._keyed(_INCRBY, (key, amount))

    def incrby(self, key: Key, amount: int = 1) -> Reply[int]:
        """Add ``amount`` to the integer at ``key``; the new value."""
        return self._keyed(_INCRBY, (key, amount))

    def incrbyfloat(self, key: Key, amount: float = 1.0) -> Reply[float]:
        """Add ``amount`` to the number at ``key``; the new value."""
        return self._keyed(_INCRBYFLOAT, (key, amount), as_float)

    def decr(self, key: Key, amount: int = 1) -> Reply[int]:
        """Subtract ``amount`` from the integer at ``key``; the new value."""
        return self._keyed(_DECR, (key,)) if amount == 1 else self._keyed(_DECRBY, (key, amount))

    def decrby(self, key: Key, amount: int = 1) -> Reply[int]:
        """Subtract ``amount`` from the integer at ``key``; the new value."""
        return self._keyed(_DECRBY, (key, amount))

    def append(self, key: Key, value: Arg) -> Reply[int]:
        """Append to the string at ``key``; its new length in bytes."""
        return self._keyed(_APPEND, (key, value))

    def strlen(self, key: Key) -> Reply[int]:
        """The length in bytes; 0 if the key does not exist."""
        return self._keyed(_STRLEN, (key,))

    def setrange(self, key: Key, offset: int, value: Arg) -> Reply[int]:
        """Overwrite from byte ``offset`` on; the new length."""
        return self._keyed(_SETRANGE, (key, offset, value))

    def getrange(self, key: Key, start: int, end: int) -> Reply[T]:
        """The bytes ``start`` to ``end``, both included, negative ones counted from the end."""
        return self._keyed(_GETRANGE, (key, start, end))

    def substr(self, key: Key, start: int, end: int = -1) -> Reply[T]:
        """The older name of :meth:`getrange`."""
        return self._keyed(_SUBSTR, (key, start, end))

    @overload
    def lcs(
        self, key1: Key, key2: Key, len: Literal[False] = False, *, idx: Literal[False] = False
    ) -> Reply[T]: ...

    @overload
    def lcs(self, key1: Key, key2: Key, len: Literal[True], *, idx: Literal[False] = False) -> Reply[int]: ...

    @overload
    def lcs(
        self,
        key1: Key,
        key2: Key,
        len: Literal[False] = False,
        *,
        idx: Literal[True],
        minmatchlen: int = 0,
        withmatchlen: bool = False,
    ) -> Reply[dict[str, Any]]: ...

    def lcs(
        self,
        key1: Key,
        key2: Key,
        len: bool = False,
        *,
        idx: bool = False,
        minmatchlen: int = 0,
        withmatchlen: bool = False,
    ) -> Reply[Any]:
        """The longest common subsequence of two values; both keys in one slot.

        With ``len`` its length; with ``idx`` a dict of ``matches`` (for each its range in either value,
        and its length if ``withmatchlen``), those of at least ``minmatchlen`` bytes, and ``len``.
        """
        if (minmatchlen or withmatchlen) and not idx:
            raise UsageError("minmatchlen and withmatchlen are about the matches: give idx=True too")
        args: tuple[Arg, ...] = (key1, key2, *one_of({"LEN": len, "IDX": idx}))
        args += (*option("MINMATCHLEN", minmatchlen or None), *flag(withmatchlen, "WITHMATCHLEN"))
        return self._routed(_LCS, args, as_fields if idx else None)
