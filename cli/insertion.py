"""``--pipe``: mass insertion. What comes from standard input is sent as it is, and the replies are counted.

Nothing waits for a reply, so that the server always has work; the socket's buffer and the server's own
pace keep what is on its way within bounds. Behind the data an ECHO of random text is sent: when that
comes back, all replies have come.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Any, BinaryIO

from garrison.cli.core.options import Options
from garrison.cli.session import Session
from garrison.client.connection import Connection
from garrison.client.core.resp import encode_command
from garrison.client.errors import ConnectionLostError, ReplyError

__all__ = ["run_insertion"]

CHUNK_BYTES = 64 * 1024
ERRORS_SHOWN_MAX = 1_000
"""Error replies that are written out; further ones are only counted."""


class _Counter:
    """The replies so far."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self.replies = 0
        self.errors = 0
        self.mark = secrets.token_hex(10).encode()
        self.complete = asyncio.Event()
        self._note = note

    def take(self, reply: Any) -> None:
        if reply == self.mark:
            self.complete.set()
            return
        self.replies += 1
        if isinstance(reply, ReplyError):
            self.errors += 1
            if self.errors <= ERRORS_SHOWN_MAX:
                self._note(str(reply))


async def run_insertion(
    options: Options,
    session: Session,
    stdin: BinaryIO,
    write: Callable[[bytes], None],
    note: Callable[[str], None],
) -> int:
    """Send all of standard input; exit code 1 if anything was answered with an error, or not at all."""
    connection = await session.open(typed=False)
    counter = _Counter(note)
    connection.push_only = True
    connection.on_push = counter.take
    await _send_all(connection, stdin)
    write(b"All data transferred. Waiting for the last reply...\n")
    connection.write_now(encode_command(b"ECHO", counter.mark))
    is_complete = await _wait(connection, counter, options.pipe_timeout_s)
    if is_complete:
        write(b"Last reply received from server.\n")
    elif connection.is_closed:
        note("the server closed the connection before its last reply")
    else:
        note(f"no reply for {options.pipe_timeout_s:g} s (--pipe-timeout): the data may end within a command")
    write(b"errors: %d, replies: %d\n" % (counter.errors, counter.replies))
    return 0 if is_complete and not counter.errors else 1


async def _send_all(connection: Connection, stdin: BinaryIO) -> None:
    loop = asyncio.get_running_loop()
    last = b"\n"
    while data := await loop.run_in_executor(None, stdin.read1, CHUNK_BYTES):  # type: ignore[attr-defined]
        last = data[-1:]
        try:
            if not connection.ready:
                await connection.wait_ready()
        except ConnectionLostError:
            return
        connection.write_now(data)
    if last != b"\n":
        # A last line without its end is a command all the same.
        connection.write_now(b"\r\n")


async def _wait(connection: Connection, counter: _Counter, timeout_s: float) -> bool:
    """Wait for the reply to the ECHO, for as long as replies come; whether it came."""
    done = asyncio.ensure_future(counter.complete.wait())
    try:
        while not counter.complete.is_set() and not connection.is_closed:
            await asyncio.wait(
                (done, connection.closed), timeout=timeout_s or None, return_when=asyncio.FIRST_COMPLETED
            )
            if timeout_s and not done.done() and connection.received_ago_s() >= timeout_s:
                break
    finally:
        done.cancel()
    return counter.complete.is_set()
