"""Strings: values read and written whole, in part, or as numbers."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any

from garrison.client.commands.base import CommandSet, T, as_float, flag, one_of
from garrison.client.core.commands import Command, Retry, command
from garrison.client.core.fanout import merge_first, merge_in_order
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


def _is_ok(reply: Any) -> bool:
    return reply is not None


class StringCommands(CommandSet[T]):
    """The commands on strings."""

    def get(self, key: Key) -> Coroutine[Any, Any, T | None]:
        """The value of ``key``; None when there is none."""
        return self._keyed(_GET, (key,))

    def set(
        self,
        key: Key,
        value: Arg,
        *,
        ex: int | None = None,
        px: int | None = None,
        exat: int | None = None,
        pxat: int | None = None,
        keepttl: bool = False,
        nx: bool = False,
        xx: bool = False,
    ) -> Coroutine[Any, Any, bool]:
        """Set ``key`` to ``value``; False when ``nx`` or ``xx`` kept it from being set.

        The key then lives for ``ex`` seconds or ``px`` milliseconds, or until the Unix time ``exat``
        (seconds) or ``pxat`` (milliseconds), or as long as it would have (``keepttl``); else for ever.
        """
        if ex is px is exat is pxat is None and not (keepttl or nx or xx):
            return self._keyed(_SET, (key, value), _is_ok)
        args: tuple[Arg, ...] = _set_args(
            key, value, {"EX": ex, "PX": px, "EXAT": exat, "PXAT": pxat, "KEEPTTL": keepttl}, nx, xx
        )
        return self._keyed(_SET_ONCE if nx else _SET, args, _is_ok)

    def set_and_get(
        self,
        key: Key,
        value: Arg,
        *,
        ex: int | None = None,
        px: int | None = None,
        keepttl: bool = False,
        nx: bool = False,
        xx: bool = False,
    ) -> Coroutine[Any, Any, T | None]:
        """SET with GET: set ``key`` and return its old value, None when it had none."""
        args: tuple[Arg, ...] = _set_args(key, value, {"EX": ex, "PX": px, "KEEPTTL": keepttl}, nx, xx)
        return self._keyed(_SET_ONCE, (*args, "GET"))

    def setnx(self, key: Key, value: Arg) -> Coroutine[Any, Any, bool]:
        """Set ``key`` unless it exists; whether it was set."""
        return self._keyed(_SETNX, (key, value), bool)

    def setex(self, key: Key, seconds: int, value: Arg) -> Coroutine[Any, Any, bool]:
        """Set ``key`` for so many seconds."""
        return self._keyed(_SETEX, (key, seconds, value), _is_ok)

    def psetex(self, key: Key, milliseconds: int, value: Arg) -> Coroutine[Any, Any, bool]:
        """Set ``key`` for so many milliseconds."""
        return self._keyed(_PSETEX, (key, milliseconds, value), _is_ok)

    def getset(self, key: Key, value: Arg) -> Coroutine[Any, Any, T | None]:
        """Set ``key`` and return its old value."""
        return self._keyed(_GETSET, (key, value))

    def getdel(self, key: Key) -> Coroutine[Any, Any, T | None]:
        """Return the value of ``key`` and delete it."""
        return self._keyed(_GETDEL, (key,))

    def getex(
        self,
        key: Key,
        *,
        ex: int | None = None,
        px: int | None = None,
        exat: int | None = None,
        pxat: int | None = None,
        persist: bool = False,
    ) -> Coroutine[Any, Any, T | None]:
        """Return the value of ``key`` and change how long it lives; options as in :meth:`set`."""
        chosen: tuple[str, Any] | None = one_of(
            {"EX": ex, "PX": px, "EXAT": exat, "PXAT": pxat, "PERSIST": persist}
        )
        return self._keyed(_GETEX, (key, *_words(chosen)))

    def mget(self, *keys: Key) -> Coroutine[Any, Any, list[T | None]]:
        """The values of many keys, in order; in a cluster one request a slot, all at once."""
        return self._split(_MGET, keys, 1, merge_in_order)

    def mset(self, values: Mapping[Key, Arg]) -> Coroutine[Any, Any, Any]:
        """Set many keys; in a cluster one request a slot, not atomic beyond a slot."""
        return self._split(_MSET, _flat(values), 2, merge_first)

    def msetnx(self, values: Mapping[Key, Arg]) -> Coroutine[Any, Any, bool]:
        """Set many keys of one slot if none of them exists; whether they were set."""
        return self._keyed(_MSETNX, _flat(values), bool)

    def incr(self, key: Key, by: int | None = None) -> Coroutine[Any, Any, int]:
        """Add ``by`` (1 if not given) to the integer at ``key``; the new value."""
        return self._keyed(_INCR, (key,)) if by is None else self._keyed(_INCRBY, (key, by))

    def incrby(self, key: Key, by: int) -> Coroutine[Any, Any, int]:
        """Add ``by`` to the integer at ``key``; the new value."""
        return self._keyed(_INCRBY, (key, by))

    def incrbyfloat(self, key: Key, by: float) -> Coroutine[Any, Any, float]:
        """Add ``by`` to the number at ``key``; the new value."""
        return self._keyed(_INCRBYFLOAT, (key, by), as_float)

    def decr(self, key: Key) -> Coroutine[Any, Any, int]:
        """Subtract 1 from the integer at ``key``; the new value."""
        return self._keyed(_DECR, (key,))

    def decrby(self, key: Key, by: int) -> Coroutine[Any, Any, int]:
        """Subtract ``by`` from the integer at ``key``; the new value."""
        return self._keyed(_DECRBY, (key, by))

    def append(self, key: Key, value: Arg) -> Coroutine[Any, Any, int]:
        """Append to the string at ``key``; its new length in bytes."""
        return self._keyed(_APPEND, (key, value))

    def strlen(self, key: Key) -> Coroutine[Any, Any, int]:
        """The length in bytes; 0 if the key does not exist."""
        return self._keyed(_STRLEN, (key,))

    def setrange(self, key: Key, offset: int, value: Arg) -> Coroutine[Any, Any, int]:
        """Overwrite from byte ``offset`` on; the new length."""
        return self._keyed(_SETRANGE, (key, offset, value))

    def getrange(self, key: Key, start: int, end: int) -> Coroutine[Any, Any, T]:
        """The bytes ``start`` to ``end``, both included, negative ones counted from the end."""
        return self._keyed(_GETRANGE, (key, start, end))


def _set_args(key: Key, value: Arg, lifetimes: dict[str, Any], nx: bool, xx: bool) -> tuple[Arg, ...]:
    if nx and xx:
        raise UsageError("nx (only if absent) and xx (only if present) exclude each other: give one of them")
    return (key, value, *_words(one_of(lifetimes)), *flag(nx, "NX"), *flag(xx, "XX"))


def _words(option: tuple[str, Any] | None) -> tuple[Arg, ...]:
    if option is None:
        return ()
    name, value = option
    return (name,) if value is True else (name, value)


def _flat(values: Mapping[Key, Arg]) -> list[Arg]:
    if not values:
        raise UsageError("no keys: give a mapping with at least one key and its value")
    return [part for pair in values.items() for part in pair]
