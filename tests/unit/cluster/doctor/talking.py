"""A server on loopback that answers each command by a table: text, number, list, or an error."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from garrison.client import ReplyError
from garrison.cluster.core.topology import Address

HANG = "hang"
"""A table entry that leaves the question, and all after it, without an answer."""
HANG_UP = "hang up"
"""A table entry that closes the connection."""


def encoded(reply: Any) -> bytes:
    if isinstance(reply, ReplyError):
        return f"-{reply}\r\n".encode()
    if isinstance(reply, int):
        return b":%d\r\n" % reply
    if isinstance(reply, list):
        return b"*%d\r\n" % len(reply) + b"".join(map(encoded, reply))
    data = reply.encode() if isinstance(reply, str) else bytes(reply)
    return b"$%d\r\n%s\r\n" % (len(data), data)


@dataclass
class Talker:
    """The longest entry of the table whose words a command begins with is its answer."""

    answers: dict[str, Any]
    address: Address = field(default_factory=lambda: Address("127.0.0.1", 0))
    asked: list[str] = field(default_factory=list)

    def answer(self, words: list[str]) -> Any:
        for count in range(len(words), 0, -1):
            name = " ".join(words[:count])
            if name in self.answers:
                reply = self.answers[name]
                return reply(words) if isinstance(reply, Callable) else reply  # type: ignore[arg-type]
        return ReplyError(f"ERR unknown command '{words[0]}'")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                count = int((await reader.readline())[1:] or 0)
                if not count:
                    break
                words = []
                for _ in range(count):
                    size = int((await reader.readline())[1:])
                    words.append((await reader.readexactly(size + 2))[:-2].decode())
                self.asked.append(" ".join(words))
                reply = self.answer(words)
                if reply == HANG:
                    await reader.read()
                    break
                if reply == HANG_UP:
                    break
                writer.write(encoded(reply))
        writer.close()


@contextlib.asynccontextmanager
async def talking(*tables: Mapping[str, Any]) -> AsyncIterator[list[Talker]]:
    """Servers, one for each table; tables may be changed while they talk."""
    talkers = [Talker(dict(table)) for table in tables]
    async with contextlib.AsyncExitStack() as stack:
        for talker in talkers:
            server = await asyncio.start_server(talker.serve, "127.0.0.1", 0)
            stack.callback(server.close)
            talker.address = Address("127.0.0.1", server.sockets[0].getsockname()[1])
        yield talkers
