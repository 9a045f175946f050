"""The asyncio client of Garrison, for one server, for a primary under Sentinels, or a whole cluster.

::

    import asyncio
    from garrison.client import connect

    async def main():
        async with await connect("redis://127.0.0.1:7000") as client:
            await client.set("greeting", "hello", ex=60)
            print(await client.get("greeting"))

    asyncio.run(main())

:func:`connect` finds out by itself whether the server is part of a cluster; with
``sentinel://host,host/NAME`` it asks Sentinels for the primary. Commands go straight to the node that
serves their key; redirects, failovers and resharding are followed within the deadline of the call.
:func:`open_connection` is the level below: one connection to one node, no routing.

How the room is laid out: ``core/`` decides, without sockets or clocks (RESP, slots, topology, routing,
Sentinels' claims, the command table); ``wire`` and ``connection`` are one socket; ``nodes`` are all that is
known; a ``router`` says which node serves a slot, ``cluster_router`` because the nodes say so,
``sentinel_router`` (with a ``sentinel_link`` to each) because Sentinels do; ``execution`` carries a call
out, ``waiting`` one that waits and ``watch`` a transaction with WATCH, on connections of ``apart``;
``commands/`` has the typed methods; ``script`` (with its ``script_call``) runs a registered script;
``recipes/`` are what programs build of all that: locks, queues, limits; ``client``, ``pipeline`` (with its
``queued`` replies) and ``pubsub`` are what users hold. Errors are drawn as a tree in ``errors``, limits and
times are listed in ``settings``.
"""

from garrison.client.client import Client, connect
from garrison.client.commands.replies import Place, StreamEntry
from garrison.client.commands.stream_groups import PendingEntry, PendingSummary
from garrison.client.connection import Connection, open_connection
from garrison.client.core.slots import SLOT_COUNT, key_slot
from garrison.client.core.topology import Address
from garrison.client.errors import (
    CallTimeoutError,
    ClientError,
    ConnectionFailedError,
    ConnectionLostError,
    NoScriptError,
    ReplyError,
    UsageError,
    WatchError,
)
from garrison.client.pipeline import Pipeline
from garrison.client.queued import Queued
from garrison.client.script import Script
from garrison.client.settings import Settings

__all__ = [
    "SLOT_COUNT",
    "Address",
    "CallTimeoutError",
    "Client",
    "ClientError",
    "Connection",
    "ConnectionFailedError",
    "ConnectionLostError",
    "NoScriptError",
    "PendingEntry",
    "PendingSummary",
    "Pipeline",
    "Place",
    "Queued",
    "ReplyError",
    "Script",
    "Settings",
    "StreamEntry",
    "UsageError",
    "WatchError",
    "connect",
    "key_slot",
    "open_connection",
]
