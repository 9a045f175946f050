"""A cluster of local processes, shard by shard, for tests that break one node and count keys afterwards."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from garrison.client import Connection, ReplyError, key_slot, open_connection
from garrison.client.core.resp import Arg
from garrison.cluster.core.topology import Node
from garrison.cluster.local.cluster import LocalCluster, LocalNode
from garrison.cluster.local.process import LocalProcess
from tests.integration.group_on_hosts import until

REPLY_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Shard:
    """A primary with slots, and its replicas, as the cluster saw them when it was asked."""

    primary: Node
    slots: frozenset[int]
    owner: LocalNode
    replicas: list[LocalNode]

    @property
    def id(self) -> str:
        return self.primary.id

    def keys(self, count: int) -> list[str]:
        """Keys in slots of this shard, spread over all of them."""
        return keys_in(self.slots, count)


async def shards_of(cluster: LocalCluster) -> list[Shard]:
    """The shards of a healthy cluster, in the order of their primaries."""
    state = await cluster.wait_healthy()
    return [
        Shard(
            node,
            state.slots_of[node.id],
            cluster.node(node.address),
            [cluster.node(replica.address) for replica in state.replicas_of(node.id)],
        )
        for node in state.primaries
        if state.slots_of.get(node.id)
    ]


def keys_in(slots: Collection[int], count: int) -> list[str]:
    """The first `count` keys key:0, key:1 ... that are in one of these slots."""
    found: list[str] = []
    number = 0
    while len(found) < count:
        if key_slot(f"key:{number}") in slots:
            found.append(f"key:{number}")
        number += 1
    return found


@contextlib.asynccontextmanager
async def talking_to(node: LocalProcess) -> AsyncIterator[Connection]:
    """A connection that follows no redirect and waits long."""
    connection = await open_connection(node.address.host, node.address.port, timeout=REPLY_TIMEOUT_S)
    try:
        yield connection
    finally:
        await connection.close()


async def call(node: LocalProcess, *words: Arg) -> Any:
    """One command, over a connection of its own. Raises ClientError."""
    async with talking_to(node) as connection:
        return await connection.call(*words)


async def ask_all(node: LocalProcess, commands: Iterable[tuple[Arg, ...]]) -> list[Any]:
    """Many commands in one go; error replies are values."""
    async with talking_to(node) as connection:
        return await connection.call_many(list(commands))


async def write(node: LocalProcess, values: dict[str, str], copies: int = 0) -> None:
    """Set these keys, and wait until so many replicas have them."""
    async with talking_to(node) as connection:
        replies = await connection.call_many([("SET", key, value) for key, value in values.items()])
        assert replies == [b"OK"] * len(values), _errors(replies)
        assert await connection.call("WAIT", copies, 30_000) >= copies


async def is_primary(node: LocalProcess) -> bool:
    return bool((await call(node, "ROLE"))[0] == b"master")


async def elected(node: LocalProcess) -> None:
    """Wait until this replica has taken its primary's place."""
    await until(lambda: is_primary(node), f"{node.address} is elected")


async def info(node: LocalProcess, section: str) -> dict[str, str]:
    text = (await call(node, "INFO", section)).decode()
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


async def replica_is_linked(node: LocalProcess) -> bool:
    return (await info(node, "replication")).get("master_link_status") == "up"


async def stays(seconds: float, holds: Any, what: str) -> None:
    """Demand that a condition holds all the time."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end:
        assert await holds(), what
        await asyncio.sleep(0.05)


def _errors(replies: list[Any]) -> str:
    return "; ".join(sorted({str(reply) for reply in replies if isinstance(reply, ReplyError)}))
