"""What to do about open, unowned and doubly held slots: *where the keys are decides*.

BACKGROUND  A move by key has begun when the target is IMPORTING and the source MIGRATING, and it has
            ended when both know the new owner. A tool killed in between, a failover in either shard (in
            which a Redis forgets the marks) or a node that comes back leaves some of the marks, and perhaps
            keys on both sides. A node that lost a slot before it was empty keeps those keys, and no client
            finds them.
INVARIANTS  No repair deletes a key. Keys are only ever moved towards the node that will own the slot, and
            ownership changes only when every other known holder has none left (the executor counts again
            before it changes it).
BEHAVIOUR   For each slot, in this order: a slot with no owner goes to whoever holds most of its keys, or,
            when nobody holds any, to the primary with the fewest slots. A slot whose target is there is
            moved to the end ("finish"), as keys have gone over or were about to. A slot whose target holds
            nothing and whose source sends nothing is closed where it is ("close"). When the target is gone,
            its keys are with the replica that took its place, if anyone holds some; else the move is undone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from garrison.cluster.core.cluster_state import ClusterState, OpenSlot
from garrison.cluster.core.creation import PlanError
from garrison.cluster.core.ranges import SLOT_COUNT

KeyCounts = Mapping[int, Mapping[str, int]]
"""Slot -> primary -> how many keys of the slot it holds (zeros may be left out)."""


@dataclass(frozen=True, slots=True)
class Repair:
    """One slot and what to do with it.

    - ``finish``: move the keys from each of ``sources`` to ``target``, then make it the owner;
    - ``close``: forget the move; ``target`` is and stays the owner;
    - ``assign``: the slot has no owner; ``target`` becomes it, then keys of ``sources`` move there.
    """

    slot: int
    action: Literal["finish", "close", "assign"]
    target: str
    sources: tuple[str, ...] = ()
    clear: tuple[str, ...] = field(default=())
    """Nodes whose mark no longer belongs to a move."""


def slots_to_examine(state: ClusterState, *, assign_missing: bool = True) -> tuple[int, ...]:
    """The slots whose keys must be counted on every primary before repairs can be planned."""
    missing = set(range(SLOT_COUNT)) - state.owners.keys() if assign_missing else set()
    doubly = {slot for slot, claimants in state.claims.items() if len(claimants) > 1}
    return tuple(sorted({each.slot for each in state.open_slots} | missing | doubly))


def plan_repairs(
    state: ClusterState, counts: KeyCounts, *, assign_missing: bool = True
) -> tuple[Repair, ...]:
    """Plan one repair for each slot that needs one.

    A slot that is counted and has nothing else wrong with it is one whose keys should be with its owner
    alone. ``assign_missing`` off leaves slots without owner alone, for when a primary that may own them
    does not answer.
    """
    primaries = [node.id for node in state.primaries if node.id in state.views]
    if not primaries:
        raise PlanError("no primary answers, so nothing can be repaired; start the nodes first")
    opened = {each.slot: each for each in state.open_slots}
    load = {node_id: len(state.slots_of.get(node_id, ())) for node_id in primaries}
    repairs = []
    needed = slots_to_examine(state, assign_missing=assign_missing)
    for slot in sorted({*needed, *counts}):
        held = {n: counts.get(slot, {}).get(n, 0) for n in primaries if counts.get(slot, {}).get(n, 0)}
        owner = state.owners.get(slot)
        if owner is None:
            if not assign_missing:
                continue
            repair = _assign(slot, held, load, opened.get(slot))
            load[repair.target] += 1
        elif slot not in needed and not held.keys() - {owner}:
            continue
        else:
            repair = _settle(slot, owner, held, opened.get(slot), primaries)
        repairs.append(repair)
    return tuple(repairs)


def _assign(slot: int, held: Mapping[str, int], load: Mapping[str, int], opened: OpenSlot | None) -> Repair:
    if held:
        target = min(held, key=lambda node_id: (-held[node_id], node_id))
    else:
        target = min(load, key=lambda node_id: (load[node_id], node_id))
    others = tuple(sorted(held.keys() - {target}))
    return Repair(slot, "assign", target, others, _marked(opened, {target, *others}))


def _settle(
    slot: int, owner: str, held: Mapping[str, int], opened: OpenSlot | None, primaries: Sequence[str]
) -> Repair:
    target = _target(owner, held, opened, primaries)
    if target is None:
        strays = tuple(sorted(held.keys() - {owner}))
        if strays:
            return Repair(slot, "finish", owner, strays, _marked(opened, {owner, *strays}))
        return Repair(slot, "close", owner, (), _marked(opened, set()))
    sources = (owner, *sorted(held.keys() - {owner, target}))
    return Repair(slot, "finish", target, sources, _marked(opened, {target, *sources}))


def _target(
    owner: str, held: Mapping[str, int], opened: OpenSlot | None, primaries: Sequence[str]
) -> str | None:
    """The node that should own the slot in the end; None if its owner should keep it."""
    if opened is None:
        return None
    wished = opened.migrating.get(owner)
    if wished in primaries and wished != owner:
        return wished
    importers = [node_id for node_id in opened.importing if node_id != owner and node_id in primaries]
    holders = [node_id for node_id in held if node_id != owner]
    candidates = [node_id for node_id in importers if node_id in held] or holders
    if not candidates:
        return None
    return min(candidates, key=lambda node_id: (-held.get(node_id, 0), node_id))


def _marked(opened: OpenSlot | None, keep: Iterable[str]) -> tuple[str, ...]:
    """The nodes with a mark that do not take part in the repair."""
    if opened is None:
        return ()
    return tuple(sorted((opened.migrating.keys() | opened.importing.keys()) - set(keep)))
