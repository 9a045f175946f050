"""How a node gathers its metrics, and when it is ready."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from garrison.base.metrics.exposition import render
from garrison.node.border import ReplicationStatus
from garrison.node.config import load
from garrison.node.core.bus_counters import BusCounters
from garrison.node.core.cluster_figures import ClusterFigures
from garrison.node.metrics import node_metrics
from garrison.node.metrics.node_metrics import QUESTIONS, NodeMetrics, why_not_ready
from tests.unit.node.metrics.test_own_families import FIGURES

ANSWERS = {
    b"INFO": b"$58\r\nredis_version:7.2.0\r\nused_memory:100\r\ndb0:keys=3,expires=0\r\n\r\n",
    b"LATENCY": b"*0\r\n",
}


class Bridge:
    """A data plane that answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[list[bytes]] = []
        self.is_stuck = False
        self._due: list[tuple[list[bytes], Callable[[bytes], None]]] = []

    @property
    def waiting(self) -> int:
        return len(self._due)

    def run(self, argv: list[bytes], done: Callable[[bytes], None]) -> None:
        self.asked.append(argv)
        self._due.append((argv, done))
        if not self.is_stuck:
            asyncio.get_running_loop().call_soon(self.answer)

    def answer(self) -> None:
        due, self._due = self._due, []
        for argv, done in due:
            of_slow_log = b":2\r\n" if argv[1] == b"LEN" else b"*1\r\n*3\r\n:9\r\n:1700000000\r\n:250000\r\n"
            done(ANSWERS.get(argv[0], of_slow_log))


class Cluster:
    """The cluster's half, at one moment."""

    def __init__(self, figures: ClusterFigures) -> None:
        self._figures = figures
        self.counters = BusCounters()

    @property
    def bus(self) -> Cluster:
        return self

    def queued_bytes(self) -> dict[int, int]:
        return {1: 5}

    def figures(self) -> ClusterFigures:
        return self._figures

    def info_text(self) -> str:
        return "cluster_state:ok\r\ncluster_slots_ok:16384\r\ncluster_write_lease:held\r\n"


async def text_of(metrics: NodeMetrics) -> str:
    return render(await metrics.collect()).decode()


async def test_one_batch_of_questions_makes_a_page() -> None:
    bridge = Bridge()
    text = await text_of(NodeMetrics(load([]), bridge, None))
    assert bridge.asked == [question.split() for question in QUESTIONS]
    for line in (
        "redis_up 1",
        "redis_memory_used_bytes 100",
        'redis_db_keys{db="db15"} 0',
        "redis_slowlog_length 2",
        "redis_last_slow_execution_duration_seconds 0.25",
        "redis_config_maxclients 10000",
        "garrison_promotions_total 0",
    ):
        assert f"\n{line}\n" in text
    assert "garrison_cluster" not in text


async def test_a_node_of_a_cluster_has_its_state_and_one_database() -> None:
    metrics = NodeMetrics(load(["--cluster-enabled", "yes"]), Bridge(), Cluster(FIGURES))
    text = await text_of(metrics)
    assert "\nredis_cluster_state 1\n" in text
    assert "redis_cluster_write_lease" not in text
    assert "\ngarrison_cluster_slots_covered 16384\n" in text
    assert "\ngarrison_bus_queue_bytes 5\n" in text
    assert 'db="db1"' not in text


async def test_a_stuck_data_plane_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_metrics, "ANSWER_TIMEOUT_S", 0.02)
    bridge = Bridge()
    bridge.is_stuck = True
    metrics = NodeMetrics(load([]), bridge, None)
    for _ in range(3):
        text = await text_of(metrics)
        assert "\nredis_up 0\n" in text
        assert "redis_memory_used_bytes" not in text
        assert f"\ngarrison_data_plane_requests {len(QUESTIONS)}\n" in text
    assert len(bridge.asked) == len(QUESTIONS)
    bridge.answer()
    bridge.is_stuck = False
    assert "\nredis_up 1\n" in await text_of(metrics)


IN_SYNC = ReplicationStatus(
    is_replica=True,
    offset=5,
    link_up=True,
    last_io_boot_ms=1,
    replicas=0,
    lagging=0,
    order=0,
    data_order=0,
    history="a" * 40,
    previous_history="0" * 40,
    parted_at=None,
    writes_paused=False,
)
READY: dict[str, Any] = {
    "is_serving": True, "is_going_down": False, "status": IN_SYNC, "figures": FIGURES, "hold_text": "",
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, ""),
        ({"figures": None, "status": replace(IN_SYNC, is_replica=False)}, ""),
        ({"is_serving": False}, "loading"),
        ({"is_going_down": True}, "going down"),
        ({"status": replace(IN_SYNC, link_up=False)}, "not in sync"),
        ({"figures": replace(FIGURES, is_ok=False)}, "cluster is down"),
        ({"figures": replace(FIGURES, is_ok=False, has_data=False)}, "lost their data"),
        ({"figures": None, "hold_text": "waiting 'm'"}, "held for the Sentinels: waiting 'm'"),
    ],
)
def test_readiness_and_its_reasons(change: dict[str, Any], reason: str) -> None:
    why = why_not_ready(**READY | change)
    assert reason in why
    assert bool(why) == bool(reason)
