"""A small manager that serves the page and says what a test tells it to, by docs/manager-reference.md."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import closing
from typing import Any

import uvicorn
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from garrison.cluster.core.manager.history import history_of
from garrison.cluster.core.manager.jobs import AuditEntry, Records
from garrison.cluster.core.manager.picture import Event, Picture
from garrison.cluster.core.manager.verdict import complaints_since
from garrison.cluster.web.assets import HEADERS, assets
from tests.conftest import find_free_port
from tests.unit.cluster.web import sample_documents as samples

START_S_MAX = 15.0


def dumped(document: object) -> Any:
    """What goes over the wire for a document, or for a list of them."""
    if isinstance(document, BaseModel):
        return document.model_dump(mode="json")
    if isinstance(document, list | tuple):
        return [dumped(each) for each in document]
    return document


def as_event(name: str, document: object) -> str:
    return f"event: {name}\r\ndata: {json.dumps(dumped(document))}\r\n\r\n"


class FakeManager:
    """Serves on a port of its own, from a thread of its own. Its attributes are its answers."""

    def __init__(self, now_ms: int | None = None) -> None:
        """`now_ms` is the time of its documents; given, its answers carry no date that would contradict."""
        self._has_clock = now_ms is None
        self.port = find_free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.now_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
        self.picture: Picture = samples.make_picture(self.now_ms)
        self.answers: dict[str, object] = {
            "jobs": [],
            "plan": samples.make_plan(self.now_ms),
            "desired": samples.make_desired(),
            "series": samples.make_series(self.picture),
            "slow": samples.slow_commands(self.now_ms),
            "keys/search": samples.notable_keys(),
            "reshard": samples.make_plan(self.now_ms, "plan-move"),
        }
        self.refusals: dict[str, tuple[int, dict[str, object]]] = {}
        """`METHOD path` below /api to the status and document with which it is refused."""
        self.history: list[AuditEntry] = samples.make_history(self.now_ms)
        self.tokens: dict[str, str] = {}
        """Token to right, `read` or `act`; without any, all may act."""
        self.streams = True
        """Whether the event stream is offered; without it, the page polls."""
        self.silent = False
        """It takes requests, and does not answer them."""
        self.requests: list[tuple[str, str, Any]] = []
        self.opened = 0
        """How many streams were opened so far."""
        self._followers: set[asyncio.Queue[str | None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    # Its life.

    def start(self) -> None:
        routes = [
            Route("/api/events", self._events),
            Route("/api/{path:path}", self._api, methods=["GET", "PUT", "POST"]),
            Route("/{path:path}", self._file),
        ]
        config = uvicorn.Config(Starlette(routes=routes), port=self.port, log_level="warning", lifespan="off")
        config.timeout_graceful_shutdown = 1
        config.date_header = self._has_clock
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, args=(self._server,), daemon=True)
        self._thread.start()
        deadline = time.monotonic() + START_S_MAX
        while not self._server.started:
            assert time.monotonic() < deadline, "the fake manager did not start"
            time.sleep(0.01)

    def _run(self, server: uvicorn.Server) -> None:
        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            await server.serve()

        with closing(asyncio.new_event_loop()) as loop:
            loop.run_until_complete(serve())

    def stop(self) -> None:
        assert self._server is not None
        assert self._thread is not None
        self.end_streams()
        self._server.should_exit = True
        self._thread.join(timeout=10)
        assert not self._thread.is_alive()

    # What a test has it say.

    def show(self, picture: Picture, events: Iterable[Event] = ()) -> None:
        """Make this the picture, and send it to who follows."""
        self.picture = picture.model_copy(update={"wrong": complaints_since(picture, self.picture)})
        for event in events:
            self.send("event", event)
        self.send("picture", self.picture)

    def send(self, name: str, document: object) -> None:
        self._tell(as_event(name, document))

    def send_raw(self, text: str) -> None:
        self._tell(text)

    def end_streams(self) -> None:
        self._tell(None)

    def _tell(self, text: str | None) -> None:
        assert self._loop is not None

        def put() -> None:
            for follower in self._followers:
                follower.put_nowait(text)

        self._loop.call_soon_threadsafe(put)

    def asked(self, method: str, path: str) -> list[Any]:
        """The bodies of the requests of this kind so far."""
        return [body for each, at, body in self.requests if (each, at) == (method, path)]

    # What it answers.

    def _right(self, request: Request) -> str:
        if not self.tokens:
            return "act"
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        return self.tokens.get(given, "none")

    def _shown(self, right: str) -> Picture:
        self.picture = self.picture.model_copy(update={"wrong": complaints_since(self.picture, self.picture)})
        return self.picture if right == "act" else self.picture.model_copy(update={"read_only": True})

    async def _file(self, request: Request) -> Response:
        asset = assets().get(request.path_params["path"])
        if asset is None:
            return Response("not found", 404)
        return Response(asset.content, media_type=asset.media_type, headers=dict(HEADERS))

    async def _api(self, request: Request) -> Response:
        while self.silent:
            await asyncio.sleep(0.02)
        path, right = request.path_params["path"], self._right(request)
        body = (await request.body()).decode()
        if right == "none":
            return JSONResponse({"error": "a token is needed"}, 401)
        query = f"?{request.url.query}" if request.method != "GET" and request.url.query else ""
        self.requests.append((request.method, path + query, body))
        refused = self.refusals.get(f"{request.method} {path}")
        if refused is not None:
            return JSONResponse(refused[1], refused[0])
        if request.method != "GET" and right != "act":
            return JSONResponse({"error": "this token may only read"}, 403)
        if path == "picture":
            return JSONResponse(dumped(self._shown(right)))
        if path == "audit":
            wanted = request.query_params
            found = history_of(Records(audit=tuple(self.history)), wanted["find"].split())
            return JSONResponse(dumped(found[: int(wanted["limit"])]))
        if path == "desired" and request.method == "PUT":
            return JSONResponse(dumped(self.answers["plan"]))
        return JSONResponse(dumped(self.answers.get(path, self.answers["plan"])))

    async def _events(self, request: Request) -> Response:
        right = self._right(request)
        if right == "none":
            return JSONResponse({"error": "a token is needed"}, 401)
        if not self.streams:
            return JSONResponse({"error": "too many follow already"}, 429)
        return StreamingResponse(self._follow(right), media_type="text/event-stream")

    async def _follow(self, right: str) -> AsyncIterator[str]:
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._followers.add(queue)
        self.opened += 1
        try:
            yield as_event("picture", self._shown(right))
            while (text := await queue.get()) is not None:
                yield text
        finally:
            self._followers.discard(queue)
