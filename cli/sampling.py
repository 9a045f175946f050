"""``--scan``, ``--bigkeys``, ``--memkeys`` and ``--hotkeys``: walking over all keys of a server.

With ``-c`` it is all primaries of the cluster, one after the other. The server serves others meanwhile:
keys are asked for with SCAN, and measured a batch at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from garrison.cli.core.formats import Formatter
from garrison.cli.core.key_statistics import SIZES, HotKeys, KeyStatistics
from garrison.cli.core.options import Options
from garrison.cli.core.words import unquote
from garrison.cli.session import Session
from garrison.client.core.resp import to_bytes
from garrison.client.core.topology import Address
from garrison.client.errors import ReplyError, UsageError

__all__ = ["run_sampling"]

SCANS_PER_PAUSE = 100
"""How many SCANs --bigkeys and its like make between two pauses of -i."""
SCAN_COUNT = 500
"""Keys to look at with each SCAN unless --count says how many; few turns, each under a millisecond."""
Write = Callable[[bytes], None]


async def run_sampling(options: Options, session: Session, formatter: Formatter, write: Write) -> int:
    """One of the four modes; the exit code."""
    await session.open()
    nodes = await session.primaries() if options.follows_redirects else None
    if options.mode == "scan":
        async for _, keys in _all_keys(options, session, nodes, 1):
            write(b"".join([formatter.show(key) for key in keys]))
        return 0
    found = HotKeys() if options.mode == "hotkeys" else KeyStatistics(by_memory=options.mode == "memkeys")
    measured = _measured(options, session, nodes)
    seen, total = 0, max(1, await _key_count(options, session, nodes))
    async for batch in measured:
        for key, type, size in batch:
            seen += 1
            line = found.add(key, size) if isinstance(found, HotKeys) else found.add(key, type, size)
            if line is not None and not formatter.form.is_json:
                write(f"[{min(100.0, 100 * seen / total):6.2f}%] {line}\n".encode())
    write(f"\n{found.summary()}\n".encode())
    return 0


async def _measured(
    options: Options, session: Session, nodes: list[Address] | None
) -> AsyncIterator[list[tuple[bytes, str, int]]]:
    """Keys with type and measure; those that are gone meanwhile are left out."""
    async for at, keys in _all_keys(options, session, nodes, SCANS_PER_PAUSE):
        types = ["none"] * len(keys)
        if options.mode != "hotkeys":
            replies = await at.request_many([[b"TYPE", key] for key in keys])
            types = [reply.decode() if isinstance(reply, bytes) else "none" for reply in replies]
        commands = [_measure(options, key, type) for key, type in zip(keys, types, strict=True)]
        sizes = iter(await at.request_many([command for command in commands if command]))
        batch = []
        for key, type, command in zip(keys, types, commands, strict=True):
            size = next(sizes) if command else 0
            if command and isinstance(size, ReplyError) and not _is_gone(size):
                raise UsageError(f"{command[0].decode()} is refused: {size}")
            if isinstance(size, int) and (command or type != "none"):
                batch.append((key, type, size))
        yield batch


def _is_gone(error: ReplyError) -> bool:
    """Whether a key is there no more, or as another type, rather than the command refused."""
    return error.code == "WRONGTYPE" or "no such key" in str(error)


def _measure(options: Options, key: bytes, type: str) -> list[bytes] | None:
    """The command that measures one key, if there is one."""
    if options.mode == "hotkeys":
        return [b"OBJECT", b"FREQ", key]
    if options.mode == "memkeys":
        samples = options.memory_samples
        return [b"MEMORY", b"USAGE", key, *([b"SAMPLES", b"%d" % samples] if samples is not None else [])]
    return [SIZES[type][0].encode(), key] if type in SIZES else None


async def _all_keys(
    options: Options, session: Session, nodes: list[Address] | None, scans_per_pause: int
) -> AsyncIterator[tuple[Session, list[bytes]]]:
    """The keys of one SCAN after the other, with the session of the node that has them."""
    choice = _choice(options)
    async for at in _sessions(options, session, nodes):
        cursor, scans = b"0", 0
        while scans == 0 or cursor != b"0":
            if scans and options.interval_s and scans % scans_per_pause == 0:
                await asyncio.sleep(options.interval_s)
            reply = (await at.request_many([[b"SCAN", cursor, *choice]]))[0]
            if isinstance(reply, ReplyError):
                raise UsageError(f"SCAN is refused: {reply}")
            cursor, keys = reply
            scans += 1
            yield at, keys


async def _sessions(
    options: Options, session: Session, nodes: list[Address] | None
) -> AsyncIterator[Session]:
    """Sessions of these nodes, one after the other; without nodes, the session there is."""
    if nodes is None:
        yield session
        return
    for address in nodes:
        at = Session(replace(options, host=address.host, port=address.port, socket=None), _ignore)
        try:
            await at.open()
            yield at
        finally:
            at.close()


async def _key_count(options: Options, session: Session, nodes: list[Address] | None) -> int:
    total = 0
    async for at in _sessions(options, session, nodes):
        size = (await at.request_many([[b"DBSIZE"]]))[0]
        total += size if isinstance(size, int) else 0
    return total


def _choice(options: Options) -> list[bytes]:
    """The words of SCAN that choose keys, and say how many to look at."""
    words: list[bytes] = []
    if options.quoted_pattern is not None:
        pattern = unquote(to_bytes(options.quoted_pattern))
        if pattern is None:
            raise UsageError(f"--quoted-pattern: the quotes of {options.quoted_pattern!r} do not match")
        words += [b"MATCH", pattern]
    elif options.pattern is not None:
        words += [b"MATCH", to_bytes(options.pattern)]
    words += [b"COUNT", b"%d" % (options.count or SCAN_COUNT)]
    if options.type is not None:
        words += [b"TYPE", options.type.encode()]
    return words


def _ignore(text: str) -> None: ...
