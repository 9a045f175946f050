"""A node of the pool: its shared connection, and what becomes of those who wait for it."""

from __future__ import annotations

import asyncio
import socket

import pytest

from garrison.client.core.topology import Address
from garrison.client.errors import ConnectionFailedError, UsageError
from garrison.client.nodes import AddressMap, NodePool
from garrison.client.settings import Settings


async def test_who_waits_for_a_node_that_is_dropped_is_told_so() -> None:
    """A call must see an error that it can act on, not a cancellation that nobody asked for."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        node = NodePool(Settings(), None, None).at(Address(*silent.getsockname()))
        waiting = asyncio.create_task(node.connection())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        node.close()
        with pytest.raises(ConnectionFailedError, match="dropped"):
            await waiting


async def test_who_is_cancelled_while_waiting_stays_cancelled() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        node = NodePool(Settings(), None, None).at(Address(*silent.getsockname()))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await node.connection()
        node.close()


@pytest.mark.parametrize(
    ("address_map", "announced", "reached"),
    [
        ({"db1": "127.0.0.1"}, ("db1", 7000), ("127.0.0.1", 7000)),
        ({"db1": "127.0.0.1"}, ("db2", 7000), ("db2", 7000)),
        ({"db1": "a", "db1:7000": "b:1"}, ("db1", 7000), ("b", 1)),
        ({"db1": "a", "db1:7000": "b:1"}, ("db1", 7001), ("a", 7001)),
        ({("db1", 7000): ("b", 1)}, ("db1", 7000), ("b", 1)),
        ({"[::1]": "[::2]"}, ("::1", 5), ("::2", 5)),
        (lambda host, port: (host.upper(), port + 1), ("db", 1), ("DB", 2)),
    ],
)
async def test_address_map(
    address_map: AddressMap, announced: tuple[str, int], reached: tuple[str, int]
) -> None:
    pool = NodePool(Settings(), None, address_map)
    assert pool.announced(Address(*announced)).address == Address(*reached)


async def test_address_map_with_a_port_on_one_side_is_refused() -> None:
    with pytest.raises(UsageError, match="a port on both sides"):
        NodePool(Settings(), None, {"db1:7000": "127.0.0.1"})
