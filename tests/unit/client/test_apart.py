"""Connections apart: kept, bounded, and closed with the client."""

from __future__ import annotations

import pytest

from garrison.client import connect
from garrison.client.errors import TooManyWaitingError, UsageError

from .servers import ServerProcess


async def test_connections_are_kept_and_bounded(any_server: ServerProcess) -> None:
    url = f"redis://127.0.0.1:{any_server.port}"
    async with await connect(url, protocol=2, apart_connections_max=2, apart_idle_max=1) as client:
        pool, node = client._apart, client._router.any_node()
        one, two = await pool.take(node), await pool.take(node)
        assert one.server["id"] != two.server["id"]  # RESP2 asks for it.
        with pytest.raises(TooManyWaitingError, match="apart_connections_max"):
            await pool.take(node)
        pool.give_back(node, one)
        pool.give_back(node, two)
        assert (pool.count, one.is_closed, two.is_closed) == (1, False, True)
        assert await pool.take(node) is one
        pool.drop(one)
        assert (pool.count, one.is_closed) == (0, True)
        kept = await pool.take(node)
        pool.give_back(node, kept)
    assert kept.is_closed
    with pytest.raises(UsageError, match="closed"):
        await pool.take(node)


async def test_connection_that_broke_is_not_given_out(any_server: ServerProcess) -> None:
    async with await connect(f"redis://127.0.0.1:{any_server.port}") as client:
        pool, node = client._apart, client._router.any_node()
        connection = await pool.take(node)
        pool.give_back(node, connection)
        connection.give_up("the test closes it")
        assert await pool.take(node) is not connection
