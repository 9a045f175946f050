"""Streams: entries with fields, appended in order of their ids. Groups of consumers are in ``stream_groups``.

::

    await client.xadd("events", {"kind": "login", "user": 7}, maxlen=10_000)      # b'1700000000000-0'
    await client.xrange("events", count=1)            # [(b'1700000000000-0', {b'kind': b'login', ...})]

Reading with ``block`` waits on a connection of its own, as all commands that wait
(:mod:`garrison.client.waiting`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from garrison.client.commands.arguments import Lifetime, flag, in_milliseconds, one_of, option, pairs
from garrison.client.commands.base import CommandSet, Reply, T
from garrison.client.commands.replies import StreamEntry, as_dict, as_fields, as_ok, each
from garrison.client.core.commands import command
from garrison.client.core.resp import Arg, Key
from garrison.client.errors import UsageError

__all__ = ["StreamCommands", "as_entries", "as_streams", "stream_words"]

_XADD = command("XADD")
_XDEL = command("XDEL")
_XINFO_CONSUMERS = command("XINFO CONSUMERS")
_XINFO_GROUPS = command("XINFO GROUPS")
_XINFO_STREAM = command("XINFO STREAM")
_XLEN = command("XLEN")
_XRANGE = command("XRANGE")
_XREAD = command("XREAD")
_XREVRANGE = command("XREVRANGE")
_XSETID = command("XSETID")
_XTRIM = command("XTRIM")


class StreamCommands(CommandSet[T]):
    """The commands on streams. An id is text such as ``"1700000000000-0"``, or its milliseconds alone."""

    def xadd(
        self,
        key: Key,
        fields: Mapping[Any, Arg],
        id: Arg = "*",
        maxlen: int | None = None,
        approximate: bool = True,
        nomkstream: bool = False,
        minid: Arg | None = None,
        limit: int | None = None,
    ) -> Reply[T | None]:
        """Append an entry; its id, or None where ``nomkstream`` kept the stream from being made.

        The stream is cut to ``maxlen`` entries, or to ids from ``minid`` on, to about so many if
        ``approximate`` (which is much cheaper), dropping at most ``limit`` entries this time.
        """
        trimming = _trimming(maxlen, minid, approximate, limit)
        args = (key, *flag(nomkstream, "NOMKSTREAM"), *trimming, id, *pairs(fields, "field"))
        return self._keyed(_XADD, args)

    def xtrim(
        self,
        key: Key,
        maxlen: int | None = None,
        approximate: bool = True,
        minid: Arg | None = None,
        limit: int | None = None,
    ) -> Reply[int]:
        """Cut the stream, as :meth:`xadd` does; how many entries were dropped."""
        if maxlen is None and minid is None:
            raise UsageError("xtrim: give maxlen or minid")
        return self._keyed(_XTRIM, (key, *_trimming(maxlen, minid, approximate, limit)))

    def xdel(self, key: Key, *ids: Arg) -> Reply[int]:
        """Delete entries; how many there were."""
        return self._keyed(_XDEL, (key, *ids))

    def xlen(self, key: Key) -> Reply[int]:
        """The number of entries."""
        return self._keyed(_XLEN, (key,))

    def xrange(
        self, key: Key, min: Arg = "-", max: Arg = "+", count: int | None = None
    ) -> Reply[list[StreamEntry[T]]]:
        """At most ``count`` entries with ids in a range, oldest first; ``"(1-0"`` leaves 1-0 itself out."""
        return self._keyed(_XRANGE, (key, min, max, *option("COUNT", count)), as_entries)

    def xrevrange(
        self, key: Key, max: Arg = "+", min: Arg = "-", count: int | None = None
    ) -> Reply[list[StreamEntry[T]]]:
        """At most ``count`` entries with ids in a range, newest first."""
        return self._keyed(_XREVRANGE, (key, max, min, *option("COUNT", count)), as_entries)

    def xread(
        self, streams: Mapping[Any, Arg], count: int | None = None, block: Lifetime | None = None
    ) -> Reply[dict[T, list[StreamEntry[T]]]]:
        """The entries behind an id of each stream, ``{key: id}``, at most ``count`` of each.

        Streams without such entries are left out. With ``block`` it waits so many milliseconds (0: for
        ever) for one entry at least; the id ``"$"`` then means the entries that come from now on. To miss
        none between two calls, give the last id that came. All keys in one slot.
        """
        words = [*option("COUNT", count), *stream_words(streams, block)]
        return (self._routed if block is None else self._waiting)(_XREAD, words, as_streams)

    def xsetid(
        self,
        key: Key,
        last_id: Arg,
        entries_added: int | None = None,
        max_deleted_id: Arg | None = None,
    ) -> Reply[bool]:
        """Set the last id of a stream, and, as a replica would, its counters. Always True."""
        words = (*option("ENTRIESADDED", entries_added), *option("MAXDELETEDID", max_deleted_id))
        return self._keyed(_XSETID, (key, last_id, *words), as_ok)

    # ---- what is known about a stream ----------------------------------------------------------

    def xinfo_stream(self, key: Key, full: bool = False, count: int | None = None) -> Reply[dict[str, Any]]:
        """Length, ids and groups of a stream; ``full`` adds its first ``count`` entries and all groups."""
        if full:
            return self._routed(_XINFO_STREAM, (key, "FULL", *option("COUNT", count)), _as_full)
        return self._routed(_XINFO_STREAM, (key,), _as_summary)

    def xinfo_groups(self, key: Key) -> Reply[list[dict[str, Any]]]:
        """The groups of a stream."""
        return self._routed(_XINFO_GROUPS, (key,), each(as_fields))

    def xinfo_consumers(self, key: Key, groupname: Arg) -> Reply[list[dict[str, Any]]]:
        """The consumers of a group."""
        return self._routed(_XINFO_CONSUMERS, (key, groupname), each(as_fields))


def stream_words(streams: Mapping[Any, Arg], block: Lifetime | None) -> list[Arg]:
    """``BLOCK ms STREAMS key ... id ...``, as XREAD and XREADGROUP end."""
    if not streams:
        raise UsageError("no streams: give a mapping of at least one key to the id to read from")
    waiting = option("BLOCK", None if block is None else in_milliseconds(block))
    return [*waiting, "STREAMS", *streams.keys(), *streams.values()]


def _trimming(maxlen: int | None, minid: Arg | None, approximate: bool, limit: int | None) -> tuple[Arg, ...]:
    chosen = one_of({"MAXLEN": maxlen, "MINID": minid})
    if not chosen:
        return ()
    name, value = chosen
    return (name, "~" if approximate else "=", value, *option("LIMIT", limit))


def _as_entry(reply: Any) -> Any:
    # A pending entry that was deleted since has no fields.
    return reply[0], as_dict(reply[1] or [])


def as_entries(reply: Any) -> Any:
    """Entries: ids with their fields."""
    return [_as_entry(entry) for entry in reply if entry is not None]


def as_streams(reply: Any) -> Any:
    """Entries by stream: a map in RESP3, pairs in RESP2, null if there are none."""
    streams = reply.items() if isinstance(reply, dict) else reply or ()
    return {name: as_entries(entries) for name, entries in streams}


def _as_summary(reply: Any) -> Any:
    fields = as_fields(reply)
    for name in ("first-entry", "last-entry"):
        if fields.get(name) is not None:
            fields[name] = _as_entry(fields[name])
    return fields


def _as_full(reply: Any) -> Any:
    fields = as_fields(reply)
    fields["entries"] = as_entries(fields["entries"])
    fields["groups"] = [as_fields(group) for group in fields["groups"]]
    for group in fields["groups"]:
        group["consumers"] = [as_fields(consumer) for consumer in group["consumers"]]
    return fields
