"""The order of the steps: a manager killed after any command loses no key, and the next run finishes.

The model is :mod:`fake_cluster`; it demands after every command that every key is reached from every node.
"""

import contextlib
from collections.abc import Collection
from typing import cast

import pytest

from garrison.client import key_slot
from garrison.cluster.core.ranges import SLOT_COUNT
from garrison.cluster.core.repair import Repair
from garrison.cluster.core.reshard_plan import Move
from garrison.cluster.errors import ManagerError
from garrison.cluster.manager import key_by_key, key_migration, slot_commands
from garrison.cluster.manager.admin_client import AdminClient
from garrison.cluster.manager.fix import carry_out, find_repairs, settle_first
from garrison.cluster.manager.key_by_key import KeyByKeyMigration, windows
from garrison.cluster.manager.key_migration import MigrateOptions
from garrison.cluster.manager.progress import Silent
from tests.unit.cluster.fake_cluster import FakeCluster, KilledError

A, B, C = "a" * 40, "b" * 40, "c" * 40
KEYS = {f"{{{tag}}}{number}".encode(): f"{tag}/{number}" for tag in "uvwxyz" for number in range(3)}
SLOTS = sorted({key_slot(key) for key in KEYS})
EMPTY = (5, 6)
MOVES = (Move(A, B, (*SLOTS[:3], *EMPTY)),)


@pytest.fixture(autouse=True)
def _small_and_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of two slots, listings of two keys, so that all the loops go round; no pauses."""
    monkeypatch.setattr(key_by_key, "WINDOW_SLOTS_MAX", 2)
    monkeypatch.setattr(slot_commands, "KEYS_LISTED_MAX", 2)
    monkeypatch.setattr(key_migration, "PAUSE_FIRST_S", 0.0)


def cluster(slots: Collection[int] = (*SLOTS, *EMPTY)) -> FakeCluster:
    """A owns what is moved, B one slot, C the rest of ``slots``."""
    mine = {*SLOTS[:4], *EMPTY}
    owned = {"a": mine, "b": SLOTS[4:5], "c": set(slots) - mine - {SLOTS[4]}}
    return FakeCluster.of(owned, KEYS)


def migration(fake: FakeCluster, options: MigrateOptions | None = None) -> KeyByKeyMigration:
    return KeyByKeyMigration(cast(AdminClient, fake), fake.addresses, Silent(), options or MigrateOptions())


async def test_every_key_is_reached_after_every_command() -> None:
    fake = cluster()
    fake.watch = True
    assert await migration(fake).run(MOVES) == 0
    assert all(node.owners[slot] == B for node in fake.nodes.values() for slot in MOVES[0].slots)
    assert not any(node.migrating or node.importing for node in fake.nodes.values())
    assert fake.nodes[B].keys_in(SLOTS[0])


async def test_run_killed_anywhere_is_finished_by_the_next() -> None:
    whole = cluster()
    await migration(whole).run(MOVES)
    for allowed in range(whole.executed):
        fake = cluster()
        fake.commands_left = allowed
        with contextlib.suppress(KilledError, BaseExceptionGroup):
            await migration(fake).run(MOVES)
        assert fake.commands_left == 0
        fake.commands_left = None
        fake.demand_reachable()
        state = await fake.cluster_state()
        fake.demand_reachable()
        fake.watch = True
        settled = await settle_first(migration(fake), state, lambda text: None)
        assert settled.open_slots == (), f"killed after {allowed} commands"
        held = sum(len(node.keys) for node in fake.nodes.values())
        assert held == len(KEYS), "a key is on two nodes"


async def test_the_cost_of_a_window_is_a_few_writes_whatever_its_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(key_by_key, "WINDOW_SLOTS_MAX", 128)
    fake = FakeCluster.of({"a": range(100), "b": (), "c": range(100, 16384)}, {})
    await migration(fake).run([Move(A, B, tuple(range(100)))])
    # Count, IMPORTING, MIGRATING with the listing, NODE on the target, the source and the third node.
    assert fake.writes == 6


async def test_a_stop_request_is_honoured_between_windows() -> None:
    fake = cluster()
    work = migration(fake)
    hand_over = work.hand_over

    async def then_stop(window: Move) -> None:
        await hand_over(window)
        work.stop.set()

    work.hand_over = then_stop  # type: ignore[method-assign]
    assert await work.run(MOVES) == 3
    assert (await fake.cluster_state()).open_slots == ()
    fake.demand_reachable()


@pytest.mark.parametrize(
    "refusal", ["IOERR error or timeout reading to target instance", "TRYAGAIN", "LOADING x"]
)
async def test_passing_refusals_are_overcome(refusal: str) -> None:
    fake = cluster()
    fake.watch = True
    fake.refusals = [refusal, refusal, "", refusal]
    assert await migration(fake).run(MOVES) == 0
    fake.demand_reachable()


async def test_a_lasting_refusal_ends_the_run_with_advice() -> None:
    fake = cluster()
    fake.refusals = ["IOERR error or timeout connecting to the client"] * 1000
    with pytest.raises(
        ManagerError, match=r"cannot send the keys of slots .* check that it reaches that address"
    ):
        await migration(fake).run(MOVES)
    fake.demand_reachable()


async def test_another_refusal_ends_the_run_at_once() -> None:
    fake = cluster()
    fake.refusals = ["NOAUTH Authentication required by the target"]
    with pytest.raises(ManagerError, match="NOAUTH"):
        await migration(fake).run(MOVES)
    assert not fake.refusals


async def test_copy_on_target_is_replaced_only_if_equal_or_requested() -> None:
    key = fake_key = next(key for key in KEYS if key_slot(key) == SLOTS[0])
    equal = cluster()
    equal.nodes[B].keys[key] = KEYS[key]
    assert await migration(equal).run(MOVES) == 0
    other = cluster()
    other.nodes[B].keys[fake_key] = "something else"
    with pytest.raises(ManagerError, match=r"different values.*--replace"):
        await migration(other).run(MOVES)
    other.demand_reachable()
    await settle_first(
        migration(other, MigrateOptions(replace=True)), await other.cluster_state(), lambda text: None
    )
    other.demand_reachable()


async def test_a_refused_mark_is_taken_back() -> None:
    fake = cluster()
    # C is not the owner, so MIGRATING is refused after IMPORTING was accepted.
    with pytest.raises(ManagerError, match="not the owner"):
        await migration(fake).run([Move(C, B, (SLOTS[0],))])
    assert (await fake.cluster_state()).open_slots == ()


async def test_a_refused_mark_does_not_undo_the_move_of_another_tool() -> None:
    """Keys have followed its marks: taken back, they would be nil at A and nobody's at C."""
    for rival in (B, C):
        fake = cluster(range(SLOT_COUNT))
        slot = SLOTS[0]
        first, *_ = fake.nodes[A].keys_in(slot)
        fake.nodes[rival].keys[first] = fake.nodes[A].keys.pop(first)
        fake.nodes[rival].importing[slot] = A
        fake.nodes[A].migrating[slot] = rival
        fake.watch = True
        with pytest.raises(ManagerError, match=r"already migrating|not the owner"):
            await migration(fake).run([Move(A, B, (slot,)) if rival is C else Move(C, B, (slot,))])
        state = await fake.cluster_state()
        assert slot in state.views[rival].myself.importing
        await settle_first(migration(fake), state, lambda text: None)
        assert fake.nodes[A].owners[slot] == rival


