"""The API by requests: who may, what is refused and how, and that what was asked is stored."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from garrison.cluster.daemon.desk import Desk
from garrison.cluster.daemon.http_api import ROUTES
from garrison.cluster.daemon.keeping import Ask
from tests.unit.cluster.daemon.desks import ACT, READ, MemoryKeeper, make_desk, site_on

YAML = {"Content-Type": "application/yaml"}


@pytest.fixture
async def desk() -> Desk:
    return await make_desk()


@pytest.fixture
async def client(desk: Desk) -> AsyncIterator[httpx.AsyncClient]:
    async with client_on(desk, ACT) as client:
        yield client


def client_on(desk: Desk, token: str = "") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(site_on(desk))  # type: ignore[arg-type]
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:7380", headers=headers)


async def test_every_route_needs_a_token(desk: Desk) -> None:
    for token in ("", "x" * 32):
        async with client_on(desk, token) as client:
            for line in ROUTES:
                answer = await client.request(line.method, line.path.replace("{id}", "job-1"))
                assert answer.status_code == 401, line.path
                assert answer.json()["error"]
                assert "x" * 32 not in answer.text


async def test_reading_token_cannot_act(desk: Desk) -> None:
    async with client_on(desk, READ) as client:
        for line in ROUTES:
            if line.right == "act":
                answer = await client.request(line.method, line.path.replace("{id}", "job-1"), json={})
                assert answer.status_code == 403, line.path
        assert (await client.get("/api/picture")).json()["read_only"] is True
    assert desk.records.desired == ""


async def test_picture_shows_cluster_and_manager(client: httpx.AsyncClient) -> None:
    picture = (await client.get("/api/picture")).json()
    assert picture["slots_covered"] == 16384
    assert picture["shown_by"] == "m@127.0.0.1:7380"
    assert [manager["leads"] for manager in picture["managers"]] == [True]


async def test_desired_state_is_stored_and_undone(client: httpx.AsyncClient, desk: Desk) -> None:
    dry = await client.put("/api/desired?dry_run=1", content="name: blue\n", headers=YAML)
    assert dry.status_code == 200
    assert desk.desired.name == ""
    stored = await client.put("/api/desired", content="name: blue\n", headers=YAML)
    assert stored.status_code == 200
    assert (await client.get("/api/desired")).json()["name"] == "blue"
    audit = (await client.get("/api/audit")).json()
    assert audit[0]["by"] == "ann"
    assert audit[0]["origin"] == "127.0.0.1"
    assert audit[0]["changes"] == ["name: not set -> blue"]
    await client.put("/api/desired", json={"name": "red"})
    assert (await client.post("/api/undo")).status_code == 200
    assert (await client.get("/api/desired")).json()["name"] == "blue"


async def test_history_is_found_by_words(client: httpx.AsyncClient) -> None:
    for path in ("/api/pause", "/api/resume"):
        assert (await client.post(path)).status_code == 200
    found = (await client.get("/api/audit", params={"find": "ann PAUSE"})).json()
    assert [entry["what"] for entry in found] == ["pause"]
    assert len((await client.get("/api/audit?limit=1")).json()) == 1
    assert (await client.get("/api/audit", params={"find": "x" * 201})).json()["path"] == "find"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"shard": 3}, "shard"),
        ({"replicas_per_shard": 16}, "replicas_per_shard"),
        ({"limits": {"memory_percent_max": 0}}, "limits.memory_percent_max"),
        ({"nodes": {"10.0.0.1:7001": {"zone": "moon"}}, "zones": ["earth"]}, "nodes.10.0.0.1:7001.zone"),
    ],
)
async def test_impossible_wish_is_refused_with_its_path(
    client: httpx.AsyncClient, desk: Desk, body: dict[str, Any], path: str
) -> None:
    answer = await client.put("/api/desired", json=body)
    assert answer.status_code == 422
    assert path in [each["path"] for each in answer.json()["errors"]]
    assert desk.records.desired == ""


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {"Content-Type": "application/json"}, 400),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"name=x", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        (b"a: &a [x]\nb: *a", YAML, 422),
        (b"x" * (1 << 20) + b"x", YAML, 413),
        (b"[" * 100_000, {"Content-Type": "application/json"}, 400),
        (b"\xff\xfe", {"Content-Type": "application/json"}, 400),
    ],
)
async def test_what_is_no_document_is_refused(
    client: httpx.AsyncClient, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = await client.put("/api/desired", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]


async def test_reshard_is_planned_then_carried_out_by_consent(client: httpx.AsyncClient, desk: Desk) -> None:
    move = {"source": "a" * 40, "target": "b" * 40, "slots": "0-9"}
    plan = (await client.post("/api/reshard", json={"moves": [move]})).json()
    assert plan["jobs"][0]["steps"][0]["kind"] == "move-slots"
    assert desk.jobs() == ()
    assert (await client.post(f"/api/plan/{plan['id']}/consent")).status_code == 200
    jobs = (await client.get("/api/jobs")).json()
    assert [job["kind"] for job in jobs] == ["reshard"]
    job_id = jobs[0]["id"]
    assert (await client.get(f"/api/jobs/{job_id}")).json()["by"] == "ann"
    assert (await client.post(f"/api/jobs/{job_id}/stop")).status_code == 200


async def test_reshard_of_foreign_slots_is_refused(client: httpx.AsyncClient) -> None:
    move = {"source": "b" * 40, "target": "a" * 40, "slots": "0-9"}
    answer = await client.post("/api/reshard", json={"moves": [move]})
    assert answer.status_code == 422
    assert answer.json()["path"] == "moves"


async def test_consent_to_another_plan_is_a_conflict(client: httpx.AsyncClient) -> None:
    assert (await client.post("/api/plan/nothing/consent")).status_code == 409


async def test_nothing_is_promised_that_cannot_be_stored(
    client: httpx.AsyncClient, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Deaf(MemoryKeeper):
        def ask(self, ask: Ask) -> None:
            """It never answers."""

    desk.driver.keeper = Deaf(desk.driver)
    monkeypatch.setattr("garrison.cluster.daemon.driving.TICKET_TIMEOUT_S", 0.01)
    answer = await client.post("/api/pause")
    assert answer.status_code == 503
    assert "stored" in answer.json()["error"]


async def test_pause_and_resume_answer_the_status(client: httpx.AsyncClient) -> None:
    assert (await client.post("/api/pause")).json()["mode"] == "paused"
    assert (await client.post("/api/resume")).json()["mode"] == "dry-run"


async def test_keys_are_searched_at_a_known_node(client: httpx.AsyncClient, desk: Desk) -> None:
    found = await client.post("/api/keys/search", json={"node": "a" * 40, "what": "big"})
    assert found.json()[0]["bytes"] == 7
    answer = await client.post("/api/keys/search", json={"node": "nobody", "what": "big"})
    assert (answer.status_code, answer.json()["path"]) == (422, "node")


@pytest.mark.parametrize("query", ["minutes=0", "minutes=-1", "minutes=99999999999", "minutes=x"])
async def test_query_out_of_bounds_is_refused(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"/api/series?{query}")
    assert (answer.status_code, answer.json()["path"]) == (422, "minutes")


@pytest.mark.parametrize(
    "path",
    ["/../pyproject.toml", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fassets.py", "/assets.py", "//etc/passwd"],
)
async def test_no_path_leads_out_of_the_page(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(httpx.URL("http://127.0.0.1:7380", raw_path=path.encode()))
    assert answer.status_code == 404


async def test_page_is_served_strictly(client: httpx.AsyncClient) -> None:
    answer = await client.get("/")
    assert answer.status_code == 200
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
