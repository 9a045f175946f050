"""The HTTP server of metrics on real sockets: what it answers, what it refuses, what nobody can do to it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import h11
import pytest

from garrison.base.metrics.http_server import HttpLimits, HttpServer
from garrison.base.metrics.page import Page, text_page

QUICK = HttpLimits(
    connections_max=4,
    header_bytes_max=2048,
    request_timeout_s=0.3,
    idle_timeout_s=0.3,
    requests_per_s_max=1000,
)
PATIENT_S = 20.0


class Site:
    """A server with a few pages, and what became of them."""

    def __init__(self, limits: HttpLimits) -> None:
        loop = asyncio.get_running_loop()
        self.failures: list[str] = []
        self.gate = asyncio.Event()
        self.asked = 0
        pages = {"/a": self._page, "/large": self._large, "/broken": self._broken, "/slow": self._slow}
        self.server = HttpServer(
            pages, loop, lambda path, error: self.failures.append(f"{path} {error}"), limits
        )
        self.port = 0

    async def start(self) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        self.port = listener.getsockname()[1]
        await self.server.serve([listener])

    async def _page(self, headers: Mapping[str, str]) -> Page:
        self.asked += 1
        return text_page(200, f"hello {headers.get('x-name', '')}".strip())

    async def _large(self, headers: Mapping[str, str]) -> Page:
        return Page(200, b"x" * (64 << 20))

    async def _broken(self, headers: Mapping[str, str]) -> Page:
        raise RuntimeError("no")

    async def _slow(self, headers: Mapping[str, str]) -> Page:
        self.asked += 1
        await self.gate.wait()
        return text_page(200, "at last")


Start = Callable[..., Awaitable[Site]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    sites: list[Site] = []

    async def started(limits: HttpLimits = QUICK) -> Site:
        sites.append(Site(limits))
        await sites[-1].start()
        return sites[-1]

    yield started
    for site in sites:
        site.server.close()


async def open_to(site: Site) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", site.port)


async def say(site: Site, text: str) -> bytes:
    """Everything that the server answers to these bytes until it closes."""
    reader, writer = await open_to(site)
    writer.write(text.encode())
    async with asyncio.timeout(PATIENT_S):
        answer = await reader.read()
    writer.close()
    return answer


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENT_S):
        while not done():
            await asyncio.sleep(0.005)


async def test_pages_are_got_on_one_connection(start: Start) -> None:
    site = await start()
    both = (
        "GET /a HTTP/1.1\r\nHost: h\r\nX-Name: one\r\n\r\nGET /a?q HTTP/1.1\r\nHost: h\r\nX-Name: two\r\n\r\n"
    )
    answer = await say(site, both)
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.index(b"hello one") < answer.index(b"hello two")


async def test_head_has_the_length_and_no_body(start: Start) -> None:
    answer = await say(await start(), "HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n")
    assert b"Content-Length: 6" in answer
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        ("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", b"405"),
        ("GET /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", b"413"),
        ("GET /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"413"),
        ("GET /../etc/passwd HTTP/1.1\r\nHost: h\r\n\r\n", b"404"),
        ("GET /b HTTP/1.1\r\nHost: h\r\n\r\n", b"404"),
        ("GET /broken HTTP/1.1\r\nHost: h\r\n\r\n", b"500"),
        ("GET /a HTTP/1.1\r\n\r\n", b"400"),
        ("\x16\x03\x01 TLS\r\n\r\n", b"400"),
        ("GET /a HTTP/1.1\r\nHost: h\r\nX: " + "x" * 3000, b"431"),
        ("GET /a HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", b"400"),
    ],
    ids=["post", "body", "chunked", "climb", "unknown", "broken", "no-host", "tls", "long", "negative"],
)
async def test_refusals(start: Start, request_text: str, status: bytes) -> None:
    site = await start()
    answer = await say(site, request_text)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert site.failures == (["/broken no"] if status == b"500" else [])
    assert await say(site, "GET /a HTTP/1.0\r\n\r\n")


async def test_silent_and_slow_clients_are_closed(start: Start) -> None:
    site = await start()
    silent, unfinished, deaf = [await open_to(site) for _ in range(3)]
    unfinished[1].write(b"GET /a HTTP/1.1\r\nHo")
    deaf[1].write(b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n")
    await until(lambda: len(site.server.connections) == 3)
    await until(lambda: not site.server.connections)
    for reader, writer in (silent, unfinished):
        assert await reader.read() == b""
        writer.close()
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await deaf[0].readexactly(64 << 20)
    deaf[1].close()


async def test_a_drip_of_bytes_does_not_buy_time(start: Start) -> None:
    site = await start()
    reader, writer = await open_to(site)
    text = iter(b"GET /a HTTP/1.1\r\nX: " + b"x" * 2000)

    async def drip() -> None:
        while True:
            writer.write(bytes([next(text)]))
            await asyncio.sleep(0.01)

    dripping = asyncio.create_task(drip())
    # Bytes that the server has not read turn its end of the connection into a reset.
    async with asyncio.timeout(PATIENT_S):
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
    await until(lambda: not site.server.connections)
    dripping.cancel()
    writer.close()


async def test_one_more_client_closes_the_oldest_waiting(start: Start) -> None:
    site = await start(QUICK._replace(idle_timeout_s=60, request_timeout_s=60))
    busy = await open_to(site)
    busy[1].write(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
    await until(lambda: site.asked == 1)
    waiting = []
    for count in (2, 3, 4):
        waiting.append(await open_to(site))
        await until(lambda count=count: len(site.server.connections) == count)  # type: ignore[misc]
    newest = await open_to(site)
    newest[1].write(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
    assert await newest[0].readline() == b"HTTP/1.1 200 OK\r\n"
    assert await waiting[0][0].read() == b""
    assert site.server.evicted == 1
    site.gate.set()
    assert await busy[0].readline() == b"HTTP/1.1 200 OK\r\n"
    for _, writer in (busy, newest, *waiting):
        writer.close()


async def test_with_all_answers_pending_newcomers_are_refused(start: Start) -> None:
    site = await start(QUICK._replace(request_timeout_s=60))
    busy = [await open_to(site) for _ in range(4)]
    for _, writer in busy:
        writer.write(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
    await until(lambda: site.asked == 4)
    assert await say(site, "") == b""
    site.gate.set()
    for reader, writer in busy:
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        writer.close()


async def test_requests_keep_to_their_rate(start: Start) -> None:
    site = await start(QUICK._replace(requests_per_s_max=20, request_timeout_s=60))
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    reader, writer = await open_to(site)
    writer.write(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n" * 11)
    while site.asked < 11:
        assert await reader.read(65536)
    assert loop.time() - began_s > 0.45
    writer.close()


async def test_a_flood_of_unread_requests_is_not_read(start: Start) -> None:
    """A client that sends and never reads is stopped by its own socket, and then closed."""
    site = await start(QUICK._replace(request_timeout_s=1.0))
    reader, writer = await open_to(site)
    writer.transport.set_write_buffer_limits(high=1 << 20)
    flood = b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n" * 400_000
    writer.write(flood)
    await until(lambda: not site.server.connections)
    assert site.asked == 0
    writer.transport.abort()
    del reader


async def test_an_answer_survives_a_half_closed_client(start: Start) -> None:
    site = await start()
    reader, writer = await open_to(site)
    writer.write(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
    writer.write_eof()
    assert (await reader.read()).endswith(b"hello\n")
    writer.close()


async def test_answers_are_read_by_a_strict_client(start: Start) -> None:
    answer = await say(await start(), "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/a", headers=[("Host", "h")]))
    client.send(h11.EndOfMessage())
    client.receive_data(answer)
    response, data, end = client.next_event(), client.next_event(), client.next_event()
    assert isinstance(response, h11.Response)
    assert isinstance(data, h11.Data)
    assert bytes(data.data) == b"hello\n"
    assert isinstance(end, h11.EndOfMessage)
