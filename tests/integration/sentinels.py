"""Sentinels and what they watch, as real processes: ours, Redis's, and both kinds in one quorum."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tests.commands.wire import Server, Wire
from tests.conftest import find_free_port

START_TIMEOUT_S = 20.0
DOWN_AFTER_MS = 700
FAILOVER_TIMEOUT_MS = 6_000
NAME = "orders"
GARRISON, REDIS = "garrison", "redis"


def redis_program() -> str | None:
    """A redis-server 7.0, which is a redis-sentinel as well; or None."""
    program = shutil.which("redis-server")
    if program is None:
        return None
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    return program if "v=7.0." in version else None


def until(what: str, done: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Ask until the answer is true; that answer. Errors of connections count as not yet."""
    deadline = time.monotonic() + seconds
    last: object = None
    while time.monotonic() < deadline:
        try:
            last = done()
            if last:
                return last
        except (OSError, AssertionError) as error:
            last = error
        time.sleep(0.03)
    raise AssertionError(f"never {what}: {last!r}")


class Process:
    """A server of either make; `kind` is garrison or redis."""

    def __init__(self, kind: str, port: int, folder: Path, command: list[str]) -> None:
        self.kind, self.port, self.folder = kind, port, folder
        self.log = folder / f"log-{port}"
        self._command = command
        self._wire: Wire | None = None
        self.process: subprocess.Popen[bytes]
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(self._command, stdout=output, stderr=subprocess.STDOUT)

    def wait_until_ready(self) -> None:
        until(f"ready: {self.text()}", lambda: self("PING") == "PONG", START_TIMEOUT_S)

    def __call__(self, *words: str | int) -> Any:
        """One command, on a connection that is made anew after a failure."""
        try:
            if self._wire is None:
                self._wire = Wire(Server(self.kind, self.port, self.process, self.log))
            return self._wire(*words)
        except OSError:
            self.forget()
            raise

    def map(self, *words: str | int) -> dict[str, str]:
        """A flat reply of names and values as a dict of texts."""
        return as_map(self(*words))

    def forget(self) -> None:
        if self._wire is not None:
            self._wire.close_all()
            self._wire = None

    def kill(self) -> None:
        self.forget()
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        self.forget()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()

    def text(self) -> str:
        return self.log.read_text(errors="replace")


def as_map(flat: Iterable[bytes]) -> dict[str, str]:
    words = [word.decode() for word in flat]
    return dict(zip(words[::2], words[1::2], strict=True))


class Bench:
    """Starts processes in one folder and ends them all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[Process] = []

    def node(self, kind: str, *options: str | int, primary: Process | None = None, port: int = 0) -> Process:
        """A data node, following `primary` if one is given."""
        port = port or find_free_port()
        words = ["--port", str(port), "--save", "", "--dir", str(self.folder), *map(str, options)]
        words += ["--repl-diskless-sync-delay", "0"]
        if primary is not None:
            words += ["--replicaof", "127.0.0.1", str(primary.port)]
        if kind == REDIS:
            program = redis_program()
            assert program is not None
            return self._run(kind, port, [program, *words])
        return self._run(kind, port, [sys.executable, "-m", "garrison", "node", *words])

    def sentinel(self, kind: str, text: str, *options: str, port: int = 0) -> Process:
        """A Sentinel on a file with this text; `port` goes in front."""
        port = port or find_free_port()
        path = self.folder / f"sentinel-{port}.conf"
        path.write_text(f"port {port}\n{text}")
        return self.sentinel_on(kind, path, port, *options)

    def sentinel_on(self, kind: str, path: Path, port: int, *options: str) -> Process:
        """A Sentinel on a file that is there."""
        if kind == REDIS:
            program = redis_program()
            assert program is not None
            return self._run(kind, port, [program, str(path), "--sentinel", *options])
        return self._run(kind, port, [sys.executable, "-m", "garrison", "sentinel", str(path), *options])

    def watching(self, primary: Process, kinds: Iterable[str], quorum: int = 2) -> list[Process]:
        """Sentinels of these kinds over one primary, all known to each other."""
        text = (
            f"sentinel monitor {NAME} 127.0.0.1 {primary.port} {quorum}\n"
            f"sentinel down-after-milliseconds {NAME} {DOWN_AFTER_MS}\n"
            f"sentinel failover-timeout {NAME} {FAILOVER_TIMEOUT_MS}\n"
        )
        sentinels = [self.sentinel(kind, text) for kind in kinds]
        for sentinel in sentinels:
            sentinel.wait_until_ready()
        return sentinels

    def _run(self, kind: str, port: int, command: list[str]) -> Process:
        self.processes.append(Process(kind, port, self.folder, command))
        return self.processes[-1]

    def close(self) -> None:
        for process in self.processes:
            process.stop()


def sees(sentinel: Process, replicas: int, others: int) -> bool:
    """Whether a Sentinel knows so many replicas, with links, and so many other Sentinels."""
    facts = sentinel.map("SENTINEL", "MASTER", NAME)
    known = [as_map(flat) for flat in sentinel("SENTINEL", "REPLICAS", NAME)]
    peers = sentinel("SENTINEL", "SENTINELS", NAME)
    return (
        facts["flags"] == "master"
        and len([each for each in known if each["master-link-status"] == "ok"]) == replicas
        and facts["num-other-sentinels"] == str(others)
        and all("disconnected" not in as_map(flat)["flags"] for flat in peers)
    )


def wait_until_seen(sentinels: list[Process], replicas: int) -> None:
    for sentinel in sentinels:
        until(
            f"all seen by {sentinel.kind}",
            lambda sentinel=sentinel: sees(sentinel, replicas, len(sentinels) - 1),  # type: ignore[misc]
        )


def address(sentinel: Process) -> int:
    """The port of the primary, as a client would ask for it."""
    return int(sentinel("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)[1])
