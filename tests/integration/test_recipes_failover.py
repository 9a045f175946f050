"""The recipes over a failover of real processes: under Sentinels, and in a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from garrison.client import Client, connect
from tests.integration.recipes_under_load import NAME, Exercise, all_exercises
from tests.integration.test_client_sentinel import PATIENCE_S, Watched, can_run, port_of
from tests.unit.client.conftest import need
from tests.unit.client.servers import PROGRAMS, ServerProcess, running_cluster

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(params=list(PROGRAMS))
def watched(request: Any, tmp_path: Path) -> Iterator[Watched]:
    """A primary and two replicas of each kind, under Sentinels of the same kind."""
    reason = can_run(request.param, "node") or can_run(request.param, "sentinel")
    if reason:
        pytest.skip(f"{reason}: nothing to run")
    group = Watched(tmp_path, request.param, request.param)
    try:
        group.start()
        yield group
    finally:
        group.stop()


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[ServerProcess]]:
    """A cluster of ours, for one test that kills a node; Redis's failover is seen under Sentinels."""
    with running_cluster("garrison", tmp_path) as nodes:
        yield nodes


async def more(exercises: list[Exercise], rounds: int) -> None:
    """Until every exercise has done so many more rounds."""
    goals = [exercise.rounds + rounds for exercise in exercises]
    async with asyncio.timeout(PATIENCE_S):
        while any(one.rounds < goal for one, goal in zip(exercises, goals, strict=True)):
            await asyncio.sleep(0.02)


async def run_over(exercises: list[Exercise], clients: list[Client[Any]], kill: Callable[[], None]) -> None:
    """Work, kill the primary, work on, and check every recipe."""
    async with clients[0].dedicated(f"{{{NAME}}}") as connection:
        for exercise in exercises:
            await exercise.prepare(clients[0])
        await connection.call("SET", f"{{{NAME}}}", "marker")
        assert await connection.call("WAIT", 1, 10_000) >= 1
    for exercise in exercises:
        exercise.start(clients)
    await more(exercises, 20)
    kill()
    await more(exercises, 20)
    for exercise in exercises:
        await exercise.stop()
    for exercise in exercises:
        await exercise.check(clients[1])


async def test_recipes_go_on_under_sentinels(watched: Watched) -> None:
    await watched.settled()
    async with await watched.client() as first, await watched.client() as second:
        await need(first, "EVAL", "return 1", 0)
        killed = port_of(first)
        assert killed == watched.node_ports[0]
        await run_over(all_exercises(), [first, second], watched.nodes[killed].kill)
        assert port_of(first) not in (0, killed)


async def test_recipes_go_on_in_a_cluster(nodes: list[ServerProcess]) -> None:
    """All keys of one object share a slot, and nothing is lost while the cluster is well."""
    url = f"redis://127.0.0.1:{nodes[0].port}"
    async with await connect(url) as first, await connect(url) as second:
        await need(first, "EVAL", "return 1", 0)
        exercises = all_exercises()
        await run_over(exercises, [first, second], lambda: None)
        assert [error for exercise in exercises for error in exercise.errors] == []
        await first.flushall()
        victim = next(node for node in nodes if node.port == first.node_of(f"{{{NAME}}}").port)
        await run_over(all_exercises(), [first, second], victim.kill)
        assert first.node_of(f"{{{NAME}}}").port != victim.port
