"""The lease's arithmetic: a majority of promises, the youngest time that all of them cover."""

from __future__ import annotations

import random

import pytest

from garrison.node.core import flags as fl
from garrison.node.core import slots as sl
from garrison.node.core.context import Context
from garrison.node.core.effects import LEASE_FOREVER_MS
from garrison.node.core.lease import Lease
from garrison.node.core.nodes import Node
from garrison.node.core.settings import ClusterSettings

TIMEOUT_MS = 1000
MARGIN_MS = 100


def cluster(voters: int) -> tuple[Context, list[Node], Lease]:
    """A context whose first voter is this node."""
    me = Node("a" * 40, flags=fl.MYSELF | fl.PRIMARY)
    settings = ClusterSettings(cluster_node_timeout=TIMEOUT_MS)
    context = Context(settings, random.Random(1), me, 10_000, 0)
    nodes = [me] + [Node(f"{n:040x}", flags=fl.PRIMARY) for n in range(1, voters)]
    for index, node in enumerate(nodes):
        if node is not me:
            context.table.add(node)
        context.table.assign(sl.from_slots([index]), node)
    return context, nodes, Lease(context)


def test_the_majority_decides_and_the_slowest_of_it_counts() -> None:
    _, nodes, lease = cluster(5)
    lease.granted(nodes[1], 9_000)
    assert lease.news() == 0
    lease.granted(nodes[2], 9_500)
    assert lease.news() == 9_000 + TIMEOUT_MS - MARGIN_MS
    lease.granted(nodes[3], 9_900)
    assert lease.news() == 9_500 + TIMEOUT_MS - MARGIN_MS
    assert lease.news() is None


def test_an_older_answer_takes_nothing_back() -> None:
    _, nodes, lease = cluster(3)
    lease.granted(nodes[1], 9_900)
    lease.granted(nodes[1], 9_000)
    assert lease.news() == 9_900 + TIMEOUT_MS - MARGIN_MS


@pytest.mark.parametrize("voters", [1])
def test_who_is_the_majority_alone_needs_nobody(voters: int) -> None:
    assert cluster(voters)[2].news() == LEASE_FOREVER_MS


def test_two_voters_need_each_other() -> None:
    _, nodes, lease = cluster(2)
    assert lease.news() == 0
    lease.granted(nodes[1], 9_999)
    assert lease.news() == 9_999 + TIMEOUT_MS - MARGIN_MS


def test_a_replica_has_none() -> None:
    context, nodes, lease = cluster(3)
    lease.granted(nodes[1], 9_900)
    context.table.set_replica(nodes[0], nodes[1])
    assert lease.news() == 0


def test_only_votes_of_the_current_election_are_promises() -> None:
    _, nodes, lease = cluster(3)
    lease.granted(nodes[1], 9_990)
    lease.claimed_anew()
    assert lease.news() == 0
    lease.elected(9_700, [nodes[1], nodes[2]])
    assert lease.news() == 9_700 + TIMEOUT_MS - MARGIN_MS


def test_a_winner_that_is_confirmed_in_time_goes_on() -> None:
    context, nodes, lease = cluster(3)
    lease.claimed_anew()
    lease.elected(9_990, [nodes[1]])
    lease.news()
    context.now_ms = 10_500
    lease.granted(nodes[1], 10_400)
    assert lease.news() == 10_400 + TIMEOUT_MS - MARGIN_MS


def test_late_confirmed_winner_waits_out_the_other_lease() -> None:
    """Its lease lapsed before a majority heard its claim: meanwhile they may have promised the old one."""
    context, nodes, lease = cluster(3)
    lease.claimed_anew()
    lease.elected(9_990, [nodes[1]])
    lease.news()
    context.now_ms = 20_000
    lease.granted(nodes[1], 19_990)
    assert lease.news() == 0
    context.now_ms = 20_000 + TIMEOUT_MS
    lease.granted(nodes[1], 20_900)
    assert lease.news() == 20_900 + TIMEOUT_MS - MARGIN_MS


def test_without_the_lease_a_primary_writes_as_redis_does() -> None:
    context, _, lease = cluster(3)
    context.settings = context.settings.with_changes(cluster_write_lease=False)
    assert lease.news() == LEASE_FOREVER_MS
