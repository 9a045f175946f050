"""What a node answers to a replica, understood or refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from garrison.client import Client
from garrison.cluster.backup.replica_link import Position, ReplicaLinkError, connected
from garrison.cluster.core.topology import Address
from garrison.cluster.errors import UnreachableError
from garrison.cluster.manager.admin_client import Access
from tests.unit.cluster.backup.conftest import address_of

HISTORY = "b" * 40
MARK = b"m" * 40


@asynccontextmanager
async def answering(*replies: bytes) -> AsyncIterator[Address]:
    """A server that gives these replies, one for each command, and then hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for reply in replies:
            await reader.readuntil(b"*")
            writer.write(reply)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield Address(*server.sockets[0].getsockname()[:2])


async def snapshot_from(replies: Sequence[bytes]) -> tuple[Position, bytes]:
    async with answering(*replies) as address, connected(address, Access()) as link:
        position = await link.full_sync()
        return position, b"".join([piece async for piece in link.snapshot()])


@pytest.mark.parametrize(
    "announced", [b"$5\r\nREDIS", b"$EOF:" + MARK + b"\r\nREDIS" + MARK, b"\n\n$5\r\nREDIS*1\r\n"]
)
async def test_snapshot_of_either_form_is_read(announced: bytes) -> None:
    full = b"+FULLRESYNC " + HISTORY.encode() + b" 7\r\n"
    found = await snapshot_from([b"+OK\r\n", b"+OK\r\n", full + announced])
    assert found == (Position(HISTORY, 7), b"REDIS")


async def test_server_without_rdb_only_is_read_too() -> None:
    full = b"+FULLRESYNC " + HISTORY.encode() + b" 7\r\n$1\r\nx"
    found = await snapshot_from([b"+OK\r\n", b"-ERR Unrecognized\r\n", full])
    assert found == (Position(HISTORY, 7), b"x")


@pytest.mark.parametrize(
    ("last", "words"),
    [
        (b"-NOMASTERLINK Can't SYNC\r\n", "PSYNC was refused: NOMASTERLINK"),
        (b"+CONTINUE\r\n", "not answered with a full sync"),
        (b"+FULLRESYNC x 1\r\n:5\r\n", "instead of a snapshot"),
        (b"+FULLRESYNC x 1\r\n$5\r\nRE", "closed the connection"),
    ],
)
async def test_other_answers_are_refused(last: bytes, words: str) -> None:
    with pytest.raises((ReplicaLinkError, EOFError), match=words):
        await snapshot_from([b"+OK\r\n", b"+OK\r\n", last])


@pytest.mark.parametrize(
    ("last", "wanted"),
    [
        (b"+CONTINUE " + b"c" * 40 + b"\r\n", (Position("c" * 40, 7), True)),
        (b"+CONTINUE\r\n", (Position(HISTORY, 7), True)),
        (b"+FULLRESYNC " + b"d" * 40 + b" 90\r\n", (Position("d" * 40, 90), False)),
    ],
)
async def test_stream_goes_on_or_begins_anew(last: bytes, wanted: tuple[Position, bool]) -> None:
    async with answering(*[b"+OK\r\n"] * 3, last) as address, connected(address, Access()) as link:
        assert await link.continue_from(Position(HISTORY, 7)) == wanted


async def test_refused_login_is_told() -> None:
    async with answering(b"-WRONGPASS no\r\n") as address:
        with pytest.raises(UnreachableError, match=r"refused the login.*--askpass"):
            async with connected(address, Access(password="x")):
                pass


async def test_silence_gives_no_bytes(source: Client[bytes]) -> None:
    async with connected(address_of(source), Access()) as link:
        assert await link.read_within(0.01) == b""
        link.say_alive()
