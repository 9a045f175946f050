"""Keys: existence, lifetime, names, copies and order, whatever the type of the value."""

from __future__ import annotations

from typing import Any, overload

from garrison.client.commands.arguments import (
    Args,
    Lifetime,
    Moment,
    conditions,
    flag,
    in_milliseconds,
    in_seconds,
    limit,
    many,
    option,
    unix_milliseconds,
    unix_seconds,
)
from garrison.client.commands.base import CommandSet, Reply, T
from garrison.client.commands.replies import as_bytes, as_ok
from garrison.client.core.commands import Command, Retry, command
from garrison.client.core.fanout import merge_sum
from garrison.client.core.resp import Arg, Key

__all__ = ["KeyCommands"]

_DEL = command("DEL")
_UNLINK = command("UNLINK")
_EXISTS = command("EXISTS")
_TOUCH = command("TOUCH")
_TYPE = command("TYPE")
_EXPIRE = command("EXPIRE")
_PEXPIRE = command("PEXPIRE")
_EXPIREAT = command("EXPIREAT")
_PEXPIREAT = command("PEXPIREAT")
_TTL = command("TTL")
_PTTL = command("PTTL")
_EXPIRETIME = command("EXPIRETIME")
_PEXPIRETIME = command("PEXPIRETIME")
_PERSIST = command("PERSIST")
_RENAME = command("RENAME")
_RENAMENX = command("RENAMENX")
_COPY = command("COPY")
_MOVE = command("MOVE")
_DUMP = command("DUMP")
_RESTORE = command("RESTORE")
_RESTORE_REPLACE = Command("RESTORE", Retry.STATE, "1")
_SORT = command("SORT")
_SORT_RO = command("SORT_RO")
_ENCODING = command("OBJECT ENCODING")
_IDLETIME = command("OBJECT IDLETIME")
_FREQ = command("OBJECT FREQ")
_REFCOUNT = command("OBJECT REFCOUNT")
_MEMORY_USAGE = command("MEMORY USAGE")


