"""A manager's HTTP API as a source of pictures; the manager is a function here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from garrison.cluster.core.manager.picture import Picture
from garrison.cluster.top import picture_sources
from garrison.cluster.top.picture_sources import ManagerSource, SourceError, manager_url, server_sent_events
from tests.unit.cluster.top.scenes import cluster, failover, running_job

Answer = Callable[[httpx.Request], httpx.Response]


class Stream(httpx.AsyncByteStream):
    """Bytes as they come, and then perhaps an error."""

    def __init__(self, chunks: list[bytes], error: Exception | None = None) -> None:
        self._chunks, self._error = chunks, error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk
        if self._error is not None:
            raise self._error


def event(name: str, data: str) -> bytes:
    return f"event: {name}\r\ndata: {data}\r\n\r\n".encode()


def manager(stream: Stream | None = None, seen: list[httpx.Request] | None = None) -> Answer:
    def answer(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        match request.url.path:
            case "/api/picture":
                return httpx.Response(200, text=cluster().model_dump_json())
            case "/api/jobs":
                return httpx.Response(200, text=f"[{running_job().model_dump_json()}]")
            case "/api/events":
                return httpx.Response(200, stream=stream or Stream([]))
        return httpx.Response(404, json={"error": "no such thing"})

    return answer


def source(answer: Answer, token: str | None = None) -> ManagerSource:
    return ManagerSource("http://manager:7900/", token, transport=httpx.MockTransport(answer))


async def followed(source: ManagerSource) -> tuple[list[Picture], str]:
    """The pictures until the source fails, and why it does."""
    pictures = []
    try:
        async for picture in source.pictures():
            pictures.append(picture)  # noqa: PERF401 - the error must not lose what came before
    except SourceError as error:
        return pictures, str(error)
    raise AssertionError("a source does not end without saying why")


async def test_first_picture_comes_at_once_and_then_the_stream() -> None:
    stream = Stream([b": ping\n\n", event("picture", failover().model_dump_json())])
    pictures, why = await followed(source(manager(stream)))
    assert pictures == [cluster(), failover()]
    assert why == "the manager at http://manager:7900 has ended the stream"


async def test_jobs_are_kept_up_to_date() -> None:
    newer = running_job().model_copy(update={"seconds_left": 3.0})
    another = running_job().model_copy(update={"id": "job-18", "made_ms": running_job().made_ms + 1})
    stream = Stream([event("job", each.model_dump_json()) for each in (another, newer)])
    followed_source = source(manager(stream))
    await followed(followed_source)
    assert followed_source.jobs == (newer, another)


async def test_token_is_sent_with_each_request() -> None:
    seen: list[httpx.Request] = []
    await followed(source(manager(seen=seen), token="secret"))
    assert {request.headers["Authorization"] for request in seen} == {"Bearer secret"}
    assert len(seen) == 3


async def test_once_is_one_picture_with_jobs() -> None:
    asked = source(manager())
    assert await asked.once() == cluster()
    assert asked.jobs == (running_job(),)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda _: httpx.Response(401), "wants a token that may read: set GARRISON_MANAGER_TOKEN"),
        (
            lambda _: httpx.Response(503, json={"error": "no majority"}),
            "answers 503 to /api/picture: no majority",
        ),
        (lambda _: httpx.Response(404, text="<html>"), "answers 404 to /api/picture: Not Found"),
        (lambda _: httpx.Response(200, text="{}"), "is not understood: 1 errors, the first at at_ms"),
        (lambda _: httpx.Response(200, text="<html>"), "is not understood"),
    ],
)
async def test_refusal_says_what_to_do(answer: Answer, why: str) -> None:
    with pytest.raises(SourceError) as refusal:
        await source(answer).once()
    assert why in str(refusal.value)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (httpx.ConnectError("refused"), "does not answer: refused"),
        (httpx.ReadTimeout(""), "does not answer in time"),
    ],
)
async def test_lost_connection_is_one_sentence(error: Exception, why: str) -> None:
    pictures, said = await followed(source(manager(Stream([event("ping", "")], error))))
    assert pictures == [cluster()]
    assert said == f"the manager at http://manager:7900 {why}"


async def test_manager_without_jobs_is_followed_all_the_same() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/jobs":
            return httpx.Response(200, text='{"jobs": 7}')
        return manager()(request)

    asked = source(answer)
    assert await asked.once() == cluster()
    assert asked.jobs == ()


async def read(*chunks: bytes) -> list[tuple[str, bytes]]:
    async def given() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return [each async for each in server_sent_events(given())]


async def test_events_are_read_wherever_they_are_cut() -> None:
    text = b"event: a\r\ndata: 1\r\ndata: 2\r\n\r\n: ping\n\nid: 7\ndata:3\n\nevent: unfinished\ndata: x\n"
    whole = [("a", b"1\n2"), ("message", b"3")]
    for cut in range(len(text)):
        assert await read(text[:cut], text[cut:]) == whole, cut


@pytest.mark.parametrize("text", [b"data: " + b"x" * 200, b"data: 0123456789\n" * 20])
async def test_event_without_end_is_refused(text: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_sources, "EVENT_BYTES_MAX", 100)
    with pytest.raises(SourceError, match="more than 100 bytes"):
        await read(text, text)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("manager:7900", "http://manager:7900"),
        ("https://manager/api/?a=1#b", "https://manager"),
        ("[::1]:7900", "http://[::1]:7900"),
    ],
)
def test_address_of_a_manager(text: str, url: str) -> None:
    assert manager_url(text) == url


@pytest.mark.parametrize("text", ["", "ftp://manager", "http://", "http://a:b:c"])
def test_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an address of a manager"):
        manager_url(text)
