"""A plain blocking connection for tests, and the two servers that they run against."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.commands.resp import Failure, IncompleteError, Reader
from tests.conftest import find_free_port

START_TIMEOUT_S = 60.0
REPLY_TIMEOUT_S = 30.0
DEBUG = ("--enable-debug-command", "yes")

Word = str | bytes | int | float


@dataclass
class Server:
    """One running server."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Wire:
    """A connection; calling it sends one command and returns its reply."""

    def __init__(self, server: Server, protocol: int = 2) -> None:
        self.server = server
        self.protocol = protocol
        self.is_garrison = server.name == "garrison"
        self._reader = Reader()
        self._socket = socket.create_connection(("127.0.0.1", server.port), timeout=REPLY_TIMEOUT_S)
        self._others: list[Wire] = []
        if protocol == 3:
            self("HELLO", "3")

    def __call__(self, *words: Word) -> Any:
        """Send one command, return its reply; errors are returned, not raised."""
        self.send(*words)
        return self.read()

    def many(self, *commands: tuple[Word, ...]) -> list[Any]:
        """Send several commands as one pipeline."""
        self.raw(b"".join(packed(command) for command in commands))
        return [self.read() for _ in commands]

    def flat(self, *words: Word) -> list[Any]:
        """The reply as a flat list, whether it is a map (RESP3) or pairs (RESP2)."""
        reply = self(*words)
        return [item for pair in reply.items() for item in pair] if isinstance(reply, dict) else list(reply)

    def map(self, *words: Word) -> dict[Any, Any]:
        """The reply as a dict in either protocol."""
        flat = self.flat(*words)
        return dict(zip(flat[::2], flat[1::2], strict=True))

    def error(self, *words: Word) -> str:
        """Send a command that must fail; the text of its error."""
        reply = self(*words)
        assert isinstance(reply, Failure), f"{words} gave {reply!r} instead of an error"
        return str(reply)

    def send(self, *words: Word) -> None:
        """Send without reading."""
        self.raw(packed(words))

    def raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._socket.sendall(data)

    def read(self) -> Any:
        """The next reply or push. Raises ConnectionError when the server has closed, else TimeoutError."""
        while True:
            try:
                return self._reader.take()
            except IncompleteError:
                data = self._socket.recv(1 << 16)
            if not data:
                raise ConnectionError("the server has closed the connection")
            self._reader.feed(data)

    def read_bytes(self) -> bytes:
        """Whatever comes until the server closes. Raises TimeoutError when it does not."""
        out = b""
        try:
            while data := self._socket.recv(1 << 16):
                out += data
        except ConnectionResetError:
            pass
        return out

    def is_closed(self) -> bool:
        """Whether the server has closed, after reading what was left."""
        try:
            while True:
                self.read()
        except ConnectionError:
            return True
        except TimeoutError:
            return False

    def expect(self, wanted: bytes, *words: Word, seconds: float = 60.0) -> bytes:
        """Repeat a command until its reply contains `wanted`; that reply."""
        deadline = time.monotonic() + seconds
        while wanted not in (reply := bytes(self(*words))):
            assert time.monotonic() < deadline, f"{words} never showed {wanted!r}: {reply!r}"
            time.sleep(0.02)
        return reply

    def another(self, protocol: int = 0) -> Wire:
        """A second connection to the same server; it ends with this one."""
        other = Wire(self.server, protocol or self.protocol)
        self._others.append(other)
        return other

    def until(
        self,
        expected: Any,
        *words: Word,
        seconds: float = 60.0,
        read_as: Callable[[Any], Any] = lambda reply: reply,
    ) -> None:
        """Repeat a command until its reply, read as told, is `expected`."""
        deadline = time.monotonic() + seconds
        while (reply := read_as(self(*words))) != expected:
            assert time.monotonic() < deadline, f"{words} still gives {reply!r}, not {expected!r}"
            time.sleep(0.005)

    def until_alone(self) -> None:
        """Wait until the server has noticed that the connections of earlier tests are closed."""
        self.until(1, "CLIENT", "LIST", read_as=lambda reply: bytes(reply).count(b"\n"))

    def close(self) -> None:
        self._socket.close()

    def close_all(self) -> None:
        for other in self._others:
            other.close()
        self.close()


class Peers:
    """Both servers side by side."""

    def __init__(self, redis: Wire, garrison: Wire) -> None:
        self.redis = redis
        self.garrison = garrison
        self._began = time.monotonic()

    def same(self, *words: Word) -> Any:
        """Run a command on both, demand the same reply, return it; an error comes as ("error", its text).

        A TTL goes down by itself, and Redis rounds it to the nearest second: on a machine that took half a
        second since the test began, the two servers may have been asked on either side of a change.
        """
        expected, got = _comparable(self.redis(*words)), _comparable(self.garrison(*words))
        if words[0] == "TTL" and {type(got), type(expected)} == {int} and min(got, expected) > 0:
            slack = int(time.monotonic() - self._began + 0.5)
            assert abs(got - expected) <= slack, f"{words}: Redis says {expected}, Garrison {got}"
            return expected
        assert got == expected, f"{words}: Redis says {expected!r}, Garrison {got!r}"
        return got

    def close(self) -> None:
        self.redis.close_all()
        self.garrison.close_all()


def packed(words: tuple[Word, ...]) -> bytes:
    """A command as RESP."""
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


def _comparable(reply: Any) -> Any:
    return ("error", str(reply)) if isinstance(reply, Failure) else reply


def start_redis(program: str, folder: Path, *more: str) -> Server:
    """A real Redis on a free port."""
    port = find_free_port()
    options = ["--port", str(port), "--save", "", "--dir", str(folder), *DEBUG, *more]
    return _start("redis", port, [program, *options], folder)


def start_redis_7_0(folder: Path, *more: str) -> Server | str:
    """The Redis 7.0 of this machine, which replies are compared with; or the reason why there is none."""
    program = shutil.which("redis-server")
    if program is None:
        return "no redis-server to compare with on this machine"
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    if "v=7.0." not in version:
        return f"the redis-server on this machine is not a 7.0: {version.strip()}"
    return start_redis(program, folder, *more)


def start_garrison(folder: Path, *more: str) -> Server | str:
    """A node on a free port; or the reason why there is none."""
    try:
        from garrison.node import _engine
    except ImportError as error:
        return f"the engine is not built here ({error}): pip install -e . first"
    if not hasattr(_engine, "DataPlane"):
        return "the engine that is built here has no DataPlane"
    port = find_free_port()
    options = ["--port", str(port), "--save", "", "--dir", str(folder), *DEBUG, *more]
    return _start("garrison", port, [sys.executable, "-m", "garrison", "node", *options], folder)


def _start(name: str, port: int, command: list[str], folder: Path) -> Server:
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as probe:
                probe.sendall(b"PING\r\n")
                if probe.recv(64).startswith((b"+PONG", b"-NOAUTH")):
                    return Server(name, port, process, log)
        except OSError:
            time.sleep(0.01)
    process.kill()
    process.wait()
    raise RuntimeError(f"{name} did not start: {log.read_text(errors='replace')[-2000:]}")
