"""Pages of a process: who may read them, how often figures are gathered, where they are served."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from garrison.base.log import Log
from garrison.base.metrics.exposition import Family, gauge
from garrison.base.metrics.service import FRESH_S, MetricsService


class Process:
    """A process that counts how often it was asked."""

    def __init__(self, folder: Path) -> None:
        self.gathered = 0
        self.why_not_ready = ""
        self.is_broken = False
        self.log = folder / "log"
        loop = asyncio.get_running_loop()
        self.service = MetricsService(loop, Log(str(self.log)), self._collect, lambda: self.why_not_ready)
        self.port = 0

    async def _collect(self) -> list[Family]:
        if self.is_broken:
            raise RuntimeError("no figures")
        self.gathered += 1
        return [gauge("figure", "A figure.", self.gathered)]

    def move(self) -> None:
        """Serve on another port."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.service.adopt(self.service.take("127.0.0.1", self.port))

    async def get(self, path: str, *headers: str) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        lines = [f"GET {path} HTTP/1.1", "Host: h", "Connection: close", *headers]
        writer.write("".join(f"{line}\r\n" for line in [*lines, ""]).encode())
        answer = await reader.read()
        writer.close()
        return answer


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[Process]:
    process = Process(tmp_path)
    process.move()
    yield process
    process.service.close()


async def test_figures_are_gathered_no_oftener_than_needed(process: Process) -> None:
    answers = await asyncio.gather(*(process.get("/metrics") for _ in range(5)))
    assert all(b"\nfigure 1\n" in answer for answer in answers)
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    while b"\nfigure 2\n" not in await process.get("/metrics"):
        assert loop.time() - began_s < 10
    assert loop.time() - began_s > FRESH_S / 2


async def test_the_formats_have_their_content_types(process: Process) -> None:
    text = await process.get("/metrics")
    assert b"Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n" in text
    openmetrics = await process.get("/metrics", "Accept: application/openmetrics-text; version=1.0.0")
    assert b"Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n" in openmetrics
    assert openmetrics.endswith(b"# EOF\n")
    assert process.gathered == 1


async def test_a_token_guards_metrics_and_not_health(process: Process) -> None:
    process.service.token = "secret"
    for headers in (
        [],
        ["Authorization: Bearer wrong"],
        ["Authorization: secret"],
        ["Authorization: Basic secret"],
    ):
        answer = await process.get("/metrics", *headers)
        assert answer.startswith(b"HTTP/1.1 401 ")
        assert b"WWW-Authenticate: Bearer\r\n" in answer
    assert process.gathered == 0
    assert (await process.get("/metrics", "Authorization: bearer secret")).startswith(b"HTTP/1.1 200 ")
    assert (await process.get("/healthz")).endswith(b"ok\n")


async def test_readiness_has_a_reason(process: Process) -> None:
    assert (await process.get("/readyz")).startswith(b"HTTP/1.1 200 ")
    process.why_not_ready = "loading its files"
    answer = await process.get("/readyz")
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert answer.endswith(b"loading its files\n")


async def test_figures_that_cannot_be_had_are_logged(process: Process) -> None:
    process.is_broken = True
    assert (await process.get("/metrics")).startswith(b"HTTP/1.1 500 ")
    assert "no figures" in process.log.read_text()
    process.is_broken = False
    assert (await process.get("/metrics")).startswith(b"HTTP/1.1 200 ")


async def test_the_port_moves(process: Process) -> None:
    former = process.port
    process.move()
    assert (await process.get("/healthz")).endswith(b"ok\n")
    with pytest.raises(OSError, match=r"refused|Connect"):
        await asyncio.open_connection("127.0.0.1", former)


async def test_a_port_that_is_taken_is_named(process: Process) -> None:
    with pytest.raises(OSError, match=f"127.0.0.1:{process.port}"):
        process.service.take("127.0.0.1", process.port)
    assert process.service.take("127.0.0.1", 0) == []
