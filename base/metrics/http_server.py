"""A small HTTP/1.1 server for a table of read-only pages: metrics and health.

BACKGROUND. It shares the loop with heartbeats and votes, so whoever connects must not be able to slow that
down: a stalled client, a flood of requests or a body of gigabytes costs a bounded amount of memory and time.
INVARIANTS. At most `connections_max` are open; one more closes the one that has waited longest for its
client. Each holds at most `header_bytes_max` of input, one request and one answer, and is read no further
before the client has taken that answer. From the first byte of a request the client has `request_timeout_s`
to send it and take the answer; between requests it may be silent for `idle_timeout_s`. All clients together
get `requests_per_s_max` answers a second; further requests wait their turn within their time.
BEHAVIOUR. GET and HEAD only, and no request body; what breaks HTTP gets one error page and the end of its
connection. A page that fails is a 500 for its client and a call of `failed`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import NamedTuple, cast

import h11

from garrison.base.metrics.page import Page, text_page


class HttpLimits(NamedTuple):
    """What clients may use."""

    connections_max: int = 64
    header_bytes_max: int = 8192
    """Of the request line and headers together."""
    request_timeout_s: float = 10.0
    idle_timeout_s: float = 90.0
    requests_per_s_max: int = 50


Handler = Callable[[Mapping[str, str]], Awaitable[Page]]
"""Makes a page from the request's headers, whose names are in lower case."""


