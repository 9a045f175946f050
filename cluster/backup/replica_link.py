"""A node's data over its replication protocol: a full sync, or what came since an offset.

BACKGROUND  A node sends its data to whoever asks as a replica, so a backup needs no access to its disk. The
            snapshot is not a RESP reply, so the client library cannot read it; this is a raw connection,
            logged in.
BEHAVIOUR   ``REPLCONF rdb-only 1`` asks for the snapshot without the stream behind it: the node then keeps no
            stream for us, and no write waits for us. For the stream we are a replica like others for the
            moments that it takes, but never acknowledge anything, so that no WAIT counts on us. ``capa
            garrison`` is said because a node tells its replicas of moving keys only while all of them
            understand that.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from garrison.cluster.core.topology import Address
from garrison.cluster.errors import UnreachableError
from garrison.cluster.manager.admin_client import LOGIN_ADVICE, Access

CHUNK_BYTES = 1 << 20
LINE_BYTES_MAX = 1 << 16
EOF_MARK_BYTES = 40
SYNC_TIMEOUT_S = 60.0


class ReplicaLinkError(ValueError):
    """The node refused, or said what cannot be understood."""


@dataclass(frozen=True)
class Position:
    """A place in a replication stream."""

    history: str
    offset: int


class ReplicaLink:
    """A raw connection to one node. Made by :func:`connected`.

    Every method may raise OSError, EOFError (the node hung up), TimeoutError and ReplicaLinkError.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def command(self, *words: str) -> bytes:
        """Send a command whose reply is one line; the line."""
        parts = [f"*{len(words)}\r\n".encode()]
        parts += [b"$%d\r\n%s\r\n" % (len(word.encode()), word.encode()) for word in words]
        self._writer.write(b"".join(parts))
        line = await self._line()
        if line.startswith(b"-"):
            raise ReplicaLinkError(f"{words[0]} was refused: {line[1:].decode(errors='replace')}")
        return line

    async def full_sync(self) -> Position:
        """Ask for a snapshot without the stream; where in the stream it is. :meth:`snapshot` follows."""
        await self.command("REPLCONF", "capa", "eof")
        # A server from before Redis 7 does not know it, and sends the stream too, which is then not read.
        with contextlib.suppress(ReplicaLinkError):
            await self.command("REPLCONF", "rdb-only", "1")
        position = _full_resync(await self.command("PSYNC", "?", "-1"))
        if position is None:
            raise ReplicaLinkError("PSYNC was not answered with a full sync, which was asked for")
        return position

    async def continue_from(self, position: Position) -> tuple[Position, bool]:
        """Ask for the stream from a position on.

        Returns the history and offset at which it begins, and whether it does: if not, the node has no longer
        what follows there, and a snapshot comes instead.
        """
        for capability in ("eof", "psync2", "garrison"):
            await self.command("REPLCONF", "capa", capability)
        answer = await self.command("PSYNC", position.history, str(position.offset + 1))
        full = _full_resync(answer)
        if full is not None:
            return full, False
        if not answer.startswith(b"+CONTINUE"):
            raise ReplicaLinkError(f"PSYNC was answered with {answer[:80]!r}")
        words = answer.decode(errors="replace").split()
        return Position(words[1] if len(words) > 1 else position.history, position.offset), True

    async def snapshot(self) -> AsyncIterator[bytes]:
        """The bytes of the snapshot that was announced."""
        announced = await self._line()
        if announced.startswith(b"$EOF:"):
            async for chunk in self._until_mark(announced[5:]):
                yield chunk
            return
        if not announced.startswith(b"$") or not announced[1:].isdigit():
            raise ReplicaLinkError(f"the node sent {announced[:80]!r} instead of a snapshot")
        left = int(announced[1:])
        while left:
            chunk = await self.read(min(left, CHUNK_BYTES))
            left -= len(chunk)
            yield chunk

    async def read(self, limit: int = CHUNK_BYTES) -> bytes:
        """The next bytes, at least one."""
        async with asyncio.timeout(SYNC_TIMEOUT_S):
            chunk = await self._reader.read(limit)
        if not chunk:
            raise EOFError("the node closed the connection")
        return chunk

    async def read_within(self, seconds: float) -> bytes:
        """The next bytes, or none if none come within some time."""
        try:
            async with asyncio.timeout(seconds):
                chunk = await self._reader.read(CHUNK_BYTES)
        except TimeoutError:
            return b""
        if not chunk:
            raise EOFError("the node closed the connection")
        return chunk

    def say_alive(self) -> None:
        """Tell the node that we are there, without acknowledging anything of its stream."""
        self._writer.write(b"*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$1\r\n0\r\n")

    async def _line(self) -> bytes:
        """The next line; empty ones are the node's way to say that it is still preparing."""
        async with asyncio.timeout(SYNC_TIMEOUT_S):
            while True:
                line = (await self._reader.readuntil(b"\n")).strip()
                if line:
                    return line

    async def _until_mark(self, mark: bytes) -> AsyncIterator[bytes]:
        """A snapshot of unknown length ends with 40 bytes that were announced; they are held back."""
        held = b""
        while not held.endswith(mark):
            # The stream starts only when the replica acknowledges, so nothing follows the mark.
            held += await self.read()
            if len(held) > EOF_MARK_BYTES:
                yield held[:-EOF_MARK_BYTES]
                held = held[-EOF_MARK_BYTES:]


def _full_resync(answer: bytes) -> Position | None:
    """Where a full sync begins; None if the answer does not announce one."""
    words = answer.decode(errors="replace").split()
    if len(words) < 3 or words[0] != "+FULLRESYNC" or not words[2].isdigit():
        return None
    return Position(words[1], int(words[2]))


@contextlib.asynccontextmanager
async def connected(address: Address, access: Access) -> AsyncIterator[ReplicaLink]:
    """A connection, logged in. Raises OSError and UnreachableError."""
    reached = access.address_map.reached(address)
    async with asyncio.timeout(access.timeout_s):
        reader, writer = await asyncio.open_connection(
            reached.host, reached.port, ssl=access.tls, limit=LINE_BYTES_MAX
        )
    try:
        link = ReplicaLink(reader, writer)
        if access.password is not None:
            words = [access.username] if access.username else []
            try:
                await link.command("AUTH", *words, access.password)
            except ReplicaLinkError as error:
                raise UnreachableError(f"{address} refused the login: {error}; {LOGIN_ADVICE}") from error
        yield link
    finally:
        writer.close()
