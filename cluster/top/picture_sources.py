"""Where pictures come from: a manager's HTTP API, or the nodes themselves.

A source yields pictures for as long as it can, and then raises SourceError with a sentence for the user;
who shows them asks again after a while, and says how old the last one is.
"""

import json
import ssl
from collections.abc import AsyncIterator, Iterable
from typing import Any, Protocol

import httpx
from pydantic import ValidationError

from garrison.cluster.core.manager.jobs import Job
from garrison.cluster.core.manager.picture import Picture

CONNECT_TIMEOUT_S = 5.0
SILENCE_S_MAX = 20.0
"""A manager sends something at least every 15 s; later than this the connection is taken for lost."""
EVENT_BYTES_MAX = 64 * 1024 * 1024
JOBS_KEPT_MAX = 100


class SourceError(Exception):
    """Why there is no picture, in one sentence for the user."""


class PictureSource(Protocol):
    """Something that pictures come from."""

    @property
    def name(self) -> str:
        """Whom it asks, for the user."""

    @property
    def jobs(self) -> tuple[Job, ...]:
        """The jobs that are known, the newest last; none where there is no manager."""

    def pictures(self) -> AsyncIterator[Picture]:
        """Pictures as they are made, the first at once. Raises SourceError."""

    async def once(self) -> Picture:
        """One picture. Raises SourceError."""


class ManagerSource:
    """A manager's HTTP API: `/api/picture` and the stream `/api/events`."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        tls: ssl.SSLContext | None = None,
        *,
        silence_s: float = SILENCE_S_MAX,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`transport` is for tests. Raises ValueError for what is not an address of HTTP."""
        self.url = manager_url(url)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._tls = tls
        self._timeout = httpx.Timeout(CONNECT_TIMEOUT_S, read=silence_s)
        self._transport = transport
        self._jobs: tuple[Job, ...] = ()

    @property
    def name(self) -> str:
        return f"the manager at {self.url}"

    @property
    def jobs(self) -> tuple[Job, ...]:
        return self._jobs

    async def once(self) -> Picture:
        async with self._client() as client:
            try:
                picture = self._picture(await self._get(client, "/api/picture"))
                await self._read_jobs(client)
            except httpx.HTTPError as error:
                raise self._lost(error) from error
            return picture

    async def pictures(self) -> AsyncIterator[Picture]:
        async with self._client() as client:
            try:
                await self._read_jobs(client)
                yield self._picture(await self._get(client, "/api/picture"))
                async with client.stream("GET", "/api/events") as response:
                    await self._demand(response)
                    async for name, data in server_sent_events(response.aiter_bytes()):
                        if name == "picture":
                            yield self._picture(data)
                        elif name == "job":
                            self._note_job(data)
            except httpx.HTTPError as error:
                raise self._lost(error) from error
        raise SourceError(f"{self.name} has ended the stream")

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self.url,
            headers=self._headers,
            verify=self._tls if self._tls is not None else True,
            timeout=self._timeout,
            transport=self._transport,
            trust_env=False,
        )

    async def _get(self, client: httpx.AsyncClient, path: str) -> bytes:
        response = await client.get(path)
        await self._demand(response)
        return response.content

    async def _demand(self, response: httpx.Response) -> None:
        if response.is_success:
            return
        if response.status_code in (401, 403):
            raise SourceError(
                f"{self.name} wants a token that may read: set GARRISON_MANAGER_TOKEN, or give --token-file"
            )
        await response.aread()
        raise SourceError(
            f"{self.name} answers {response.status_code} to {response.url.path}: {_reason(response)}"
        )

    async def _read_jobs(self, client: httpx.AsyncClient) -> None:
        """A manager that cannot name its jobs now is followed all the same."""
        listed = _document(await client.get("/api/jobs"))
        if isinstance(listed, dict):
            listed = listed.get("jobs")
        try:
            self._keep(Job.model_validate(each) for each in listed or ())
        except (ValidationError, TypeError):
            self._jobs = ()

    def _keep(self, jobs: Iterable[Job]) -> None:
        self._jobs = tuple(sorted(jobs, key=lambda job: job.made_ms)[-JOBS_KEPT_MAX:])

    def _note_job(self, data: bytes) -> None:
        try:
            job = Job.model_validate_json(data)
        except ValidationError:
            return
        self._keep([*(each for each in self._jobs if each.id != job.id), job])

    def _picture(self, data: bytes) -> Picture:
        try:
            return Picture.model_validate_json(data)
        except ValidationError as error:
            raise SourceError(
                f"{self.name} sends a picture that is not understood: {error.error_count()} errors, "
                f"the first at {'.'.join(map(str, error.errors()[0]['loc']))}"
            ) from error

    def _lost(self, error: httpx.HTTPError) -> SourceError:
        if isinstance(error, httpx.TimeoutException):
            return SourceError(f"{self.name} does not answer in time")
        return SourceError(f"{self.name} does not answer: {error or type(error).__name__}")


def manager_url(text: str) -> str:
    """The base of a manager's addresses, also from `host:port`. Raises ValueError."""
    try:
        url = httpx.URL(text if "://" in text else f"http://{text}")
    except httpx.InvalidURL as error:
        raise ValueError(f"{text!r} is not an address of a manager: {error}") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"{text!r} is not an address of a manager; write http://host:port")
    return str(url.copy_with(path="/", query=None, fragment=None)).rstrip("/")


def _document(response: httpx.Response) -> Any:
    try:
        return response.json() if response.is_success else None
    except ValueError:
        return None


def _reason(response: httpx.Response) -> str:
    try:
        document = json.loads(response.content)
    except ValueError:
        document = None
    return str(document.get("error", "")) if isinstance(document, dict) else response.reason_phrase


async def server_sent_events(chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[str, bytes]]:
    """Name and data of each event of a `text/event-stream`; comments and other fields are passed over.

    After the WHATWG's HTML standard, "server-sent events"; lines end with LF or CRLF, as every server writes
    them. Raises SourceError for an event larger than EVENT_BYTES_MAX.
    """
    rest = b""
    name, data, length = "message", [], 0
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n") if b"\n" in chunk else (rest + chunk,)
        if length + len(rest) > EVENT_BYTES_MAX:
            raise SourceError(f"the manager sends an event of more than {EVENT_BYTES_MAX} bytes")
        for line in lines:
            field, _, value = line.removesuffix(b"\r").partition(b":")
            value = value.removeprefix(b" ")
            if field == b"event":
                name = value.decode("utf-8", "replace")
            elif field == b"data":
                data.append(value)
                length += len(value)
            elif not field and not value:
                if data:
                    yield name, b"\n".join(data)
                name, data, length = "message", [], 0
