"""The limits of the manager's HTTP server, and the guard that holds them before any other code runs.

BACKGROUND  The page runs in browsers, and a browser sends what any site tells it to. So a request says where
            it comes from, and is refused when that is another site; and the name it was sent to must be ours,
            because a foreign name that resolves to this address would make a foreign site look like ours.
            A load balancer that speaks HTTP/1.0 sends no name at all; it may ask for the health pages, which
            tell nothing secret. No browser leaves the name out.
INVARIANTS  Nobody is asked for more than `body_bytes_max`, and nobody may keep a request open longer than
            `body_timeout_s` while sending it, or `send_timeout_s` while not reading the answer. The table of
            addresses is bounded. Every answer carries the security headers.
"""

import asyncio
import ipaddress
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

HEALTH_PATHS = frozenset({"/healthz", "/readyz"})
LOOPBACK_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost"})
SECURITY_HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        b"font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


@dataclass(frozen=True)
class HttpLimits:
    """Every limit of the server."""

    body_bytes_max: int = 1 << 20
    header_bytes_max: int = 16 << 10
    path_characters_max: int = 2_048
    connections_max: int = 512
    connections_per_address_max: int = 64
    requests_per_s_max: float = 50.0
    """Of one address, in the mean; `requests_burst_max` may come at once."""
    requests_burst_max: int = 200
    addresses_max: int = 4_096
    header_timeout_s: float = 10.0
    body_timeout_s: float = 10.0
    send_timeout_s: float = 20.0
    event_clients_max: int = 64
    events_waiting_max: int = 256
    """Events that wait for a slow client; then it is dropped."""
    searches_max: int = 2
    tickets_waiting_max: int = 64


class RateLimiter:
    """A bucket of requests for each address."""

    def __init__(self, limits: HttpLimits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def admit(self, address: str) -> bool:
        now = self._clock()
        full = float(self._limits.requests_burst_max)
        left, at = self._buckets.pop(address, (full, now))
        left = min(full, left + (now - at) * self._limits.requests_per_s_max)
        admitted = left >= 1
        self._buckets[address] = (left - 1 if admitted else left, now)
        if len(self._buckets) > self._limits.addresses_max:
            self._buckets.popitem(last=False)
        return admitted


class _TooLargeError(Exception):
    pass


class Guard:
    """The outermost layer of the application."""

    def __init__(
        self, app: App, limits: HttpLimits, names: Collection[str], clock: Callable[[], float]
    ) -> None:
        self._app = app
        self._limits = limits
        self._names = frozenset(name.lower() for name in names) | LOOPBACK_NAMES
        self._rates = RateLimiter(limits, clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        status, text = self._judge(scope)
        bounded = self._bounded_send(send)
        if status:
            await refuse(bounded, status, text)
            return
        started = False

        async def note_start(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await bounded(message)

        try:
            await self._app(scope, self._bounded_receive(receive), note_start)
        except _TooLargeError:
            if not started:
                await refuse(bounded, 413, self._too_large())
        except TimeoutError:
            if not started:
                await refuse(bounded, 408, "the request came too slowly")
            raise

    def _judge(self, scope: Scope) -> tuple[int, str]:
        """(0, "") for a request that may go on, else status and reason."""
        headers = _headers(scope)
        client = scope.get("client")
        if not self._rates.admit(client[0] if client else ""):
            return (
                429,
                f"more than {self._limits.requests_per_s_max:g} requests a second (requests_per_s_max)",
            )
        if len(scope.get("raw_path", b"")) + len(scope.get("query_string", b"")) > (
            self._limits.path_characters_max
        ):
            return 414, f"the address is longer than {self._limits.path_characters_max} (path_characters_max)"
        size = sum(len(name) + len(value) for name, value in scope["headers"])
        if size > self._limits.header_bytes_max:
            return 431, f"the headers have more than {self._limits.header_bytes_max} bytes (header_bytes_max)"
        host = headers.get("host", "")
        is_nameless_check = not host and scope["path"] in HEALTH_PATHS
        if not is_nameless_check and not self._is_ours(host):
            return 403, "this manager does not have that name; start it with --allow-host NAME"
        origin = headers.get("origin")
        if origin is not None and (not host or _site_of(origin) != host.lower()):
            return 403, "the request comes from another site"
        site = headers.get("sec-fetch-site", "none")
        if site not in ("none", "same-origin") and not _is_visit(scope, headers):
            return 403, "the request comes from another site"
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdecimal()):
            return 400, "Content-Length is not a number"
        if len(length) > 18 or int(length) > self._limits.body_bytes_max:
            return 413, self._too_large()
        return 0, ""

    def _too_large(self) -> str:
        return f"the body is larger than {self._limits.body_bytes_max} bytes (body_bytes_max)"

    def _is_ours(self, host: str) -> bool:
        """A name of ours, or an address: an address cannot be made to mean another machine."""
        if _site_of(f"//{host}") != host.lower() or "@" in host:
            return False
        name = urlsplit(f"//{host}").hostname or ""
        if name.lower() in self._names:
            return True
        try:
            ipaddress.ip_address(name.partition("%")[0])
        except ValueError:
            return False
        return True

    def _bounded_receive(self, receive: Receive) -> Receive:
        passed = 0
        whole = False
        deadline_s = asyncio.get_running_loop().time() + self._limits.body_timeout_s

        async def bounded() -> Message:
            nonlocal passed, whole
            if whole:
                return await receive()  # Waits for the end of the connection.
            async with asyncio.timeout_at(deadline_s):
                message = await receive()
            if message["type"] == "http.request":
                passed += len(message.get("body", b""))
                whole = not message.get("more_body", False)
                if passed > self._limits.body_bytes_max:
                    raise _TooLargeError
            return message

        return bounded

    def _bounded_send(self, send: Send) -> Send:
        async def bounded(message: Message) -> None:
            if message["type"] == "http.response.start":
                names = {name.lower() for name, _ in message.get("headers", [])}
                more = [(name, value) for name, value in SECURITY_HEADERS if name not in names]
                message = {**message, "headers": [*message.get("headers", []), *more]}
            async with asyncio.timeout(self._limits.send_timeout_s):
                await send(message)

        return bounded


async def refuse(send: Send, status: int, text: str) -> None:
    """Answer with an error document and close the connection."""
    body = json.dumps({"error": text, "path": ""}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
    ]
    if status == 429:
        headers.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _site_of(url: str) -> str:
    """Host and port of a URL; empty when it is not one."""
    try:
        parts = urlsplit(url)
        return parts.netloc.lower() if parts.hostname else ""
    except ValueError:
        return ""


def _is_visit(scope: Scope, headers: dict[str, str]) -> bool:
    """Somebody follows a link to the page: it is shown, but nothing is told to the other site."""
    return (
        scope["method"] == "GET"
        and headers.get("sec-fetch-mode") == "navigate"
        and not scope["path"].startswith("/api/")
    )


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
