"""``/metrics``, ``/healthz`` and ``/readyz`` of one process, on a port that may be changed while it runs.

Several scrapers, or one that hurries, cost one look at the process: what was gathered less than `FRESH_S` ago
is given again.
"""

from __future__ import annotations

import asyncio
import hmac
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final

from garrison.base.listen import listen
from garrison.base.log import Log
from garrison.base.metrics.exposition import (
    OPENMETRICS_TYPE,
    TEXT_TYPE,
    Family,
    counter,
    gauge,
    render,
    wants_openmetrics,
)
from garrison.base.metrics.loop_lag import LoopLag
from garrison.base.metrics.page import Page, text_page

if TYPE_CHECKING:
    from garrison.base.metrics.http_server import HttpServer

FRESH_S: Final = 0.2
BACKLOG: Final = 64
"""Connections that may wait to be accepted."""

Collect = Callable[[], Awaitable[list[Family]]]
Ready = Callable[[], str]
"""Says why the process does not serve; empty if it does."""


class MetricsService:
    """Create it, `take` a port, `adopt` its sockets; later ones replace them."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, log: Log, collect: Collect, ready: Ready, token: str = ""
    ) -> None:
        self.token = token
        self._loop = loop
        self._log = log
        self._collect = collect
        self._ready = ready
        self._lag = LoopLag(loop)
        self._server: HttpServer | None = None
        self._starting: asyncio.Task[None] | None = None
        self._evicted_before = 0
        self._gathering = asyncio.Lock()
        self._families: list[Family] = []
        self._bodies: dict[bool, bytes] = {}
        self._gathered_s = float("-inf")
        self._scrapes = 0
        self._scrape_s = 0.0
        self._pages = {"/metrics": self._metrics, "/healthz": self._healthz, "/readyz": self._readyz}

    @staticmethod
    def take(bind: str, port: int) -> list[socket.socket]:
        """Sockets that listen on the port; none for port 0. Raises OSError that names address and port."""
        if not port:
            return []
        sockets = listen(bind, port, BACKLOG)
        if not sockets:
            raise OSError(0, f"metrics-port {port}: none of the addresses '{bind}' exists here")
        return sockets

    def adopt(self, sockets: list[socket.socket]) -> None:
        """Serve on these sockets, and on no others any more."""
        self.close()
        if sockets:
            # Most processes have no such port, and start without the server and its library.
            from garrison.base.metrics.http_server import HttpServer

            self._server = HttpServer(self._pages, self._loop, self._failed)
            self._lag.start()
            self._starting = self._loop.create_task(self._server.serve(sockets))

    def close(self) -> None:
        """Stop serving."""
        self._lag.stop()
        if self._server is not None:
            self._evicted_before += self._server.evicted
            self._server.close()
            self._server = None

    # -- pages ---------------------------------------------------------------------------------------------

    async def _healthz(self, headers: Mapping[str, str]) -> Page:
        return text_page(200, "ok")

    async def _readyz(self, headers: Mapping[str, str]) -> Page:
        why = self._ready()
        return text_page(503, why) if why else text_page(200, "ready")

    async def _metrics(self, headers: Mapping[str, str]) -> Page:
        if self.token and not self._is_admitted(headers.get("authorization", "")):
            return text_page(401, "a bearer token is needed: metrics-token", ("WWW-Authenticate", "Bearer"))
        openmetrics = wants_openmetrics(headers.get("accept", ""))
        async with self._gathering:
            began_s = self._loop.time()
            if began_s - self._gathered_s >= FRESH_S:
                families = await self._collect()
                self._scrapes += 1
                self._families = [*families, *self._own()]
                self._bodies.clear()
                self._gathered_s = self._loop.time()
                self._scrape_s = self._gathered_s - began_s
            body = self._bodies.get(openmetrics)
            if body is None:
                body = self._bodies[openmetrics] = render(self._families, openmetrics=openmetrics)
        return Page(200, body, OPENMETRICS_TYPE if openmetrics else TEXT_TYPE)

    def _own(self) -> list[Family]:
        """Metrics of the service itself and of the loop that it shares."""
        server = self._server
        connections = len(server.connections) if server is not None else 0
        evicted = self._evicted_before + (server.evicted if server is not None else 0)
        return [
            gauge(
                "garrison_control_loop_lag_seconds",
                "How late the control plane's loop was at most in the last 15 to 30 seconds.",
                self._lag.seconds,
            ),
            counter("garrison_scrapes_total", "Times that metrics were gathered.", self._scrapes),
            gauge("garrison_scrape_duration_seconds", "What gathering took the last time.", self._scrape_s),
            gauge("garrison_metrics_connections", "Open connections to the metrics port.", connections),
            counter(
                "garrison_metrics_connections_evicted_total",
                "Connections to the metrics port that were closed to make room.",
                evicted,
            ),
        ]

    def _is_admitted(self, authorization: str) -> bool:
        scheme, _, token = authorization.partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), self.token.encode())

    def _failed(self, path: str, error: BaseException) -> None:
        self._log.warning(f"metrics: {path} could not be made: {type(error).__name__}: {error}")
