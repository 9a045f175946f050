"""All parts of one manager together, on a model of a cluster and a file of records."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from garrison.cluster.core.topology import Address
from garrison.cluster.daemon import deployment, manager_calls, observing
from garrison.cluster.daemon.manager_calls import brief_manager
from garrison.cluster.daemon.manager_process import ManagerProcess, RunOptions
from garrison.cluster.errors import ManagerError
from garrison.cluster.local.ports import HOST, free_ports
from garrison.cluster.manager.admin_client import Access
from tests.unit.cluster.daemon.tiny_cluster import TinyCluster


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> TinyCluster:
    cluster = TinyCluster.of("a", "b", "a>c")

    def client(*arguments: Any) -> TinyCluster:
        return cluster

    monkeypatch.setattr(observing, "AdminClient", client)
    monkeypatch.setattr(deployment, "AdminClient", client)
    monkeypatch.setattr(observing, "DRAW_INTERVAL_S", 0.02)
    monkeypatch.setattr(manager_calls, "BRIEF_POLL_S", 0.005)
    return cluster


async def test_brief_manager_stores_what_the_next_one_reads(cluster: TinyCluster, tmp_path: Path) -> None:
    entries, records = [cluster.node("a").address], tmp_path / "records.json"
    async with brief_manager(entries, Access(), records) as manager:
        body = b"name: blue\nmode: act\n"
        (await manager.call("PUT", "/api/desired", body, "application/yaml")).document()
    async with brief_manager(entries, Access(), records) as manager:
        assert (await manager.call("GET", "/api/desired")).document()["name"] == "blue"
        status = (await manager.call("GET", "/api/status")).document()
        assert (status["leads"], status["keeping"]) == (True, "file")
    assert cluster.sent == []


async def test_process_serves_until_it_is_ended(cluster: TinyCluster, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    ready = asyncio.Event()
    options = RunOptions(
        entries=[cluster.node("a").address],
        id="m@h:1",
        listen=Address(HOST, port),
        records=tmp_path / "records.json",
    )
    process = ManagerProcess(options, ready.set)
    task = asyncio.create_task(process.run())
    await asyncio.wait_for(ready.wait(), 10)
    second = ManagerProcess(RunOptions(options.entries, "n@h:2", options.listen, watch_only=True))
    with pytest.raises(ManagerError, match="cannot listen"):
        await second.run()
    process.end()
    await asyncio.wait_for(task, 10)
    assert b"garrison_manager_leader" in process.metrics().encode()
