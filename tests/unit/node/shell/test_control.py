"""Bridge, commands and shutdown around a data plane that is a test double."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from garrison.base.log import Log
from garrison.node.border import Apply, ClientInfo, Command, Pause, Persist, Replication, Stopped, Unpause
from garrison.node.config import load
from garrison.node.shell.control import ControlPlane
from tests.conftest import find_free_port

CLIENT = ClientInfo(1, "127.0.0.1:50000", "127.0.0.1:6379", 2, b"")


async def turns(count: int = 50) -> None:
    """Let the loop turn so often that whatever waits for no clock has happened."""
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture
def log_path(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
async def control(plane: Any, log_path: Path) -> AsyncIterator[ControlPlane]:
    control = ControlPlane(load(["--save", ""]), Log(str(log_path)), plane, asyncio.get_running_loop())
    control.prepare()
    await control.start()
    yield control
    control.bridge.close()


async def ask(plane: Any, *words: bytes, ticket: int = 7, resp: int = 2) -> bytes | None:
    plane.emit(Command(ticket, replace(CLIENT, resp=resp), list(words), {}))
    await turns()
    reply: bytes | None = plane.replies().get(ticket)
    return reply


async def test_config_in_both_protocols(control: ControlPlane, plane: Any) -> None:
    assert await ask(plane, b"config", b"get", b"hz") == b"*2\r\n$2\r\nhz\r\n$2\r\n10\r\n"
    assert await ask(plane, b"CONFIG", b"GET", b"hz", ticket=8, resp=3) == b"%1\r\n$2\r\nhz\r\n$2\r\n10\r\n"


async def test_config_set_waits_for_the_data_plane(control: ControlPlane, plane: Any) -> None:
    assert await ask(plane, b"CONFIG", b"SET", b"maxclients", b"5") == b"+OK\r\n"
    assert Apply(1, {"maxclients": "5"}) in plane.posted
    plane.settings_error = "too few"
    assert b"too few" in (await ask(plane, b"CONFIG", b"SET", b"maxclients", b"1", ticket=9) or b"")


async def test_many_commands_are_answered_in_one_batch(control: ControlPlane, plane: Any) -> None:
    before = plane.batches
    for ticket in range(100):
        plane.emit(Command(ticket, CLIENT, [b"CONFIG", b"GET", b"hz"], {}))
    await turns()
    assert len(plane.replies()) == 100
    assert plane.batches == before + 1


async def test_what_is_posted_before_the_start_waits_for_it(plane: Any, log_path: Path) -> None:
    control = ControlPlane(load([]), Log(str(log_path)), plane, asyncio.get_running_loop())
    control.bridge.post(Unpause())
    await turns()
    assert plane.posted == []
    await control.start()
    assert plane.posted[0] == Unpause()
    control.bridge.close()


async def test_cluster_on_a_node_that_is_none(control: ControlPlane, plane: Any) -> None:
    reply = await ask(plane, b"CLUSTER", b"INFO")
    assert reply == b"-ERR This instance has cluster support disabled\r\n"


async def test_an_unknown_command_gets_an_honest_answer(control: ControlPlane, plane: Any) -> None:
    assert await ask(plane, b"FOO") == b"-ERR 'FOO' is not built yet\r\n"


async def test_shutdown_without_replicas_is_at_once(control: ControlPlane, plane: Any) -> None:
    assert await ask(plane, b"SHUTDOWN", b"NOSAVE") is None
    assert await asyncio.wait_for(control.wait(), 30) == 0
    assert plane.joined


@pytest.mark.parametrize(
    ("words", "reply"),
    [
        ((b"SHUTDOWN", b"ABORT"), b"ERR No shutdown in progress."),
        ((b"SHUTDOWN", b"SAVE", b"NOSAVE"), b"ERR syntax error"),
        ((b"SHUTDOWN", b"ABORT", b"NOW"), b"ERR syntax error"),
        ((b"SHUTDOWN", b"soon"), b"ERR syntax error"),
    ],
)
async def test_shutdowns_that_are_refused(
    control: ControlPlane, plane: Any, words: tuple[bytes, ...], reply: bytes
) -> None:
    assert reply in (await ask(plane, *words) or b"")


@pytest.mark.parametrize(
    ("words", "save", "snapshots"),
    [
        ((), "", 0),
        ((), "60 1", 1),
        ((b"SAVE",), "", 1),
        ((b"NOSAVE",), "60 1", 0),
    ],
)
async def test_shutdown_writes_what_the_rules_want(
    control: ControlPlane, plane: Any, words: tuple[bytes, ...], save: str, snapshots: int
) -> None:
    control._config.values["save"] = save
    await ask(plane, b"SHUTDOWN", *words)
    assert await asyncio.wait_for(control.wait(), 30) == 0
    asked = [request.snapshot for request in plane.posted if isinstance(request, Persist)]
    assert asked == [False] + [True] * snapshots


@pytest.mark.parametrize("force", [False, True])
async def test_disk_error_keeps_the_node_up_unless_forced(
    control: ControlPlane, plane: Any, log_path: Path, *, force: bool
) -> None:
    plane.persist_error = "no space left"
    reply = await ask(plane, b"SHUTDOWN", *((b"FORCE",) if force else ()))
    await turns()
    assert control.shutdown.is_final == force
    assert "no space left" in log_path.read_text()
    if not force:
        assert plane.replies()[7] == b"-ERR Errors trying to SHUTDOWN. Check logs.\r\n"
        assert Unpause() in plane.posted
        assert reply in (None, plane.replies()[7])


async def test_shutdown_waits_for_replicas_and_can_be_called_off(control: ControlPlane, plane: Any) -> None:
    plane.status = replace(plane.status, lagging=2)
    assert await ask(plane, b"SHUTDOWN") is None
    assert [type(request) for request in plane.posted].count(Pause) == 1
    assert await ask(plane, b"SHUTDOWN", b"ABORT", ticket=8) == b"+OK\r\n"
    assert plane.replies()[7] == b"-ERR Errors trying to SHUTDOWN. Check logs.\r\n"
    assert Unpause() in plane.posted


async def test_shutdown_goes_on_when_the_replicas_have_caught_up(control: ControlPlane, plane: Any) -> None:
    plane.status = replace(plane.status, lagging=1)
    await ask(plane, b"SHUTDOWN")
    assert not control.shutdown.is_final
    plane.status = replace(plane.status, lagging=0)
    assert await asyncio.wait_for(control.wait(), 30) == 0


async def test_a_data_plane_that_ends_unasked_takes_the_node_down(
    control: ControlPlane, plane: Any, log_path: Path
) -> None:
    plane.emit(Stopped("out of descriptors"))
    assert await asyncio.wait_for(control.wait(), 30) == 1
    assert "out of descriptors" in log_path.read_text()


async def test_unexpected_exception_is_logged_and_stops_the_node(
    control: ControlPlane, plane: Any, log_path: Path
) -> None:
    plane.emit("surprise")
    assert await asyncio.wait_for(control.wait(), 30) == 1
    text = log_path.read_text()
    assert "Traceback" in text
    assert "an event that nobody handles: 'surprise'" in text


async def test_replication_is_known_to_config_rewrite(control: ControlPlane, plane: Any) -> None:
    plane.emit(Replication(replace(plane.status, is_replica=True), ("10.0.0.1", 7000)))
    assert b"10.0.0.1 7000" in (await ask(plane, b"CONFIG", b"GET", b"replicaof") or b"")
    plane.emit(Replication(plane.status, None))
    assert await ask(plane, b"CONFIG", b"GET", b"slaveof", ticket=8) == b"*2\r\n$7\r\nslaveof\r\n$0\r\n\r\n"


async def page(port: int, path: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return answer


async def test_metrics_port_is_set_while_the_node_runs(plane: Any, log_path: Path) -> None:
    config = load(["--save", "", "--metrics-bind", "127.0.0.1"])
    control = ControlPlane(config, Log(str(log_path)), plane, asyncio.get_running_loop())
    control.prepare()
    await control.start()
    first, second = find_free_port(), find_free_port()
    for ticket, port in enumerate((first, second), start=20):
        set_port = (b"CONFIG", b"SET", b"metrics-port", str(port).encode())
        assert await ask(plane, *set_port, ticket=ticket) == b"+OK\r\n"
        assert (await page(port, "/readyz")).endswith(b"ready\n")
    with pytest.raises(OSError, match=r"refused|Connect"):
        await page(first, "/healthz")
    with socket.create_server(("127.0.0.1", first)):
        taken = (b"CONFIG", b"SET", b"metrics-port", str(first).encode())
        assert b"cannot listen on 127.0.0.1" in (await ask(plane, *taken, ticket=30) or b"")
    assert (await page(second, "/healthz")).endswith(b"ok\n")
    assert b"immutable" in (await ask(plane, b"CONFIG", b"SET", b"metrics-bind", b"::1", ticket=31) or b"")
    # What the data plane refuses leaves the port as it was.
    plane.settings_error = "no"
    third = find_free_port()
    refused = (b"CONFIG", b"SET", b"metrics-port", str(third).encode())
    assert b"no" in (await ask(plane, *refused, ticket=32) or b"")
    assert (await page(second, "/healthz")).endswith(b"ok\n")
    socket.create_server(("127.0.0.1", third)).close()
    plane.settings_error = ""
    assert await ask(plane, b"CONFIG", b"SET", b"metrics-port", b"0", ticket=33) == b"+OK\r\n"
    with pytest.raises(OSError, match=r"refused|Connect"):
        await page(second, "/healthz")
    control.bridge.close()


async def test_refused_settings_are_all_undone(control: ControlPlane, plane: Any, tmp_path: Path) -> None:
    await ask(plane, b"CONFIG", b"SET", b"metrics-port", b"0")
    folder, port = os.getcwd(), str(find_free_port()).encode()
    control._config.values["enable-protected-configs"] = "yes"
    moved = (b"dir", str(tmp_path).encode(), b"timeout", b"5")
    set_all = (b"CONFIG", b"SET", *moved, b"metrics-port")
    with socket.create_server(("127.0.0.1", int(port))):
        reply = await ask(plane, *set_all, port, ticket=10) or b""
    assert b"related to argument 'metrics-port') - cannot listen on" in reply
    assert os.getcwd() == folder
    plane.settings_error = "no"
    reply = await ask(plane, *set_all, port, ticket=11) or b""
    assert b"related to argument 'dir') - no" in reply
    assert os.getcwd() == folder
    socket.create_server(("127.0.0.1", int(port))).close()
    assert (control._config.text("timeout"), control._config.text("metrics-port")) == ("0", "0")
    plane.settings_error = ""
    try:
        assert await ask(plane, b"CONFIG", b"SET", *moved, ticket=12) == b"+OK\r\n"
        assert os.getcwd() == str(tmp_path)
    finally:
        os.chdir(folder)


@pytest.mark.parametrize(
    ("words", "reply"),
    [
        ((b"maxclients", b"4000000000"), b"argument 'maxclients') - The operating system is not able"),
        ((b"dir", b"/not/there"), b"argument 'dir') - No such file or directory"),
        ((b"dir", b"\0"), b"argument 'dir') - embedded null byte"),
    ],
)
async def test_what_the_system_refuses_is_named(
    control: ControlPlane, plane: Any, words: tuple[bytes, ...], reply: bytes
) -> None:
    control._config.values["enable-protected-configs"] = "yes"
    assert reply in (await ask(plane, b"CONFIG", b"SET", b"timeout", b"5", *words) or b"")
    assert not any(isinstance(request, Apply) for request in plane.posted)


async def test_settings_change_in_a_folder_that_was_removed(
    control: ControlPlane, plane: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed = tmp_path / "removed"
    removed.mkdir()
    monkeypatch.chdir(removed)
    removed.rmdir()
    assert await ask(plane, b"CONFIG", b"SET", b"timeout", b"5") == b"+OK\r\n"
    control._config.values["enable-protected-configs"] = "yes"
    plane.settings_error = "no"
    folder = (b"dir", str(tmp_path).encode())
    assert b"- no" in (await ask(plane, b"CONFIG", b"SET", *folder, ticket=8) or b"")
    assert not control.shutdown.in_progress


async def test_a_replica_that_becomes_primary_is_counted(control: ControlPlane, plane: Any) -> None:
    for primary in (("10.0.0.1", 7000), None, None, ("10.0.0.1", 7000), None):
        plane.emit(Replication(plane.status, primary))
        await turns()
    assert control._metrics.promotions == 2
