"""Managers of a real cluster of six nodes, with callers: they replace, move, and survive their own deaths."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from garrison.client import connect
from garrison.cluster.core.ranges import SLOT_COUNT
from garrison.cluster.core.topology import Address
from garrison.cluster.local.cluster import LocalCluster, LocalNode
from garrison.cluster.local.ports import HOST, free_ports
from tests.integration.managers import RunningManager, calling, leading

KEYS = 30_000
MOVED = "0-1199"
MOVED_COUNT = 1_200
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster() -> AsyncIterator[LocalCluster]:
    async with LocalCluster(3, 1) as cluster:
        yield cluster


def replica_of(picture: dict[str, Any]) -> dict[str, Any]:
    return next(node for node in picture["nodes"] if node["role"] == "replica")


async def test_dead_replica_is_replaced_by_a_spare(cluster: LocalCluster, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    spare = LocalNode(Address(HOST, port), cluster.directory / "spare")
    await spare.start(cluster.command, cluster.settings)
    await cluster.wait_ready(spare)
    cluster.nodes.append(spare)
    async with RunningManager(cluster, "one", tmp_path) as manager, await connect(cluster.url) as client:
        picture = await manager.wait("/api/picture", lambda found: found["slots_covered"] == SLOT_COUNT)
        await manager.wait("/api/status", lambda found: found["leads"])
        wish = {
            "mode": "act",
            "replicas_per_shard": 1,
            "spares": [str(spare.address)],
            "node_dead_after_s": 1,
            "balance": {"enabled": False},
        }
        await manager.send("PUT", "/api/desired", wish)
        dead = replica_of(picture)
        victim = next(node for node in cluster.nodes if str(node.address) == dead["address"])
        async with calling(client) as caller:
            await victim.kill()
            await manager.wait("/api/jobs", lambda jobs: any(job["state"] == "done" for job in jobs))
        cluster.nodes.remove(victim)
        picture = await manager.get("/api/picture")
        assert {node["address"] for node in picture["nodes"]} == {str(node.address) for node in cluster.nodes}
        assert all(len(shard["replica_ids"]) == 1 for shard in picture["shards"])
        assert "node-down" in [event["kind"] for event in picture["events"]]
        assert caller.errors == []
        assert caller.calls > 100
        await manager.send("PUT", "/api/desired", {})
        assert await manager.terminate() == 0


async def test_reshard_outlives_the_manager_that_began_it(cluster: LocalCluster, tmp_path: Path) -> None:
    async with (
        RunningManager(cluster, "two", tmp_path) as two,
        RunningManager(cluster, "three", tmp_path) as three,
        await connect(cluster.url) as client,
    ):
        async with client.pipeline() as pipeline:
            for number in range(KEYS):
                pipeline.set(f"key:{number}", str(number))
        leader, other = await leading([two, three])
        await other.wait("/api/status", lambda found: found["leader"])
        refused = await other.answer("POST", "/api/pause")
        assert (refused.status_code, refused.json()["leader"]) == (409, f"{HOST}:{leader.port}")
        picture = await leader.get("/api/picture")
        primaries = [node for node in picture["nodes"] if node["role"] == "primary"]
        source = next(node for node in primaries if node["slots"].startswith("0-"))
        target = next(node for node in primaries if node is not source)
        move = {"source": source["id"], "target": target["id"], "slots": MOVED}
        plan = await leader.send("POST", "/api/reshard", {"moves": [move]})
        async with calling(client) as caller:
            await leader.send("POST", f"/api/plan/{plan['id']}/consent")
            await leader.wait("/api/picture", lambda found: owned(found, source["id"]) < source["slot_count"])
            await leader.kill()
            # Until it leads, the other one may show records of before the reshard.
            jobs = await other.wait(
                "/api/jobs", lambda found: any(has_ended(job, "reshard") for job in found)
            )
        assert [(job["state"], job["why"]) for job in jobs if job["kind"] == "reshard"] == [("done", "")]
        picture = await other.wait(
            "/api/picture",
            lambda found: (
                owned(found, target["id"]) == target["slot_count"] + MOVED_COUNT and not found["open_slots"]
            ),
        )
        assert picture["slots_covered"] == SLOT_COUNT
        assert caller.errors == []
        values = await asyncio.gather(*(client.get(f"key:{number}") for number in range(0, KEYS, 100)))
        assert values == [str(number).encode() for number in range(0, KEYS, 100)]


def has_ended(job: dict[str, Any], kind: str) -> bool:
    return job["kind"] == kind and job["state"] in ("done", "failed", "stopped")


def owned(picture: dict[str, Any], node_id: str) -> int:
    """How many slots a node owns in the picture."""
    return sum(node["slot_count"] for node in picture["nodes"] if node["id"] == node_id)
