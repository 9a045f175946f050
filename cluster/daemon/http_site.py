"""The whole site: API, events, health, metrics and page, behind its guard."""

import time
from collections.abc import Callable, Collection

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from garrison.cluster.core.manager.picture import Picture
from garrison.cluster.daemon.desk import Desk
from garrison.cluster.daemon.http_api import demand_right, make_app
from garrison.cluster.daemon.http_limits import App, Guard
from garrison.cluster.daemon.http_openapi import make_document
from garrison.cluster.daemon.http_stream import EventStream
from garrison.cluster.daemon.http_tokens import Tokens

PICTURE_AGE_MS_MAX = 10_000
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def make_site(
    desk: Desk,
    tokens: Tokens,
    metrics: Callable[[], str],
    names: Collection[str] = (),
    *,
    wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    clock: Callable[[], float] = time.monotonic,
) -> App:
    """The ASGI application. `names` are the host names by which it may be called."""
    document = make_document()

    async def openapi(http: HttpRequest) -> Response:
        return JSONResponse(document)

    async def healthz(http: HttpRequest) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(http: HttpRequest) -> Response:
        missing = _not_ready(desk.picture, wall_ms())
        return PlainTextResponse(f"{missing or 'ok'}\n", 503 if missing else 200)

    async def show_metrics(http: HttpRequest) -> Response:
        demand_right(tokens, http, "read")
        return Response(metrics(), media_type=METRICS_TYPE, headers={"cache-control": "no-store"})

    routes: list[BaseRoute] = [
        Route("/api/events", EventStream(desk, tokens).__call__),
        Route("/openapi.json", openapi),
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", show_metrics),
    ]
    return Guard(make_app(desk, tokens, routes), desk.limits, names, clock)  # type: ignore[arg-type]


def _not_ready(picture: Picture, now_ms: int) -> str:
    if not picture.nodes:
        return "no node has answered yet"
    age_ms = now_ms - picture.at_ms
    return f"the picture is {age_ms / 1000:.0f} s old" if age_ms > PICTURE_AGE_MS_MAX else ""
