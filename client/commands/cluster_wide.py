"""What is asked of every node at once: sizes, scans, flushes. In a cluster "the data" are on all primaries.

These are methods of the client only; a pipeline has no use for them. A node that fails makes the whole
call fail: half a count would be a wrong count.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Generic

from garrison.client.commands.arguments import flag
from garrison.client.commands.base import T
from garrison.client.commands.replies import as_dict, fields_of
from garrison.client.connection import Connection
from garrison.client.core.resp import Arg
from garrison.client.nodes import Node
from garrison.client.router import Router

__all__ = ["ClusterWideCommands"]


class ClusterWideCommands(Generic[T]):
    """Commands that go to all primaries, or to any one node."""

    _router: Router

    async def call(self, *command: Arg, key: Arg | None = None) -> Any:
        raise NotImplementedError

    async def call_primaries(self, *command: Arg) -> dict[str, Any]:
        """Send one command to every primary at once; the replies by ``host:port``."""
        await self._router.settled()
        nodes = self._router.primaries()
        replies = await asyncio.gather(*(_call(node, command) for node in nodes))
        return {str(node.address): reply for node, reply in zip(nodes, replies, strict=True)}

    async def ping(self) -> bool:
        """Whether a node answers."""
        await self.call("PING")
        return True

    async def echo(self, message: Arg) -> T:
        """The message, back from a node."""
        reply: T = await self.call("ECHO", message)
        return reply

    async def time(self) -> float:
        """The Unix time in seconds by the clock of a node."""
        seconds, microseconds = await self.call("TIME")
        return int(seconds) + int(microseconds) / 1e6

    async def dbsize(self) -> int:
        """The number of keys on all primaries."""
        return sum((await self.call_primaries("DBSIZE")).values())

    async def flushall(self, asynchronous: bool = False) -> bool:
        """Delete all keys of all databases on all primaries. Always True.

        With ``asynchronous`` the memory is freed in the background.
        """
        await self.call_primaries("FLUSHALL", *flag(asynchronous, "ASYNC"))
        return True

    async def flushdb(self, asynchronous: bool = False) -> bool:
        """Delete all keys of this database on all primaries, as :meth:`flushall` does. Always True."""
        await self.call_primaries("FLUSHDB", *flag(asynchronous, "ASYNC"))
        return True

    async def keys(self, pattern: Arg = "*") -> list[T]:
        """All keys that match; walks each node's whole keyspace in one go, so prefer :meth:`scan_iter`."""
        replies = await self.call_primaries("KEYS", pattern)
        return [key for keys in replies.values() for key in keys]

    async def randomkey(self) -> T | None:
        """Some key, chosen at random on a node chosen at random; None when there is none."""
        await self._router.settled()
        for node in self._router.shuffled_primaries():
            key: T | None = await _call(node, ("RANDOMKEY",))
            if key is not None:
                return key
        return None

    async def scan_iter(
        self, match: Arg | None = None, count: int | None = None, type: str | None = None
    ) -> AsyncIterator[T]:
        """All keys of all primaries, in steps of about ``count``.

        A key that exists throughout comes at least once. One that moves to another node meanwhile may
        come twice; keys made or deleted meanwhile may come or not.
        """
        options: list[Arg] = []
        for name, value in (("MATCH", match), ("COUNT", count), ("TYPE", type)):
            options += [name, value] if value is not None else []
        await self._router.settled()
        for node in self._router.primaries():
            cursor = 0
            while True:
                reply = await _call(node, ("SCAN", cursor, *options))
                cursor = int(reply[0])
                for key in reply[1]:
                    yield key
                if cursor == 0:
                    break

    async def info(self, *sections: str) -> dict[str, dict[str, str]]:
        """INFO of every primary: ``host:port`` -> field -> value."""
        replies = await self.call_primaries("INFO", *sections)
        return {address: fields_of(reply) for address, reply in replies.items()}

    async def config_get(self, *patterns: str) -> dict[str, dict[T, T]]:
        """CONFIG GET of every primary: ``host:port`` -> parameter -> value."""
        replies = await self.call_primaries("CONFIG", "GET", *patterns)
        return {address: as_dict(reply) for address, reply in replies.items()}

    async def config_set(self, name: str, value: Arg) -> bool:
        """CONFIG SET on every primary. Always True."""
        await self.call_primaries("CONFIG", "SET", name, value)
        return True


async def _call(node: Node, command: tuple[Arg, ...]) -> Any:
    connection: Connection = await node.connection()
    return await connection.call(*command)
