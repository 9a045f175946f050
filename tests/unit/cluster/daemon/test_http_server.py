"""The listener bounds connections and slow senders."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from garrison.cluster.daemon.http_limits import App, HttpLimits, Receive, Scope, Send
from garrison.cluster.daemon.http_server import HttpServer
from garrison.cluster.local.ports import HOST, free_ports


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"hi"})


@contextlib.asynccontextmanager
async def serving(limits: HttpLimits, app: App = hello) -> AsyncIterator[int]:
    (port,) = free_ports(1)
    ended = asyncio.Event()
    server = HttpServer(app, HOST, port, limits)
    task = asyncio.create_task(server.serve_until(ended))
    await asyncio.wait_for(server.listening.wait(), 10)
    try:
        yield port
    finally:
        ended.set()
        await asyncio.wait_for(task, 10)


async def read_all(port: int, data: bytes) -> bytes:
    """What is answered until the server closes the connection."""
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(data)
    try:
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()


async def test_slow_and_oversized_headers_end_the_connection() -> None:
    async with serving(HttpLimits(header_timeout_s=0.05, header_bytes_max=1_000)) as port:
        assert await read_all(port, b"") == b""
        assert await read_all(port, b"GET / HTTP/1.1\r\nHost: a\r\nX: ") == b""
        huge = b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 5_000
        assert b"400" in (await read_all(port, huge)).partition(b"\r\n")[0]
        answered = await read_all(port, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert answered.endswith(b"hi")


@pytest.mark.parametrize(
    "line", [b"X: a\rb", b"X : a", b"\x00: a", b"Content-Length: 1\r\nContent-Length: 2"]
)
async def test_headers_that_break_http_are_refused(line: bytes) -> None:
    async with serving(HttpLimits(header_timeout_s=1)) as port:
        answer = await read_all(port, b"GET / HTTP/1.1\r\nHost: a\r\n" + line + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400")


async def huge(scope: Scope, receive: Receive, send: Send) -> None:
    size = 32 << 20
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % size)]})
    await send({"type": "http.response.body", "body": bytes(size)})


@pytest.mark.parametrize("last", [b"", b"Connection: close\r\n"])
async def test_client_that_never_reads_loses_its_connection(last: bytes) -> None:
    limits = HttpLimits(send_timeout_s=0.1, connections_per_address_max=1)
    async with serving(limits, huge) as port:
        reader, writer = await asyncio.open_connection(HOST, port, limit=1)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n" + last + b"\r\n")
        # Its place is free again when another is heard.
        async with asyncio.timeout(10):
            while not (await read_all(port, b"nonsense\r\n\r\n")).startswith(b"HTTP/1.1 400"):
                await asyncio.sleep(0.01)
        with contextlib.suppress(ConnectionError):
            assert len(await reader.read()) < 32 << 20
        writer.close()


async def test_one_address_cannot_hold_all_connections() -> None:
    async with serving(HttpLimits(connections_per_address_max=2, header_timeout_s=5)) as port:
        held = [await asyncio.open_connection(HOST, port) for _ in range(2)]
        assert await read_all(port, b"") == b""
        for _, writer in held:
            writer.close()


async def test_address_in_use_is_an_error() -> None:
    async with serving(HttpLimits()) as port:
        with pytest.raises(OSError, match="in use"):
            await HttpServer(hello, HOST, port, HttpLimits()).serve_until(asyncio.Event())