async def test_strays_come_home_before_the_slot_changes_hands() -> None:
    """The target died and its replica C took over with a key; the others are still with the owner."""
    fake = cluster(range(SLOT_COUNT))
    slot = SLOTS[0]
    first, *_ = fake.nodes[A].keys_in(slot)
    fake.nodes[C].keys[first] = fake.nodes[A].keys.pop(first)
    fake.nodes[A].migrating[slot] = "d" * 40
    state = await fake.cluster_state()
    repairs = await find_repairs(cast(AdminClient, fake), state)
    assert repairs == (Repair(slot, "finish", C, (A,)),)
    assert await carry_out(migration(fake), state, repairs) == 0
    fake.demand_reachable()
    assert fake.nodes[A].owners[slot] == C


async def test_a_slot_without_owner_is_assigned_and_its_keys_gathered() -> None:
    fake = cluster(range(SLOT_COUNT))
    slot = SLOTS[0]
    first, *_ = fake.nodes[A].keys_in(slot)
    fake.nodes[C].keys[first] = fake.nodes[A].keys.pop(first)
    for node in fake.nodes.values():
        del node.owners[slot]
    # The one who gets the slot has not heard yet that its owner gave it up.
    fake.nodes[A].owners[slot] = B
    state = await fake.cluster_state()
    repairs = await find_repairs(cast(AdminClient, fake), state)
    assert await carry_out(migration(fake), state, repairs) == 0
    fake.gossip()
    fake.demand_reachable()
    assert fake.nodes[A].owners[slot] == A


async def test_source_that_lost_last_slot_by_gossip_may_refuse_setslot() -> None:
    fake = FakeCluster.of({"a": SLOTS[:2], "b": SLOTS[2:]}, KEYS)
    fake.quick_gossip = True
    assert await migration(fake).run([Move(A, B, tuple(SLOTS[:2]))]) == 0
    assert set(fake.nodes[A].owners.values()) == {B}
    fake.demand_reachable()


def test_windows_are_bounded_in_slots_and_keys() -> None:
    counts = {1: 30_000, 2: 10, 3: 19_995, 4: 10}
    assert list(windows([1, 2, 3, 4], counts)) == [(1,), (2,), (3,), (4,)]
    assert list(windows([2, 4, 5], counts)) == [(2, 4), (5,)]


async def test_slots_handed_on_in_a_second_run_have_not_fallen_back() -> None:
    """A run finishes what an earlier one left, then gives some of those slots to somebody else."""
    fake = cluster()
    work = migration(fake)
    assert await work.run(MOVES) == 0
    assert await work.run([Move(B, C, MOVES[0].slots)]) == 0
    fake.demand_reachable()
