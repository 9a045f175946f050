"""The invariants, checked at every step of every node.

They speak of promises (votes, epochs, claims, leases) and of data: what was acknowledged to a writer, which
copy of it a winner holds, and whether all copies are the same in the end."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import TYPE_CHECKING

from garrison.node.core import bus_codec as bus
from garrison.node.core import flags as fl
from garrison.node.core import slots as sl
from garrison.node.core.nodes import Node

from .promises import Promises
from .writer import key_of_slot

if TYPE_CHECKING:
    from .node import SimNode
    from .simulation import Simulation

SETTLED_WRITES_MIN = 20
"""A shard that has acknowledged so many writes has data."""
SETTLED_MS = 3000
"""A write this old has reached every replica that was in sync then."""


class BrokenInvariantError(AssertionError):
    """A property that must always hold did not; the message says which, when and for whom."""


@dataclass(slots=True)
class Acknowledged:
    """The last write to a key that was acknowledged."""

    value: int
    node: str
    life: int
    at_ms: int


class Checks:
    """Remembers what was promised and claimed, over all lives of all nodes."""

    def __init__(self, sim: Simulation) -> None:
        self._sim = sim
        self._promises = Promises(lambda: sim.now_ms, self.fail)
        self.votes: dict[tuple[str, int], str] = {}
        """(voter, epoch) -> the request it answered, by the id of the candidate."""
        self.claims: dict[int, dict[str, int]] = {}
        """config epoch -> node id -> every slot that it has claimed with that epoch."""
        self._last_claim: dict[str, tuple[int, int]] = {}
        self.elected: list[tuple[int, int, str]] = []
        """(epoch, slots, node) of elections, in which no administrator overruled the lease."""
        self._forced: dict[str, bool] = {}
        """Node -> whether its last request for votes was a manual failover's."""
        self._overruling: set[tuple[str, int]] = set()
        """(candidate, epoch) of requests that ask for a vote whether the primary is up or not."""
        self.lease_is_checked = True
        """Whether nothing overrules votes and leases: no FORCE, no TAKEOVER."""
        self.writes = 0
        self.last_write_ms: dict[str, int] = {}
        self.acked: dict[bytes, Acknowledged] = {}
        self.kept: dict[bytes, int] = {}
        """Key -> the value that a replica has confirmed."""

    def fail(self, what: str) -> None:
        raise BrokenInvariantError(f"seed {self._sim.seed} at {self._sim.now_ms} ms: {what}")

    # Promises.

    def before_send(self, node: SimNode, receiver: str, data: bytes, *, on_own_link: bool) -> None:
        """A frame leaves for the node of that name: what it promises must be on the disk, synced.

        A PONG on a link that the sender has dialled is an announcement: it answers no ping, so it grants
        nothing.
        """
        disk = node.disk
        frame = bus.decode_header(data)
        if frame.type == bus.AUTH_ACK:
            self._vote(node, self._sim.id(receiver), frame)
        if self.lease_is_checked and frame.type == bus.FAIL:
            self._promises.verdict(node, data)
        elif self.lease_is_checked and frame.type == bus.PONG and not on_own_link:
            self._promises.pong(node, self._sim.id(receiver), data)
        if frame.type == bus.AUTH_REQUEST:
            self._promises.request(node.core.node_id, frame.current_epoch)
            self._forced[node.name] = bool(frame.message_flags & bus.FLAG_FORCE_ACK)
            if frame.message_flags & bus.FLAG_FORCE_ACK:
                self._overruling.add((node.core.node_id, frame.current_epoch))
            if frame.current_epoch > disk.current_epoch:
                self.fail(
                    f"{node.name} asks for votes in epoch {frame.current_epoch}, synced {disk.current_epoch}"
                )
        synced = max(disk.own_epoch, disk.current_epoch if node.core.context.claim is not None else 0)
        if not frame.primary_id and any(frame.slots) and frame.config_epoch > synced:
            self.fail(f"{node.name} claims with epoch {frame.config_epoch}, synced {synced}")

    def _vote(self, node: SimNode, candidate_id: str, frame: bus.Frame) -> None:
        if frame.current_epoch > node.disk.vote_epoch:
            self.fail(f"{node.name} votes in epoch {frame.current_epoch}, synced {node.disk.vote_epoch}")
        key = (node.name, frame.current_epoch)
        context = node.core.context
        candidate = context.table.by_id.get(candidate_id)
        # The voter may have voted again since: the vote waited for its disk.
        in_place_of = candidate.primary if candidate is not None else None
        primary = in_place_of or context.table.by_id[context.last_vote_for]
        if key in self.votes:
            self.fail(f"{node.name} votes twice in epoch {frame.current_epoch}, now over {primary.node_id}")
        self.votes[key] = primary.node_id
        if candidate is not None and self.lease_is_checked:
            epoch = frame.current_epoch
            forced = (candidate.node_id, epoch) in self._overruling
            self._promises.vote(node, primary.node_id, candidate.node_id, epoch, forced=forced)
            self._judge_vote(node, primary, candidate)

    def _judge_vote(self, node: SimNode, primary: Node, candidate: Node) -> None:
        """No vote for data that is less than what a sibling in order has told this voter to have."""
        context = node.core.context
        since_ms = primary.fail_ms if primary.is_failing() else max(primary.data_lost_ms, primary.no_lease_ms)
        if context.now_ms - since_ms > context.vote_window_ms():
            return
        for sibling in primary.replicas:
            if (
                sibling is not candidate
                and not sibling.is_suspect()
                and not sibling.flags & fl.NO_FAILOVER
                and sibling.has_shard_data()
                and sibling.history == candidate.history
                and sibling.offset > candidate.offset
            ):
                names = self._sim.name_of(candidate.node_id), self._sim.name_of(sibling.node_id)
                self.fail(
                    f"{node.name} votes for {names[0]} with offset {candidate.offset}, but has heard "
                    f"{sibling.offset} of {names[1]}"
                )

    def after_step(self, node: SimNode) -> None:
        """A node has taken a step: is its new claim the only one of its epoch for these slots?"""
        self._promises.after_step(node)
        context = node.core.context
        me = context.me
        assert context.last_vote_epoch <= context.current_epoch, (
            f"{node.name}: the vote is ahead of the epoch"
        )
        if not me.is_primary():
            self._last_claim.pop(me.node_id, None)
            return
        # A slot that is moving away may be claimed by the source's new primary and, without a vote, by the
        # target. What they acknowledge is judged by what is read in the end.
        slots = me.slots & ~sl.from_slots(context.table.migrating)
        claim = (me.config_epoch, slots)
        before = self._last_claim.get(me.node_id)
        if claim == before:
            return
        self._last_claim[me.node_id] = claim
        if not slots:
            return
        same_epoch = self.claims.setdefault(me.config_epoch, {})
        for other, claimed in same_epoch.items():
            if other != me.node_id and claimed & slots and self.lease_is_checked:
                twice = sl.describe(claimed & slots)
                self.fail(
                    f"slots {twice} have two primaries in epoch {me.config_epoch}: {other} and {me.node_id}"
                )
        same_epoch[me.node_id] = same_epoch.get(me.node_id, 0) | slots
        if before is None or not before[1]:
            self.elected.append((me.config_epoch, slots, node.name))
            if self.lease_is_checked and not context.data.is_lost:
                self._judge_winner(node)

    def _judge_winner(self, node: SimNode) -> None:
        """Whoever takes slots over must have their data; by a planned hand-over, all of it."""
        here = node.plane.contents()
        table = node.core.context.table
        shard = self._shard(table.me.slots, table.migrating)
        mine = {key: acked for key, acked in shard.items() if acked.node != node.name}
        if len(mine) and self.writes >= SETTLED_WRITES_MIN and not any(key in here for key in mine):
            old = [k for k, acked in mine.items() if self._sim.now_ms - acked.at_ms > SETTLED_MS]
            if old:
                self.fail(f"{node.name} was elected without any of its shard's data")
        if not self._forced.pop(node.name, False):
            return
        for key, acked in mine.items():
            former = self._sim.nodes[acked.node]
            if former.life != acked.life or not former.up or former.core.context.data.is_lost:
                continue
            value = node.plane.value(key)
            if value is None or int(value) < acked.value:
                self.fail(f"a hand-over to {node.name} lost {key!r} = {acked.value}: it has {value!r}")

    def _shard(self, slots: int, moving: Container[int]) -> dict[bytes, Acknowledged]:
        first = (slots & -slots).bit_length() - 1
        near = [slot for slot in range(first, first + 3) if slots >> slot & 1]
        keys = [key_of_slot(slot) for slot in near if slot not in moving]
        return {key: self.acked[key] for key in keys if key in self.acked}

    # Writes.

    def acknowledged(self, node: SimNode, key: bytes, value: bytes) -> None:
        """A node acknowledges a write to its slots: nobody may have been elected over it."""
        context = node.core.context
        me = context.me
        self.writes += 1
        self.last_write_ms[node.name] = self._sim.now_ms
        self.acked[key] = Acknowledged(int(value), node.name, node.life, self._sim.now_ms)
        if context.data.is_lost:
            self.fail(f"{node.name} acknowledges a write although it has lost its data")
        if not self.lease_is_checked:
            return
        for epoch, slots, winner in self.elected:
            if epoch > me.config_epoch and slots & me.slots and winner != node.name:
                self.fail(
                    f"{node.name} acknowledges a write to slots {sl.describe(slots & me.slots)} with epoch "
                    f"{me.config_epoch}, but {winner} was elected with {epoch}"
                )

    def confirmed(self, node: SimNode, key: bytes, value: bytes) -> None:
        """WAIT 1 has counted a replica that has this write."""
        self.kept[key] = int(value)

    # In the end.

    def converged(self) -> str:
        """Empty if all running nodes agree and serve; else what is missing."""
        nodes = [node for node in self._sim.nodes.values() if node.up]
        first = nodes[0].core.context.table
        expected = {n.node_id: n.slots for n in first if n.slots}
        for node in nodes:
            context = node.core.context
            owners = {n.node_id: n.slots for n in context.table if n.slots}
            if owners != expected:
                return f"{node.name} and {nodes[0].name} disagree about the owners"
            if not context.state_ok:
                return f"the cluster state of {node.name} is fail"
            suspects = [n.node_id for n in context.table if n.is_suspect()]
            if suspects:
                return f"{node.name} suspects {suspects}"
            me = context.me
            if me.is_replica() and (me.primary is None or not me.primary.slots):
                return f"{node.name} follows a primary without slots"
            if me.votes() and not node.may_write():
                return f"{node.name} owns slots but may not write"
            if me.is_replica() and not node.facts().link_up:
                return f"{node.name} has no link to its primary"
        if sum(sl.count(s) for s in expected.values()) != sl.SLOT_COUNT:
            return "slots are unassigned"
        epochs = [n.config_epoch for n in first if n.slots]
        return "" if len(set(epochs)) == len(epochs) else f"two primaries have one epoch: {epochs}"

    def unsynced(self) -> str:
        """Empty if every running replica has its primary's data and every owner its own."""
        for node in self._sim.nodes.values():
            context = node.core.context
            if node.up and context.me.is_replica() and not context.data.is_in_sync():
                return f"{node.name} is not in sync with its primary"
            if node.up and context.data.is_lost:
                return f"{node.name} has lost its data"
        return ""

    def copies_differ(self) -> str:
        """Empty if each replica holds what its primary holds; ask when nobody has written for a while."""
        for node in self._sim.nodes.values():
            primary = node.core.context.me.primary
            if primary is None:
                continue
            other = self._sim.nodes[self._sim.name_of(primary.node_id)]
            mine, theirs = node.plane.contents(), other.plane.contents()
            if mine != theirs:
                keys = sorted(key for key in mine.keys() | theirs.keys() if mine.get(key) != theirs.get(key))
                return f"{node.name} and its primary {other.name} differ in {keys[:5]}"
        return ""
