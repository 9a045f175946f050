"""A node of the pool: its shared connection, and what becomes of those who wait for it."""

from __future__ import annotations

import asyncio
import socket

import pytest

from garrison.client.core.topology import Address
from garrison.client.errors import ConnectionFailedError
from garrison.client.nodes import NodePool
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
