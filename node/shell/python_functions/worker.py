"""One worker process as the node sees it: started, spoken to, ended, and what it prints.

A worker that dies is replaced by its owner; what it prints goes to the log, line by line and within bounds.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from typing import Protocol, cast

import hiredis

from garrison.base.log import Log
from garrison.node.shell.python_functions.messages import (
    BYTES_MAX,
    Message,
    MessageError,
    packed,
    parse,
)

NICE = 5
"""Workers give way to the data plane."""
PRINTED_LINES_PER_S_MAX = 100
PRINTED_LINE_BYTES_MAX = 1000
PRINTED_CHUNK_BYTES = 1 << 16
START_TIMEOUT_S = 30.0
"""How long a process may take until it is ready."""
LIBRARIES_MAX = 256
"""Libraries that one worker has loaded before it is replaced by a fresh one."""
MODULE = "garrison.functions.worker"


class Owner(Protocol):
    """Who gives a worker its calls."""

    def heard(self, worker: Worker, message: Message) -> None: ...
    def died(self, worker: Worker, why: str) -> None: ...


class Worker(asyncio.Protocol):
    """One process and the connection to it."""

    def __init__(self, owner: Owner, log: Log) -> None:
        self._owner = owner
        self._log = log
        self._reader = hiredis.Reader()
        self._received = 0
        self._transport: asyncio.Transport | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._printing: asyncio.Task[None] | None = None
        self._versions: dict[bytes, int] = {}
        self._why = ""
        self.is_ready = False
        """Whether it takes calls."""
        self.ticket = 0
        """The call that it runs; 0 for none."""
        self.retires = False
        """To be ended when it is idle, in favour of one with newer settings."""

    async def start(self, memory_bytes_max: int) -> None:
        """Start the process. Raises OSError."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-m", MODULE, str(theirs.fileno())),
                *(str(memory_bytes_max), str(NICE)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                pass_fds=(theirs.fileno(),),
                env={"LC_ALL": "C.UTF-8"},
                cwd="/",
            )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        loop = asyncio.get_running_loop()
        self._printing = loop.create_task(self._pass_on_what_is_printed())
        await loop.create_connection(lambda: self, sock=ours)
        loop.call_later(START_TIMEOUT_S, self._check_start)

    def _check_start(self) -> None:
        if not self.is_ready:
            self.kill(f"its process was not ready within {START_TIMEOUT_S:.0f} s")

    @property
    def pid(self) -> int:
        return self._process.pid if self._process is not None else 0

    def call(
        self, ticket: int, library: bytes, version: int, source: bytes, words: tuple[bytes | int, ...]
    ) -> None:
        """Give it a call, and the library first if it does not have it."""
        self.ticket = ticket
        if self._versions.get(library) != version:
            self._versions[library] = version
            self.retires = self.retires or len(self._versions) > LIBRARIES_MAX
            self.send(packed(b"LOAD", library, source))
        self.send(packed(b"CALL", library, *words))

    def send(self, message: bytes) -> None:
        if self._transport is not None:
            self._transport.write(message)

    def kill(self, why: str) -> None:
        """End the process now; `died` follows."""
        self._why = self._why or why
        self.retires = True
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    def close(self) -> None:
        """End it without a word to its owner."""
        self.kill("closed")
        if self._transport is not None:
            self._transport.abort()
        if self._printing is not None:
            self._printing.cancel()

    # -- the connection -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not of asyncio's class.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        self._received += len(data)
        try:
            while (message := self._reader.gets()) is not False:
                self._received = 0
                self._owner.heard(self, parse(message))
            if self._received > BYTES_MAX:
                raise MessageError(f"more than {BYTES_MAX} bytes")
        except (hiredis.ProtocolError, MessageError) as error:
            self.kill(f"it has sent {error}")

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._why != "closed":
            self._ending = asyncio.get_running_loop().create_task(self._end())

    async def _end(self) -> None:
        if self._process is None:
            return
        code = await self._process.wait()
        if self._printing is not None:
            await asyncio.wait((self._printing,), timeout=1)
            self._printing.cancel()
        self._owner.died(self, self._why or _way_of_dying(code))

    # -- what it prints -------------------------------------------------------------------------------------

    async def _pass_on_what_is_printed(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        loop = asyncio.get_running_loop()
        second, lines, dropped, rest = 0, 0, 0, b""
        while chunk := await self._process.stdout.read(PRINTED_CHUNK_BYTES):
            *whole, rest = (rest + chunk).split(b"\n")
            if len(rest) > PRINTED_LINE_BYTES_MAX:
                whole, rest = [*whole, rest], b""
            if int(loop.time()) != second:
                if dropped:
                    self._log.warning(f"Function worker {self.pid}: {dropped} more lines, which are dropped")
                second, lines, dropped = int(loop.time()), 0, 0
            for line in whole:
                lines += 1
                if lines > PRINTED_LINES_PER_S_MAX:
                    dropped += 1
                    continue
                text = line[:PRINTED_LINE_BYTES_MAX].decode("utf-8", "backslashreplace")
                self._log.notice(f"Function worker {self.pid}: {text}")


def _way_of_dying(code: int) -> str:
    if code < 0:
        return f"its process was ended by signal {-code}"
    return f"its process has ended with code {code}"