class HttpServer:
    """Serves `pages` by path. `failed` gets the exception of a page that could not be made."""

    def __init__(
        self,
        pages: Mapping[str, Handler],
        loop: asyncio.AbstractEventLoop,
        failed: Callable[[str, BaseException], None],
        limits: HttpLimits = HttpLimits(),  # noqa: B008  it is immutable
    ) -> None:
        self.pages = pages
        self.loop = loop
        self.failed = failed
        self.limits = limits
        self.connections: dict[Connection, None] = {}
        """The open ones; the one whose client was last heard of or answered longest ago comes first."""
        self.evicted = 0
        """Connections that were closed because as many as may be were open."""
        self._servers: list[asyncio.AbstractServer] = []
        self._queue = asyncio.Lock()
        self._next_turn_s = 0.0

    async def serve(self, sockets: Sequence[socket.socket]) -> None:
        """Accept clients on sockets that listen already."""
        for listener in sockets:
            self._servers.append(await self.loop.create_server(lambda: Connection(self), sock=listener))

    def close(self) -> None:
        """Stop accepting and close every connection."""
        for server in self._servers:
            server.close()
        self._servers.clear()
        for connection in list(self.connections):
            connection.abort()

    async def take_turn(self) -> None:
        """Wait until one more answer keeps to the rate. Who goes away gives up its place in the queue."""
        async with self._queue:
            wait_s = self._next_turn_s - self.loop.time()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            self._next_turn_s = self.loop.time() + 1 / self.limits.requests_per_s_max

    def make_room(self) -> bool:
        """Whether one more connection may stay; the one that has waited longest for its client may go."""
        if len(self.connections) < self.limits.connections_max:
            return True
        self.evicted += 1
        for connection in self.connections:
            if connection.waits_for_client:
                del self.connections[connection]
                connection.abort()
                return True
        return False

    def touch(self, connection: Connection) -> None:
        """Put a connection last in the order in which they make room."""
        if connection in self.connections:
            del self.connections[connection]
            self.connections[connection] = None


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._http = h11.Connection(h11.SERVER, server.limits.header_bytes_max)
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._in_request = self._is_full = False

    @property
    def waits_for_client(self) -> bool:
        """Whether a request, or the taking of an answer, is awaited."""
        return self._task is None

    # -- what the transport reports ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if not self._server.make_room():
            self._transport.abort()
            return
        self._server.connections[self] = None
        # With a limit of 0 `pause_writing` says that bytes wait, `resume_writing` that all were taken.
        self._transport.set_write_buffer_limits(high=0)
        self._arm(self._server.limits.idle_timeout_s)

    def connection_lost(self, error: Exception | None) -> None:
        self._server.connections.pop(self, None)
        for pending in (self._timer, self._task):
            if pending is not None:
                pending.cancel()

    def data_received(self, data: bytes) -> None:
        if not self._in_request:
            self._in_request = True
            self._arm(self._server.limits.request_timeout_s)
        self._http.receive_data(data)
        self._go_on()

    def eof_received(self) -> None:
        """The client sends no more; an answer that is being made still goes out."""
        self._http.receive_data(b"")
        self._go_on()

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        if self._task is None:
            self._transport.resume_reading()
            self._go_on()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    # -- requests ------------------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Take the next request, unless one is being answered or its answer waits for the client."""
        if self._task is not None or self._is_full or self._transport.is_closing():
            return
        self._begin_next()
        try:
            event = self._http.next_event()
        except h11.RemoteProtocolError as error:
            self._refuse(error.error_status_hint, str(error))
            return
        if isinstance(event, h11.Request):
            self._transport.pause_reading()
            self._task = self._server.loop.create_task(self._answer(event))
            self._task.add_done_callback(self._answered)
        elif isinstance(event, h11.ConnectionClosed):
            self._transport.close()
        elif event is not h11.NEED_DATA:
            self._refuse(HTTPStatus.BAD_REQUEST, "one request at a time")

    def _begin_next(self) -> None:
        """The last answer has been taken: get ready for another request, or close."""
        if self._http.our_state is h11.MUST_CLOSE:
            self._transport.close()
        elif self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            has_more = bool(self._http.trailing_data[0])
            self._in_request = has_more
            limits = self._server.limits
            self._arm(limits.request_timeout_s if has_more else limits.idle_timeout_s)

    async def _answer(self, request: h11.Request) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
        page = self._refusal(request, headers)
        if page is None:
            await self._server.take_turn()
            path = request.target.partition(b"?")[0].decode("latin-1")
            page = await self._page(path, headers)
        self._send(page, is_head=request.method == b"HEAD")

    def _refusal(self, request: h11.Request, headers: Mapping[str, str]) -> Page | None:
        """The page that says why a request is not taken; None if it is."""
        if request.method not in (b"GET", b"HEAD"):
            allowed = ("Allow", "GET, HEAD")
            return text_page(HTTPStatus.METHOD_NOT_ALLOWED, "there is nothing here but to read", allowed)
        if "transfer-encoding" in headers or headers.get("content-length", "0") != "0":
            return text_page(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "send no body")
        if request.target.partition(b"?")[0].decode("latin-1") not in self._server.pages:
            paths = ", ".join(self._server.pages)
            return text_page(HTTPStatus.NOT_FOUND, f"not found; there are {paths}")
        return None

    async def _page(self, path: str, headers: Mapping[str, str]) -> Page:
        try:
            return await self._server.pages[path](headers)
        except Exception as error:
            self._server.failed(path, error)
            return text_page(HTTPStatus.INTERNAL_SERVER_ERROR, "the page could not be made; the log says why")

    def _send(self, page: Page, *, is_head: bool = False) -> None:
        http = self._http
        headers = [
            ("Content-Type", page.content_type),
            ("Content-Length", str(len(page.body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            *page.headers,
        ]
        if page.status in (HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.REQUEST_ENTITY_TOO_LARGE):
            headers.append(("Connection", "close"))
        reason = HTTPStatus(page.status).phrase
        pieces = [http.send(h11.Response(status_code=page.status, headers=headers, reason=reason))]
        if not is_head:
            pieces.append(http.send(h11.Data(data=page.body)))
        pieces.append(http.send(h11.EndOfMessage()))
        self._transport.write(b"".join(piece for piece in pieces if piece is not None))

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if task.cancelled() or self._transport.is_closing():
            return
        error = task.exception()
        if error is not None:
            self._server.failed("an answer", error)
            self._transport.abort()
            return
        if self._http.their_state is h11.SEND_BODY:
            # Without a body this reads the end of the request and leaves the next one alone.
            self._http.next_event()
        if self._http.our_state is h11.MUST_CLOSE:
            self._transport.close()
            return
        if not self._is_full:
            self._transport.resume_reading()
            self._go_on()

    def _refuse(self, status: int, why: str) -> None:
        """Answer what is not HTTP, if it can still be answered, and close."""
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._send(text_page(status, why, ("Connection", "close")))
        self._transport.close()

    def _arm(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._server.touch(self)
        self._timer = self._server.loop.call_later(seconds, self._transport.abort)
