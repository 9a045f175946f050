"""What steps share."""

from __future__ import annotations

import pytest

from garrison.cluster.daemon import step_context
from garrison.cluster.daemon.step_context import StepProgress, UnsureError, find_member, wait_in_sync
from garrison.cluster.errors import ManagerError
from garrison.cluster.manager.progress import Meter
from tests.unit.cluster.daemon.tiny_cluster import TinyCluster, step_on


async def test_find_member_is_unsure_of_strangers() -> None:
    state = await TinyCluster.of("a", "b").cluster_state()
    assert find_member(state, "b" * 40).id == "b" * 40
    with pytest.raises(UnsureError, match="is not a node"):
        find_member(state, "c" * 40)


async def test_waiting_for_sync_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_context, "POLL_INTERVAL_S", 0.001)
    cluster = TinyCluster.of("a", "b", "a>c")
    cluster.node("c").link_up = False
    context = step_on(cluster, "replicate")
    node = (await cluster.cluster_state()).nodes["c" * 40]
    with pytest.raises(ManagerError, match="its link to the primary is not up"):
        await wait_in_sync(context, context.admin(), node, 0.02)


def test_progress_ends_only_with_the_step() -> None:
    told: list[float] = []
    display = StepProgress(told.append)
    meter = Meter(slots=2, slots_moved=1)
    display.start(meter)
    meter.slots_moved = 2
    display.stop(meter)
    assert told == [0.5, 0.999]
