"""Ask a manager over HTTP, and what its refusals become."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from garrison.cluster.daemon.http_limits import HttpLimits
from garrison.cluster.daemon.http_server import HttpServer
from garrison.cluster.daemon.manager_calls import RemoteManager, Reply
from garrison.cluster.errors import ManagerError, UnreachableError, UsageProblem
from garrison.cluster.local.ports import HOST, free_ports
from tests.unit.cluster.daemon.desks import ACT, make_desk, site_on


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, UnreachableError),
        (403, UnreachableError),
        (422, UsageProblem),
        (400, UsageProblem),
        (409, ManagerError),
        (503, ManagerError),
    ],
)
def test_refusals_have_the_exit_codes_of_the_cluster(status: int, error: type[ManagerError]) -> None:
    body = json.dumps({"error": "no", "path": "", "errors": [{"error": "too low", "path": "a.b"}]}).encode()
    with pytest.raises(error, match=r"a\.b: too low") as refusal:
        Reply(status, body).document()
    assert type(refusal.value) is error


def test_log_of_a_brief_manager_goes_nowhere_by_itself() -> None:
    handlers = logging.getLogger("garrison.manager").handlers
    assert any(isinstance(handler, logging.NullHandler) for handler in handlers)


@pytest.mark.parametrize("url", ["ftp://x", "http://", "http://x:99999999", "http://x:y"])
def test_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageProblem):
        RemoteManager(url, "", None, 1.0)


async def test_manager_behind_a_url_answers() -> None:
    (port,) = free_ports(1)
    ended = asyncio.Event()
    server = HttpServer(site_on(await make_desk()), HOST, port, HttpLimits())
    task = asyncio.create_task(server.serve_until(ended))
    await asyncio.wait_for(server.listening.wait(), 10)
    try:
        manager = RemoteManager(f"{HOST}:{port}", ACT, None, 5.0)
        stored = (await manager.call("PUT", "/api/desired", b"name: blue", "application/yaml")).document()
        assert stored["format"] == "garrison-manager-plan"
        assert (await manager.call("GET", "/api/desired")).document()["name"] == "blue"
        stranger = RemoteManager(f"http://{HOST}:{port}", "", None, 5.0)
        with pytest.raises(UnreachableError, match="token"):
            (await stranger.call("GET", "/api/desired")).document()
    finally:
        ended.set()
        await asyncio.wait_for(task, 10)
    with pytest.raises(UnreachableError, match="does not answer"):
        await manager.call("GET", "/api/desired")
