"""Ask a manager: over HTTP where there is one, else a brief one of our own on the nodes, by the same
requests.

BACKGROUND  The commands of `garrison manager` speak the HTTP API. Without a manager they build one for the
            time of the command, which reads the records, takes the lease if nobody has it, stores what was
            asked, and gives the lease back; it carries no step out.
"""

import asyncio
import contextlib
import json
import logging
import secrets
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from garrison.cluster.core.topology import Address
from garrison.cluster.daemon.http_site import make_site
from garrison.cluster.daemon.http_tokens import Tokens
from garrison.cluster.daemon.manager_process import ManagerProcess, RunOptions
from garrison.cluster.errors import ManagerError, UnreachableError, UsageProblem
from garrison.cluster.local.ports import PORT_MAX
from garrison.cluster.manager.admin_client import Access
from garrison.cluster.manager_token import TOKEN_VARIABLE

ANSWER_BYTES_MAX = 64 << 20
BRIEF_TIMEOUT_S = 30.0
"""How long a brief manager may take to see the cluster and to get lease and records."""
BRIEF_LEASE_MS = 3_000
BRIEF_POLL_S = 0.05

# A command says itself why it cannot go on; Python would print the same warning before it.
logging.getLogger("garrison.manager").addHandler(logging.NullHandler())


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
        return UnreachableError(
            f"{text}; give the token's file with --token-file, or the variable {TOKEN_VARIABLE}"
        )
    return UsageProblem(text) if status in (400, 415, 422) else ManagerError(text)


class Manager:
    """Whoever answers requests of the HTTP API; each request has a connection of its own."""

    def __init__(self, name: str, client: Callable[[], httpx.AsyncClient]) -> None:
        self._name = name
        self._client = client

    async def call(
        self, method: str, path: str, body: bytes = b"", media_type: str = "application/json"
    ) -> Reply:
        """Ask once. UnreachableError when nobody answers; a refusal is a reply too."""
        headers = {"Accept": "application/json", "Content-Type": media_type}
        content = bytearray()
        try:
            async with (
                self._client() as client,
                client.stream(method, path, content=body or None, headers=headers) as answer,
            ):
                async for part in answer.aiter_bytes():
                    content += part
                    if len(content) > ANSWER_BYTES_MAX:
                        raise ManagerError(f"{self._name} answers with more than {ANSWER_BYTES_MAX} bytes")
        except httpx.HTTPError as error:
            why = str(error) or type(error).__name__
            raise UnreachableError(f"{self._name} does not answer: {why}") from error
        return Reply(answer.status_code, bytes(content))


class RemoteManager(Manager):
    """A manager behind a URL."""

    def __init__(self, url: str, token: str, tls: ssl.SSLContext | None, timeout_s: float) -> None:
        try:
            base = httpx.URL(url if "//" in url else f"http://{url}")
        except httpx.InvalidURL as error:
            raise UsageProblem(f"--manager {url}: {error}") from error
        if base.scheme not in ("http", "https") or not base.host or (base.port or 0) > PORT_MAX:
            raise UsageProblem(f"--manager {url} is not a URL; write http://HOST:PORT")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # A request that is stored by a majority may take longer than a node takes to answer.
        timeout = max(timeout_s, BRIEF_TIMEOUT_S)

        def client() -> httpx.AsyncClient:
            trusted = (tls or ssl.create_default_context()) if base.scheme == "https" else False
            return httpx.AsyncClient(
                base_url=base, headers=headers, timeout=timeout, verify=trusted, trust_env=False
            )

        super().__init__(f"the manager at {url}", client)


class BriefManager(Manager):
    """A manager for the time of one command, in this process."""

    def __init__(self, process: ManagerProcess) -> None:
        site = make_site(process.desk, Tokens(), process.metrics)
        transport = httpx.ASGITransport(app=site, client=(socket.gethostname(), 0))  # type: ignore[arg-type]
        super().__init__(
            "this manager", lambda: httpx.AsyncClient(base_url="http://localhost", transport=transport)
        )


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
