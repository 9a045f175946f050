"""The marks of slots on the move, and how the replicas of a shard share them.

BACKGROUND. A slot moves by SETSLOT IMPORTING on the target, MIGRATING on the source, the moving of the
keys, then SETSLOT NODE on the target and on the source. While it moves, what a node answers for a missing
key depends on the mark. If the marks were the primary's alone, a failover in the middle would make keys
that have already moved answer nil, and writes to them begin anew on the wrong side.

INVARIANTS.
- A mark takes effect at the primary only after every replica that it can reach has it; so whoever is
  promoted goes on with the move. A replica that is suspected is not waited for.
- Where a replica does not take the marks in time, MIGRATING, IMPORTING and STABLE are refused and
  everything is as before. A claim (NODE on the target) is not taken back once a replica knows of it: it
  goes on.
- Marks are state, not events: the primary repeats its present marks, with their version, until each replica
  has confirmed that version. A replica that was away receives them with the next heartbeat.
- An import whose source has changed is *stale*: NODE is refused until it is begun again. What was listed as
  empty was the former source; the new one may have acknowledged writes since.
- Who wins an election in the source's shard without knowing of the hand-over claims the slot back, maybe with
  a larger epoch than the taker's. The taker then has the only copies of the keys. So it remembers where the
  slot came from until that whole shard speaks of its slots without this one, and an owner of that shard gets
  the slot back as one that is still moving here (see `ownership`).
- A check is repeated after the wait: a change that is not allowed any more when its turn comes is refused.
- A slot is given away (NODE for another node, on the owner) in the step in which its keys were counted. That
  needs nothing of the replicas, so it waits for nobody; behind a change that waits it is refused, for by then
  the count is old.

BEHAVIOUR. All changes that come in one step are sent to the replicas together. Without replicas nothing
waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from garrison.base.reply import OK, Error
from garrison.node.core import slots as sl
from garrison.node.core.bus_extensions import MarkKind, MarkRange, SlotMarks
from garrison.node.core.command_values import RefusedError
from garrison.node.core.context import Claim, Context
from garrison.node.core.heartbeat import Heartbeats
from garrison.node.core.nodes import Node
from garrison.node.core.ownership import Ownership

ACK_TIMEOUT_MS_MAX: Final = 2000
"""How long a change waits for the replicas, or half of the node timeout if that is less."""
REPEAT_MS: Final = 100
"""How soon marks that were not acknowledged are sent again."""

Answer = Callable[[object], None]


class Change(NamedTuple):
    """One SETSLOT: `action` is MIGRATING, IMPORTING, STABLE or NODE; `node_id` is empty for STABLE."""

    slot: int
    action: str
    node_id: str


@dataclass(slots=True)
class _Pending:
    """A change that waits for the replicas."""

    change: Change
    keys_in_slot: int
    answer: Answer
    since_ms: int
    gives_away: bool
    """The slot is this node's, and NODE names another."""
    version: int = 0
    """The version of the marks that carries it; 0 until it has been sent."""


