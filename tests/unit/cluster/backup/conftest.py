"""Nodes for backups: one that has data, and one that is empty."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from garrison.client import Client, connect
from garrison.cluster.backup.target import FolderTarget
from garrison.cluster.core.topology import Address
from garrison.cluster.local.cluster import GARRISON_NODE
from garrison.cluster.local.ports import HOST
from garrison.cluster.local.process import LocalProcess
from garrison.cluster.manager.progress import Silent
from garrison.cluster.manager.session import Session
from tests.conftest import find_free_port

KEYS = 500


class Notes(Silent):
    """Keeps the remarks that a user would see."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        self.texts.append(text)


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def session(notes: Notes) -> Session:
    return Session(display=notes)


@pytest.fixture
def target(tmp_path: Path) -> FolderTarget:
    return FolderTarget(tmp_path / "backups")


def address_of(client: Client[bytes]) -> Address:
    (address,) = client.primaries()
    return Address(address.host, address.port)


@asynccontextmanager
async def started_node(
    folder: Path, *words: str, command: Sequence[str] = GARRISON_NODE
) -> AsyncIterator[Client[bytes]]:
    """A client of a node in this folder, which ends with the block."""
    node = LocalProcess(Address(HOST, find_free_port()), folder)
    settings = ["--port", str(node.address.port), "--dir", str(folder), "--save", ""]
    try:
        await node.run([*command, *settings, "--repl-diskless-sync-delay", "0", *words])
        while True:
            try:
                client = await connect(f"redis://{node.address}")
                break
            except OSError:
                assert node.running, node.last_words()
        async with client:
            yield client
    finally:
        await node.kill()


@pytest_asyncio.fixture
async def source(tmp_path: Path) -> AsyncIterator[Client[bytes]]:
    """A node with keys of some types, one of which expires."""
    async with started_node(tmp_path / "source") as client:
        await client.mset({f"key:{number}": str(number) for number in range(KEYS - 4)})
        await client.set("short", "lived", ex=3600)
        await client.hset("hash", {"field": "value"})
        await client.rpush("list", "a", "b")
        await client.zadd("scores", {"a": 1.5})
        yield client


@pytest_asyncio.fixture
async def empty(tmp_path: Path) -> AsyncIterator[Client[bytes]]:
    async with started_node(tmp_path / "empty") as client:
        yield client
