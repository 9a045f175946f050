"""Cluster shells over real sockets and files, around data planes that are test doubles."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from garrison.base import disk
from garrison.base.log import Log
from garrison.node.border import (
    ClientInfo,
    ClusterState,
    Command,
    Endpoint,
    InfoFields,
    InstallSlots,
    Publish,
    Published,
    Reply,
    Request,
)
from garrison.node.config import ConfigError, load
from garrison.node.shell.control import ControlPlane
from tests.conftest import find_free_port

CLIENT = ClientInfo(1, "127.0.0.1:5000", "", 2, b"")


class Node:
    """One control plane with its double of a data plane."""

    def __init__(self, plane: Any, folder: Path, *options: str) -> None:
        self.plane = plane
        self.folder = folder
        self.port = find_free_port()
        folder.mkdir(exist_ok=True)
        config = load(
            [
                *("--port", str(self.port), "--cluster-enabled", "yes", "--bind", "127.0.0.1"),
                *("--cluster-node-timeout", "1000", "--save", ""),
                *("--cluster-config-file", str(folder / "nodes.conf"), *options),
            ]
        )
        self.log = folder / "log"
        self.control = ControlPlane(config, Log(str(self.log), "debug"), plane, asyncio.get_running_loop())
        self._ticket = 0

    async def start(self) -> None:
        self.control.prepare()
        await self.control.start()

    async def ask(self, *words: str) -> bytes:
        self._ticket += 1
        ticket = self._ticket
        argv = [b"CLUSTER", *[word.encode() for word in words]]
        self.plane.emit(Command(ticket, CLIENT, argv, {"keys_total": 0, "keys_in_slot": 0}))
        async with asyncio.timeout(30):
            while ticket not in self.plane.replies():
                await asyncio.sleep(0.005)
        reply: bytes = self.plane.replies()[ticket]
        return reply

    async def stop(self) -> int:
        self.control.request_shutdown({"now", "nosave"})
        return await asyncio.wait_for(self.control.wait(), 30)


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)


@pytest.fixture
async def new_node(plane_factory: Callable[[], Any], tmp_path: Path) -> AsyncIterator[Callable[..., Node]]:
    nodes: list[Node] = []

    def new(name: str, *options: str) -> Node:
        nodes.append(Node(plane_factory(), tmp_path / name, *options))
        return nodes[-1]

    yield new
    for node in nodes:
        if not node.plane.joined:
            await node.stop()


async def test_two_nodes_meet_and_agree_on_slots(new_node: Callable[..., Node]) -> None:
    one, two = new_node("one"), new_node("two")
    await one.start()
    await two.start()
    assert await one.ask("ADDSLOTSRANGE", "0", "8191") == b"+OK\r\n"
    assert await two.ask("ADDSLOTSRANGE", "8192", "16383") == b"+OK\r\n"
    assert await two.ask("SET-CONFIG-EPOCH", "2") == b"+OK\r\n"
    assert await one.ask("MEET", "127.0.0.1", str(two.port)) == b"+OK\r\n"

    async def ok() -> bool:
        answers = [await node.ask("INFO") for node in (one, two)]
        return all(b"cluster_state:ok" in answer and b"cluster_known_nodes:2" in answer for answer in answers)

    await until(ok)
    tables = [request.table for request in two.plane.posted if isinstance(request, InstallSlots)]
    table = tables[-1]
    owner = int.from_bytes(table.owners[:2], "little")
    assert table.endpoints[owner] == Endpoint("127.0.0.1", one.port)
    assert table.endpoints[table.myself] == Endpoint("127.0.0.1", two.port)
    assert table.state is ClusterState.OK


async def test_a_published_message_reaches_the_other_node(new_node: Callable[..., Node]) -> None:
    one, two = new_node("one"), new_node("two")
    await one.start()
    await two.start()
    await one.ask("MEET", "127.0.0.1", str(two.port))

    async def met() -> bool:
        answers = [await node.ask("INFO") for node in (one, two)]
        return all(b"cluster_known_nodes:2" in answer for answer in answers)

    await until(met)

    async def delivered() -> bool:
        one.plane.emit(Published(b"news", b"hello", False))
        await asyncio.sleep(0.02)
        return Publish(b"news", b"hello", False) in two.plane.posted

    await until(delivered)


async def test_a_restart_keeps_the_identity(plane_factory: Callable[[], Any], tmp_path: Path) -> None:
    first = Node(plane_factory(), tmp_path / "n")
    await first.start()
    my_id = await first.ask("MYID")
    assert await first.stop() == 0
    second = Node(plane_factory(), tmp_path / "n")
    await second.start()
    assert await second.ask("MYID") == my_id
    assert await second.stop() == 0


async def test_an_empty_file_beside_a_previous_one_is_refused(new_node: Callable[..., Node]) -> None:
    """Neither is it a new node, nor may it vote again as of the previous file: an administrator decides."""
    node = new_node("n")
    file, previous = node.folder / "nodes.conf", node.folder / "nodes.conf.previous"
    file.write_text("")
    previous.write_text("vars currentEpoch 7 lastVoteEpoch 7\n")
    with pytest.raises(ConfigError) as refusal:
        node.control.prepare()
    assert f"{file} is empty" in str(refusal.value)
    assert str(previous) in str(refusal.value)
    assert "identity and votes were lost" in str(refusal.value)
    assert file.read_text() == ""
    node.plane.joined = True


async def test_an_empty_file_without_a_previous_one_is_a_new_node(new_node: Callable[..., Node]) -> None:
    node = new_node("n")
    (node.folder / "nodes.conf").write_text("")
    await node.start()
    assert len(await node.ask("MYID")) == len(b"$40\r\n\r\n") + 40


async def test_two_processes_cannot_share_the_file(new_node: Callable[..., Node], tmp_path: Path) -> None:
    one = new_node("n")
    await one.start()
    other = new_node("n")
    with pytest.raises(ConfigError, match="in use by another node"):
        other.control.prepare()
    other.plane.joined = True


async def test_a_damaged_file_stops_the_start(new_node: Callable[..., Node], tmp_path: Path) -> None:
    node = new_node("n")
    (node.folder / "nodes.conf").write_text("this is no node line\n")
    with pytest.raises(ConfigError, match=r"nodes\.conf: "):
        node.control.prepare()
    node.plane.joined = True


async def test_empty_file_beside_a_previous_one_stops_the_start(
    new_node: Callable[..., Node], tmp_path: Path
) -> None:
    node = new_node("n")
    (node.folder / "nodes.conf").touch()
    (node.folder / "nodes.conf.previous").write_text("the nodes of before")
    with pytest.raises(ConfigError, match="this node's identity and votes were lost"):
        node.control.prepare()
    node.plane.joined = True


async def test_a_bus_port_in_use_is_named(new_node: Callable[..., Node]) -> None:
    node = new_node("n")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", node.port + 10000))
        taken.listen()
        with pytest.raises(OSError, match=f"127.0.0.1:{node.port + 10000}: Address already in use"):
            node.control.prepare()
    node.plane.joined = True


async def test_a_promise_is_synced_before_it_leaves(
    new_node: Callable[..., Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    node = new_node("n")
    await node.start()
    steps: list[str] = []
    real_fsync = os.fsync

    def slow_fsync(descriptor: int) -> None:
        real_fsync(descriptor)
        steps.append("synced")

    monkeypatch.setattr(os, "fsync", slow_fsync)
    post = node.plane.post

    def recording_post(requests: list[Request]) -> None:
        steps.extend("replied" for request in requests if isinstance(request, Reply))
        post(requests)

    node.plane.post = recording_post
    await node.ask("BUMPEPOCH")
    assert "synced" in steps
    assert steps.index("synced") < steps.index("replied")


async def test_a_batch_of_commands_costs_one_save(
    new_node: Callable[..., Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    node = new_node("n")
    await node.start()
    saves: list[str] = []
    real_replace = disk.replace

    def replace(path: str, text: str, **options: Any) -> None:
        saves.append(text)
        real_replace(path, text, **options)

    monkeypatch.setattr(disk, "replace", replace)
    for slot in range(100):
        node.plane.emit(Command(1000 + slot, CLIENT, [b"CLUSTER", b"ADDSLOTS", str(slot).encode()], {}))

    async def answered() -> bool:
        return all(1000 + slot in node.plane.replies() for slot in range(100))

    await until(answered)
    assert len(saves) <= 2


async def test_a_disk_that_fails_takes_the_node_down_without_an_answer(
    new_node: Callable[..., Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    node = new_node("n")
    await node.start()

    def broken(path: str, text: str, **options: Any) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(disk, "replace", broken)
    node.plane.emit(Command(77, CLIENT, [b"CLUSTER", b"BUMPEPOCH"], {}))
    assert await asyncio.wait_for(node.control.wait(), 30) == 1
    assert 77 not in node.plane.replies()
    assert "Input/output error" in node.log.read_text()


async def test_a_stranger_on_the_bus_is_refused(new_node: Callable[..., Node]) -> None:
    node = new_node("n")
    await node.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port + 10000)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    assert await asyncio.wait_for(reader.read(), 30) == b""
    writer.close()
    assert b"cluster_state" in await node.ask("INFO")


async def test_config_set_reaches_the_core(new_node: Callable[..., Node]) -> None:
    node = new_node("n")
    await node.start()
    node.plane.emit(Command(5, CLIENT, [b"CONFIG", b"SET", b"cluster-node-timeout", b"0"], {}))
    node.plane.emit(Command(6, CLIENT, [b"CONFIG", b"SET", b"cluster-announce-hostname", b"a.example"], {}))

    async def answered() -> bool:
        return {5, 6} <= set(node.plane.replies())

    await until(answered)
    assert b"at least 1 ms" in node.plane.replies()[5]
    assert node.plane.replies()[6] == b"+OK\r\n"
    assert b"a.example" in await node.ask("NODES")


async def test_bus_counters_are_shown_by_cluster_info_and_info(new_node: Callable[..., Node]) -> None:
    node = new_node("n")
    await node.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port + 10000)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    await asyncio.wait_for(reader.read(), 30)
    writer.close()
    text = (await node.ask("INFO")).decode()
    names = ["frames_received", "frames_sent", "frames_refused"]
    names += ["messages_dropped", "links_refused", "links_overflowed"]
    shown = dict(line.split(":", 1) for line in text.split("\r\n") if line.startswith("cluster_bus_"))
    assert {f"cluster_bus_{name}" for name in names} <= shown.keys()
    assert shown["cluster_bus_frames_refused"] == "1"

    async def posted() -> bool:
        values: dict[str, str] = {}
        for request in node.plane.posted:
            if isinstance(request, InfoFields):
                values |= request.values
        return all(values.get(f"cluster_bus_{name}") == shown[f"cluster_bus_{name}"] for name in names)

    await until(posted)
