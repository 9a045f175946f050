"""Our nodes under three real Sentinels: what a primary that comes back, or wakes up, may acknowledge."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from tests.conftest import find_free_port
from tests.integration.processes import wait_stopped
from tests.integration.replicating import Field, Process

pytest.importorskip("garrison.node._engine", reason="the engine is not built here: pip install -e . first")

DOWN_AFTER_MS = 1000
FAILOVER_S_MAX = 40.0


class Sentinel:
    """One redis-sentinel that watches a primary as `mymaster`."""

    def __init__(self, field: Field, primary: Process, *lines: str, port: int = 0) -> None:
        folder = field.folder / f"sentinel{len(field.processes)}"
        folder.mkdir(parents=True)
        field.processes.append(self)  # type: ignore[arg-type]
        self.port = port or find_free_port()
        self.log = folder / "log"
        self._conf = folder / "sentinel.conf"
        self._conf.write_text(
            f"port {self.port}\ndir {folder}\n"
            f"sentinel monitor mymaster 127.0.0.1 {primary.port} 2\n"
            f"sentinel down-after-milliseconds mymaster {DOWN_AFTER_MS}\n"
            "sentinel failover-timeout mymaster 5000\n" + "".join(f"{line}\n" for line in lines)
        )
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                ["redis-server", str(self._conf), "--sentinel"], stdout=output, stderr=subprocess.STDOUT
            )

    def primary_port(self) -> int:
        try:
            with redis.Redis(port=self.port, socket_timeout=5) as client:
                return int(client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster")[1])
        except redis.ConnectionError:
            return 0

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)


class House:
    """A primary with a replica, both ours, under three Sentinels that know each other and both nodes."""

    def __init__(self, field: Field) -> None:
        self.primary = field.start("garrison")
        self.replica = field.start("garrison")
        self.primary.call("SET", "before", "the failover")
        self.replica.follow(self.primary)
        self.replica.wait_for(self.primary)
        self.sentinels = [Sentinel(field, self.primary) for _ in range(3)]
        self.primary.until(self.is_known, "all Sentinels are known to each other and to both nodes", 40)

    def is_known(self) -> bool:
        known = [file.read_text().count("\nsentinel ") for file in self.files() if file.exists()]
        return known == [3, 3] and all(self.sees_all(sentinel) for sentinel in self.sentinels)

    @staticmethod
    def sees_all(sentinel: Sentinel) -> bool:
        try:
            with redis.Redis(port=sentinel.port, socket_timeout=5) as client:
                shown = client.info("sentinel")["master0"]
        except redis.ConnectionError:
            return False
        return (shown["slaves"], shown["sentinels"]) == (1, 3)

    def files(self) -> list[Path]:
        return [node.folder / "sentinel-peers.conf" for node in (self.primary, self.replica)]

    def restart_primary(self) -> None:
        """A new process at the same address, which need not answer yet when this returns."""
        options = ["--port", str(self.primary.port), "--save", "", "--dir", str(self.primary.folder)]
        with self.primary.log.open("ab") as output:
            self.primary.process = subprocess.Popen(
                [sys.executable, "-m", "garrison", "node", *options],
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def wait_for_failover(self) -> None:
        moved = lambda: [s.primary_port() for s in self.sentinels] == [self.replica.port] * 3  # noqa: E731
        self.replica.until(moved, "the failover", FAILOVER_S_MAX)


class Pestering(threading.Thread):
    """Writes to one address without pause; `acknowledged` are the keys that were answered OK.

    `sent` is the key whose answer is awaited.
    """

    def __init__(self, port: int, prefix: str) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.prefix = prefix
        self.acknowledged: list[str] = []
        self.sent = ""
        self.refusals: set[str] = set()
        self._stopped = threading.Event()

    def run(self) -> None:
        number = 0
        while not self._stopped.is_set():
            try:
                with redis.Redis(port=self.port, socket_timeout=60) as client:
                    while not self._stopped.is_set():
                        number += 1
                        self.sent = f"{self.prefix}:{number}"
                        client.set(self.sent, number)
                        self.acknowledged.append(self.sent)
            except redis.RedisError as error:
                self.refusals.add(type(error).__name__)
                time.sleep(0.001)

    def stop(self) -> None:
        self._stopped.set()
        self.join(20)
        assert not self.is_alive()


@contextmanager
def pestered(house: House, prefix: str) -> Iterator[list[Pestering]]:
    """Three that write to the primary until the end of the block."""
    writers = [Pestering(house.primary.port, f"{prefix}:{number}") for number in range(3)]
    for writer in writers:
        writer.start()
    try:
        yield writers
    finally:
        for writer in writers:
            writer.stop()


@pytest.fixture
def field(field: Field) -> Field:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed: there are no Sentinels to watch our nodes")
    return field


def info(node: Process, name: str) -> str:
    return str(node.client.info("replication").get(name, ""))


def test_killed_primary_returns_as_replica_and_acknowledges_none(field: Field) -> None:
    house = House(field)
    house.primary.kill()
    house.wait_for_failover()
    with pestered(house, "after") as writers:
        house.restart_primary()
        house.primary.until(lambda: _role(house.primary) == "slave", "the old primary follows", 40)
        house.primary.wait_for(house.replica)
    for writer in writers:
        assert writer.acknowledged == []
        assert "ReadOnlyError" in writer.refusals
    assert house.primary.call("GET", "before") == b"the failover"
    assert house.primary.logged("is the primary of 'mymaster' now: following it") == 1
    assert info(house.primary, "sentinel_hold") == "no"


def _role(node: Process) -> str:
    try:
        return str(node.client.info("replication")["role"])
    except redis.ConnectionError:
        return ""


def test_primary_asleep_during_failover_acknowledges_nothing(field: Field) -> None:
    house = House(field)
    with pestered(house, "slept") as writers:
        house.primary.until(lambda: all(writer.acknowledged for writer in writers), "writes flow")
        house.primary.process.send_signal(signal.SIGSTOP)
        wait_stopped(house.primary.process.pid)
        late = socket.create_connection(("127.0.0.1", house.primary.port))
        late.sendall(b"*3\r\n$3\r\nSET\r\n$4\r\nlate\r\n$1\r\n1\r\n")
        house.wait_for_failover()
        # Only now, so that the writers have had the time to count what was answered before the stop.
        before = [len(writer.acknowledged) for writer in writers]
        # What was on its way when it fell asleep may have been carried out, and its answer not sent.
        on_the_way = [writer.sent for writer in writers]
        house.primary.process.send_signal(signal.SIGCONT)
        house.primary.until(lambda: _role(house.primary) == "slave", "the old primary follows", 40)
        late.settimeout(20)
        assert late.recv(100).startswith(b"-READONLY")
    for writer, count, sent in zip(writers, before, on_the_way, strict=True):
        assert set(writer.acknowledged[count:]) <= {sent}


def test_a_primary_that_is_still_the_primary_goes_on(field: Field) -> None:
    """A restart and a sleep that nobody has noticed: the Sentinels say so within a moment."""
    house = House(field)
    for sentinel in house.sentinels:
        with redis.Redis(port=sentinel.port, socket_timeout=5) as client:
            client.execute_command("SENTINEL", "SET", "mymaster", "down-after-milliseconds", 60_000)
    house.primary.process.send_signal(signal.SIGSTOP)
    time.sleep(1.3)
    house.primary.process.send_signal(signal.SIGCONT)
    assert house.primary.call("SET", "after", "a sleep") is True
    assert house.primary.logged("writes are held until the Sentinels have been asked") == 1
    house.primary.kill()
    house.restart_primary()
    house.primary.until(lambda: _role(house.primary) == "master", "it answers")
    assert house.primary.call("SET", "after", "a restart") is True
    assert info(house.primary, "sentinel_hold") == "no"
    assert house.primary.logged("Writes go on: the Sentinels say so") == 2
    # It came back empty, and its replica has kept what it had.
    assert house.replica.call("GET", "before") == b"the failover"


def test_without_a_majority_writes_wait_until_somebody_decides(field: Field) -> None:
    house = House(field)
    for sentinel in house.sentinels[:2]:
        sentinel.close()
    house.primary.kill()
    house.restart_primary()
    house.primary.until(lambda: _role(house.primary) == "master", "it answers")
    assert house.primary.call("GET", "before") is None
    writer = socket.create_connection(("127.0.0.1", house.primary.port))
    writer.sendall(b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n")
    writer.settimeout(2.5)
    with pytest.raises(TimeoutError):
        writer.recv(100)
    shown = info(house.primary, "sentinel_hold")
    assert shown.startswith("waiting 'mymaster' needs 2 of 3")
    assert all(f"127.0.0.1:{sentinel.port}" in shown for sentinel in house.sentinels)
    assert house.primary.logged('CONFIG SET sentinel-peers "" takes writes without their word') >= 1
    assert house.primary.client.config_set("sentinel-peers", "")
    writer.settimeout(10)
    assert writer.recv(100) == b"+OK\r\n"


def test_configured_sentinels_are_asked_with_a_password(field: Field) -> None:
    port = find_free_port()
    watched = ("--sentinel-peers", "mymaster", "127.0.0.1", str(port), "--sentinel-peers-password", "wrong")
    node = field.start("garrison", *watched)
    node.until(lambda: "did not answer" in info(node, "sentinel_hold"), "nobody answers")
    sentinel = Sentinel(field, node, "requirepass secret", port=port)
    node.until(lambda: "WRONGPASS" in info(node, "sentinel_hold"), "the Sentinel refuses the password")
    writer = socket.create_connection(("127.0.0.1", node.port))
    writer.sendall(b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n")
    node.client.config_set("sentinel-peers-password", "secret")
    writer.settimeout(20)
    assert writer.recv(100) == b"+OK\r\n"
    name = "sentinel-peers"
    assert node.client.config_get(name) == {name: f"mymaster 127.0.0.1 {sentinel.port}"}


def test_without_sentinels_nothing_is_sent_or_written(field: Field) -> None:
    node = field.start("garrison")
    node.process.send_signal(signal.SIGSTOP)
    time.sleep(1.3)
    node.process.send_signal(signal.SIGCONT)
    assert node.call("SET", "a", "b") is True
    assert node.logged("held") == 0
    assert "sentinel_hold" not in node.client.info("replication")
    assert not (node.folder / "sentinel-peers.conf").exists()


def test_a_damaged_file_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "sentinel-peers.conf").write_text("# x\nsentinel mymaster 127.0.0.1\nchecksum 00000000\n")
    options = ["--port", str(find_free_port()), "--dir", str(tmp_path)]
    ended = subprocess.run(
        [sys.executable, "-m", "garrison", "node", *options],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 1
    assert "sentinel-peers.conf, line 3: the checksum does not match" in ended.stdout + ended.stderr
