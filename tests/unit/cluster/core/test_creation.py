"""A new cluster: slots covered once, members of a shard on different hosts where that is possible."""

from collections import Counter
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.cluster.core.creation import PlanError, plan_creation
from garrison.cluster.core.ranges import SLOT_COUNT, to_slots
from garrison.cluster.core.topology import Address


@st.composite
def fleets(draw: st.DrawFn) -> tuple[list[Address], int]:
    """Nodes on some hosts, in any order, enough for the replicas asked for."""
    replicas = draw(st.integers(0, 3))
    count = draw(st.integers(3 * (replicas + 1), 3 * (replicas + 1) + 12))
    hosts = draw(st.lists(st.integers(1, 6), min_size=count, max_size=count))
    return [Address(f"10.0.0.{host}", 7000 + index) for index, host in enumerate(hosts)], replicas


@given(fleets())
def test_every_node_and_every_slot_has_one_place(admin: tuple[list[Address], int]) -> None:
    nodes, replicas = admin
    plan = plan_creation(nodes, replicas)
    assert sorted(plan.addresses) == sorted(nodes)
    assert to_slots(shard.slots for shard in plan.shards) == list(range(SLOT_COUNT))
    sizes = [len(to_slots([shard.slots])) for shard in plan.shards]
    assert max(sizes) - min(sizes) <= 1
    assert min(len(shard.replicas) for shard in plan.shards) >= replicas
    assert plan == plan_creation(nodes, replicas)


@given(fleets())
def test_no_shard_has_more_members_on_a_host_than_it_must(admin: tuple[list[Address], int]) -> None:
    nodes, replicas = admin
    plan = plan_creation(nodes, replicas)
    on_host = Counter(node.host for node in nodes)
    for shard in plan.shards:
        for host, members in Counter(node.host for node in shard.members).items():
            assert members <= ceil(on_host[host] / len(plan.shards))
    if len(on_host) > 1 and max(on_host.values()) <= len(plan.shards):
        assert plan.warnings == ()


def test_three_hosts_with_two_nodes_each_lead_one_shard_each() -> None:
    nodes = [Address(f"10.0.0.{host}", port) for host in (1, 2, 3) for port in (7000, 7001)]
    plan = plan_creation(nodes, 1)
    assert len({shard.primary.host for shard in plan.shards}) == 3
    assert plan.warnings == ()


def test_on_one_host_the_first_addresses_are_the_primaries() -> None:
    nodes = [Address("127.0.0.1", 7000 + index) for index in range(6)]
    plan = plan_creation(nodes, 1)
    assert [shard.primary for shard in plan.shards] == nodes[:3]
    assert ["one host" in text for text in plan.warnings] == [True]


@pytest.mark.parametrize(
    ("count", "replicas", "message"), [(5, 1, "give 6 nodes"), (2, 0, "give 3 nodes"), (3, -1, "0 or more")]
)
def test_too_few_nodes_are_refused_with_the_number_needed(count: int, replicas: int, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        plan_creation([Address("h", 7000 + index) for index in range(count)], replicas)


def test_a_node_named_twice_is_refused() -> None:
    with pytest.raises(PlanError, match="more than once"):
        plan_creation([Address("h", 7000)] * 3, 0)
