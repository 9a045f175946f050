"""Reading CLUSTER SLOTS and CLUSTER SHARDS, as RESP2 and RESP3, bytes and str."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.client.core.topology import Address, parse_cluster_shards, parse_cluster_slots
from garrison.client.errors import TopologyError

A, B, R = Address("10.0.0.1", 7000), Address("10.0.0.2", 7000), Address("10.0.0.3", 7000)


def shard(slots: list[int], *nodes: dict[str, Any]) -> dict[str, Any]:
    return {"slots": slots, "nodes": list(nodes)}


def node(address: Address, role: str, health: str = "online", **more: Any) -> dict[str, Any]:
    return {"id": "x", "port": address.port, "endpoint": address.host, "role": role, "health": health, **more}


def flat(value: Any) -> Any:
    """The RESP2 form: maps as flat lists, text as bytes."""
    if isinstance(value, dict):
        return [flat(part) for pair in value.items() for part in pair]
    if isinstance(value, list):
        return [flat(part) for part in value]
    return value.encode() if isinstance(value, str) else value


def test_slots_with_replicas_and_gaps() -> None:
    reply = [
        [0, 5, ["10.0.0.1", 7000, "a", []], ["10.0.0.3", 7000, "r"]],
        [7, 16383, ["10.0.0.2", 7000, "b"]],
    ]
    for form in (reply, flat(reply)):
        topology = parse_cluster_slots(form, asked_host="x")
        assert topology.owners[5] == A
        assert topology.owners[6] is None
        assert topology.owners[7] == topology.owners[16383] == B
        assert topology.primaries == (A, B)
        assert topology.replicas == {A: (R,), B: ()}
        assert topology.nodes() == [A, B, R]
        assert not topology.is_complete


@pytest.mark.parametrize("unknown", [None, b"", "", b"?", "?"])
def test_an_unknown_endpoint_is_the_host_that_was_asked(unknown: Any) -> None:
    topology = parse_cluster_slots([[0, 16383, [unknown, 7000, b"a"]]], asked_host="10.0.0.1")
    assert topology.owners[0] == A
    shards = [shard([0, 16383], node(A, "master") | {"endpoint": unknown})]
    assert parse_cluster_shards(shards, asked_host="10.0.0.1").owners[0] == A


def test_shards_say_the_same_as_slots() -> None:
    slots = [[0, 5, ["10.0.0.1", 7000], ["10.0.0.3", 7000]], [9, 9, ["10.0.0.1", 7000], ["10.0.0.3", 7000]]]
    slots.append([10, 16383, ["10.0.0.2", 7000]])
    shards = [
        shard([0, 5, 9, 9], node(R, "replica"), node(A, "master")),
        shard([10, 16383], node(B, "master", "fail")),
        shard([], node(Address("10.0.0.9", 7000), "master")),
        shard([], node(R, "replica")),
    ]
    expected = parse_cluster_slots(slots, asked_host="x")
    assert parse_cluster_shards(shards, asked_host="x") == expected
    assert parse_cluster_shards(flat(shards), asked_host="x") == expected


def test_shards_omit_offline_replicas_and_choose_the_port() -> None:
    shards = [shard([0, 16383], node(A, "master") | {"tls-port": 7443}, node(R, "replica", "loading"))]
    assert parse_cluster_shards(shards, asked_host="x").nodes() == [A]
    assert parse_cluster_shards(shards, asked_host="x", tls=True).nodes() == [Address("10.0.0.1", 7443)]


@pytest.mark.parametrize(
    "reply", [b"OK", 5, None, [[0, 16384, [b"h", 1]]], [[5, 4, [b"h", 1]]], [[0, 1]], [[0, 1, [b"h", b"x"]]]]
)
def test_a_malformed_reply_is_a_topology_error(reply: Any) -> None:
    with pytest.raises(TopologyError, match="CLUSTER SLOTS"):
        parse_cluster_slots(reply, asked_host="x")
    with pytest.raises(TopologyError, match="CLUSTER SHARDS"):
        parse_cluster_shards(reply, asked_host="x")


anything = st.recursive(
    st.none() | st.integers() | st.binary() | st.text() | st.floats() | st.booleans(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


@given(anything)
def test_no_reply_raises_anything_else(reply: Any) -> None:
    for parse in (parse_cluster_slots, parse_cluster_shards):
        try:
            parse(reply, asked_host="x")
        except TopologyError:
            pass


@given(st.lists(st.integers(1, 16383), unique=True, max_size=20))
def test_any_partition_of_the_slots_is_read_back(cuts: list[int]) -> None:
    bounds = [0, *sorted(cuts), 16384]
    rows = [(a, b - 1, (b"h", 1000 + at)) for at, (a, b) in enumerate(pairwise(bounds))]
    topology = parse_cluster_slots([[a, b, [*node]] for a, b, node in reversed(rows)], asked_host="x")
    assert topology.is_complete
    for first, last, (_, port) in rows:
        assert {owner.port for owner in topology.owners[first : last + 1] if owner} == {port}
