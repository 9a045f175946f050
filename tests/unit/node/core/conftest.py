"""Fixtures of the core's tests: one core with a clock of its own, and a real redis-server as the oracle."""

from __future__ import annotations

import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from garrison.node._engine import BareEngine
from garrison.node.border import Command
from garrison.node.core.cluster_core import ClusterCore
from garrison.node.core.effects import Effects
from garrison.node.core.settings import ClusterSettings

WALL_MS = 1_700_000_000_000


class Solo:
    """A node alone, with the time in its own hands."""

    def __init__(self, saved: str | None = None, seed: int = 1, **settings: Any) -> None:
        chosen = ClusterSettings(port=7000, cluster_node_timeout=1000).with_changes(**settings)
        self.now_ms = 1000
        self.core = ClusterCore(chosen, random.Random(seed), saved=saved, now_ms=self.now_ms, wall_ms=WALL_MS)
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


class Whole(Solo):
    """A node alone whose commands come by the real engine, as those of a client do."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.engine = BareEngine({"cluster-enabled": "yes"}, 1, WALL_MS, self.now_ms)
        self.client = self.engine.open("127.0.0.1:50000")
        self._protocol = 2
        self._answer(self.first)

    def raw(self, *words: object, protocol: int = 2, **facts: int) -> bytes:
        if protocol != self._protocol:
            self._protocol = protocol
            self.say(b"HELLO", str(protocol).encode())
        reply, handed_up = self.say(*_argv(words))
        for command in handed_up:
            self.core.command(
                command.ticket,
                command.args,
                self.now_ms,
                protocol=command.client.resp,
                facts=command.facts | facts,
            )
            self.effects = self.core.take()
            reply += self._answer(self.effects)
        return reply

    def say(self, *words: bytes) -> tuple[bytes, list[Command]]:
        """What the engine answers at once, and what it hands to the control plane."""
        self.engine.begin_turn(WALL_MS, self.now_ms)
        self.engine.receive(self.client, encode_command(words))
        _, outputs, _, events = self.engine.end_turn(False, self.now_ms)
        reply = b"".join(data for _, data, _ in outputs)
        return reply, [event for event in events if isinstance(event, Command)]

    def _answer(self, effects: Effects) -> bytes:
        self.engine.begin_turn(WALL_MS, self.now_ms)
        for request in effects.requests():
            self.engine.request(request)
        return b"".join(data for _, data, _ in self.engine.end_turn(False, self.now_ms)[1])


def encode_command(words: Sequence[bytes]) -> bytes:
    """A command as a client sends it."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


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
        command = encode_command([str(word).encode() for word in words])
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
