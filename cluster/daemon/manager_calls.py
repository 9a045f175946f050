"""Ask a manager: over HTTP where there is one, else a brief one of our own on the nodes, by the same
requests.

BACKGROUND  The commands of `garrison manager` speak the HTTP API. Without a manager they build one for the
            time of the command, which reads the records, takes the lease if nobody has it, stores what was
            asked, and gives the lease back; it carries no step out.
"""

import asyncio
import contextlib
import http.client
import json
import secrets
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from garrison.cluster.core.topology import Address
from garrison.cluster.daemon.http_limits import Message
from garrison.cluster.daemon.http_site import make_site
from garrison.cluster.daemon.http_tokens import Tokens
from garrison.cluster.daemon.manager_process import ManagerProcess, RunOptions
from garrison.cluster.errors import ManagerError, UnreachableError, UsageProblem
from garrison.cluster.manager.admin_client import Access

ANSWER_BYTES_MAX = 64 << 20
BRIEF_TIMEOUT_S = 30.0
"""How long a brief manager may take to see the cluster and to get lease and records."""
BRIEF_LEASE_MS = 3_000
BRIEF_POLL_S = 0.05


@dataclass(frozen=True)
class Reply:
    """The answer to one request."""

    status: int
    body: bytes

    def document(self) -> Any:
        """The document. UsageProblem, UnreachableError or ManagerError when the manager refuses."""
        try:
            found = json.loads(self.body) if self.body else None
        except ValueError as error:
            raise ManagerError(f"the manager's answer cannot be read (status {self.status})") from error
        if self.status < 400:
            return found
        raise _refusal(self.status, found if isinstance(found, dict) else {})


def _refusal(status: int, document: dict[str, Any]) -> ManagerError:
    errors = document.get("errors") or [document]
    lines = [
        f"{each['path']}: {each['error']}" if each.get("path") else each.get("error", "") for each in errors
    ]
    text = "\n".join(line for line in lines if line) or f"the manager answered with status {status}"
    if status in (401, 403):
        return UnreachableError(f"{text}; give the token's file with --token-file")
    return UsageProblem(text) if status in (400, 415, 422) else ManagerError(text)


class Manager(Protocol):
    """Whoever answers requests of the HTTP API."""

    async def call(
        self, method: str, path: str, body: bytes = b"", media_type: str = "application/json"
    ) -> Reply: ...


class RemoteManager:
    """A manager behind a URL."""

    def __init__(self, url: str, token: str, tls: ssl.SSLContext | None, timeout_s: float) -> None:
        parts = urlsplit(url if "//" in url else f"http://{url}")
        try:
            self._port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError as error:
            raise UsageProblem(f"--manager {url}: {error}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageProblem(f"--manager {url} is not a URL; write http://HOST:PORT")
        self._host = parts.hostname
        self._prefix = parts.path.rstrip("/")
        self._is_tls = parts.scheme == "https"
        self._url = url
        self._token = token
        self._tls = tls
        self._timeout_s = timeout_s

    async def call(
        self, method: str, path: str, body: bytes = b"", media_type: str = "application/json"
    ) -> Reply:
        return await asyncio.to_thread(self._call, method, path, body, media_type)

    def _call(self, method: str, path: str, body: bytes, media_type: str) -> Reply:
        headers = {"Accept": "application/json", "Content-Type": media_type}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        link = self._connection()
        try:
            link.request(method, self._prefix + path, body or None, headers)
            answer = link.getresponse()
            content = answer.read(ANSWER_BYTES_MAX)
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(f"the manager at {self._url} does not answer: {error}") from error
        finally:
            link.close()
        return Reply(answer.status, content)

    def _connection(self) -> http.client.HTTPConnection:
        # A request that is stored by a majority may take longer than a node takes to answer.
        timeout_s = max(self._timeout_s, BRIEF_TIMEOUT_S)
        if self._is_tls:
            context = self._tls or ssl.create_default_context()
            return http.client.HTTPSConnection(self._host, self._port, timeout=timeout_s, context=context)
        return http.client.HTTPConnection(self._host, self._port, timeout=timeout_s)


class BriefManager:
    """A manager for the time of one command, in this process."""

    def __init__(self, process: ManagerProcess) -> None:
        self._process = process
        self._site = make_site(process.desk, Tokens(), process.metrics)

    async def call(
        self, method: str, path: str, body: bytes = b"", media_type: str = "application/json"
    ) -> Reply:
        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(b"host", b"localhost"), (b"content-type", media_type.encode())],
            "client": ("127.0.0.1", 0),
            "server": ("localhost", 80),
        }
        status, content = 500, bytearray()

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                content.extend(message.get("body", b""))

        await self._site(scope, receive, send)
        return Reply(status, bytes(content))


@contextlib.asynccontextmanager
async def brief_manager(
    entries: list[Address], access: Access, records: Path | None
) -> AsyncIterator[BriefManager]:
    """A manager of our own that has seen the cluster, and leads or knows who does. ManagerError."""
    options = RunOptions(
        entries=entries,
        id=f"command-{secrets.token_hex(4)}",
        listen=Address("localhost", 0),
        access=access,
        records=records,
        lease_ms=BRIEF_LEASE_MS,
    )
    process = ManagerProcess(options)
    async with process.working(acts=False):
        await _wait_ready(process)
        yield BriefManager(process)


async def _wait_ready(process: ManagerProcess) -> None:
    core, desk = process.driver.core, process.desk
    loop = asyncio.get_running_loop()
    deadline = loop.time() + BRIEF_TIMEOUT_S
    while True:
        is_other = core.leader not in ("", desk.settings.id)
        why = desk.why_watching(desk.picture)
        if why:
            raise UsageProblem(why)
        if desk.picture.nodes and (core.leads or (is_other and core.records.next_job)):
            return
        if loop.time() > deadline:
            problems = "; ".join(desk.picture.problems)
            raise UnreachableError(problems or core.why_idle or "the records cannot be read")
        await asyncio.sleep(BRIEF_POLL_S)
