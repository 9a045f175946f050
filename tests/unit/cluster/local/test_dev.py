"""What `garrison dev` refuses, in one line that says what to do, and what its folder keeps."""

import asyncio
import json
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from garrison.client import connect
from garrison.cluster.errors import UsageProblem
from garrison.cluster.local.dev import group_ports, main
from garrison.cluster.local.ports import HOST, are_free, free_ports

Refusal = Callable[..., str]


def free_range() -> int:
    """The first of six ports in a row that are free with their bus ports."""
    return next(port for port in free_ports(500) if are_free(range(port, port + 6), with_bus=True))


@pytest.fixture
def refusal(capsys: pytest.CaptureFixture[str]) -> Refusal:
    """Run `dev` and return its only line on standard error."""

    def run(*words: str, status: int = 1) -> str:
        assert main(words) == status
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("garrison dev: ")
        return line

    return run


def test_ports_in_use_are_named_and_not_replaced(refusal: Refusal) -> None:
    port = free_range()
    with socket.create_server((HOST, port + 2)):
        line = refusal("--port", str(port))
    assert f"port {port + 2} is in use by " in line
    assert f"(pid {os.getpid()})" in line
    assert "--port" in line.rpartition(";")[2]


def test_advised_ports_have_free_ones_for_the_sentinels(refusal: Refusal) -> None:
    port = next(
        each
        for each in free_ports(500)
        if are_free(group_ports(each, None, 3) + group_ports(each + 100, None, 3), with_bus=False)
    )
    sentinel_port = group_ports(port + 100, None, 3)[-1]
    with socket.create_server((HOST, port)), socket.create_server((HOST, sentinel_port)):
        line = refusal("--sentinel", "--port", str(port))
        advised = int(line.rpartition("such as --port ")[2])
        assert advised > port + 100
        assert are_free(group_ports(advised, None, 3), with_bus=False)


def test_no_port_is_advised_where_none_would_help(refusal: Refusal) -> None:
    port, sentinel_port = free_range(), free_ports(1)[0]
    while sentinel_port in range(port, port + 6):
        sentinel_port = free_ports(1)[0]
    with socket.create_server((HOST, sentinel_port)):
        words = ("--sentinel", "--port", str(port), "--sentinel-port", str(sentinel_port))
        assert refusal(*words).endswith("; end it, or take other ports with --port and --sentinel-port")


def test_impossible_port_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", "70000"]) == 2
    assert "Invalid value for '--port'" in capsys.readouterr().err


def test_port_without_room_for_the_bus_is_refused(refusal: Refusal) -> None:
    assert "bus ports are 10000 higher; choose one from 1 to 55530" in refusal("--port", "60000", status=2)


def test_folder_that_cannot_be_made_is_named(refusal: Refusal) -> None:
    port = str(free_range())
    assert "cannot make the folder /proc/x" in refusal("--dir", "/proc/x", "--port", port)


def test_remembered_ports_are_not_left_silently(tmp_path: Path, refusal: Refusal) -> None:
    (tmp_path / "cluster.json").write_text(json.dumps({"ports": [7300, 7301, 7302, 7303, 7304, 7305]}))
    line = refusal("--dir", str(tmp_path), "--port", "7400", status=2)
    assert "7300, 7301" in line
    assert "leave --port out" in line


def test_damaged_layout_file_is_named(tmp_path: Path, refusal: Refusal) -> None:
    (tmp_path / "cluster.json").write_text("{")
    assert f"cannot read the ports in {tmp_path / 'cluster.json'}" in refusal("--dir", str(tmp_path))


def test_folder_of_the_other_kind_is_refused(tmp_path: Path, refusal: Refusal) -> None:
    (tmp_path / "group.json").write_text(json.dumps({"ports": [1, 2, 3, 4, 5, 6]}))
    assert "holds a primary with Sentinels" in refusal("--dir", str(tmp_path), status=2)


def test_sentinels_move_with_the_nodes() -> None:
    assert group_ports(None, None, 3) == [7000, 7001, 7002, 26379, 26380, 26381]
    assert group_ports(7100, None, 3) == [7100, 7101, 7102, 26479, 26480, 26481]
    assert group_ports(7100, 5000, 2) == [7100, 7101, 5000, 5001, 5002]
    with pytest.raises(UsageProblem, match="say where they go with --sentinel-port"):
        group_ports(60_000, None, 3)
    with pytest.raises(UsageProblem, match="lead to the same ports"):
        group_ports(7000, 7001, 3)


def run_dev(*words: str, limit: int | None = None) -> subprocess.Popen[str]:
    def prepare() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

    return subprocess.Popen(
        [sys.executable, "-m", "garrison", "dev", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=prepare,
    )


def test_too_few_open_files_are_named() -> None:
    process = run_dev(limit=12)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err == (
        "garrison dev: this shell allows 12 open files, and a node needs 256: "
        "run 'ulimit -n 1024' first, or use another shell\n"
    )


def test_ctrl_c_during_the_start_is_one_line() -> None:
    process = run_dev("--port", str(free_range()), "--node-command", "sh -c 'exec sleep 60'")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("starting 6 nodes")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "garrison dev: stopped before it served\n"


def in_folder(folder: Path, port: int, use: Callable[[str], Awaitable[None]]) -> None:
    """Run `garrison dev` on the folder, use it by its URL, and end it in order."""
    process = run_dev("--dir", str(folder), "--port", str(port))
    assert process.stdout is not None
    try:
        while not (line := process.stdout.readline()).startswith("Ctrl-C stops"):
            assert line, process.stderr and process.stderr.read()
        asyncio.run(asyncio.wait_for(use(f"redis://{HOST}:{port}"), 30))
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 0


def test_folder_keeps_the_data(tmp_path: Path) -> None:
    port = free_range()

    async def write(url: str) -> None:
        async with await connect(url) as client:
            await client.set("city", "Oslo")

    async def read(url: str) -> None:
        async with await connect(url) as client:
            assert await client.get("city") == b"Oslo"

    in_folder(tmp_path / "kept", port, write)
    in_folder(tmp_path / "kept", port, read)
