"""Fixtures of the core's tests: one core with a clock of its own, and a real redis-server as the oracle."""

from __future__ import annotations

import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from garrison.node.core.cluster import ClusterCore
from garrison.node.core.effects import Effects
from garrison.node.core.settings import ClusterSettings


class Solo:
    """A node alone, with the time in its own hands."""

    def __init__(self, saved: str | None = None, seed: int = 1, **settings: object) -> None:
        chosen = ClusterSettings(port=7000, cluster_node_timeout=1000).with_changes(**settings)
        self.now_ms = 1000
        self.core = ClusterCore(
            chosen, random.Random(seed), saved=saved, now_ms=self.now_ms, wall_ms=1_700_000_000_000
        )
        self.first = self.core.take()

    def step(self, ms: int = 100) -> Effects:
        """Let time pass and the timer fire."""
        self.now_ms += ms
        self.core.tick(self.now_ms)
        return self.core.take()

    def raw(self, *words: object, protocol: int = 2, **facts: int) -> bytes:
        """The reply to a CLUSTER command, as it goes over the wire."""
        self.core.command(1, _argv(words), self.now_ms, protocol=protocol, facts=facts)
        self.effects = self.core.take()
        return self.effects.replies[0][1]

    def ask(self, *words: object, **facts: int) -> str:
        reply = self.raw(*words, **facts).decode()
        return reply.partition("\r\n")[2].rstrip("\r\n") if reply[0] == "$" else reply.strip()


def _argv(words: tuple[object, ...]) -> list[bytes]:
    return [b"CLUSTER", *(str(word).encode() for word in words)]


@pytest.fixture
def solo() -> Solo:
    return Solo()


class Oracle:
    """A connection to a redis-server in cluster mode."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=5)

    def call(self, *words: object) -> bytes:
        """The raw reply; replies are short enough to come in one piece after a marker PING."""
        argv = [str(word).encode() for word in words]
        command = b"*%d\r\n" % len(argv) + b"".join(b"$%d\r\n%b\r\n" % (len(a), a) for a in argv)
        self._socket.sendall(command + b"*2\r\n$4\r\nECHO\r\n$6\r\nmarker\r\n")
        data = b""
        while not data.endswith(b"$6\r\nmarker\r\n"):
            data += self._socket.recv(1 << 20)
        return data.removesuffix(b"$6\r\nmarker\r\n")

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def oracle(tmp_path: Path, free_port: int) -> Iterator[Oracle]:
    """A fresh redis-server that knows no other node."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("redis-server is not installed: nothing to compare with")
    command = [
        binary,
        "--port",
        str(free_port),
        "--cluster-enabled",
        "yes",
        "--save",
        "",
        "--dir",
        str(tmp_path),
    ]
    process = subprocess.Popen([*command, "--cluster-node-timeout", "2000"], stdout=subprocess.DEVNULL)
    try:
        yield _connect(free_port)
    finally:
        process.terminate()
        process.wait(10)


def _connect(port: int) -> Oracle:
    for _ in range(100):
        try:
            return Oracle(port)
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"redis-server does not answer on port {port}")
