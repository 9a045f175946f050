"""Tables of a cluster: what ``check`` finds is found here, and who votes is counted."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from garrison.cluster.core import check
from garrison.cluster.core.cluster_state import NodeStatus
from garrison.cluster.core.doctor.member_rules import CHECKED, LEFT_TO_RULES
from garrison.cluster.core.doctor.readings import Reading
from garrison.cluster.core.ranges import SLOT_COUNT
from garrison.cluster.core.topology import Node
from tests.unit.cluster.cluster_views import node, replica
from tests.unit.cluster.core.doctor.cases import (
    MEMBERS,
    PRIMARIES,
    REPLICAS,
    SHARES,
    Case,
    assert_case,
    cluster,
    host_of_name,
    name_of,
    of_status,
)

FLAGS = frozenset({"master", "fail"})
GONE = node("q", flags=FLAGS, address=host_of_name("q"))
STRANGER = node("q", flags=frozenset({"master", "handshake"}), address=host_of_name("q"))


def changed(name: str, **more: Any) -> Node:
    return replace(PRIMARIES.get(name) or REPLICAS[name], **more)


def with_member(member: Node) -> Reading:
    """The cluster with another table entry for one of its members."""
    return cluster(*(member if each.id == member.id else each for each in MEMBERS))


def seen_by(names: str, *others: Node) -> Reading:
    """A cluster in which some nodes have entries in their tables that differ."""
    opinions: Mapping[str, tuple[Node, ...]] = dict.fromkeys(names, others)
    return cluster(opinions=opinions)


def shares(count: int) -> Reading:
    """A cluster of this many primaries that share the slots evenly, each with a replica."""
    names = "abcdefgh"[:count]
    width = SLOT_COUNT // count
    members: list[Node] = []
    for rank, name in enumerate(names):
        last = SLOT_COUNT if rank == count - 1 else (rank + 1) * width
        slots = range(rank * width, last)
        members.append(node(name, slots, epoch=rank + 1, address=host_of_name(name)))
        members.append(replica(name.upper(), name, address=host_of_name(name.upper())))
    return cluster(*members)


UNEVEN = cluster(
    node("a", range(8000), epoch=1, address=host_of_name("a")),
    node("b", range(8000, 12000), epoch=2, address=host_of_name("b")),
    node("c", range(12000, SLOT_COUNT), epoch=3, address=host_of_name("c")),
    *REPLICAS.values(),
)
CASES = [
    Case("uncovered", with_member(changed("c", ranges=())), cluster(), "5462 slots have no owner"),
    Case("disagreement", seen_by("b", changed("a", ranges=((0, 5),))), cluster(), "sees other owners"),
    Case(
        "open",
        with_member(changed("a", migrating={5: "b" * 40})),
        cluster(),
        "slots 5 are migrating",
    ),
    Case(
        "multiple-owners",
        with_member(node("b", {*SHARES["b"], 5}, epoch=2, address=host_of_name("b"))),
        cluster(),
        "slots 5 are claimed",
    ),
    Case("epoch-collision", with_member(changed("b", epoch=1)), cluster(), "one configuration epoch, 1"),
    Case("failing", seen_by("b", changed("a", flags=frozenset({"master", "fail?"}))), cluster()),
    Case("data-lost", of_status("a", data_lost=True), of_status("x", data_lost=True)),
    Case("no-lease", of_status("a", can_write=False), of_status("a")),
    Case("stray-keys", of_status("a", stray_keys=7), of_status("a"), "holds 7 keys"),
    Case("down", of_status("a", state_ok=False), of_status("a")),
    Case("unknown-node", seen_by("b", GONE), cluster(), "does not know"),
    Case(
        "placement",
        with_member(replica("x", "a", address=host_of_name("a"))),
        cluster(),
        "on the host of its primary",
    ),
    Case("few-primaries", shares(2), shares(3), "2 primaries own slots"),
    Case("even-voters", shares(4), shares(5), "4 primaries vote"),
    Case("uneven-slots", UNEVEN, cluster(), "owns 8000 slots, the mean is 5461"),
    Case("handshake", seen_by("b", STRANGER), cluster(), "10.0.0.113:7113"),
    Case("failed-kept", seen_by("ab", GONE), cluster(), "2 nodes still remember it"),
]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_member_rules(case: Case) -> None:
    assert_case(case)


def test_every_code_of_check_is_taken_over() -> None:
    """A finding that ``check`` learns needs a reason here, or it would be lost."""
    calls = [call for call in ast.walk(ast.parse(inspect.getsource(check))) if isinstance(call, ast.Call)]
    codes = {
        call.args[1].value
        for call in calls
        if getattr(call.func, "id", "") == "Finding" and isinstance(call.args[1], ast.Constant)
    }
    assert len(codes) > 10
    assert codes == CHECKED.keys() | LEFT_TO_RULES


def test_severity_is_that_of_check() -> None:
    """A failing node without slots is a warning, one with slots an error."""
    silent = seen_by("b", changed("x", flags=frozenset({"slave", "fail?"})))
    assert_case(Case("failing", silent, cluster(statuses={"a": NodeStatus()}), severity="warning"))