class KeyCommands(CommandSet[T]):
    """The commands on keys of any type.

    Where a lifetime is set, it can depend on the one there is: only if there is none (``nx``), there is
    one (``xx``), or it becomes longer (``gt``) or shorter (``lt``).
    """

    def delete(self, *keys: Key) -> Reply[int]:
        """Delete keys (DEL); how many there were. In a cluster one request a slot, all at once."""
        return self._split(_DEL, keys, 1, merge_sum)

    def unlink(self, *keys: Key) -> Reply[int]:
        """Delete keys, their memory being freed in the background; how many there were."""
        return self._split(_UNLINK, keys, 1, merge_sum)

    def exists(self, *keys: Key) -> Reply[int]:
        """How many of the keys exist; a key given twice counts twice."""
        return self._split(_EXISTS, keys, 1, merge_sum)

    def touch(self, *keys: Key) -> Reply[int]:
        """Mark keys as just used; how many exist."""
        return self._split(_TOUCH, keys, 1, merge_sum)

    def type(self, key: Key) -> Reply[T]:
        """The type of the value: ``string``, ``hash``, ...; ``none`` if the key does not exist."""
        return self._keyed(_TYPE, (key,))

    # ---- lifetimes -----------------------------------------------------------------------------

    def expire(
        self, key: Key, time: Lifetime, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False
    ) -> Reply[bool]:
        """Let ``key`` live for so many seconds from now; whether the lifetime was set."""
        return self._keyed(_EXPIRE, (key, in_seconds(time), *conditions(nx=nx, xx=xx, gt=gt, lt=lt)), bool)

    def pexpire(
        self, key: Key, time: Lifetime, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False
    ) -> Reply[bool]:
        """Let ``key`` live for so many milliseconds from now; whether the lifetime was set."""
        return self._keyed(
            _PEXPIRE, (key, in_milliseconds(time), *conditions(nx=nx, xx=xx, gt=gt, lt=lt)), bool
        )

    def expireat(
        self, key: Key, when: Moment, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False
    ) -> Reply[bool]:
        """Let ``key`` live until a Unix time in seconds; whether the lifetime was set."""
        return self._keyed(
            _EXPIREAT, (key, unix_seconds(when), *conditions(nx=nx, xx=xx, gt=gt, lt=lt)), bool
        )

    def pexpireat(
        self, key: Key, when: Moment, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False
    ) -> Reply[bool]:
        """Let ``key`` live until a Unix time in milliseconds; whether the lifetime was set."""
        args = (key, unix_milliseconds(when), *conditions(nx=nx, xx=xx, gt=gt, lt=lt))
        return self._keyed(_PEXPIREAT, args, bool)

    def ttl(self, key: Key) -> Reply[int]:
        """Seconds left to live; -1 for ever, -2 no such key."""
        return self._keyed(_TTL, (key,))

    def pttl(self, key: Key) -> Reply[int]:
        """Milliseconds left to live; -1 for ever, -2 no such key."""
        return self._keyed(_PTTL, (key,))

    def expiretime(self, key: Key) -> Reply[int]:
        """The Unix time in seconds at which the key ends; -1 never, -2 no such key."""
        return self._keyed(_EXPIRETIME, (key,))

    def pexpiretime(self, key: Key) -> Reply[int]:
        """The Unix time in milliseconds at which the key ends; -1 never, -2 no such key."""
        return self._keyed(_PEXPIRETIME, (key,))

    def persist(self, key: Key) -> Reply[bool]:
        """Let ``key`` live for ever; whether it had a lifetime."""
        return self._keyed(_PERSIST, (key,), bool)

    # ---- names and copies ----------------------------------------------------------------------

    def rename(self, src: Key, dst: Key) -> Reply[bool]:
        """Rename a key, replacing ``dst``; both must hash to one slot. Always True."""
        return self._keyed(_RENAME, (src, dst), as_ok)

    def renamenx(self, src: Key, dst: Key) -> Reply[bool]:
        """Rename a key unless ``dst`` exists; whether it was renamed."""
        return self._keyed(_RENAMENX, (src, dst), bool)

    def copy(
        self, source: Key, destination: Key, destination_db: int | None = None, replace: bool = False
    ) -> Reply[bool]:
        """Copy the value of a key to another key of the same slot; whether it was copied."""
        args = (source, destination, *option("DB", destination_db), *flag(replace, "REPLACE"))
        return self._keyed(_COPY, args, bool)

    def move(self, key: Key, db: int) -> Reply[bool]:
        """Move a key to another database of a server that is not part of a cluster; whether it was moved."""
        return self._keyed(_MOVE, (key, db), bool)

    def dump(self, key: Key) -> Reply[bytes | None]:
        """The value in serialized form, for :meth:`restore`; None if the key does not exist."""
        return self._keyed(_DUMP, (key,), as_bytes)

    def restore(
        self,
        key: Key,
        ttl: Lifetime,
        value: bytes,
        replace: bool = False,
        absttl: bool = False,
        idletime: int | None = None,
        frequency: int | None = None,
    ) -> Reply[bool]:
        """Make a key from what :meth:`dump` gave. Always True.

        ``ttl`` is its lifetime in milliseconds, 0 for ever; with ``absttl`` a Unix time in milliseconds.
        """
        args: tuple[Arg, ...] = (key, in_milliseconds(ttl), value, *flag(replace, "REPLACE"))
        args += (*flag(absttl, "ABSTTL"), *option("IDLETIME", idletime), *option("FREQ", frequency))
        return self._keyed(_RESTORE_REPLACE if replace else _RESTORE, args, as_ok)

    # ---- order ---------------------------------------------------------------------------------

    @overload
    def sort(
        self,
        key: Key,
        start: int | None = None,
        num: int | None = None,
        by: Arg | None = None,
        get: Args | None = None,
        desc: bool = False,
        alpha: bool = False,
        store: None = None,
    ) -> Reply[list[T | None]]: ...

    @overload
    def sort(
        self,
        key: Key,
        start: int | None = None,
        num: int | None = None,
        by: Arg | None = None,
        get: Args | None = None,
        desc: bool = False,
        alpha: bool = False,
        *,
        store: Key,
    ) -> Reply[int]: ...

    def sort(
        self,
        key: Key,
        start: int | None = None,
        num: int | None = None,
        by: Arg | None = None,
        get: Args | None = None,
        desc: bool = False,
        alpha: bool = False,
        store: Key | None = None,
    ) -> Reply[Any]:
        """The elements of a list, set or sorted set in order, ``num`` of them from ``start`` on.

        ``alpha`` compares text instead of numbers; ``by`` and ``get`` are patterns of other keys, for the
        weights and for what is returned instead of the elements (several ``get`` give their values in
        turn, None where there is none). With ``store`` the result goes to that key, and its length is
        returned.
        """
        words = _sort_words(start, num, by, get, desc, alpha)
        return self._keyed(_SORT, (key, *words, *option("STORE", store)))

    def sort_ro(
        self,
        key: Key,
        start: int | None = None,
        num: int | None = None,
        by: Arg | None = None,
        get: Args | None = None,
        desc: bool = False,
        alpha: bool = False,
    ) -> Reply[list[T | None]]:
        """:meth:`sort` without ``store``: a command that only reads."""
        return self._keyed(_SORT_RO, (key, *_sort_words(start, num, by, get, desc, alpha)))

    # ---- what the server knows about a key -----------------------------------------------------

    def object_encoding(self, key: Key) -> Reply[T | None]:
        """How the value is represented in memory."""
        return self._routed(_ENCODING, (key,))

    def object_idletime(self, key: Key) -> Reply[int | None]:
        """Seconds since the key was last used."""
        return self._routed(_IDLETIME, (key,))

    def object_freq(self, key: Key) -> Reply[int | None]:
        """The logarithmic access counter, under an LFU policy."""
        return self._routed(_FREQ, (key,))

    def object_refcount(self, key: Key) -> Reply[int | None]:
        """How many references the value has."""
        return self._routed(_REFCOUNT, (key,))

    def memory_usage(self, key: Key, samples: int | None = None) -> Reply[int | None]:
        """Bytes that the key and its value take, estimated from ``samples`` of its elements (0: all)."""
        return self._routed(_MEMORY_USAGE, (key, *option("SAMPLES", samples)))


def _sort_words(
    start: int | None, num: int | None, by: Arg | None, get: Args | None, desc: bool, alpha: bool
) -> tuple[Arg, ...]:
    gets = [] if get is None else [word for pattern in many(get) for word in ("GET", pattern)]
    return (*option("BY", by), *limit(start, num), *gets, *flag(desc, "DESC"), *flag(alpha, "ALPHA"))
