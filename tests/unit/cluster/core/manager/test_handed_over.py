"""A slot that changes hands between two replies is not lost; one that nobody serves is not made up."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from garrison.cluster.core.cluster_state import ClusterState
from garrison.cluster.core.manager.handed_over import Told, with_handed_over
from garrison.cluster.core.ranges import SLOT_COUNT, to_ranges
from garrison.cluster.core.topology import Address, Node, View

HALF = SLOT_COUNT // 2
MOVED = range(100, 200)
Slots = dict[str, range | set[int]]


def table(me: str, slots: Slots, primary_of: dict[str, str] | None = None) -> View:
    """The table of `me`; whoever is in `primary_of` is a replica."""
    replicas = primary_of or {}
    nodes = {}
    for at, name in enumerate(sorted({me, *slots, *replicas})):
        flags = {"slave" if name in replicas else "master", *(["myself"] if name == me else [])}
        nodes[name] = Node(
            name,
            Address("10.0.0.1", 7000 + at),
            frozenset(flags),
            replicas.get(name),
            epoch=at,
            ranges=to_ranges(slots.get(name, ())),
        )
    return View(nodes, me)


BEFORE: Slots = {"a": range(HALF), "b": range(HALF, SLOT_COUNT), "c": set()}
TO_B: Slots = {
    "a": {*range(HALF)} - {*MOVED},
    "b": {*range(HALF, SLOT_COUNT), *MOVED},
    "c": set(),
}
NEW: Slots = {"c": set()}
DROPPED: Slots = TO_B | {"b": range(HALF, SLOT_COUNT)}


def owners(**told: tuple[Slots, int] | tuple[Slots, int, int]) -> dict[int, str]:
    """Slot -> owner, of tables with when each had these owners first and, if later, was asked for last."""
    tables = {name: Told(table(name, slots), ms[-1], ms[0]) for name, (slots, *ms) in told.items()}
    return dict(ClusterState(with_handed_over(tables)).owners)


def test_slot_is_the_heirs_until_the_heir_is_asked_again() -> None:
    found = owners(a=(TO_B, 20), b=(BEFORE, 10), c=(BEFORE, 10))
    assert len(found) == SLOT_COUNT
    assert {found[slot] for slot in MOVED} == {"b"}
    denied = owners(a=(TO_B, 20), b=(BEFORE, 10, 30), c=(BEFORE, 10, 40))
    assert set(range(SLOT_COUNT)) - denied.keys() == {*MOVED}


def test_slot_that_its_owner_dropped_is_nobodys() -> None:
    for asked_ms in (10, 30):
        found = owners(a=(DROPPED, 20), b=(BEFORE, 10, asked_ms), c=(BEFORE, 10, asked_ms))
        assert set(range(SLOT_COUNT)) - found.keys() == {*MOVED}


def test_liar_gets_and_gives_nothing() -> None:
    to_c = DROPPED | {"c": {*MOVED}}
    assert len(owners(a=(BEFORE, 10), b=(BEFORE, 10), c=(to_c | {"c": set()}, 20))) == SLOT_COUNT
    found = owners(a=(DROPPED, 10), b=(to_c, 20), c=(DROPPED | {"c": {9000}}, 5))
    assert not found.keys() & {*MOVED}


def test_heir_of_an_heir_is_found() -> None:
    to_c = TO_B | {"b": range(HALF, SLOT_COUNT), "c": {*MOVED}}
    found = owners(a=(TO_B, 20), b=(to_c, 30), c=(BEFORE, 10))
    assert {found[slot] for slot in MOVED} == {"c"}


def test_node_that_has_just_joined_is_believed_to_have_got_slots() -> None:
    to_c = DROPPED | {"c": {*MOVED}}
    found = owners(a=(to_c, 20), b=(BEFORE, 10), c=(NEW, 15))
    assert {found[slot] for slot in MOVED} == {"c"}
    asked_again = owners(a=(to_c, 20), b=(BEFORE, 10), c=(NEW, 25))
    assert not asked_again.keys() & {*MOVED}


def test_replica_that_took_over_in_agreement_is_primary() -> None:
    before = table("c", {"a": range(HALF), "b": range(HALF, SLOT_COUNT)}, {"c": "a"})
    after = table("a", {"c": range(HALF), "b": range(HALF, SLOT_COUNT)}, {"a": "c"})
    other = table("b", {"a": range(HALF), "b": range(HALF, SLOT_COUNT)}, {"c": "a"})
    told = {"a": Told(after, 20, 20), "b": Told(other, 10, 10), "c": Told(before, 10, 10)}
    state = ClusterState(with_handed_over(told))
    assert len(state.owners) == SLOT_COUNT
    assert state.nodes["c"].is_primary
    assert len(state.slots_of["c"]) == HALF
    assert not state.nodes["a"].is_primary


@dataclass
class Moving:
    """Nodes that hand ranges of slots over, hear of it late, and are asked one by one."""

    random: random.Random
    names: str = "abcd"
    now_ms: int = 0
    owner: dict[int, str] = field(default_factory=dict)
    tables: dict[str, dict[int, str]] = field(default_factory=dict)
    told: dict[str, Told] = field(default_factory=dict)
    parts: int = 8

    def __post_init__(self) -> None:
        self.owner = {part: self.names[part % len(self.names)] for part in range(self.parts)}
        self.tables = {name: dict(self.owner) for name in self.names}
        for name in self.names:
            self.ask(name)

    def step(self) -> None:
        self.now_ms += 1
        part, name = self.random.randrange(self.parts), self.random.choice(self.names)
        match self.random.randrange(4):
            case 0 if name != self.owner[part]:  # The new owner knows first, then the former.
                former, self.owner[part] = self.owner[part], name
                self.tables[name][part] = self.tables[former][part] = name
            case 1 if self.tables[name][part] != name:  # Gossip.
                self.tables[name][part] = self.owner[part]
            case _:
                self.ask(name)

    def ask(self, name: str) -> None:
        width, slots = SLOT_COUNT // self.parts, Slots()
        for part, owner in self.tables[name].items():
            slots[owner] = {*slots.get(owner, ()), *range(part * width, (part + 1) * width)}
        view, before = table(name, slots), self.told.get(name)
        is_same = before is not None and before.view.signature == view.signature
        since_ms = before.since_ms if before is not None and is_same else self.now_ms
        self.told[name] = Told(view, self.now_ms, since_ms)


@pytest.mark.parametrize("seed", range(6))
def test_no_slot_looks_lost_while_all_are_served(seed: int) -> None:
    moving = Moving(random.Random(seed))
    for _ in range(120):
        moving.step()
        found = ClusterState(with_handed_over(moving.told)).owners
        assert len(found) == SLOT_COUNT, f"after step {moving.now_ms}"
