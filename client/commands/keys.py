"""Keys: existence, lifetime, names and copies, whatever the type of the value."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Literal

from garrison.client.commands.base import CommandSet, T, flag
from garrison.client.core.commands import Command, Retry, command
from garrison.client.core.fanout import merge_sum
from garrison.client.core.resp import Key

__all__ = ["KeyCommands", "When"]

When = Literal["NX", "XX", "GT", "LT"]
"""Set a lifetime only if there is none (NX), there is one (XX), or it becomes longer (GT) or shorter (LT)."""

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
_DUMP = command("DUMP")
_RESTORE = command("RESTORE")
_RESTORE_REPLACE = Command("RESTORE", Retry.STATE, "1")
_ENCODING = command("OBJECT ENCODING")
_IDLETIME = command("OBJECT IDLETIME")
_FREQ = command("OBJECT FREQ")
_REFCOUNT = command("OBJECT REFCOUNT")
_MEMORY_USAGE = command("MEMORY USAGE")


class KeyCommands(CommandSet[T]):
    """The commands on keys of any type."""

    def delete(self, *keys: Key) -> Coroutine[Any, Any, int]:
        """Delete keys (DEL); how many there were. In a cluster one request a slot, all at once."""
        return self._split(_DEL, keys, 1, merge_sum)

    def unlink(self, *keys: Key) -> Coroutine[Any, Any, int]:
        """Delete keys, their memory being freed in the background; how many there were."""
        return self._split(_UNLINK, keys, 1, merge_sum)

    def exists(self, *keys: Key) -> Coroutine[Any, Any, int]:
        """How many of the keys exist; a key given twice counts twice."""
        return self._split(_EXISTS, keys, 1, merge_sum)

    def touch(self, *keys: Key) -> Coroutine[Any, Any, int]:
        """Mark keys as just used; how many exist."""
        return self._split(_TOUCH, keys, 1, merge_sum)

    def type(self, key: Key) -> Coroutine[Any, Any, T]:
        """The type of the value: ``string``, ``hash``, ...; ``none`` if the key does not exist."""
        return self._keyed(_TYPE, (key,))

    def expire(self, key: Key, seconds: int, when: When | None = None) -> Coroutine[Any, Any, bool]:
        """Let ``key`` live for so many seconds from now; whether the lifetime was set."""
        return self._keyed(_EXPIRE, (key, seconds, *flag(when is not None, str(when))), bool)

    def pexpire(self, key: Key, milliseconds: int, when: When | None = None) -> Coroutine[Any, Any, bool]:
        """Let ``key`` live for so many milliseconds from now."""
        return self._keyed(_PEXPIRE, (key, milliseconds, *flag(when is not None, str(when))), bool)

    def expireat(self, key: Key, unix_seconds: int, when: When | None = None) -> Coroutine[Any, Any, bool]:
        """Let ``key`` live until a Unix time in seconds."""
        return self._keyed(_EXPIREAT, (key, unix_seconds, *flag(when is not None, str(when))), bool)

    def pexpireat(self, key: Key, unix_ms: int, when: When | None = None) -> Coroutine[Any, Any, bool]:
        """Let ``key`` live until a Unix time in milliseconds."""
        return self._keyed(_PEXPIREAT, (key, unix_ms, *flag(when is not None, str(when))), bool)

    def ttl(self, key: Key) -> Coroutine[Any, Any, int]:
        """Seconds left to live; -1 for ever, -2 no such key."""
        return self._keyed(_TTL, (key,))

    def pttl(self, key: Key) -> Coroutine[Any, Any, int]:
        """Milliseconds left to live; -1 for ever, -2 no such key."""
        return self._keyed(_PTTL, (key,))

    def expiretime(self, key: Key) -> Coroutine[Any, Any, int]:
        """The Unix time in seconds at which the key ends; -1 never, -2 no such key."""
        return self._keyed(_EXPIRETIME, (key,))

    def pexpiretime(self, key: Key) -> Coroutine[Any, Any, int]:
        """The Unix time in milliseconds at which the key ends; -1 never, -2 no such key."""
        return self._keyed(_PEXPIRETIME, (key,))

    def persist(self, key: Key) -> Coroutine[Any, Any, bool]:
        """Let ``key`` live for ever; whether it had a lifetime."""
        return self._keyed(_PERSIST, (key,), bool)

    def rename(self, key: Key, new_key: Key) -> Coroutine[Any, Any, Any]:
        """Rename a key, replacing ``new_key``; both must hash to one slot."""
        return self._keyed(_RENAME, (key, new_key))

    def renamenx(self, key: Key, new_key: Key) -> Coroutine[Any, Any, bool]:
        """Rename a key unless ``new_key`` exists; whether it was renamed."""
        return self._keyed(_RENAMENX, (key, new_key), bool)

    def copy(self, key: Key, to: Key, *, replace: bool = False) -> Coroutine[Any, Any, bool]:
        """Copy the value of ``key`` to another key of the same slot; whether it was copied."""
        return self._keyed(_COPY, (key, to, *flag(replace, "REPLACE")), bool)

    def dump(self, key: Key) -> Coroutine[Any, Any, bytes | None]:
        """The value in serialized form, for :meth:`restore`; None if the key does not exist."""
        return self._keyed(_DUMP, (key,), _as_bytes)

    def restore(
        self, key: Key, payload: bytes, *, ttl_ms: int = 0, replace: bool = False, absttl: bool = False
    ) -> Coroutine[Any, Any, Any]:
        """Make a key from what :meth:`dump` gave; ``ttl_ms`` 0 is for ever, ``absttl`` a Unix time."""
        args = (key, ttl_ms, payload, *flag(replace, "REPLACE"), *flag(absttl, "ABSTTL"))
        return self._keyed(_RESTORE_REPLACE if replace else _RESTORE, args)

    def object_encoding(self, key: Key) -> Coroutine[Any, Any, T | None]:
        """How the value is represented in memory."""
        return self._keyed(_ENCODING, (key,))

    def object_idletime(self, key: Key) -> Coroutine[Any, Any, int | None]:
        """Seconds since the key was last used."""
        return self._keyed(_IDLETIME, (key,))

    def object_freq(self, key: Key) -> Coroutine[Any, Any, int | None]:
        """The logarithmic access counter, under an LFU policy."""
        return self._keyed(_FREQ, (key,))

    def object_refcount(self, key: Key) -> Coroutine[Any, Any, int | None]:
        """How many references the value has."""
        return self._keyed(_REFCOUNT, (key,))

    def memory_usage(self, key: Key) -> Coroutine[Any, Any, int | None]:
        """Bytes that the key and its value take."""
        return self._keyed(_MEMORY_USAGE, (key,))


def _as_bytes(reply: Any) -> Any:
    return reply.encode("utf-8", "surrogateescape") if isinstance(reply, str) else reply
