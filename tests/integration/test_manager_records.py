"""The manager lease and the records at a real node: connections that are superseded, kills, a bad disk."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hiredis
import pytest

from tests.conftest import find_free_port
from tests.integration.replicating import Process

pytest.importorskip("garrison.node._engine", reason="the engine is not built here: pip install -e . first")
pytestmark = pytest.mark.timeout(60)


class Connection:
    """A raw connection, to see when it is closed."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._reader = hiredis.Reader(encoding="utf-8")

    def send(self, *words: object) -> None:
        argv = [str(word).encode() for word in words]
        data = b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in argv)
        self.socket.sendall(b"*%d\r\n%b" % (len(argv), data))

    def reply(self) -> Any:
        while (found := self._reader.gets()) is False:
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionResetError("closed by the node")
            self._reader.feed(data)
        return found

    def manager(self, *words: object) -> Any:
        """CLUSTER MANAGER; a map comes as one."""
        self.send("CLUSTER", "MANAGER", *words)
        reply = self.reply()
        return dict(zip(reply[::2], reply[1::2], strict=True)) if isinstance(reply, list) else reply


def start(folder: Path) -> Process:
    return Process("garrison", folder, "--cluster-enabled", "yes", "--cluster-port", str(find_free_port()))


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Process]:
    """The only node of its cluster."""
    node = start(tmp_path)
    node.call("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    node.until(lambda: b"cluster_state:ok" in node.call("CLUSTER", "INFO"), "it serves")
    yield node
    with contextlib.suppress(ProcessLookupError):
        node.close()


def test_lease_that_was_given_back_goes_to_another_manager(node: Process) -> None:
    old, news = Connection(node.port), Connection(node.port)
    assert old.manager("LEASE", "m1", 1, 30_000)["granted"] == 1
    assert old.manager("AS", "m1", 1) == "OK"
    old.send("SET", "before", 1)
    assert old.reply() == "OK"
    assert news.manager("LEASE", "m2", 2, 30_000)["granted"] == 0
    assert news.manager("RELEASE", "m1", 1) == "OK"
    with pytest.raises(ConnectionResetError):
        old.reply()
    old = Connection(node.port)
    assert str(old.manager("AS", "m1", 1)).startswith("MANAGERHELD the lease of epoch 1 is held by nobody")
    assert news.manager("LEASE", "m2", 2, 30_000)["granted"] == 1
    assert str(old.manager("AS", "m1", 1)).startswith("STALEMANAGER epoch 1 is older than 2")


def test_nothing_of_a_superseded_connection_is_carried_out(node: Process) -> None:
    """Not what lies in its socket either, nor what has gone up to the control plane."""
    old, news = Connection(node.port), Connection(node.port)
    news.manager("LEASE", "m1", 1, 30_000)
    assert old.manager("AS", "m1", 1) == "OK"
    news.manager("LEASE", "m1", 2, 30_000)
    with contextlib.suppress(OSError):
        for _ in range(20):
            old.send("SET", "late", 1)
            old.send("CONFIG", "SET", "maxclients", 77)
    with pytest.raises(OSError, match=r"closed by the node|reset"):
        old.reply()
    assert node.call("GET", "late") is None
    assert node.call("CONFIG", "GET", "maxclients")[b"maxclients"] != b"77"


def test_lease_that_ends_closes_its_connections(node: Process) -> None:
    old = Connection(node.port)
    assert old.manager("LEASE", "m1", 1, 300)["granted"] == 1
    assert old.manager("AS", "m1", 1) == "OK"
    with pytest.raises(ConnectionResetError):
        old.reply()


def test_kill_after_the_answer_loses_nothing(node: Process, tmp_path: Path) -> None:
    client = Connection(node.port)
    for epoch in range(1, 6):
        assert client.manager("LEASE", "m1", epoch, 30_000)["granted"] == 1
        assert client.manager("STORE", "m1", epoch, epoch, f"content {epoch}") == "OK"
    assert client.manager("LEASE", "m1", 9, 30_000)["granted"] == 1
    node.process.kill()
    node.process.wait(10)
    again = start(tmp_path)
    try:
        found = Connection(again.port).manager("READ")
        assert (found["epoch"], found["holder"]) == (9, "m1")
        assert (found["written-epoch"], found["version"], found["content"]) == (5, 5, "content 5")
        refused = Connection(again.port).manager("LEASE", "m2", 10, 30_000)
        assert (refused["granted"], refused["holder"]) == (0, "m1")
        assert refused["left-ms"] > 20_000, "the whole term is counted again"
    finally:
        again.close()


def test_disk_that_fails_promises_nothing(node: Process, tmp_path: Path) -> None:
    client, file = Connection(node.port), tmp_path / "nodes.conf.manager"
    assert client.manager("LEASE", "m1", 1, 30_000)["granted"] == 1
    file.unlink()
    file.mkdir()
    for _ in range(2):
        reply = str(client.manager("STORE", "m1", 1, 1, "content"))
        assert reply.startswith(f"ERR {file} cannot be written, so nothing is promised: "), reply
    assert str(client.manager("READ")).startswith(f"ERR {file} cannot be written")
    assert node.call("SET", "a", "b"), "the node serves on"
    file.rmdir()
    assert client.manager("STORE", "m1", 1, 1, "content") == "OK"
    assert b"content" in file.read_bytes()


def test_damaged_file_does_not_stop_the_start(node: Process, tmp_path: Path) -> None:
    client, file = Connection(node.port), tmp_path / "nodes.conf.manager"
    client.manager("LEASE", "m1", 1, 30_000)
    client.manager("STORE", "m1", 1, 1, "content")
    node.process.kill()
    node.process.wait(10)
    file.write_bytes(file.read_bytes()[:-3])
    again = start(tmp_path)
    try:
        client = Connection(again.port)
        assert f"{file}: its checksum is" in again.log.read_text()
        assert str(client.manager("READ")).startswith(
            f"ERR the records of this node are lost: {file} was damaged"
        )
        assert client.manager("LEASE", "m2", 5, 30_000)["granted"] == 0
        assert (tmp_path / "nodes.conf.manager.previous").read_bytes().endswith(b"cont")
    finally:
        again.close()
