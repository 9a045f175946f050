"""Carry out repairs: close, finish or assign slots that a broken run, a failover or a crash left open.

The plan is :mod:`garrison.cluster.core.repair`; the order of steps and why it is safe is in
:mod:`.key_by_key`. A holder of keys that does not own their slot must be marked before it will send them:
IMPORTING where it knows that it is not the owner, MIGRATING where it believes to be.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from garrison.cluster.core.batch_size import BatchSizer
from garrison.cluster.core.cluster_state import ClusterState
from garrison.cluster.core.ranges import SLOT_COUNT
from garrison.cluster.core.repair import Repair, plan_repairs, slots_to_examine
from garrison.cluster.core.reshard_plan import Move
from garrison.cluster.errors import ManagerError
from garrison.cluster.manager.admin_client import AdminClient
from garrison.cluster.manager.slot_commands import WINDOW_SLOTS_MAX, count_keys, set_slots, stable

if TYPE_CHECKING:
    from garrison.cluster.manager.key_by_key import KeyByKeyMigration


async def find_repairs(
    admin: AdminClient, state: ClusterState, *, assign_missing: bool = True
) -> tuple[Repair, ...]:
    """Plan the repairs that the cluster needs, by where the keys are."""
    slots = sorted(
        {*slots_to_examine(state, assign_missing=assign_missing), *await _slots_of_strays(admin, state)}
    )
    if not slots:
        return ()
    counts = await count_everywhere(admin, state, slots)
    return plan_repairs(state, counts, assign_missing=assign_missing)


async def _slots_of_strays(admin: AdminClient, state: ClusterState) -> set[int]:
    """The slots of keys that lie where no client finds them."""
    found: set[int] = set()
    for node in state.primaries:
        status = state.statuses.get(node.id)
        if status is None or not status.stray_keys:
            continue
        others = sorted(set(range(SLOT_COUNT)) - state.slots_of.get(node.id, frozenset()))
        counts = await admin.demand_many(node.address, [count_keys(slot) for slot in others])
        found.update(slot for slot, keys in zip(others, counts, strict=True) if keys)
    return found


async def count_everywhere(
    admin: AdminClient, state: ClusterState, slots: Sequence[int]
) -> Mapping[int, Mapping[str, int]]:
    """Slot -> primary -> keys, asked of every primary that answers."""
    primaries = [node for node in state.primaries if node.id in state.views]
    commands = [count_keys(slot) for slot in slots]
    replies = await asyncio.gather(*(admin.demand_many(node.address, commands) for node in primaries))
    return {
        slot: {
            node.id: int(counted[index])
            for node, counted in zip(primaries, replies, strict=True)
            if counted[index]
        }
        for index, slot in enumerate(slots)
    }


async def carry_out(migration: "KeyByKeyMigration", state: ClusterState, repairs: Sequence[Repair]) -> int:
    """Carry out the repairs, in windows of slots that need the same; return how many were left."""
    left = 0
    migration.meter.slots += len(repairs)
    migration.display.start(migration.meter)
    try:
        for window in _windows(repairs):
            if migration.stop.is_set():
                left += len(window)
                continue
            await _carry_out_window(migration, state, window)
    finally:
        await migration.all_notified()
        migration.display.stop(migration.meter)
    return left


async def _carry_out_window(
    migration: "KeyByKeyMigration", state: ClusterState, window: Sequence[Repair]
) -> None:
    first = window[0]
    slots = tuple(repair.slot for repair in window)
    for node_id in first.clear:
        await _stable(migration, node_id, slots)
    if first.action == "assign":
        await _assign(migration, first.target, slots)
    sources = list(first.sources)
    owner = sources.pop(0) if first.action == "finish" and _owns(state, sources, slots) else None
    if sources:
        await _gather_strays(migration, state, sources, owner or first.target, first.target, slots)
    if owner is not None:
        await _finish(migration, state, Move(owner, first.target, slots))
    else:
        migration.meter.slots_moved += len(slots)
        migration.display.update(migration.meter)


def _owns(state: ClusterState, sources: Sequence[str], slots: Sequence[int]) -> bool:
    """Whether the first source is the owner, rather than one more holder of keys."""
    return bool(sources) and state.owners.get(slots[0]) == sources[0]


async def _finish(migration: "KeyByKeyMigration", state: ClusterState, move: Move) -> None:
    sent = state.nodes[move.source].migrating
    redirected = [slot for slot in move.slots if sent.get(slot, move.target) != move.target]
    listed = await migration.open_slots(move, redirected)
    await migration.drain(move.source, move.target, move.slots, BatchSizer(), listed)
    await migration.hand_over(move)


async def _gather_strays(
    migration: "KeyByKeyMigration",
    state: ClusterState,
    strays: Sequence[str],
    owner: str,
    target: str,
    slots: Sequence[int],
) -> None:
    """Bring keys that lie with other nodes to ``target``."""
    if owner != target:
        await migration.admin.demand_together(migration.address(target), set_slots(slots, "IMPORTING", owner))
    for stray in strays:
        claims = stray in state.claims.get(slots[0], ())
        mark = set_slots(slots, "MIGRATING", target) if claims else set_slots(slots, "IMPORTING", owner)
        await migration.admin.demand_together(migration.address(stray), mark)
        await migration.drain(stray, target, slots, BatchSizer())
        if claims:
            # It believed to own them; now that it is empty it can learn who does.
            await migration.admin.demand_together(migration.address(stray), set_slots(slots, "NODE", owner))
        await _stable(migration, stray, slots)


async def _assign(migration: "KeyByKeyMigration", target: str, slots: Sequence[int]) -> None:
    """Give slots without owner to ``target``, with an epoch that wins against older claims.

    The target may still believe in an owner that gave them up a moment ago, and would refuse them as busy: it
    is asked to forget first. Where it believes in none, that is an error reply without meaning.
    """
    address = migration.address(target)
    await migration.admin.call_many(address, [("CLUSTER", "DELSLOTS", slot) for slot in slots])
    await migration.admin.demand_many(address, [("CLUSTER", "ADDSLOTS", *slots)])
    await migration.admin.demand_many(address, [("CLUSTER", "BUMPEPOCH")])


async def _stable(migration: "KeyByKeyMigration", node_id: str, slots: Sequence[int]) -> None:
    if node_id in migration.addresses:
        await migration.admin.demand_together(migration.address(node_id), [stable(slot) for slot in slots])


def _windows(repairs: Iterable[Repair]) -> Iterator[list[Repair]]:
    """Group repairs that differ in the slot only."""
    groups: dict[tuple[str, str, tuple[str, ...], tuple[str, ...]], list[Repair]] = {}
    for repair in repairs:
        key = (repair.action, repair.target, repair.sources, repair.clear)
        groups.setdefault(key, []).append(repair)
    for group in groups.values():
        for start in range(0, len(group), WINDOW_SLOTS_MAX):
            yield group[start : start + WINDOW_SLOTS_MAX]


async def settle_first(
    migration: "KeyByKeyMigration", state: ClusterState, note: Callable[[str], None]
) -> ClusterState:
    """Before new work: finish what an earlier run left open. Return the new state if anything was done."""
    if not state.open_slots:
        return state
    repairs = await find_repairs(migration.admin, state, assign_missing=False)
    note(f"{len(repairs)} slots are open from an earlier run; finishing them first")
    left = await carry_out(migration, state, repairs)
    if left:
        return state
    fresh = await migration.admin.cluster_state()
    if fresh.open_slots:
        raise ManagerError(
            f"{len(fresh.open_slots)} slots opened while the earlier ones were being finished: "
            "another reshard seems to be running; let it end, then run again"
        )
    return fresh