class SlotMigrations:
    """Carries out SETSLOT on a primary, and takes over the marks of its primary on a replica."""

    def __init__(self, context: Context, heartbeats: Heartbeats, ownership: Ownership) -> None:
        self._context = context
        self._heartbeats = heartbeats
        self._ownership = ownership
        self._pending: list[_Pending] = []
        self._version = context.rng.getrandbits(40)
        """Begins anywhere, so that a version of an earlier life of this node means nothing."""
        self._sent: tuple[MarkRange, ...] = ()
        self._sent_ms = 0

    # On the primary.

    def request(self, change: Change, keys_in_slot: int, answer: Answer) -> None:
        """Carry a change out when the replicas know of it, then `answer` it. Raises RefusedError."""
        self._check(change, keys_in_slot)
        me = self._context.me
        gives_away = (
            change.action == "NODE" and change.node_id != me.node_id and sl.has(me.slots, change.slot)
        )
        self._pending.append(_Pending(change, keys_in_slot, answer, self._context.now_ms, gives_away))

    def advance(self) -> None:
        """Tell the replicas what is new, carry out what they know, refuse what took too long. Once a step."""
        if self._context.me.is_replica():
            self._refuse_all("this node has become a replica")
            return
        self._settle()
        self._send_to_replicas()
        while self._pending and self._is_decided(self._pending[0]):
            self._carry_out(self._pending.pop(0))

    def next_deadline(self) -> int | None:
        """When (core clock) a change is to be sent again or given up."""
        return self._sent_ms + REPEAT_MS if self._pending else None

    def _send_to_replicas(self) -> None:
        context = self._context
        wanted = self._ranges()
        fresh = [pending for pending in self._pending if not pending.version]
        if wanted != self._sent or fresh:
            self._version += 1
            self._sent = wanted
            self._context.marks = SlotMarks(self._version, wanted)
            for pending in fresh:
                pending.version = self._version
            self._plan_claim()
        elif not self._pending or context.now_ms - self._sent_ms < REPEAT_MS:
            return
        self._sent_ms = context.now_ms
        for replica in self._missing(self._version):
            self._heartbeats.ping(replica)

    def _plan_claim(self) -> None:
        """Slots that I am about to take: the claim is sent to my replicas before anybody else."""
        context = self._context
        taken = (p.change for p in self._pending if p.change.action == "NODE")
        slots = sl.from_slots(
            change.slot
            for change in taken
            if change.node_id == context.me.node_id and change.slot in context.table.importing
        )
        if not slots:
            context.claim = None
            return
        epoch = context.claim.epoch if context.claim is not None else self._ownership.next_epoch()
        context.claim = Claim(slots, epoch)

    def _ranges(self) -> tuple[MarkRange, ...]:
        """The marks as they will be when all that waits is carried out."""
        table = self._context.table
        marks: dict[tuple[int, int], tuple[MarkKind, str]] = {}
        for slot, node in table.migrating.items():
            marks[slot, 0] = (MarkKind.MIGRATING, node.node_id)
        for slot, node in table.importing.items():
            stale = slot in table.stale_imports
            marks[slot, 1] = (MarkKind.IMPORTING_STALE if stale else MarkKind.IMPORTING, node.node_id)
        for slot, shard_id in table.imported.items():
            marks[slot, 2] = (MarkKind.IMPORTED, shard_id)
        for change in (pending.change for pending in self._pending):
            if change.action == "MIGRATING":
                marks[change.slot, 0] = (MarkKind.MIGRATING, change.node_id)
            elif change.action == "IMPORTING":
                marks[change.slot, 1] = (MarkKind.IMPORTING, change.node_id)
            elif change.action == "STABLE":
                marks.pop((change.slot, 0), None)
                marks.pop((change.slot, 1), None)
        return _as_ranges((slot, *mark) for (slot, _), mark in sorted(marks.items()))

    def _missing(self, version: int) -> list[Node]:
        """The replicas that are to know a version of the marks, and a claim, and have not said so yet."""
        context = self._context
        claim = context.claim
        return [
            node
            for node in context.me.replicas
            if node.outbound is not None
            and node.outbound.up
            and not node.is_suspect()
            and (
                (node.is_garrison() and not self._has_seen(node, version))
                or (claim is not None and not _knows(node, claim))
            )
        ]

    def _has_seen(self, node: Node, version: int) -> bool:
        return version <= node.marks_seen <= self._version

    def _is_decided(self, pending: _Pending) -> bool:
        if pending.gives_away:
            return True
        limit_ms = min(ACK_TIMEOUT_MS_MAX, self._context.timeout_ms // 2)
        return not self._missing(pending.version) or self._context.now_ms - pending.since_ms >= limit_ms

    def _carry_out(self, pending: _Pending) -> None:
        change, missing = pending.change, self._missing(pending.version)
        if missing and change.action != "NODE":
            names = ", ".join(node.name_for_people() for node in missing)
            text = f"The replicas {names} have not taken over the mark of slot {change.slot} in time"
            pending.answer(Error(f"NOREPLICAS {text}"))
            return
        if pending.gives_away and pending.since_ms != self._context.now_ms:
            pending.answer(
                Error(f"TRYAGAIN slot {change.slot} may have keys again: its keys were counted a while ago")
            )
            return
        try:
            self._check(change, pending.keys_in_slot)
            self._apply(change, pending.keys_in_slot)
        except RefusedError as refusal:
            pending.answer(Error(f"ERR {refusal}"))
        else:
            pending.answer(OK)

    def _refuse_all(self, why: str) -> None:
        self._context.claim = None
        pending, self._pending = self._pending, []
        for each in pending:
            each.answer(Error(f"ERR the slot's mark was not set: {why}"))

    # What a change needs, and what it does.

    def _check(self, change: Change, keys_in_slot: int) -> None:
        """Raise RefusedError for a change that the present state, and what waits, do not allow."""
        table, slot = self._context.table, change.slot
        me = table.me
        if change.action == "STABLE":
            return
        mine = sl.has(me.slots, slot)
        if change.action == "MIGRATING" and not mine:
            raise RefusedError(f"I'm not the owner of hash slot {slot}")
        if change.action == "IMPORTING" and mine:
            raise RefusedError(f"I'm already the owner of hash slot {slot}")
        unknown = "Unknown node {}" if change.action == "NODE" else "I don't know about node {}"
        node = self._primary(change.node_id, unknown)
        if change.action == "MIGRATING":
            target = table.migrating.get(slot)
            if target is not None and target is not node:
                raise RefusedError(
                    f"Slot {slot} is already migrating to {target.node_id}: "
                    f"CLUSTER SETSLOT {slot} STABLE calls that off"
                )
        elif change.action == "NODE" and mine and node is not me and keys_in_slot:
            raise RefusedError(
                f"Can't assign hashslot {slot} to a different node "
                "while I still hold keys for this hash slot."
            )
        elif change.action == "NODE" and node is me and slot in table.stale_imports:
            raise RefusedError(
                f"The source of slot {slot} has changed since its import began, so it may hold keys again: "
                f"begin it again with CLUSTER SETSLOT {slot} IMPORTING and MIGRATING"
            )

    def _primary(self, node_id: str, unknown: str) -> Node:
        node = self._context.table.known(node_id)
        if node is None:
            raise RefusedError(unknown.format(node_id))
        if node.is_replica():
            raise RefusedError("Target node is not a master")
        return node

    def _apply(self, change: Change, keys_in_slot: int) -> None:
        context, slot = self._context, change.slot
        table = context.table
        node = table.get(change.node_id)
        if change.action == "STABLE":
            table.migrating.pop(slot, None)
            table.importing.pop(slot, None)
            table.stale_imports.discard(slot)
        elif node is not None and change.action == "MIGRATING":
            table.migrating[slot] = node
        elif node is not None and change.action == "IMPORTING":
            table.importing[slot] = node
            table.stale_imports.discard(slot)
        elif node is not None:
            self._assign(slot, node, keys_in_slot)
        context.changed()

    def _assign(self, slot: int, node: Node, keys_in_slot: int) -> None:
        context = self._context
        me, table = context.me, context.table
        was_mine = sl.has(me.slots, slot)
        if not keys_in_slot:
            table.migrating.pop(slot, None)
        table.assign(1 << slot, node)
        if was_mine and node is not me and not me.slots and context.settings.cluster_allow_replica_migration:
            self._ownership.follow_taker(node)
        if node is me:
            source = table.importing.pop(slot, None)
            if source is not None and source.shard_id:
                table.imported[slot] = source.shard_id
            self._take_claimed_epoch(slot)
        context.announce_due = True

    def _settle(self) -> None:
        """Forget where a slot came from when all of that shard know that it is here."""
        table = self._context.table
        if not table.imported:
            return
        spoken: dict[str, int] = dict.fromkeys(table.imported.values(), sl.NO_SLOTS)
        for node in table:
            if node is not table.me and node.shard_id in spoken and not node.is_failing():
                spoken[node.shard_id] |= node.spoken_slots
        mine = table.me.slots
        table.imported = {
            slot: shard_id
            for slot, shard_id in table.imported.items()
            if sl.has(mine, slot) and sl.has(spoken[shard_id], slot)
        }

    def _take_claimed_epoch(self, slot: int) -> None:
        """The slot is mine: with an epoch above all others, so that the claim wins everywhere."""
        context = self._context
        claim = context.claim
        if claim is None or not sl.has(claim.slots, slot):
            return
        if claim.epoch > context.me.config_epoch:
            context.me.config_epoch = claim.epoch
            context.changed(sync=True)
            context.log("notice", f"configEpoch updated after importing slot {slot}")
        # Somebody may have taken a larger epoch while my replicas acknowledged.
        self._ownership.bump_epoch()
        left = claim.slots & ~(1 << slot)
        context.claim = claim._replace(slots=left) if left else None

    # On a replica.

    def take(self, sender: Node, marks: SlotMarks) -> None:
        """My primary has sent its marks: they become mine if I am promoted."""
        context = self._context
        table = context.table
        if sender is not context.me.primary or marks.version == context.marks_taken:
            return
        table.migrating.clear()
        table.importing.clear()
        table.stale_imports.clear()
        table.imported.clear()
        for first, last, kind, node_id in marks.ranges:
            if kind == MarkKind.IMPORTED:
                table.imported.update(dict.fromkeys(range(first, last + 1), node_id))
                continue
            node = table.known(node_id)
            if node is None:
                # Gossip will bring it; until then I do not acknowledge, and the marks are sent again.
                return
            for slot in range(first, last + 1):
                (table.migrating if kind == MarkKind.MIGRATING else table.importing)[slot] = node
                if kind == MarkKind.IMPORTING_STALE:
                    table.stale_imports.add(slot)
        context.marks_taken = marks.version
        context.changed()


def _knows(node: Node, claim: Claim) -> bool:
    """Whether a replica's own frames speak for the claimed slots already."""
    return node.spoken_epoch >= claim.epoch and not claim.slots & ~node.spoken_slots


def _as_ranges(marks: Iterable[tuple[int, MarkKind, str]]) -> tuple[MarkRange, ...]:
    ranges: list[MarkRange] = []
    for slot, kind, node_id in marks:
        last = ranges[-1] if ranges else None
        if last is not None and last.last == slot - 1 and (last.kind, last.node_id) == (kind, node_id):
            ranges[-1] = last._replace(last=slot)
        else:
            ranges.append(MarkRange(slot, slot, kind, node_id))
    return tuple(ranges)
