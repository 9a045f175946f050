"""Server-sent events: the picture, what happens, and jobs."""

from collections.abc import AsyncIterator

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from garrison.cluster.core.manager.picture import Event
from garrison.cluster.daemon.broadcast import Follower, News, ShownPicture
from garrison.cluster.daemon.desk import Desk, NotPossibleError
from garrison.cluster.daemon.http_api import demand_right
from garrison.cluster.daemon.http_tokens import Caller, Tokens

PING_INTERVAL_S = 10


class EventStream:
    """The endpoint of `/api/events`."""

    def __init__(self, desk: Desk, tokens: Tokens) -> None:
        self._desk = desk
        self._tokens = tokens

    async def __call__(self, http: HttpRequest) -> Response:
        caller = demand_right(self._tokens, http, "read")
        follower = self._desk.broadcast.follow()
        if follower is None:
            limit = self._desk.limits.event_clients_max
            raise NotPossibleError(429, f"{limit} clients follow already (event_clients_max)")
        follower.tell(self._desk.shown)
        return EventSourceResponse(
            self._news(follower, caller),
            ping=PING_INTERVAL_S,
            send_timeout=self._desk.limits.send_timeout_s,
            headers={"cache-control": "no-store"},
        )

    async def _news(self, follower: Follower, caller: Caller) -> AsyncIterator[ServerSentEvent]:
        try:
            while (news := await follower.next()) is not None:
                yield as_event(news, caller)
        finally:
            self._desk.broadcast.leave(follower)


def as_event(news: News, caller: Caller) -> ServerSentEvent:
    """News in the form in which it is sent."""
    if isinstance(news, ShownPicture):
        text = news.for_actors if caller.right == "act" else news.for_readers
        return ServerSentEvent(text, event="picture")
    kind = "event" if isinstance(news, Event) else "job"
    return ServerSentEvent(news.model_dump_json(), event=kind)
