"""Groups of consumers of a stream: each entry goes to one of them, and is pending until it is acknowledged.

A consumer that dies leaves its entries pending. Others find them with ``xpending_range``, or take over what
has been pending for long with ``xautoclaim``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, Literal, NamedTuple, overload

from garrison.client.commands.arguments import Lifetime, flag, in_milliseconds, one_of, option
from garrison.client.commands.base import CommandSet, Reply, T
from garrison.client.commands.replies import StreamEntry, as_ok
from garrison.client.commands.streams import as_entries, as_streams, stream_words
from garrison.client.core.commands import command
from garrison.client.core.resp import Arg, Key
from garrison.client.errors import UsageError

__all__ = ["PendingEntry", "PendingSummary", "StreamGroupCommands"]

_XACK = command("XACK")
_XAUTOCLAIM = command("XAUTOCLAIM")
_XCLAIM = command("XCLAIM")
_XGROUP_CREATE = command("XGROUP CREATE")
_XGROUP_CREATECONSUMER = command("XGROUP CREATECONSUMER")
_XGROUP_DELCONSUMER = command("XGROUP DELCONSUMER")
_XGROUP_DESTROY = command("XGROUP DESTROY")
_XGROUP_SETID = command("XGROUP SETID")
_XPENDING = command("XPENDING")
_XREADGROUP = command("XREADGROUP")


class PendingSummary(NamedTuple, Generic[T]):
    """What is pending in a group."""

    pending: int
    """The number of entries."""
    min: T | None
    max: T | None
    """The lowest and the highest id; None when nothing is pending."""
    consumers: dict[T, int]
    """How many entries each consumer holds; those that hold none are left out."""


class PendingEntry(NamedTuple, Generic[T]):
    """One entry that is pending."""

    message_id: T
    consumer: T
    time_since_delivered: int
    """Milliseconds."""
    times_delivered: int


class StreamGroupCommands(CommandSet[T]):
    """The commands on groups of consumers."""

    def xgroup_create(
        self,
        key: Key,
        groupname: Arg,
        id: Arg = "$",
        mkstream: bool = False,
        entries_read: int | None = None,
    ) -> Reply[bool]:
        """Make a group that gets the entries behind ``id`` (``"0"``: all); ``mkstream`` makes the stream too.

        Always True; a group of that name is a ``BUSYGROUP`` error.
        """
        words = (*flag(mkstream, "MKSTREAM"), *option("ENTRIESREAD", entries_read))
        return self._routed(_XGROUP_CREATE, (key, groupname, id, *words), as_ok)

    def xgroup_setid(self, key: Key, groupname: Arg, id: Arg, entries_read: int | None = None) -> Reply[bool]:
        """Let the group go on behind ``id``. Always True."""
        return self._routed(_XGROUP_SETID, (key, groupname, id, *option("ENTRIESREAD", entries_read)), as_ok)

    def xgroup_destroy(self, key: Key, groupname: Arg) -> Reply[bool]:
        """Delete a group with what is pending in it; whether there was one."""
        return self._routed(_XGROUP_DESTROY, (key, groupname), bool)

    def xgroup_createconsumer(self, key: Key, groupname: Arg, consumername: Arg) -> Reply[bool]:
        """Make a consumer, which reading does too; whether it is new."""
        return self._routed(_XGROUP_CREATECONSUMER, (key, groupname, consumername), bool)

    def xgroup_delconsumer(self, key: Key, groupname: Arg, consumername: Arg) -> Reply[int]:
        """Delete a consumer; how many entries were pending with it, which nobody will get any more."""
        return self._routed(_XGROUP_DELCONSUMER, (key, groupname, consumername))

    def xreadgroup(
        self,
        groupname: Arg,
        consumername: Arg,
        streams: Mapping[Any, Arg],
        count: int | None = None,
        block: Lifetime | None = None,
        noack: bool = False,
    ) -> Reply[dict[T, list[StreamEntry[T]]]]:
        """Entries for a consumer, at most ``count`` of each stream: ``{key: ">"}`` gives new ones.

        They are pending until :meth:`xack`, unless ``noack``. Any other id than ``">"`` gives those that
        are pending with this consumer behind that id. ``block`` waits, as of
        :meth:`~garrison.client.commands.streams.StreamCommands.xread`.
        """
        words: list[Arg] = ["GROUP", groupname, consumername, *option("COUNT", count), *flag(noack, "NOACK")]
        words += stream_words(streams, block)
        return (self._routed if block is None else self._waiting)(_XREADGROUP, words, as_streams)

    def xack(self, key: Key, groupname: Arg, *ids: Arg) -> Reply[int]:
        """Acknowledge entries; how many were pending."""
        return self._keyed(_XACK, (key, groupname, *ids))

    def xpending(self, key: Key, groupname: Arg) -> Reply[PendingSummary[T]]:
        """What is pending, in short."""
        return self._keyed(_XPENDING, (key, groupname), _as_summary)

    def xpending_range(
        self,
        key: Key,
        groupname: Arg,
        min: Arg,
        max: Arg,
        count: int,
        consumername: Arg | None = None,
        idle: Lifetime | None = None,
    ) -> Reply[list[PendingEntry[T]]]:
        """At most ``count`` pending entries in a range of ids, of one consumer, idle for ``idle`` ms."""
        since = option("IDLE", None if idle is None else in_milliseconds(idle))
        consumer = () if consumername is None else (consumername,)
        return self._keyed(_XPENDING, (key, groupname, *since, min, max, count, *consumer), _as_pending)

    @overload
    def xclaim(
        self,
        key: Key,
        groupname: Arg,
        consumername: Arg,
        min_idle_time: Lifetime,
        message_ids: Sequence[Arg],
        idle: Lifetime | None = None,
        time: int | None = None,
        retrycount: int | None = None,
        force: bool = False,
        justid: Literal[False] = False,
    ) -> Reply[list[StreamEntry[T]]]: ...

    @overload
    def xclaim(
        self,
        key: Key,
        groupname: Arg,
        consumername: Arg,
        min_idle_time: Lifetime,
        message_ids: Sequence[Arg],
        idle: Lifetime | None = None,
        time: int | None = None,
        retrycount: int | None = None,
        force: bool = False,
        *,
        justid: Literal[True],
    ) -> Reply[list[T]]: ...

    def xclaim(
        self,
        key: Key,
        groupname: Arg,
        consumername: Arg,
        min_idle_time: Lifetime,
        message_ids: Sequence[Arg],
        idle: Lifetime | None = None,
        time: int | None = None,
        retrycount: int | None = None,
        force: bool = False,
        justid: bool = False,
    ) -> Reply[Any]:
        """Take over pending entries that were delivered at least ``min_idle_time`` ms ago; those that were.

        They count as delivered now, or ``idle`` ms ago, or at the Unix time ``time`` (ms), once more or
        ``retrycount`` times; ``force`` takes them also if they are not pending. ``justid`` gives only ids,
        and leaves the count.
        """
        if not message_ids:
            raise UsageError("no ids: give at least one")
        since = one_of({"IDLE": None if idle is None else in_milliseconds(idle), "TIME": time})
        words: tuple[Arg, ...] = (*since, *option("RETRYCOUNT", retrycount), *flag(force, "FORCE"))
        args = (key, groupname, consumername, in_milliseconds(min_idle_time), *message_ids, *words)
        if justid:
            return self._keyed(_XCLAIM, (*args, "JUSTID"))
        return self._keyed(_XCLAIM, args, as_entries)

    @overload
    def xautoclaim(
        self,
        key: Key,
        groupname: Arg,
        consumername: Arg,
        min_idle_time: Lifetime,
        start_id: Arg = "0-0",
        count: int | None = None,
        justid: Literal[False] = False,
    ) -> Reply[tuple[T, list[StreamEntry[T]], list[T]]]: ...

    @overload
    def xautoclaim(
        self,
        key: Key,
        groupname: Arg,
        consumername: Arg,
        min_idle_time: Lifetime,
        start_id: Arg = "0-0",
        count: int | None = None,
        *,
        justid: Literal[True],
    ) -> Reply[tuple[T, list[T], list[T]]]: ...

    def xautoclaim(
        self,
        key: Key,
        groupname: Arg,
        consumername: Arg,
        min_idle_time: Lifetime,
        start_id: Arg = "0-0",
        count: int | None = None,
        justid: bool = False,
    ) -> Reply[Any]:
        """Take over ``count`` entries at most, from ``start_id`` on, pending for ``min_idle_time`` ms.

        Returns where to go on (``0-0`` at the end), the entries, and the ids of pending ones that were
        deleted from the stream and are forgotten now. ``justid`` gives ids instead of entries.
        """
        args: tuple[Arg, ...] = (key, groupname, consumername, in_milliseconds(min_idle_time), start_id)
        args += (*option("COUNT", count), *flag(justid, "JUSTID"))
        return self._keyed(_XAUTOCLAIM, args, _as_claimed_ids if justid else _as_claimed)


def _as_summary(reply: Any) -> Any:
    count, lowest, highest, consumers = reply
    return PendingSummary(count, lowest, highest, {name: int(held) for name, held in consumers or ()})


def _as_pending(reply: Any) -> Any:
    return [PendingEntry(*entry) for entry in reply]


def _as_claimed(reply: Any) -> Any:
    return reply[0], as_entries(reply[1]), _forgotten(reply)


def _as_claimed_ids(reply: Any) -> Any:
    return reply[0], reply[1], _forgotten(reply)


def _forgotten(reply: Any) -> Any:
    """A server before 7.0 does not tell which ids it forgot."""
    return reply[2] if len(reply) > 2 else []
