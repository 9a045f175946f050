"""A manager in a container, asked through its published port."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

ACTS = "garrison-manager-acts"
READS = "garrison-manager-reads"
"""What the Compose file sets while the variables GARRISON_MANAGER_TOKEN and _READ_TOKEN are not."""
PORT = 7380
WAIT_S = 120.0
"""A primary that was promoted, as on a busy machine, grants no lease for half a minute."""


def ask(path: str, token: str = "", *, method: str = "GET", port: int = PORT) -> tuple[int, str]:
    """Status and body of the answer to one request. OSError when nobody answers."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def document(path: str, *, port: int = PORT) -> Any:
    status, body = ask(path, READS, port=port)
    assert status == 200, f"{path}: {status} {body}"
    return json.loads(body)


async def shown(condition: Callable[[dict[str, Any]], object], what: str) -> dict[str, Any]:
    """Wait until the manager's picture fulfils a condition; the picture."""
    picture: dict[str, Any] = {}
    try:
        async with asyncio.timeout(WAIT_S):
            while True:
                try:
                    picture = await asyncio.to_thread(document, "/api/picture")
                    if condition(picture):
                        return picture
                except (OSError, AssertionError) as error:
                    picture = {"error": str(error)}
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(f"the manager does not show {what}: {picture}") from None


def node_of(picture: dict[str, Any], service: str) -> dict[str, Any]:
    """The node of a service: its port says which. AssertionError while a manager has not heard of it."""
    port = 7000 + int(service.removeprefix("node-"))
    found = [node for node in picture["nodes"] if node["address"].endswith(f":{port}")]
    assert found, f"{service} is not in the picture"
    return dict(found[0])


async def leader_among(ports: dict[str, int]) -> str:
    """Wait until exactly one of these managers leads, and all name it; its service."""

    def found() -> str:
        documents = {name: document("/api/status", port=port) for name, port in ports.items()}
        leading = [name for name, status in documents.items() if status["leads"]]
        named = {status["leader"] for status in documents.values()}
        agreed = len(leading) == 1 and named == {documents[leading[0]]["id"]}
        return leading[0] if agreed else ""

    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                if leader := await asyncio.to_thread(found):
                    return leader
            except (OSError, AssertionError):
                pass
            await asyncio.sleep(0.2)
