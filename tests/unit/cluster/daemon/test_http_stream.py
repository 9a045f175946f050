"""Server-sent events."""

from __future__ import annotations

import asyncio
import json

from garrison.cluster.core.manager.picture import Event
from garrison.cluster.daemon.http_limits import HttpLimits, Message
from garrison.cluster.daemon.http_stream import as_event
from garrison.cluster.daemon.http_tokens import Caller
from tests.unit.cluster.daemon.desks import READ, make_desk, site_on


async def test_stream_begins_with_the_picture_and_goes_on_with_events() -> None:
    desk = await make_desk(limits=HttpLimits(event_clients_max=1))
    site, sent = site_on(desk), asyncio.Queue[Message]()
    headers = [(b"host", b"127.0.0.1"), (b"authorization", f"Bearer {READ}".encode())]
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": "/api/events",
        "query_string": b"",
        "raw_path": b"/api/events",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "root_path": "",
        "scheme": "http",
        "server": ("127.0.0.1", 7380),
    }
    ended = asyncio.Event()
    asked = False

    async def receive() -> Message:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await ended.wait()
        return {"type": "http.disconnect"}

    async def text() -> str:
        return bytes((await asyncio.wait_for(sent.get(), 5))["body"]).decode()

    task: asyncio.Task[None] = asyncio.create_task(site(scope, receive, sent.put))  # type: ignore[arg-type]
    assert (await asyncio.wait_for(sent.get(), 5))["status"] == 200
    first = await text()
    assert first.startswith("event: picture")
    assert json.loads(first.split("data: ")[1])["read_only"] is True
    desk.broadcast.tell(Event(at_ms=1, kind="failover", text="line\r\ndata: forged"))
    assert '"kind":"failover"' in await text()
    second = asyncio.Queue[Message]()
    await site(scope, receive, second.put)
    assert (await second.get())["status"] == 429
    ended.set()
    await asyncio.wait_for(task, 5)
    assert len(desk.broadcast) == 0


def test_no_text_of_an_event_can_forge_another() -> None:
    event = as_event(Event(at_ms=1, kind="slots", text="a\n\nevent: picture\ndata: {}"), Caller("r", "read"))
    lines = event.encode().decode().splitlines()
    assert [line.partition(":")[0] for line in lines if line] == ["event", "data"]
