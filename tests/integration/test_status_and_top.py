"""`garrison status` and `garrison top` over real processes, before, during and after a failover."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import re
import shutil
import struct
import sys
import termios
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest
import pytest_asyncio

from garrison.cluster.core.manager.picture import Picture
from garrison.cluster.core.ranges import SLOT_COUNT
from garrison.cluster.daemon.observing import Observer
from garrison.cluster.local.cluster import LocalCluster
from garrison.cluster.local.ports import free_ports
from garrison.cluster.local.sentinel_group import LocalGroup

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

PATIENCE_S = 30.0
COLUMNS, ROWS = 100, 30
ESCAPES = re.compile(rb"\x1b\[[0-9;?<>=]*[a-zA-Z]|\x1b[()][A-Z0-9]|\x1b[=>]")


class Answer(NamedTuple):
    code: int
    out: str
    err: str


async def garrison(*words: object) -> Answer:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "garrison", *map(str, words)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode is not None
    return Answer(process.returncode, out.decode(), err.decode())


class Terminal:
    """A process with a terminal of its own; all that it writes is kept, without escapes."""

    def __init__(self) -> None:
        self._master, self._slave = pty.openpty()
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._written = b""
        self._more = asyncio.Event()
        self.process: asyncio.subprocess.Process | None = None

    async def start(self, *words: object) -> None:
        environment = os.environ | {"TERM": "xterm-256color", "NO_COLOR": "1"}
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "garrison", *map(str, words)),
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            env=environment,
            start_new_session=True,
        )
        asyncio.get_running_loop().add_reader(self._master, self._read)

    def _read(self) -> None:
        try:
            self._written += os.read(self._master, 65536)
        except OSError:
            asyncio.get_running_loop().remove_reader(self._master)
        self._more.set()

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    async def until(self, pattern: bytes) -> None:
        """Wait until it has written this since the last wait."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not re.search(pattern, ESCAPES.sub(b" ", self._written)):
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            shown = ESCAPES.sub(b" ", self._written)[-4000:].decode("utf-8", "replace")
            raise AssertionError(f"{pattern!r} was not shown, but: {shown}") from None
        self._written = b""

    async def close(self) -> None:
        if self.process is not None:
            if self.process.returncode is None:
                self.process.kill()
            await self.process.wait()
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)
        os.close(self._slave)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def cluster() -> AsyncIterator[LocalCluster]:
    async with LocalCluster(primaries=3, replicas=1, ports=free_ports(6)) as started:
        yield started


async def test_status_and_picture_of_a_healthy_cluster(cluster: LocalCluster) -> None:
    entry = cluster.nodes[0].address
    plain, as_json, drawn = await asyncio.gather(
        garrison("status", entry), garrison("status", entry, "--json"), garrison("cluster", "picture", entry)
    )
    assert (plain.code, plain.err) == (0, "")
    assert plain.out.splitlines()[-1] == "healthy"
    assert "16384/16384 slots" in plain.out
    assert all(str(node.address) in plain.out for node in cluster.nodes)
    picture = Picture.model_validate_json(as_json.out)
    assert as_json.code == 0
    assert all(node.load.ops_per_s is not None for node in picture.nodes)
    assert ElementTree.fromstring(drawn.out).tag.endswith("svg")


async def test_no_slot_looks_lost_in_a_reshard(cluster: LocalCluster) -> None:
    observer = Observer([cluster.nodes[0].address], cluster.access, lambda picture, events: None)
    observing = asyncio.create_task(observer.run())
    try:
        async with asyncio.timeout(PATIENCE_S):
            while observer.picture.slots_covered < SLOT_COUNT:
                await asyncio.sleep(0.05)
        entry, target = cluster.nodes[0].address, cluster.nodes[1].address
        words = ("--to", target, "--from", "all", "--slots", 3_000, "--yes")
        reshard = asyncio.create_task(garrison("cluster", "reshard", entry, *words))
        while not reshard.done():
            # Nodes may look slow on a machine that is busy; the owners are certain all the same.
            assert sum(node.slot_count for node in observer.draw().nodes) == SLOT_COUNT
            await asyncio.sleep(0.1)
        assert reshard.result().code == 0
    finally:
        observing.cancel()
        await asyncio.gather(observing, return_exceptions=True)


async def test_top_shows_a_failover_and_status_says_what_is_wrong(cluster: LocalCluster) -> None:
    victim, entry = cluster.nodes[0], cluster.nodes[1]
    terminal = Terminal()
    await terminal.start("top", entry.address)
    try:
        await terminal.until(rb"6 nodes \(6 ok\)")
        await victim.kill()
        await terminal.until(rb"failover:")
        terminal.press(b"\r")
        await terminal.until(rb"Replication")
        terminal.press(b"\x1b")
        await terminal.until(rb"s sort: shard")
        terminal.press(b"q")
        assert terminal.process is not None
        assert await asyncio.wait_for(terminal.process.wait(), PATIENCE_S) == 0
    finally:
        await terminal.close()
    after = await garrison("status", entry.address)
    assert after.code == 1
    assert f"{victim.address} has failed" in after.out
    gone = await garrison("status", victim.address, "--json")
    assert gone.code == 3
    assert str(victim.address) in json.loads(gone.out)["error"]


async def test_manager_is_asked_instead_of_nodes(cluster: LocalCluster) -> None:
    (port,) = free_ports(1)
    entry = cluster.nodes[-1].address
    manager = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "garrison", "manager", "run", "--watch-only"),
        *("--listen", f"127.0.0.1:{port}", str(entry)),
        stdout=asyncio.subprocess.DEVNULL,
    )
    terminal = Terminal()
    try:
        words = ("--manager", f"127.0.0.1:{port}")
        async with asyncio.timeout(PATIENCE_S):
            # At first it does not answer, and then it knows no node.
            while str(entry) not in (await garrison("status", *words)).out:
                pass
        await terminal.start("top", *words)
        await terminal.until(rb"6 nodes \(")
        manager.kill()
        await terminal.until(rb"connection lost")
    finally:
        if manager.returncode is None:
            manager.kill()
        await manager.wait()
        await terminal.close()


async def test_status_of_a_sentinel_group_and_of_one_server(tmp_path: Path) -> None:
    ports = free_ports(5)
    async with LocalGroup(1, 3, directory=tmp_path, ports=ports) as group:
        by_sentinel, by_node = await asyncio.gather(
            garrison("status", group.sentinels[0].address), garrison("status", group.nodes[1].address)
        )
        assert (by_sentinel.code, by_sentinel.err) == (0, "")
        assert "3/3 Sentinels" in by_sentinel.out
        assert by_node.code == 0
        for node in group.nodes:
            assert str(node.address) in by_sentinel.out
            assert str(node.address) in by_node.out


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not here")
async def test_status_of_a_plain_redis(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    server = await asyncio.create_subprocess_exec(
        *("redis-server", "--port", str(port), "--save", "", "--dir", str(tmp_path)),
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            while (answer := await garrison("status", port)).code == 3:
                pass
        assert (answer.code, answer.out.splitlines()[-1]) == (0, "healthy")
    finally:
        server.terminate()
        await server.wait()
