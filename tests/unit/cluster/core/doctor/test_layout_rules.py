"""Topology: each rule finds what it is for, and is silent where copies are elsewhere."""

from __future__ import annotations

import pytest

from garrison.cluster.core.doctor.examine import examine
from garrison.cluster.core.doctor.readings import NodeReading, Reading
from garrison.cluster.core.topology import Address
from tests.unit.cluster.cluster_views import node, replica
from tests.unit.cluster.core.doctor.cases import (
    CLIENT,
    MEMBERS,
    PRIMARIES,
    REPLICAS,
    SHARES,
    Case,
    assert_case,
    cluster,
    host_of_name,
    name_of,
    of_node,
    single,
    well_node,
    well_replica,
)

ONE = [
    *(node(n, s, epoch=r, address=host_of_name(n, False)) for r, (n, s) in enumerate(SHARES.items(), 1)),
    *(replica(n, of, address=host_of_name(n, False)) for n, of in zip("xyz", "abc", strict=True)),
]
TWO_PRIMARIES = [*ONE[:2], PRIMARIES["c"], *REPLICAS.values()]
GONE = {"error": "no answer in time"}


def zones(**of_member: str) -> Reading:
    return cluster(
        changes={name: {"config": {"availability-zone": zone}} for name, zone in of_member.items()}
    )


CASES = [
    Case("unreachable", cluster(changes={"a": GONE}), cluster(), "it owns 5461 slots"),
    Case("unreachable", cluster(changes={"x": GONE}), cluster(), severity="warning"),
    Case(
        "unreachable",
        single(well_node(), NodeReading(Address("10.0.0.2", 6379), error="refused")),
        single(),
        "does not answer: refused",
    ),
    Case("no-replica", cluster(*MEMBERS[:-1]), cluster(), "has no replica"),
    Case("no-replica", cluster(*PRIMARIES.values()), cluster(), "have no replica"),
    Case(
        "no-replica",
        of_node(info={"connected_slaves": "0", "slave0": None}),
        single(well_node(info={"connected_slaves": "0", "slave0": None})),
    ),
    Case("one-host", cluster(*ONE), cluster(), "all 6 nodes are on one host"),
    Case(
        "one-host",
        single(well_node("127.0.0.1", 1), well_replica("localhost", 2)),
        single(well_node("127.0.0.1", 1)),
        "good for development only",
    ),
    Case(
        "majority-on-one-host",
        cluster(*TWO_PRIMARIES),
        cluster(),
        "2 of 3 voting primaries are on the host 10.0.0.1",
    ),
    Case("one-zone", zones(a="east", b="east", x="east"), zones(a="east", b="west"), "are in east"),
    Case(
        "shard-in-one-zone",
        zones(a="east", x="east", b="west"),
        zones(a="east", x="west", b="east"),
        "is in the zone east",
    ),
    Case("nobody-fails-over", of_node(clients=[CLIENT]), of_node(), "a primary with 1 replica"),
]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_layout_rules(case: Case) -> None:
    assert_case(case)


def test_replica_elsewhere_is_advised_to_take_over() -> None:
    found = next(each for each in examine(cluster(*TWO_PRIMARIES)) if each.code == "majority-on-one-host")
    assert found.commands == ("garrison cli -h 10.0.0.120 -p 7120 CLUSTER FAILOVER",)
