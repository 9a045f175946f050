"""The guard lets nobody in who should not be, and bounds what everybody may use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from garrison.cluster.daemon.http_limits import Guard, HttpLimits, Message, RateLimiter, Receive, Scope, Send

ORIGIN = "http://127.0.0.1:7380"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    size = 0
    while True:
        message = await receive()
        size += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})


def client_of(limits: HttpLimits | None = None, clock: float = 0.0) -> httpx.AsyncClient:
    guard = Guard(echo, limits or HttpLimits(), ["manager.example"], lambda: clock)
    return httpx.AsyncClient(transport=httpx.ASGITransport(guard), base_url=ORIGIN)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:7380"}, 200),
        ({"Host": "Manager.Example"}, 200),
        ({"Host": "[::1]:7380"}, 200),
        ({"Host": "rebound.example"}, 403),
        ({"Host": "127.0.0.1.rebound.example"}, 403),
        ({"Host": ""}, 403),
        ({"Host": "["}, 403),
        ({"Host": "rebound.example@127.0.0.1"}, 403),
        ({"Host": "127.0.0.1/x@rebound.example"}, 403),
        ({"Host": "127.0.0.1?"}, 403),
        ({"Origin": "http://[evil"}, 403),
        ({"Origin": "//@127.0.0.1:7380"}, 403),
        ({"X": "x" * 20_000}, 431),
        ({"Origin": ORIGIN}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Content-Length": "-1"}, 400),
        ({"Content-Length": "9" * 30}, 413),
    ],
)
async def test_request_of_another_site_is_refused(headers: dict[str, str], status: int) -> None:
    async with client_of() as client:
        answer = await client.post("/api/pause", headers=headers)
    assert answer.status_code == status
    assert answer.headers["x-content-type-options"] == "nosniff"


async def status_without_name(path: str, headers: dict[str, str]) -> int:
    """What a request gets that is built without the Host that a client adds by itself."""
    async with client_of() as client:
        request = client.build_request("GET", path, headers=headers)
        if "Host" not in headers:
            del request.headers["host"]
        return (await client.send(request)).status_code


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_health_needs_no_host_but_no_foreign_one(path: str) -> None:
    cases: list[dict[str, str]] = [{}, {"Host": ""}, {"Host": "rebound.example"}, {"Origin": "null"}]
    assert [await status_without_name(path, headers) for headers in cases] == [200, 200, 403, 403]
    assert await status_without_name(f"{path}/../api/picture", {}) == 403


async def test_other_pages_need_a_host() -> None:
    for path in ("/", "/metrics", "/api/picture", "/openapi.json"):
        assert await status_without_name(path, {}) == 403


async def test_link_to_the_page_may_be_followed_but_not_to_the_api() -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    async with client_of() as client:
        assert (await client.get("/", headers=headers)).status_code == 200
        assert (await client.get("/api/picture", headers=headers)).status_code == 403


async def test_body_is_bounded_whatever_its_length_says() -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b"x" * 10_000

    async with client_of(HttpLimits(body_bytes_max=1_000_000)) as client:
        assert (await client.post("/", content=b"x" * 1_000_000)).text == "1000000"
        assert (await client.post("/", content=b"x" * 10_000_000)).status_code == 413
        assert (await client.post("/", content=endless())).status_code == 413


async def test_flood_is_answered_with_429() -> None:
    limits = HttpLimits(requests_burst_max=3, requests_per_s_max=1)
    async with client_of(limits) as client:
        statuses = [(await client.get("/")).status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]


def test_addresses_have_their_own_rate_and_are_bounded() -> None:
    now = 0.0
    limiter = RateLimiter(HttpLimits(requests_burst_max=1, addresses_max=2), lambda: now)
    assert limiter.admit("a")
    assert not limiter.admit("a")
    assert limiter.admit("b")
    now = 1.0
    assert limiter.admit("a")
    assert limiter.admit("c")
    assert len(limiter._buckets) == 2


async def test_long_address_is_refused() -> None:
    async with client_of() as client:
        assert (await client.get("/" + "x" * 5_000)).status_code == 414


async def call(guard: Guard, receive: Receive, send: Send) -> None:
    headers = [(b"host", b"127.0.0.1")]
    scope = {"type": "http", "method": "POST", "path": "/", "raw_path": b"/", "headers": headers}
    await guard({**scope, "query_string": b"", "client": ("1.1.1.1", 1)}, receive, send)


async def test_stalled_sender_and_reader_are_given_up() -> None:
    limits = HttpLimits(body_timeout_s=0.01, send_timeout_s=0.01)
    sent: list[Message] = []

    async def never() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def keep(message: Message) -> None:
        sent.append(message)

    async def stuck(message: Message) -> None:
        await asyncio.Event().wait()

    async def whole() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def trickle() -> Message:
        await asyncio.sleep(0.001)
        return {"type": "http.request", "body": b"x", "more_body": True}

    guard = Guard(echo, limits, [], lambda: 0.0)
    for sender in (never, trickle):
        sent.clear()
        with pytest.raises(TimeoutError):
            await call(guard, sender, keep)
        assert sent[0]["status"] == 408
    with pytest.raises(TimeoutError):
        await call(guard, whole, stuck)
