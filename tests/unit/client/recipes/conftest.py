"""Fixtures of the recipes' tests: clients of each kind of server, and programs in processes of their own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from garrison.client import Client
from tests.unit.client.conftest import connected, need
from tests.unit.client.servers import ServerProcess

Program = Callable[[str, int], Awaitable[list[str]]]
"""Runs a program in several processes at once; what each printed."""

in_one_protocol = pytest.mark.parametrize("variant", [(3, False)], ids=["resp3"])
"""For tests that start processes or wait: what they see of replies, others see in both protocols."""

_HEAD = """
import asyncio, sys
from garrison.client import connect
from garrison.client.recipes import *

async def main():
    async with await connect(sys.argv[1]) as client:
        await work(client)

"""


@pytest.fixture(params=[(3, False), (2, True)], ids=["resp3", "resp2-str"])
def variant(request: Any) -> tuple[int, bool]:
    """The protocol, and whether replies are decoded."""
    chosen: tuple[int, bool] = request.param
    return chosen


@pytest.fixture
async def client(any_server: ServerProcess, variant: tuple[int, bool]) -> AsyncIterator[Client[Any]]:
    """A client of an empty server of each kind that runs scripts."""
    async with connected(any_server, *variant) as (client, _):
        await need(client, "EVAL", "return 1", 0)
        yield client


@pytest.fixture
async def plain_client(any_server: ServerProcess, variant: tuple[int, bool]) -> AsyncIterator[Client[Any]]:
    """A client of an empty server of each kind, for recipes that need no scripts."""
    async with connected(any_server, *variant) as (client, _):
        yield client


@pytest.fixture
def processes(any_server: ServerProcess) -> Program:
    """``await processes(source of an async work(client), number)``."""

    async def run(source: str, count: int) -> list[str]:
        code = f"{_HEAD}{source}\nasyncio.run(main())"
        url = f"redis://127.0.0.1:{any_server.port}"
        started = [
            await asyncio.create_subprocess_exec(
                sys.executable, "-c", code, url, stdout=asyncio.subprocess.PIPE
            )
            for _ in range(count)
        ]
        printed = [(await process.communicate())[0].decode() for process in started]
        assert [process.returncode for process in started] == [0] * count
        return printed

    return run
