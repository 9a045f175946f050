"""The process in which functions run: `python -m garrison.functions.worker DESCRIPTOR MEMORY_BYTES_MAX NICE`.

It serves one call at a time, over a socket that it has inherited, until that is closed.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence
from typing import Any

import hiredis

from garrison.functions import sandbox
from garrison.functions.core import messages
from garrison.functions.core.api import Command, CommandError, Database, Function
from garrison.functions.core.library import error_text, load
from garrison.functions.core.replies import in_pieces

RECEIVE_BYTES = 1 << 16
EXIT_OUT_OF_MEMORY = 86


class Stopped(BaseException):
    """Nobody waits for the call any more."""


class Closed(BaseException):
    """The node has closed the connection."""


class Worker:
    """One connection to the node, and the libraries that it has sent."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._reader = hiredis.Reader()
        self._replies = hiredis.Reader(replyError=CommandError)
        self._libraries: dict[bytes, dict[str, Function] | str] = {}

    def serve(self) -> None:
        """Take messages until the node closes the connection."""
        while True:
            kind, *words = self._receive()
            if kind == messages.LOAD:
                self._load(*words)
            elif kind == messages.CALL:
                self._send(self._call(words))

    def _load(self, name: bytes, source: bytes) -> None:
        self._libraries.pop(name, None)
        try:
            self._libraries[name] = load(name.decode(), source, sandbox.importer)
        except Exception as error:
            text = error_text(error, "", name.decode())
            self._libraries[name] = text.replace("running function ''", f"loading library '{name.decode()}'")

    def _call(self, words: list[bytes]) -> bytes:
        library, function, resp, count = words[0], words[1].decode(), int(words[2]), int(words[3])
        keys, args = words[4 : 4 + count], words[4 + count :]
        functions = self._libraries[library]
        if isinstance(functions, str):
            return messages.packed(messages.FAIL, functions)
        if not function:
            return _compared(functions, args)
        target = functions.get(function.lower())
        if target is None:
            text = f"ERR library '{library.decode()}' does not register '{function}' when it is loaded"
            return messages.packed(messages.FAIL, text)
        db = Database(self._ask)
        try:
            pieces, holes = in_pieces(target(keys, args, db), resp)
            flat = messages.flat(db.writes)
            return messages.packed(messages.DONE, len(pieces), *pieces, *holes, *flat)
        except Stopped:
            return messages.packed(messages.FAIL, "ERR the call was stopped")
        except Closed:
            raise
        except BaseException as error:
            text = error_text(error, function, library.decode())
            if isinstance(error, MemoryError):
                # What has filled the memory may still be held by the library: begin anew.
                self._send(messages.packed(messages.FAIL, text, messages.LEAVING))
                os._exit(EXIT_OUT_OF_MEMORY)
            return messages.packed(messages.FAIL, text)

    def _ask(self, commands: Sequence[Command]) -> list[Any]:
        self._send(messages.packed(messages.READ, *messages.flat(commands)))
        kind, *raw = self._receive()
        if kind == messages.STOP:
            raise Stopped
        replies = []
        for reply in raw:
            self._replies.feed(reply)
            replies.append(self._replies.gets())
        return replies

    def _send(self, message: bytes) -> None:
        self._connection.sendall(message)

    def _receive(self) -> list[bytes]:
        while True:
            message = self._reader.gets()
            if message is not False:
                return list(message)
            received = self._connection.recv(RECEIVE_BYTES)
            if not received:
                raise Closed
            self._reader.feed(received)


def _compared(functions: dict[str, Function], names: list[bytes]) -> bytes:
    """Whether a library registers what the server has read in its source."""
    if {name.decode() for name in names} == set(functions):
        return messages.packed(messages.DONE, 1, b"")
    text = (
        "ERR Error registering functions: the source has decorators for "
        f"{', '.join(sorted(name.decode() for name in names))}, but registers {', '.join(sorted(functions))}"
    )
    return messages.packed(messages.FAIL, text)


def main(arguments: Sequence[str]) -> int:
    """Serve until the node has gone."""
    descriptor, memory_bytes_max, nice = (int(word) for word in arguments)
    sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
    sandbox.preload()
    connection = socket.socket(fileno=descriptor)
    os.nice(nice)
    sandbox.enter(memory_bytes_max)
    try:
        connection.sendall(messages.packed(messages.READY))
        Worker(connection).serve()
    except (Closed, ConnectionError):
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
