"""Who owns what, beside a naive model that looks at one slot after the other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from garrison.cluster.core.cluster_state import ClusterState, cluster_state_of
from garrison.cluster.core.ranges import to_ranges
from garrison.cluster.core.topology import Address, Node, View

NODES = "abcde"
SLOTS = range(12)

claims = st.fixed_dictionaries(
    {name: st.tuples(st.integers(0, 3), st.frozensets(st.sampled_from(SLOTS))) for name in NODES}
)


def state_of(claimed: dict[str, tuple[int, frozenset[int]]], silent: str) -> ClusterState:
    """Each node claims some slots with its epoch; those in `silent` do not answer."""
    nodes = {
        name: Node(name, Address("h", ord(name)), epoch=epoch, ranges=to_ranges(slots))
        for name, (epoch, slots) in claimed.items()
    }
    return cluster_state_of(View(nodes, name) for name in nodes if name not in silent)


def owner_of(slot: int, claimed: dict[str, tuple[int, frozenset[int]]], silent: str) -> str | None:
    """The greatest epoch among who claims it for itself, else the newest hearsay."""
    claimants = [name for name in claimed if slot in claimed[name][1]]
    own = [name for name in claimants if name not in silent]
    if own:
        return min(own, key=lambda name: (-claimed[name][0], name))
    heard = sorted(claimants, key=lambda name: (claimed[name][0], ord(name)))
    return heard[-1] if heard else None


@given(claims, st.sampled_from(["", "a", "be", "abcd"]))
def test_owners_agree_with_the_model(claimed: dict[str, tuple[int, frozenset[int]]], silent: str) -> None:
    state = state_of(claimed, silent)
    expected = {slot: owner_of(slot, claimed, silent) for slot in SLOTS}
    assert {slot: state.owners.get(slot) for slot in SLOTS} == expected
    assert state.slots_of == {
        name: frozenset(slot for slot in SLOTS if expected[slot] == name) for name in NODES
    }


def test_equal_claims_are_settled_once() -> None:
    claimed = {"a": (1, frozenset({1, 2})), "b": (2, frozenset({2, 3}))}
    first, second = state_of(claimed, ""), state_of(claimed, "")
    assert first.owners is second.owners
    assert first.slots_of["a"] is second.slots_of["a"]
    assert first.slots_of == {"a": frozenset({1}), "b": frozenset({2, 3})}
