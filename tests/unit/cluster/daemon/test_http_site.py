"""Health, metrics and the OpenAPI document."""

from __future__ import annotations

import httpx

from garrison.cluster.core.manager.picture import Picture
from garrison.cluster.daemon.desk import Desk
from tests.unit.cluster.daemon.desks import ACT, READ, make_desk, site_on


def client_on(desk: Desk, token: str = "") -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    transport = httpx.ASGITransport(site_on(desk))  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:7380", headers=headers)


async def test_health_needs_no_token_and_metrics_do() -> None:
    desk = await make_desk()
    async with client_on(desk) as client:
        for path in ("/healthz", "/readyz", "/openapi.json"):
            assert (await client.get(path)).status_code == 200
        assert (await client.get("/metrics")).status_code == 401
    for token in (ACT, READ):
        async with client_on(desk, token) as client:
            assert "garrison_manager_leader" in (await client.get("/metrics")).text


async def test_ready_means_a_new_picture() -> None:
    desk = await make_desk()
    async with client_on(desk) as client:
        desk.show(desk.picture.model_copy(update={"at_ms": 1}), ())
        old = await client.get("/readyz")
        desk.show(Picture(at_ms=1), ())
        empty = await client.get("/readyz")
    assert (old.status_code, empty.status_code) == (503, 503)
    assert "s old" in old.text
    assert "no node" in empty.text
