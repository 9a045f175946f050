"""Real servers for the client's tests: redis-server and our own node, alone and as clusters."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import find_free_port

PROGRAMS = {
    "redis": ["redis-server"],
    "garrison": [sys.executable, "-m", "garrison", "node"],
}
START_TIMEOUT_S = 60.0
SETTLE_TIMEOUT_S = 60.0


def require(kind: str) -> None:
    """Skip the test, with the reason, where this kind of server cannot be run."""
    for binary in ("redis-server", "redis-cli"):
        if shutil.which(binary) is None:
            pytest.skip(f"{binary} is not installed: this test needs a real Redis")
    if kind == "garrison" and importlib.util.find_spec("garrison.node._engine") is None:
        pytest.skip("the engine is not built here: pip install -e . first")


class ServerProcess:
    """One real server on loopback."""

    def __init__(self, kind: str, directory: Path, *directives: str) -> None:
        self.kind = kind
        self.port = find_free_port()
        self.directory = directory
        self.directives = directives
        self.password: str | None = None
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process; :meth:`wait` waits until it answers."""
        self.directory.mkdir(parents=True, exist_ok=True)
        command = [*PROGRAMS[self.kind], "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        command += ["--dir", str(self.directory), "--logfile", "server.log", *self.directives]
        self.process = subprocess.Popen(command)

    def wait(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while self.cli("PING") != "PONG":
            if time.monotonic() > deadline or self.process is None or self.process.poll() is not None:
                self.kill()
                log = f"{self.directory}/server.log"
                raise RuntimeError(f"{self.kind} on port {self.port} does not answer: see {log}")
            time.sleep(0.02)

    def cli(self, *words: str) -> str:
        login = ["-a", self.password, "--no-auth-warning"] if self.password else []
        command = ["redis-cli", "-p", str(self.port), *login, *words]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    def stop(self) -> None:
        """Make it hang: the kernel still takes connections and bytes for it."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)

    def resume(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextmanager
def running_server(kind: str, directory: Path, *directives: str) -> Iterator[ServerProcess]:
    """Run one server alone."""
    require(kind)
    server = ServerProcess(kind, directory, *directives)
    try:
        server.start()
        server.wait()
        yield server
    finally:
        server.kill()


@contextmanager
def running_sentinel(directory: Path, config: Path) -> Iterator[int]:
    """Run Redis's Sentinel with a configuration file; its port."""
    sentinel = ServerProcess("redis", directory)
    command = ["redis-server", str(config), "--sentinel", "--port", str(sentinel.port)]
    sentinel.process = subprocess.Popen([*command, "--logfile", str(directory / "sentinel.log")])
    try:
        sentinel.wait()
        yield sentinel.port
    finally:
        sentinel.kill()


@contextmanager
def running_cluster(
    kind: str, directory: Path, node_timeout_ms: int = 1000, replicas: int = 1
) -> Iterator[list[ServerProcess]]:
    """Run 3 primaries, then their replicas. Where no node is killed, choose a timeout beyond any stall."""
    require(kind)
    directives = ["--cluster-enabled", "yes", "--cluster-node-timeout", str(node_timeout_ms)]
    directives += ["--repl-diskless-sync-delay", "0"]
    nodes: list[ServerProcess] = []
    try:
        for index in range(3 * (1 + replicas)):
            nodes.append(ServerProcess(kind, directory / str(index), *directives))
            nodes[-1].start()
        for node in nodes:
            node.wait()
        _make_cluster(nodes, replicas)
        yield nodes
    finally:
        for node in nodes:
            node.kill()


def _make_cluster(nodes: list[ServerProcess], replicas: int) -> None:
    addresses = [f"127.0.0.1:{node.port}" for node in nodes]
    command = ["redis-cli", "--cluster", "create", *addresses, "--cluster-yes"]
    command += ["--cluster-replicas", str(replicas)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
    deadline = time.monotonic() + SETTLE_TIMEOUT_S
    while not all(_is_settled(node, len(nodes)) for node in nodes):
        assert time.monotonic() < deadline, f"the cluster did not settle within {SETTLE_TIMEOUT_S:g} s"
        time.sleep(0.1)


def _is_settled(node: ServerProcess, known_nodes: int) -> bool:
    info = node.cli("CLUSTER", "INFO")
    replication = node.cli("INFO", "replication")
    linked = "role:master" in replication or "master_link_status:up" in replication
    return "cluster_state:ok" in info and f"cluster_known_nodes:{known_nodes}" in info and linked
