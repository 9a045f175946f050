"""A manager beyond our own clusters: Redis or Valkey nodes with records in a file, Sentinels, a server."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from garrison.client import connect
from garrison.cluster.core.manager.records_content import decoded
from garrison.cluster.core.ranges import SLOT_COUNT
from garrison.cluster.local.cluster import LocalCluster
from garrison.cluster.local.sentinel_group import NAME, LocalGroup
from garrison.cluster.manager.admin_client import Access, AdminClient
from tests.integration.managers import RunningManager, calling
from tests.integration.replicating import valkey
from tests.integration.sentinels import redis_program

KEYS = 12_000
MOVED = "0-799"
MOVED_COUNT = 800
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]


@pytest.fixture(scope="module", params=["redis", "valkey"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def program(kind: str) -> str:
    found = redis_program() if kind == "redis" else valkey()[0]
    if found is None:
        pytest.skip("no redis-server 7.0 on this machine")
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(program: str) -> AsyncIterator[LocalCluster]:
    async with LocalCluster(3, 1, command=[program]) as cluster:
        yield cluster


async def test_plain_nodes_are_only_watched_without_a_file(
    cluster: LocalCluster, kind: str, tmp_path: Path
) -> None:
    async with RunningManager(cluster, "watching", tmp_path) as manager:
        picture = await manager.wait("/api/picture", lambda found: found["slots_covered"] == SLOT_COUNT)
        status = await manager.wait("/api/status", lambda found: "--records FILE" in found["why_idle"])
        assert not status["leads"]
        assert status["why_idle"] in status["problems"]
        picture = await manager.get("/api/picture")
        assert picture["read_only"]
        assert picture["why_read_only"] == status["why_idle"]
        assert {node["server"] for node in picture["nodes"]} == {kind}
        refused = await manager.answer("PUT", "/api/desired", {"mode": "act"})
        assert (refused.status_code, refused.json()["error"]) == (409, status["why_idle"])
        assert manager.log.read_text().count(status["why_idle"]) == 1


async def test_reshard_of_plain_nodes_resumes_by_the_file(cluster: LocalCluster, tmp_path: Path) -> None:
    records = tmp_path / "records.json"
    async with contextlib.AsyncExitStack() as stack:
        client = await stack.enter_async_context(await connect(cluster.url))
        async with client.pipeline() as pipeline:
            for number in range(KEYS):
                pipeline.set(f"key:{number}", str(number))
        first = RunningManager(cluster, "alone", tmp_path, "--records", str(records))
        await stack.enter_async_context(first)
        picture = await first.wait("/api/picture", lambda found: found["slots_covered"] == SLOT_COUNT)
        status = await first.wait("/api/status", lambda found: found["leads"])
        assert (status["keeping"], status["problems"]) == ("file", [])
        primaries = [node for node in picture["nodes"] if node["role"] == "primary"]
        source = next(node for node in primaries if node["slots"].startswith("0-"))
        target = next(node for node in primaries if node is not source)
        move = {"source": source["id"], "target": target["id"], "slots": MOVED}
        plan = await first.send("POST", "/api/reshard", {"moves": [move]})
        async with calling(client) as caller:
            await first.send("POST", f"/api/plan/{plan['id']}/consent")
            await first.wait("/api/picture", lambda found: owned(found, source["id"]) < source["slot_count"])
            await first.kill()
            (job,) = [job for job in jobs_in(records) if job["kind"] == "reshard"]
            assert job["state"] == "running", "it was killed in the middle"
            second = RunningManager(cluster, "alone", tmp_path, "--records", str(records))
            await stack.enter_async_context(second)
            jobs = await second.wait(
                "/api/jobs", lambda found: found and found[-1]["state"] in ("done", "failed", "stopped")
            )
        assert [(job["kind"], job["state"], job["why"]) for job in jobs] == [("reshard", "done", "")]
        picture = await second.wait(
            "/api/picture",
            lambda found: (
                owned(found, target["id"]) == target["slot_count"] + MOVED_COUNT and not found["open_slots"]
            ),
        )
        assert picture["slots_covered"] == SLOT_COUNT
        assert caller.errors == []
        assert caller.calls > 100
        values = await asyncio.gather(*(client.get(f"key:{number}") for number in range(0, KEYS, 100)))
        assert values == [str(number).encode() for number in range(0, KEYS, 100)]
        assert await second.terminate() == 0
    await refuses_torn_file(cluster, tmp_path, records)


async def refuses_torn_file(cluster: LocalCluster, folder: Path, records: Path) -> None:
    """It says which file is damaged, leaves it as it is, and goes on when it is mended."""
    whole = records.read_bytes()
    torn = whole[: len(whole) // 2]
    records.write_bytes(torn)
    async with RunningManager(cluster, "torn", folder, "--records", str(records)) as manager:
        status = await manager.wait("/api/status", lambda found: str(records) in found["why_idle"])
        assert "damaged" in status["why_idle"]
        refused = await manager.answer("PUT", "/api/desired", {"mode": "act"})
        assert refused.status_code == 503
        assert str(records) in refused.json()["error"]
        assert records.read_bytes() == torn
        records.write_bytes(whole)
        await manager.wait("/api/jobs", lambda found: [job["state"] for job in found] == ["done"])
        assert (await manager.wait("/api/status", lambda found: found["leads"]))["why_idle"]


async def test_sentinels_failover_is_seen_within_a_second(program: str, tmp_path: Path) -> None:
    sentinel_program = tmp_path / "redis-sentinel"
    sentinel_program.symlink_to(program)  # by this name it is one
    sentinel_command = [str(sentinel_program)]
    async with LocalGroup(1, 3, node_command=[program], sentinel_command=sentinel_command) as group:
        entries = [each.address for each in group.sentinels]
        async with RunningManager(entries, "sentinels", tmp_path) as manager:
            picture = await manager.wait(
                "/api/picture", lambda found: found["kind"] == "sentinel" and len(found["nodes"]) == 2
            )
            assert [each["reachable"] for each in picture["sentinels"]] == [True] * 3
            status = await manager.get("/api/status")
            assert "Sentinels see to failovers" in status["why_idle"]
            assert status["problems"] == []
            assert (await manager.get("/api/plan"))["jobs"] == []
            first, second = (str(node.address) for node in group.nodes)
            switching = asyncio.create_task(switched_at(entries[0], second))
            await group.nodes[0].kill()
            told_s = await switching
            picture = await manager.wait(
                "/api/picture",
                lambda found: {"failover", "node-down"} <= {each["kind"] for each in found["events"]},
            )
            events = {each["kind"]: each for each in picture["events"]}
            assert events["failover"]["text"] == f"{second} is primary instead of {first}"
            assert events["failover"]["at_ms"] - told_s * 1000 < 1_000
            assert events["node-down"]["subject"] == first


async def switched_at(sentinel: Any, address: str) -> float:
    """When a Sentinel first names `address` as the primary, as a Unix time."""
    async with AdminClient(sentinel, Access()) as admin:
        while True:
            host, port = await admin.call(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)
            if f"{host.decode()}:{port.decode()}" == address:
                return time.time()
            await asyncio.sleep(0.01)


async def test_single_server_is_watched(tmp_path: Path) -> None:
    """Ours, with a file of records too: there is nothing that a job could do."""
    async with LocalGroup(0, 0) as group:
        (node,) = group.nodes
        options = ("--records", str(tmp_path / "records.json"))
        async with RunningManager([node.address], "single", tmp_path, *options) as manager:
            picture = await manager.wait("/api/picture", lambda found: len(found["nodes"]) == 1)
            assert (picture["kind"], picture["read_only"]) == ("single", True)
            assert "jobs are for clusters" in (await manager.get("/api/status"))["why_idle"]
            await node.kill()
            picture = await manager.wait(
                "/api/picture", lambda found: "node-down" in [each["kind"] for each in found["events"]]
            )
            assert [each["state"] for each in picture["nodes"]] == ["silent"]


def jobs_in(records: Path) -> list[dict[str, Any]]:
    """The jobs in a file of records."""
    content = decoded(json.loads(records.read_text())["content"].encode())
    return [job.model_dump() for job in content.jobs]


def owned(picture: dict[str, Any], node_id: str) -> int:
    """How many slots a node owns in the picture."""
    return sum(node["slot_count"] for node in picture["nodes"] if node["id"] == node_id)
