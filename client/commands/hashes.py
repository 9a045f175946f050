"""Hashes: fields with values under one key, and the lifetimes of single fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, overload

from garrison.client.commands.arguments import (
    Args,
    Lifetime,
    Moment,
    conditions,
    flag,
    in_milliseconds,
    in_seconds,
    lifetime,
    many,
    option,
    pairs,
    unix_milliseconds,
    unix_seconds,
)
from garrison.client.commands.base import CommandSet, Reply, T
from garrison.client.commands.replies import as_dict, as_float, as_ok, as_pairs, as_scan_step
from garrison.client.core.commands import command
from garrison.client.core.resp import Arg, Key
from garrison.client.errors import UsageError

__all__ = ["HashCommands"]

_HDEL = command("HDEL")
_HEXISTS = command("HEXISTS")
_HGET = command("HGET")
_HGETALL = command("HGETALL")
_HGETDEL = command("HGETDEL")
_HGETEX = command("HGETEX")
_HINCRBY = command("HINCRBY")
_HINCRBYFLOAT = command("HINCRBYFLOAT")
_HKEYS = command("HKEYS")
_HLEN = command("HLEN")
_HMGET = command("HMGET")
_HMSET = command("HMSET")
_HRANDFIELD = command("HRANDFIELD")
_HSCAN = command("HSCAN")
_HSET = command("HSET")
_HSETEX = command("HSETEX")
_HSETNX = command("HSETNX")
_HSTRLEN = command("HSTRLEN")
_HVALS = command("HVALS")
_HEXPIRE = command("HEXPIRE")
_HPEXPIRE = command("HPEXPIRE")
_HEXPIREAT = command("HEXPIREAT")
_HPEXPIREAT = command("HPEXPIREAT")
_HTTL = command("HTTL")
_HPTTL = command("HPTTL")
_HEXPIRETIME = command("HEXPIRETIME")
_HPEXPIRETIME = command("HPEXPIRETIME")
_HPERSIST = command("HPERSIST")


class HashCommands(CommandSet[T]):
    """The commands on hashes.

    The commands on lifetimes of fields answer with one number a field: -2 where there is no such field.
    Setting a lifetime gives 1, 0 where a condition did not hold (``nx``, ``xx``, ``gt``, ``lt``, as of
    :meth:`~garrison.client.commands.keys.KeyCommands.expire`), and 2 where the time has passed already, so
    that the field is gone.
    """

    @overload
    def hset(
        self,
        key: Key,
        field: Arg,
        value: Arg,
        mapping: Mapping[Any, Arg] | None = None,
        items: Sequence[Arg] | None = None,
    ) -> Reply[int]: ...

    @overload
    def hset(self, key: Key, field: Mapping[Any, Arg]) -> Reply[int]: ...

    @overload
    def hset(
        self,
        key: Key,
        field: None = None,
        value: None = None,
        mapping: Mapping[Any, Arg] | None = None,
        *,
        items: Sequence[Arg],
    ) -> Reply[int]: ...

    @overload
    def hset(
        self, key: Key, field: None = None, value: None = None, *, mapping: Mapping[Any, Arg]
    ) -> Reply[int]: ...

    def hset(
        self,
        key: Key,
        field: Arg | Mapping[Any, Arg] | None = None,
        value: Arg | None = None,
        mapping: Mapping[Any, Arg] | None = None,
        items: Sequence[Arg] | None = None,
    ) -> Reply[int]:
        """Set fields: ``hset(key, field, value)`` or ``hset(key, {field: value, ...})``; how many are new.

        The mapping may also be given by name, as ``mapping``, and as a list of fields and values in turn,
        ``items``.
        """
        if items is not None and (not items or len(items) % 2):
            raise UsageError("items takes fields and values in turn")
        return self._keyed(_HSET, (key, *_fields_of(field, value, mapping, items)))

    def hmset(self, key: Key, mapping: Mapping[Any, Arg]) -> Reply[bool]:
        """The older name of :meth:`hset` for many fields. Always True."""
        return self._keyed(_HMSET, (key, *pairs(mapping, "field")), as_ok)

    def hsetnx(self, key: Key, field: Arg, value: Arg) -> Reply[bool]:
        """Set a field unless it exists; whether it was set."""
        return self._keyed(_HSETNX, (key, field, value), bool)

    def hget(self, key: Key, field: Arg) -> Reply[T | None]:
        """The value of a field; None when there is none."""
        return self._keyed(_HGET, (key, field))

    def hmget(self, key: Key, fields: Args, *more: Arg) -> Reply[list[T | None]]:
        """The values of several fields, in order."""
        return self._keyed(_HMGET, (key, *many(fields, *more)))

    def hgetall(self, key: Key) -> Reply[dict[T, T]]:
        """All fields with their values; empty if the key does not exist."""
        return self._keyed(_HGETALL, (key,), as_dict)

    def hdel(self, key: Key, *fields: Arg) -> Reply[int]:
        """Delete fields; how many there were."""
        return self._keyed(_HDEL, (key, *fields))

    def hexists(self, key: Key, field: Arg) -> Reply[bool]:
        """Whether the field exists."""
        return self._keyed(_HEXISTS, (key, field), bool)

    def hlen(self, key: Key) -> Reply[int]:
        """The number of fields."""
        return self._keyed(_HLEN, (key,))

    def hkeys(self, key: Key) -> Reply[list[T]]:
        """The names of all fields."""
        return self._keyed(_HKEYS, (key,))

    def hvals(self, key: Key) -> Reply[list[T]]:
        """The values of all fields."""
        return self._keyed(_HVALS, (key,))

    def hstrlen(self, key: Key, field: Arg) -> Reply[int]:
        """The length in bytes of a field's value; 0 when there is none."""
        return self._keyed(_HSTRLEN, (key, field))

    def hincrby(self, key: Key, field: Arg, amount: int = 1) -> Reply[int]:
        """Add to the integer in a field; the new value."""
        return self._keyed(_HINCRBY, (key, field, amount))

    def hincrbyfloat(self, key: Key, field: Arg, amount: float = 1.0) -> Reply[float]:
        """Add to the number in a field; the new value."""
        return self._keyed(_HINCRBYFLOAT, (key, field, amount), as_float)

    @overload
    def hrandfield(
        self, key: Key, count: None = None, withvalues: Literal[False] = False
    ) -> Reply[T | None]: ...

    @overload
    def hrandfield(self, key: Key, count: int, withvalues: Literal[False] = False) -> Reply[list[T]]: ...

    @overload
    def hrandfield(self, key: Key, count: int, withvalues: Literal[True]) -> Reply[list[tuple[T, T]]]: ...

    def hrandfield(self, key: Key, count: int | None = None, withvalues: bool = False) -> Reply[Any]:
        """A random field; with ``count`` a list of so many different ones, or, if negative, with repetitions.

        ``withvalues`` gives pairs of a field and its value.
        """
        if count is None:
            if withvalues:
                raise UsageError("hrandfield: withvalues needs a count, such as count=1")
            return self._keyed(_HRANDFIELD, (key,))
        if withvalues:
            return self._keyed(_HRANDFIELD, (key, count, "WITHVALUES"), as_pairs)
        return self._keyed(_HRANDFIELD, (key, count))

    @overload
    def hscan(
        self,
        key: Key,
        cursor: int = 0,
        match: Arg | None = None,
        count: int | None = None,
        no_values: Literal[False] = False,
    ) -> Reply[tuple[int, dict[T, T]]]: ...

    @overload
    def hscan(
        self,
        key: Key,
        cursor: int = 0,
        match: Arg | None = None,
        count: int | None = None,
        *,
        no_values: Literal[True],
    ) -> Reply[tuple[int, list[T]]]: ...

    def hscan(
        self,
        key: Key,
        cursor: int = 0,
        match: Arg | None = None,
        count: int | None = None,
        no_values: bool = False,
    ) -> Reply[Any]:
        """One step through the fields: the next cursor (0 at the end) and some fields with values.

        With ``no_values`` they come as a list, without their values.
        """
        args: tuple[Arg, ...] = (key, cursor, *option("MATCH", match), *option("COUNT", count))
        return self._keyed(
            _HSCAN, (*args, *flag(no_values, "NOVALUES")), as_scan_step if no_values else _as_step
        )

    # ---- lifetimes of fields -------------------------------------------------------------------

    def hsetex(
        self,
        key: Key,
        field: Arg | Mapping[Any, Arg] | None = None,
        value: Arg | None = None,
        mapping: Mapping[Any, Arg] | None = None,
        ex: Lifetime | None = None,
        px: Lifetime | None = None,
        exat: Moment | None = None,
        pxat: Moment | None = None,
        data_persist_option: Literal["FNX", "FXX"] | None = None,
        keepttl: bool = False,
    ) -> Reply[bool]:
        """Set fields, given as of :meth:`hset`, with one lifetime; whether they were set.

        ``FNX``: only if none of the fields exists; ``FXX``: only if all do.
        """
        given = _fields_of(field, value, mapping)
        words = () if data_persist_option is None else (data_persist_option,)
        ends = lifetime(ex=ex, px=px, exat=exat, pxat=pxat, keepttl=keepttl)
        return self._keyed(_HSETEX, (key, *words, *ends, "FIELDS", len(given) // 2, *given), bool)

    def hgetex(
        self,
        key: Key,
        *fields: Arg,
        ex: Lifetime | None = None,
        px: Lifetime | None = None,
        exat: Moment | None = None,
        pxat: Moment | None = None,
        persist: bool = False,
    ) -> Reply[list[T | None]]:
        """The values of fields, whose lifetime is then changed."""
        ends = lifetime(ex=ex, px=px, exat=exat, pxat=pxat, persist=persist)
        return self._keyed(_HGETEX, (key, *ends, *_named(fields)))

    def hgetdel(self, key: Key, *fields: Arg) -> Reply[list[T | None]]:
        """The values of fields, which are then deleted."""
        return self._keyed(_HGETDEL, (key, *_named(fields)))

    def hexpire(
        self,
        key: Key,
        seconds: Lifetime,
        *fields: Arg,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Reply[list[int]]:
        """Let fields live for so many seconds from now."""
        words = conditions(nx=nx, xx=xx, gt=gt, lt=lt)
        return self._keyed(_HEXPIRE, (key, in_seconds(seconds), *words, *_named(fields)))

    def hpexpire(
        self,
        key: Key,
        milliseconds: Lifetime,
        *fields: Arg,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Reply[list[int]]:
        """Let fields live for so many milliseconds from now."""
        words = conditions(nx=nx, xx=xx, gt=gt, lt=lt)
        return self._keyed(_HPEXPIRE, (key, in_milliseconds(milliseconds), *words, *_named(fields)))

    def hexpireat(
        self,
        key: Key,
        when: Moment,
        *fields: Arg,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Reply[list[int]]:
        """Let fields live until a Unix time in seconds."""
        words = conditions(nx=nx, xx=xx, gt=gt, lt=lt)
        return self._keyed(_HEXPIREAT, (key, unix_seconds(when), *words, *_named(fields)))

    def hpexpireat(
        self,
        key: Key,
        when: Moment,
        *fields: Arg,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Reply[list[int]]:
        """Let fields live until a Unix time in milliseconds."""
        words = conditions(nx=nx, xx=xx, gt=gt, lt=lt)
        return self._keyed(_HPEXPIREAT, (key, unix_milliseconds(when), *words, *_named(fields)))

    def httl(self, key: Key, *fields: Arg) -> Reply[list[int]]:
        """Seconds that fields have left to live; -1 for ever."""
        return self._keyed(_HTTL, (key, *_named(fields)))

    def hpttl(self, key: Key, *fields: Arg) -> Reply[list[int]]:
        """Milliseconds that fields have left to live; -1 for ever."""
        return self._keyed(_HPTTL, (key, *_named(fields)))

    def hexpiretime(self, key: Key, *fields: Arg) -> Reply[list[int]]:
        """The Unix times in seconds at which fields end; -1 never."""
        return self._keyed(_HEXPIRETIME, (key, *_named(fields)))

    def hpexpiretime(self, key: Key, *fields: Arg) -> Reply[list[int]]:
        """The Unix times in milliseconds at which fields end; -1 never."""
        return self._keyed(_HPEXPIRETIME, (key, *_named(fields)))

    def hpersist(self, key: Key, *fields: Arg) -> Reply[list[int]]:
        """Let fields live for ever; for each 1, or -1 if it had no lifetime."""
        return self._keyed(_HPERSIST, (key, *_named(fields)))


def _fields_of(
    field: Arg | Mapping[Any, Arg] | None,
    value: Arg | None,
    mapping: Mapping[Any, Arg] | None,
    items: Sequence[Arg] | None = None,
) -> list[Arg]:
    """Fields and values in turn, from any way of giving them."""
    if isinstance(field, Mapping):
        if value is not None or mapping is not None:
            raise UsageError("the fields are given twice: give one mapping, or a field and its value")
        return [*pairs(field, "field"), *(items or ())]
    given: list[Arg] = []
    if field is not None:
        if value is None:
            raise UsageError(f"the field {field!r} has no value: write hset(key, field, value)")
        given = [field, value]
    if mapping or not (given or items):
        given += pairs(mapping or {}, "field")
    return [*given, *(items or ())]


def _named(fields: tuple[Arg, ...]) -> tuple[Arg, ...]:
    if not fields:
        raise UsageError("no fields: give at least one")
    return ("FIELDS", len(fields), *fields)


def _as_step(reply: Any) -> Any:
    return int(reply[0]), as_dict(reply[1])
