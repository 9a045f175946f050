"""Figures that go on: bounded where the output is not a terminal."""

from __future__ import annotations

import asyncio
import json

import pytest

from garrison.cli.core.options import parse
from garrison.cli.live import run_live
from garrison.cli.session import Session
from tests.unit.cli.conftest import Cli
from tests.unit.client.servers import ServerProcess


def test_latency_is_one_line_in_the_form_asked_for(any_server: ServerProcess, cli: Cli) -> None:
    least, most, average, count = cli("-p", any_server.port, "--latency", "-i", 0.05)[1].split()
    assert float(least) <= float(average) <= float(most)
    assert int(count) >= 1
    assert cli("-p", any_server.port, "--latency", "--csv", "-i", 0.02)[1].count(b",") == 3
    document = json.loads(cli("-p", any_server.port, "--latency", "--json", "-i", 0.02)[1])
    assert set(document) == {"min", "max", "avg", "count"}


def test_stat_ends_after_the_lines_asked_for(any_server: ServerProcess, cli: Cli) -> None:
    code, output, _ = cli("-p", any_server.port, "--stat", "-r", 3, "-i", 0.01)
    assert (code, len(output.splitlines())) == (0, 4)
    assert output.split()[:3] == [b"keys", b"mem", b"clients"]


@pytest.mark.parametrize("mode", ["--latency", "--latency-history"])
async def test_line_is_written_over_on_a_terminal(redis_server: ServerProcess, mode: str) -> None:
    options = parse(["-p", str(redis_server.port), mode, "-i", "0.1"], {})
    session = Session(options, lambda text: None)
    written: list[bytes] = []
    enough = asyncio.Event()

    def write(data: bytes) -> None:
        written.append(data)
        if len(written) == 4:
            enough.set()

    running = asyncio.create_task(run_live(options, session, write, on_terminal=True))
    async with asyncio.timeout(20):
        await enough.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    session.close()
    assert written[0].startswith(b"\r\x1b[Kmin: ")
    assert (b" -- " in b"".join(written)) == (mode == "--latency-history")
