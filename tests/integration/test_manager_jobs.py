"""Jobs that change and restart every node of a real cluster: a setting that one refuses, a release."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from garrison.client import connect
from garrison.cluster.local.cluster import LocalCluster
from tests.integration.managers import RunningManager, calling
from tests.integration.supervised import OTHER_RELEASE, other_release, supervised

CALM: dict[str, Any] = {
    "mode": "act",
    "balance": {"enabled": False},
    "harm": {"points_per_hour_max": 10_000, "jobs_at_once_max": 3},
}
KEYS = 2_000
BRIEF = {"cluster-manager-lease-ms-max": "1500"}
"""A new primary grants no lease before this and a node timeout have passed; a hand-over waits for that."""


def ended(jobs: list[dict[str, Any]], kind: str, count: int) -> bool:
    found = [job for job in jobs if job["kind"] == kind]
    return len(found) >= count and all(job["state"] in ("done", "stopped", "failed") for job in found)


async def test_settings_and_release_are_rolled_over_all_nodes(tmp_path: Path) -> None:
    async with (
        LocalCluster(3, 1, directory=tmp_path / "nodes", settings=BRIEF) as cluster,
        RunningManager(cluster, "one", tmp_path) as manager,
        supervised(cluster) as supervisor,
        await connect(cluster.url) as client,
    ):
        async with client.pipeline() as pipeline:
            for number in range(KEYS):
                pipeline.set(f"key:{number}", str(number))
        blocked = cluster.nodes[0]
        obstacle = blocked.directory / "appendonlydir"
        obstacle.write_text("a file where the folder of the append-only file should be")
        await manager.wait("/api/status", lambda found: found["leads"])
        async with calling(client) as caller:
            await manager.send("PUT", "/api/desired", CALM | {"settings": {"appendonly": "yes"}})
            jobs = await manager.wait("/api/jobs", lambda found: ended(found, "configure", 3))
            (refused,) = [job for job in jobs if job["state"] != "done"]
            assert refused["state"] == "stopped"
            assert str(blocked.address) in refused["why"]
            assert "Unable to turn on AOF" in refused["why"]
            obstacle.unlink()
            await manager.send("POST", f"/api/jobs/{refused['id']}/resume")
            await manager.wait("/api/jobs", lambda found: all(job["state"] == "done" for job in found))
            before = (await manager.get("/api/picture"))["nodes"]
            assert {node["settings"]["appendonly"] for node in before} == {"yes"}

            cluster.settings["appendonly"] = "yes"
            cluster.command = other_release(tmp_path)
            await manager.send("PUT", "/api/desired", CALM | {"release": OTHER_RELEASE})
            jobs = await manager.wait("/api/jobs", lambda found: ended(found, "upgrade", 3))
        upgrades = [job for job in jobs if job["kind"] == "upgrade"]
        assert [(job["state"], job["why"]) for job in upgrades] == [("done", "")] * 3
        assert supervisor.starts == {str(node.address): 1 for node in cluster.nodes}
        after = (await manager.get("/api/picture"))["nodes"]
        assert {node["version"] for node in after} == {OTHER_RELEASE}
        roles = {node["id"]: node["role"] for node in before}
        assert all(node["role"] != roles[node["id"]] for node in after)
        assert caller.errors == []
        values = [await client.get(f"key:{number}") for number in range(0, KEYS, 20)]
        assert values == [str(number).encode() for number in range(0, KEYS, 20)]
