"""Each thing that can be wrong is found, named and has an advice; a healthy cluster has no finding."""

from garrison.cluster.core.check import check
from garrison.cluster.core.cluster_state import ClusterState, NodeStatus
from garrison.cluster.core.ranges import SLOT_COUNT
from garrison.cluster.core.topology import Address
from tests.unit.cluster.cluster_views import node, replica, state

THIRD = SLOT_COUNT // 3
SLOTS = {"a": range(THIRD), "b": range(THIRD, 2 * THIRD), "c": range(2 * THIRD, SLOT_COUNT)}
PRIMARIES = {name: node(name, slots, epoch=rank) for rank, (name, slots) in enumerate(SLOTS.items(), 1)}
REPLICAS = {name: replica(name, of) for name, of in zip("xyz", "abc", strict=True)}
HEALTHY = (*PRIMARIES.values(), *REPLICAS.values())


def codes(found: ClusterState) -> list[str]:
    return [finding.code for finding in check(found)]


def test_a_healthy_cluster_has_no_finding() -> None:
    assert check(state(*HEALTHY)) == []


def test_uncovered_slots_are_an_error() -> None:
    found = check(state(*(n for n in HEALTHY if n.id[0] not in "cz")))
    assert [(f.severity, f.code) for f in found] == [("error", "uncovered")]
    assert "5462 slots" in found[0].message
    assert "10922-16383" in found[0].message


def test_a_view_that_differs_is_named_with_its_slots() -> None:
    other = node("a", range(THIRD - 1), epoch=1)
    found = check(state(*HEALTHY, opinions={"y": (other,)}))
    assert [f.code for f in found] == ["disagreement"]
    assert str(THIRD - 1) in found[0].message
    assert REPLICAS["y"].label in found[0].message


def test_open_slots_are_an_error() -> None:
    source = node("a", SLOTS["a"], epoch=1, migrating={5: "b" * 40})
    target = node("b", SLOTS["b"], epoch=2, importing={5: "a" * 40})
    assert codes(state(source, target, *HEALTHY[2:])) == ["open", "open"]


def test_two_claims_and_equal_epochs_are_found() -> None:
    b = node("b", {*SLOTS["b"], 5}, epoch=1)
    found = codes(state(PRIMARIES["a"], b, *HEALTHY[2:]))
    assert found == ["multiple-owners", "epoch-collision"]
    assert "multiple-owners" not in [
        f.code for f in check(state(PRIMARIES["a"], b, *HEALTHY[2:]), search_multiple_owners=False)
    ]


def test_replication_and_placement_are_warnings() -> None:
    found = check(state(*HEALTHY, statuses={"x": NodeStatus(link_up=False)}))
    assert [(f.severity, f.code) for f in found] == [("warning", "replica-link")]
    assert codes(state(*(n for n in HEALTHY if n.id[0] != "x"))) == ["no-replica"]
    elsewhere = replica("x", "a", address=Address("10.0.0.2", 1))
    assert codes(state(*PRIMARIES.values(), elsewhere)) == ["no-replica"]
    assert codes(state(*PRIMARIES.values(), elsewhere, REPLICAS["y"], REPLICAS["z"])) == [
        "placement",
        "placement",
    ]


def test_states_failures_and_strangers_are_found() -> None:
    assert codes(state(*HEALTHY, statuses={"a": NodeStatus(state_ok=False)})) == ["down"]
    failing = node("a", SLOTS["a"], epoch=1, flags=frozenset({"master", "fail?"}))
    assert codes(state(*HEALTHY, opinions={"b": (failing,)})) == ["failing"]
    stranger = replica("q", "a")
    assert codes(state(*HEALTHY, opinions={"b": (stranger,)})) == ["unknown-node"] * 5


def test_silent_slot_owner_is_error_and_silent_replica_warning() -> None:
    silent = state(*HEALTHY, silent="ax")
    dead = {PRIMARIES["a"].address: "refused", REPLICAS["x"].address: "refused"}
    found = check(ClusterState(silent.views, silent.statuses, dead))
    assert [(f.severity, f.code) for f in found] == [("error", "unreachable"), ("warning", "unreachable")]


def test_what_an_owner_knows_of_its_data_and_its_lease_is_found() -> None:
    told = {
        "a": NodeStatus(data_lost=True, can_write=False),
        "b": NodeStatus(can_write=False),
        "c": NodeStatus(stray_keys=3),
    }
    found = check(state(*HEALTHY, statuses=told))
    assert [(f.severity, f.code) for f in found] == [
        ("error", "data-lost"),
        ("error", "no-lease"),
        ("warning", "stray-keys"),
    ]
    assert "SERVE-EMPTY" in found[0].advice
    assert "3 keys" in found[2].message
