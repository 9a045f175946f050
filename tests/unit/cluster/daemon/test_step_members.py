"""Steps about membership look first, act where it is needed, and do nothing where they are contradicted."""

from __future__ import annotations

import pytest

from garrison.cluster.daemon import step_members
from garrison.cluster.daemon.step_context import UnsureError
from garrison.cluster.errors import ManagerError, StoppedError
from tests.unit.cluster.daemon.tiny_cluster import TinyCluster, step_on


@pytest.fixture
def cluster() -> TinyCluster:
    return TinyCluster.of("a", "b", "a>c")


async def test_meet_joins_a_spare_once(cluster: TinyCluster) -> None:
    spare = cluster.add_spare("s")
    for _ in range(2):
        await step_members.meet(step_on(cluster, "meet", address=str(spare.address)))
    assert spare.known == {node * 40 for node in "abcs"}
    assert [words[1:3] for words in cluster.sent] == [("CLUSTER", "MEET")]


async def test_meet_leaves_a_node_with_keys_alone(cluster: TinyCluster) -> None:
    spare = cluster.add_spare("s", keys=1)
    with pytest.raises(UnsureError, match="holds 1 keys"):
        await step_members.meet(step_on(cluster, "meet", address=str(spare.address)))
    assert cluster.sent == []


async def test_replicate_is_done_once(cluster: TinyCluster) -> None:
    for _ in range(2):
        await step_members.replicate(step_on(cluster, "replicate", node="c" * 40, primary="b" * 40))
    assert cluster.node("c").primary_id == "b" * 40
    assert cluster.sent == [("c", "CLUSTER", "REPLICATE", "b" * 40)]


@pytest.mark.parametrize(
    ("node", "primary", "why"),
    [("a", "b", "owns slots"), ("c", "c", "not a primary"), ("x", "a", "not a node")],
)
async def test_replicate_refuses_contradictions(
    cluster: TinyCluster, node: str, primary: str, why: str
) -> None:
    with pytest.raises(UnsureError, match=why):
        await step_members.replicate(step_on(cluster, "replicate", node=node * 40, primary=primary * 40))
    assert cluster.sent == []


async def test_hand_over_is_done_once(cluster: TinyCluster) -> None:
    arguments = {"node": "c" * 40, "from": "a" * 40}
    for _ in range(2):
        await step_members.hand_over(step_on(cluster, "hand-over", **arguments))
    assert cluster.sent == [("c", "CLUSTER", "FAILOVER")]
    assert cluster.node("c").slots
    assert cluster.node("a").primary_id == "c" * 40


async def test_hand_over_needs_a_replica_in_sync(cluster: TinyCluster) -> None:
    cluster.node("c").link_up = False
    with pytest.raises(ManagerError, match="not in sync"):
        await step_members.hand_over(step_on(cluster, "hand-over", **{"node": "c" * 40, "from": "a" * 40}))
    with pytest.raises(UnsureError, match="not a replica of"):
        await step_members.hand_over(step_on(cluster, "hand-over", **{"node": "c" * 40, "from": "b" * 40}))
    assert cluster.sent == []


async def test_forget_reaches_every_node_once(cluster: TinyCluster) -> None:
    cluster.node("c").is_up = False
    for node in cluster.nodes.values():
        node.failed.add("c" * 40)
    for _ in range(2):
        await step_members.forget(step_on(cluster, "forget", node="c" * 40, address="10.0.0.1:7003"))
    assert sorted(cluster.sent) == [(name, "CLUSTER", "FORGET", "c" * 40) for name in "ab"]


@pytest.mark.parametrize(("node", "why"), [("a", "owns slots"), ("b", "owns slots")])
async def test_forget_keeps_owners(cluster: TinyCluster, node: str, why: str) -> None:
    with pytest.raises(UnsureError, match=why):
        await step_members.forget(step_on(cluster, "forget", node=node * 40, address=""))
    assert cluster.sent == []


async def test_forget_waits_for_silent_members(cluster: TinyCluster) -> None:
    cluster.node("b").is_up = False
    with pytest.raises(ManagerError, match="would bring"):
        await step_members.forget(step_on(cluster, "forget", node="c" * 40, address=""))
    assert cluster.sent == []


async def test_reset_empties_a_replica_once(cluster: TinyCluster) -> None:
    cluster.node("c").keys = 5
    address = str(cluster.node("c").address)
    for _ in range(2):
        await step_members.reset(step_on(cluster, "reset", node="c" * 40, address=address))
    assert cluster.sent == [("c", "CLUSTER", "RESET", "HARD")]


async def test_reset_deletes_no_primary(cluster: TinyCluster) -> None:
    address = str(cluster.node("a").address)
    with pytest.raises(UnsureError, match="owns slots"):
        await step_members.reset(step_on(cluster, "reset", node="a" * 40, address=address))
    cluster.node("a").slots, cluster.node("a").keys = frozenset(), 7
    with pytest.raises(UnsureError, match="7 keys, which are not deleted"):
        await step_members.reset(step_on(cluster, "reset", node="a" * 40, address=address))
    with pytest.raises(UnsureError, match="another node answers"):
        await step_members.reset(step_on(cluster, "reset", node="b" * 40, address=address))
    assert cluster.sent == []


async def test_stopped_step_does_nothing(cluster: TinyCluster) -> None:
    context = step_on(cluster, "replicate", node="c" * 40, primary="b" * 40)
    context.stop.set()
    with pytest.raises(StoppedError):
        await step_members.replicate(context)
    assert cluster.sent == []
