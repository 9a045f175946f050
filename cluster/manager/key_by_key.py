"""Move slots between primaries while clients use them, over the standard protocol.

BACKGROUND  A slot moves in five steps: IMPORTING on the target, MIGRATING on the source, its keys by
            MIGRATE, then NODE on the target and NODE on the source; NODE is sent to the other primaries last.
            Clients follow by ASK while the slot is open and by MOVED after.
INVARIANTS  At every instant each key is served by exactly one node that a client reaches by redirects:
            - IMPORTING comes before MIGRATING, as the source sends clients to the target from MIGRATING on;
            - NODE comes to the target first. A source that gave up a slot which its target does not own yet
              would send clients in circles; a target that owns a slot early serves it at once, for the source
              holds nothing any more and still redirects;
            - NODE is sent only after the source has listed no key for the slot while it was MIGRATING.
            So a manager that is killed leaves open slots behind and nothing else; :mod:`.fix` closes them.
            Between the listing and NODE the source may fail over, and its successor take writes. A Garrison
            target refuses NODE then, as its import is stale (see ``node/core/slot_migration.py``). The
            successor may also be elected just after NODE and claim the slots back: the end of a run looks for
            that.
BEHAVIOUR   Slots travel in *windows* of up to ``WINDOW_SLOTS_MAX``: each step is one write and one
            transaction for the whole window, so a slot costs five commands and a small part of five
            round trips and of five syncs of a node's disk.
            Sources work side by side; each source sends to one target at a time, as MIGRATE keeps it
            busy. A stop request is honoured between windows, when no slot is open.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from garrison.cluster.core.batch_size import BatchSizer
from garrison.cluster.core.cluster_state import ClusterState
from garrison.cluster.core.reshard_plan import Move, slot_count
from garrison.cluster.core.topology import Address
from garrison.cluster.errors import ManagerError
from garrison.cluster.manager.admin_client import AdminClient, Command
from garrison.cluster.manager.fix import settle_first
from garrison.cluster.manager.key_migration import KeyMigration, MigrateOptions
from garrison.cluster.manager.progress import Display, Meter
from garrison.cluster.manager.slot_commands import WINDOW_SLOTS_MAX, count_keys, list_keys, set_slots, stable

WINDOW_KEYS_MAX = 20_000
"""Slots of a window stay open, and cost clients an ASK, until all keys of the window are over."""


@dataclass
class KeyByKeyMigration:
    """Carries out moves key by key (see :class:`.SlotMigration`)."""

    admin: AdminClient
    addresses: Mapping[str, Address]
    display: Display
    options: MigrateOptions = field(default_factory=MigrateOptions)
    bytes_per_key: Mapping[str, float] = field(default_factory=dict)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    meter: Meter = field(default_factory=Meter)
    _notifying: list[asyncio.Task[None]] = field(default_factory=list)
    _handed: dict[str, set[int]] = field(default_factory=dict)

    def address(self, node_id: str) -> Address:
        """Where a primary is. ManagerError if it was none, or silent, when the cluster was asked."""
        if node_id not in self.addresses:
            raise ManagerError(
                f"{node_id[:8]} did not answer as a primary when the cluster was asked: a failover seems to "
                "be under way; run the same command again"
            )
        return self.addresses[node_id]

    async def finish_open(self, state: ClusterState, note: Callable[[str], None]) -> ClusterState:
        """Finish slots that an earlier run left open; return the new state if there were any."""
        return await settle_first(self, state, note)

    async def run(self, moves: Sequence[Move]) -> int:
        """Carry out the moves; return how many slots remain because of a stop request."""
        counts = await self._count_keys(moves)
        self.meter.slots += slot_count(moves)
        self.meter.keys += sum(counts.values())
        self.meter.bytes += sum(
            counts[slot] * self.bytes_per_key.get(move.source, 0.0) for move in moves for slot in move.slots
        )
        by_source: dict[str, list[Move]] = {}
        for move in moves:
            by_source.setdefault(move.source, []).append(move)
        self.display.start(self.meter)
        try:
            async with asyncio.TaskGroup() as tasks:
                for source_moves in by_source.values():
                    tasks.create_task(self._run_source(source_moves, counts))
        except* ManagerError as group:
            raise _first(group) from None
        finally:
            await self.all_notified()
            self.display.stop(self.meter)
        await self._demand_kept()
        return self.meter.slots - self.meter.slots_moved

    async def _run_source(self, moves: Sequence[Move], counts: Mapping[int, int]) -> None:
        sizer = BatchSizer(keys_max=self.options.keys_per_write_max)
        for move in moves:
            for window in windows(move.slots, counts):
                if self.stop.is_set():
                    return
                await self._move_window(Move(move.source, move.target, window), sizer)

    async def _move_window(self, window: Move, sizer: BatchSizer) -> None:
        listed = await self.open_slots(window)
        await self.drain(window.source, window.target, window.slots, sizer, listed)
        await self.hand_over(window)

    async def open_slots(self, window: Move, redirected: Collection[int] = ()) -> Sequence[Any]:
        """Mark the slots on both sides and list their keys.

        ``redirected`` are slots that the source sends to somebody else so far. It forgets that in the same
        transaction: a source without a mark would answer nil for what it has sent already.
        """
        source, target = self.address(window.source), self.address(window.target)
        forget = [stable(slot) for slot in window.slots if slot in redirected]
        await self.admin.demand_together(target, set_slots(window.slots, "IMPORTING", window.source))
        try:
            replies = await self.admin.demand_together(
                source,
                [*forget, *set_slots(window.slots, "MIGRATING", window.target)],
                then=[list_keys(slot) for slot in window.slots],
            )
        except ManagerError:
            await self._call_off(window)
            raise
        return replies[len(forget) + len(window.slots) :]

    async def _call_off(self, window: Move) -> None:
        """The source refuses: forget the imports that are not needed any more.

        Nothing else is undone. The source may have refused as another tool moves these slots, and a mark
        that keys have followed must stay until the rest has followed.
        """
        target = self.address(window.target)
        try:
            sent = (await self.admin.view(self.address(window.source))).myself.migrating
            counts = await self.admin.demand_many(target, [count_keys(slot) for slot in window.slots])
            unused = [s for s, keys in zip(window.slots, counts, strict=True) if not keys and s not in sent]
            await self.admin.demand_together(target, [stable(slot) for slot in unused])
        except ManagerError:
            # The marks stay, and the next run finds them.
            pass

    async def drain(
        self,
        source: str,
        target: str,
        slots: Sequence[int],
        sizer: BatchSizer,
        listed: Sequence[Any] | None = None,
    ) -> int:
        """Move all keys of marked slots."""

        def moved(keys: int) -> None:
            self.meter.moved(keys, self.bytes_per_key.get(source, 0.0))
            self.display.update(self.meter)

        keys = KeyMigration(
            self.admin, self.address(source), self.address(target), sizer, self.options, moved
        )
        return await keys.run(slots, listed)

    async def hand_over(self, window: Move) -> None:
        """Change the owner of emptied slots: the target, then the source, then all others."""
        owner = set_slots(window.slots, "NODE", window.target)
        await self.admin.demand_together(self.address(window.target), owner)
        try:
            await self.admin.demand_together(self.address(window.source), owner)
        except ManagerError:
            # Gossip was quicker. A source that knows of its last slots' new owner is a replica by
            # now and refuses SETSLOT; what matters is that it does not claim them any more.
            source = (await self.admin.view(self.address(window.source))).myself
            if not source.slots.isdisjoint(window.slots):
                raise
        self._handed.get(window.source, set()).difference_update(window.slots)
        self._handed.setdefault(window.target, set()).update(window.slots)
        self.meter.slots_moved += len(window.slots)
        self.display.update(self.meter)
        others = self.addresses.keys() - {window.source, window.target}
        for node_id in sorted(others):
            self._notifying.append(asyncio.create_task(self._notify(self.address(node_id), owner)))

    async def _demand_kept(self) -> None:
        """A replica of the source that was elected in the same moment claims the slots back."""
        for target, slots in self._handed.items():
            lost = slots - (await self.admin.view(self.address(target))).myself.slots
            if lost:
                raise ManagerError(
                    f"{len(lost)} slots fell back in a failover while they were handed over; every key is "
                    "reachable. Run the same command again, or 'garrison cluster fix', to finish them"
                )

    async def all_notified(self) -> None:
        """Wait until the other primaries have been sent the new owner of every slot."""
        notifying, self._notifying = self._notifying, []
        await asyncio.gather(*notifying)

    async def _notify(self, address: Address, owner: Sequence[Command]) -> None:
        """Save a node's clients one redirect. Gossip brings the news anyway, so a failure does not matter."""
        try:
            await self.admin.demand_together(address, owner)
        except ManagerError:
            pass

    async def _count_keys(self, moves: Sequence[Move]) -> dict[int, int]:
        """Slot -> keys, for the plan of the windows and the progress bar."""

        async def count(move: Move) -> dict[int, int]:
            commands = [count_keys(slot) for slot in move.slots]
            replies = await self.admin.demand_many(self.address(move.source), commands)
            return dict(zip(move.slots, replies, strict=True))

        counted: dict[int, int] = {}
        for part in await asyncio.gather(*map(count, moves)):
            counted.update(part)
        return counted


def windows(slots: Sequence[int], counts: Mapping[int, int]) -> Iterator[tuple[int, ...]]:
    """Cut slots into windows of bounded size; a slot with very many keys travels alone."""
    window: list[int] = []
    keys = 0
    for slot in slots:
        more = counts.get(slot, 0)
        if window and (len(window) == WINDOW_SLOTS_MAX or keys + more > WINDOW_KEYS_MAX):
            yield tuple(window)
            window, keys = [], 0
        window.append(slot)
        keys += more
    if window:
        yield tuple(window)


def _first(group: BaseExceptionGroup[ManagerError]) -> ManagerError:
    """The first error of a group; the others follow from it or will come up again."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, ManagerError)
    return error
