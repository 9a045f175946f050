"""Fixtures of `garrison cli`: the command in this process, real servers, and a server with a script."""

from __future__ import annotations

import contextlib
import io
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import hiredis
import pytest

from garrison.cli.__main__ import main
from tests.unit.client.conftest import any_server as any_server
from tests.unit.client.conftest import redis_server as redis_server

Script = Callable[[list[bytes]], bytes | None]
"""Takes a command and gives what the server sends; None hangs up."""
Done = tuple[int, bytes, bytes]
"""Exit code, standard output, standard error."""
Cli = Callable[..., Done]


@pytest.fixture
def cli(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Run the command here, without a terminal: ``code, output, errors = cli("-p", port, "GET", "k")``."""
    for variable in ("GARRISONCLI_AUTH", "REDISCLI_AUTH", "GARRISON_PORT"):
        monkeypatch.delenv(variable, raising=False)

    def run(*words: object, stdin: bytes = b"") -> Done:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(stdin))))
        code = main([str(word) for word in words])
        output, errors = capfdbinary.readouterr()
        return code, output, errors

    return run


def redis_cli(*words: object, stdin: bytes = b"") -> Done:
    """The same with the real redis-cli."""
    done = subprocess.run(
        ["redis-cli", *map(str, words)], input=stdin, capture_output=True, check=False, timeout=60
    )
    return done.returncode, done.stdout, done.stderr


class ScriptedServer:
    """A server on a free loopback port whose every reply comes from a script."""

    def __init__(self) -> None:
        self.script: Script = lambda command: b"+OK\r\n"
        self.commands: list[list[bytes]] = []
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(ConnectionError):
                    self.serve()

            def serve(self) -> None:
                parser = hiredis.Reader()
                while data := self.request.recv(65536):
                    parser.feed(data)
                    while (command := parser.gets()) is not False:
                        outer.commands.append(command)
                        reply = outer.script(command)
                        if reply is None:
                            return
                        self.request.sendall(reply)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    """A server whose ``script`` the test sets."""
    server = ScriptedServer()
    yield server
    server.stop()


@pytest.fixture
def tidy_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, in which a history would be written."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    return tmp_path
