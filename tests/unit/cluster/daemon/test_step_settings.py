"""Steps that change or restart one node."""

from __future__ import annotations

import asyncio
import json

import pytest

from garrison.cluster.daemon import step_context, step_settings
from garrison.cluster.daemon.step_context import UnsureError
from garrison.cluster.errors import ManagerError
from tests.unit.cluster.daemon.tiny_cluster import TinyCluster, step_on


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> TinyCluster:
    monkeypatch.setattr(step_context, "POLL_INTERVAL_S", 0.001)
    return TinyCluster.of("a", "b", "a>c")


async def test_configure_sets_only_what_differs(cluster: TinyCluster) -> None:
    cluster.node("c").settings = {"maxmemory": "1", "hz": "10"}
    wish = json.dumps({"maxmemory": "2", "hz": "10"})
    for _ in range(2):
        await step_settings.configure(step_on(cluster, "configure", node="c" * 40, settings=wish))
    sets = [words for words in cluster.sent if words[2] == "SET"]
    assert sets == [("c", "CONFIG", "SET", "maxmemory", "2")]


@pytest.mark.parametrize(("wish", "why"), [("[1", "JSON"), ('{"nothing": "1"}', "no directive nothing")])
async def test_configure_refuses(cluster: TinyCluster, wish: str, why: str) -> None:
    with pytest.raises(UnsureError, match=why):
        await step_settings.configure(step_on(cluster, "configure", node="c" * 40, settings=wish))
    assert cluster.sent == []


async def test_restart_waits_until_a_replica_is_in_sync(cluster: TinyCluster) -> None:
    for _ in range(2):
        await step_settings.restart(step_on(cluster, "restart", node="c" * 40, run_id="run-c-1"))
    assert cluster.sent == [("c", "SHUTDOWN")]


async def test_restart_waits_for_one_that_was_shut_down(cluster: TinyCluster) -> None:
    """The manager before this one has done it; whatever its clock said, the new process is left alone."""
    step = step_on(cluster, "restart", node="c" * 40, run_id="run-c-1")
    cluster.node("c").is_up = False
    waiting = asyncio.create_task(step_settings.restart(step))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    cluster.node("c").is_up, cluster.node("c").starts = True, 2
    await waiting
    assert cluster.sent == []


async def test_restart_spares_a_primary_with_slots(cluster: TinyCluster) -> None:
    with pytest.raises(UnsureError, match="hand its shard over first"):
        await step_settings.restart(step_on(cluster, "restart", node="a" * 40, run_id="run-a-1"))
    assert cluster.sent == []


async def test_restart_without_supervisor_fails(
    cluster: TinyCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_settings, "RESTART_TIMEOUT_S", 0.05)
    cluster.node("c").comes_back = False
    with pytest.raises(ManagerError, match="does a supervisor start it"):
        await step_settings.restart(step_on(cluster, "restart", node="c" * 40, run_id="run-c-1"))
