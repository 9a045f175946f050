"""Save every primary's data as an RDB file, taken over the replication protocol, and the layout beside them.

A node sends a full sync to whoever asks as a replica; this asks, writes the snapshot to
``<name>.rdb.part`` while it comes, syncs it to the disk, renames it, and leaves before the stream of
later changes begins. Primaries are read side by side, so each file is a picture of one shard at one
moment, and the moments differ by what the slowest takes to start. ``cluster.json`` tells which slots
each file belongs to.
"""

import asyncio
import contextlib
import json
import os
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from garrison.base import disk
from garrison.cluster.core.cluster_state import ClusterState
from garrison.cluster.core.topology import Address, Node
from garrison.cluster.documents import describe_nodes
from garrison.cluster.errors import ManagerError, UnreachableError, UsageProblem
from garrison.cluster.manager.admin_client import Access

CHUNK_BYTES = 1 << 20
LINE_BYTES_MAX = 1 << 16
EOF_MARK_BYTES = 40
SYNC_TIMEOUT_S = 60.0
LAYOUT_FILE = "cluster.json"
OUR_FILE = re.compile(r".+-\d+-[0-9a-f]{40}\.rdb")


@dataclass(frozen=True)
class Saved:
    """One file of a backup."""

    node: Node
    path: Path
    bytes: int


def demand_new(directory: Path, *, overwrite: bool) -> None:
    """Refuse a folder with something in it, and a file in its place, unless they may be overwritten."""
    try:
        if not directory.exists() or (directory.is_dir() and (overwrite or not any(directory.iterdir()))):
            return
    except OSError as error:
        raise ManagerError(f"cannot look into {directory}: {error.strerror}") from error
    if not directory.is_dir():
        raise UsageProblem(f"{directory} is a file; name a folder that is new or empty")
    raise UsageProblem(
        f"{directory} is not empty; name a folder that is new or empty, or add --overwrite to replace the "
        "backup that it holds"
    )


async def back_up(state: ClusterState, access: Access, directory: Path) -> list[Saved]:
    """Save all primaries that own slots into ``directory``, which is made if it is not there."""
    primaries = [node for node in state.primaries if state.slots_of.get(node.id)]
    silent = [node.label for node in primaries if node.id not in state.views]
    if silent:
        raise UnreachableError(f"{silent[0]} owns slots and does not answer, so the backup would have a hole")
    _make(directory)
    saved = await asyncio.gather(*(_save(node, access, directory) for node in primaries))
    nodes = [node.model_dump() for node in describe_nodes(state)]
    disk.replace(str(directory / LAYOUT_FILE), json.dumps({"nodes": nodes}, indent=2) + "\n")
    _remove_older(directory, saved)
    return saved


def _remove_older(directory: Path, saved: Sequence[Saved]) -> None:
    """Remove the files of an earlier backup: beside newer ones they would be taken for a part of it."""
    current = {each.path.name for each in saved}
    for path in directory.glob("*.rdb"):
        if OUR_FILE.fullmatch(path.name) and path.name not in current:
            path.unlink()


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ManagerError(f"cannot make {directory}: {error}") from error


async def _save(node: Node, access: Access, directory: Path) -> Saved:
    path = directory / f"{node.address.host}-{node.address.port}-{node.id}.rdb".replace(":", "_")
    part = path.with_suffix(".rdb.part")
    count = 0
    try:
        async with _connected(node.address, access) as (reader, writer):
            with part.open("wb") as file:
                async for chunk in _snapshot(reader, writer, node.address):
                    file.write(chunk)
                    count += len(chunk)
                file.flush()
                os.fsync(file.fileno())
        part.rename(path)
    except (OSError, EOFError, ValueError, TimeoutError) as error:
        part.unlink(missing_ok=True)
        raise ManagerError(
            f"the backup of {node.label} broke off: {error or type(error).__name__}"
        ) from error
    return Saved(node, path, count)


@contextlib.asynccontextmanager
async def _connected(
    address: Address, access: Access
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A raw connection, logged in: the snapshot is not a RESP reply, so the client library cannot read it."""
    reached = access.address_map.reached(address)
    reader, writer = await asyncio.open_connection(
        reached.host, reached.port, ssl=access.tls, limit=LINE_BYTES_MAX
    )
    try:
        if access.password is not None:
            words = [access.username] if access.username else []
            await _command(reader, writer, "AUTH", *words, access.password)
        yield reader, writer
    finally:
        writer.close()


async def _command(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *words: str) -> bytes:
    parts = [f"*{len(words)}\r\n".encode()]
    parts += [b"$%d\r\n%s\r\n" % (len(word.encode()), word.encode()) for word in words]
    writer.write(b"".join(parts))
    line = await _line(reader)
    if line.startswith(b"-"):
        raise ValueError(f"{words[0]} was refused: {line[1:].decode()}")
    return line


async def _line(reader: asyncio.StreamReader) -> bytes:
    """The next line; empty ones are the node's way to say that it is still preparing."""
    async with asyncio.timeout(SYNC_TIMEOUT_S):
        while True:
            line = (await reader.readuntil(b"\n")).strip()
            if line:
                return line


async def _snapshot(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: Address
) -> AsyncIterator[bytes]:
    """Ask for a full sync and give the bytes of its RDB."""
    await _command(reader, writer, "REPLCONF", "capa", "eof")
    answer = await _command(reader, writer, "PSYNC", "?", "-1")
    if not answer.startswith(b"+FULLRESYNC"):
        raise ValueError(f"PSYNC was answered with {answer[:80]!r} instead of a full sync")
    announced = await _line(reader)
    if announced.startswith(b"$EOF:"):
        async for chunk in _until_mark(reader, announced[5:]):
            yield chunk
        return
    left = int(announced[1:])
    while left:
        chunk = await _read(reader, min(left, CHUNK_BYTES))
        left -= len(chunk)
        yield chunk


async def _until_mark(reader: asyncio.StreamReader, mark: bytes) -> AsyncIterator[bytes]:
    """A snapshot of unknown length ends with 40 bytes that were announced; they are held back."""
    held = b""
    while not held.endswith(mark):
        chunk = await _read(reader, CHUNK_BYTES)
        # The change stream starts only when the replica acknowledges, so nothing follows the mark.
        held += chunk
        if len(held) > EOF_MARK_BYTES:
            yield held[:-EOF_MARK_BYTES]
            held = held[-EOF_MARK_BYTES:]


async def _read(reader: asyncio.StreamReader, limit: int) -> bytes:
    async with asyncio.timeout(SYNC_TIMEOUT_S):
        chunk = await reader.read(limit)
    if not chunk:
        raise EOFError("the node closed the connection")
    return chunk
