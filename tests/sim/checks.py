"""The invariants, checked at every step of every node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from garrison.node.core import bus
from garrison.node.core import slots as sl

if TYPE_CHECKING:
    from .node import SimNode
    from .simulation import Simulation


class BrokenInvariantError(AssertionError):
    """A property that must always hold did not; the message says which, when and for whom."""


class Checks:
    """Remembers what was promised and claimed, over all lives of all nodes."""

    def __init__(self, sim: Simulation) -> None:
        self._sim = sim
        self.votes: dict[tuple[str, int], str] = {}
        """(voter, epoch) -> the request it answered, by the id of the candidate."""
        self.claims: dict[int, dict[str, int]] = {}
        """config epoch -> node id -> every slot that it has claimed with that epoch."""
        self._last_claim: dict[str, tuple[int, int]] = {}
        self.elected: list[tuple[int, int, str]] = []
        """(epoch, slots, node) of elections, in which no administrator overruled the lease."""
        self.lease_is_checked = True
        self.writes = 0
        self.last_write_ms: dict[str, int] = {}

    def fail(self, what: str) -> None:
        raise BrokenInvariantError(f"seed {self._sim.seed} at {self._sim.now_ms} ms: {what}")

    def before_send(self, node: SimNode, data: bytes) -> None:
        """A frame leaves: what it promises must be on the disk, synced."""
        disk = node.disk
        frame = bus.decode_header(data)
        if frame.type == bus.AUTH_ACK:
            self._vote(node, frame)
        if frame.type == bus.AUTH_REQUEST and frame.current_epoch > disk.current_epoch:
            self.fail(
                f"{node.name} asks for votes in epoch {frame.current_epoch}, synced {disk.current_epoch}"
            )
        if not frame.primary_id and any(frame.slots) and frame.config_epoch > disk.own_epoch:
            self.fail(f"{node.name} claims with epoch {frame.config_epoch}, synced {disk.own_epoch}")

    def _vote(self, node: SimNode, frame: bus.Frame) -> None:
        if frame.current_epoch > node.disk.vote_epoch:
            self.fail(f"{node.name} votes in epoch {frame.current_epoch}, synced {node.disk.vote_epoch}")
        key = (node.name, frame.current_epoch)
        candidate = node.core.world.table.by_id[node.core.world.last_vote_for]
        if key in self.votes:
            self.fail(f"{node.name} votes twice in epoch {frame.current_epoch}, now over {candidate.node_id}")
        self.votes[key] = candidate.node_id

    def after_step(self, node: SimNode) -> None:
        """A node has taken a step: is its new claim the only one of its epoch for these slots?"""
        world = node.core.world
        me = world.me
        assert world.last_vote_epoch <= world.current_epoch, f"{node.name}: the vote is ahead of the epoch"
        if not me.is_primary():
            self._last_claim.pop(me.node_id, None)
            return
        claim = (me.config_epoch, me.slots)
        before = self._last_claim.get(me.node_id)
        if claim == before:
            return
        self._last_claim[me.node_id] = claim
        if not me.slots:
            return
        same_epoch = self.claims.setdefault(me.config_epoch, {})
        for other, slots in same_epoch.items():
            if other != me.node_id and slots & me.slots and self.lease_is_checked:
                twice = sl.describe(slots & me.slots)
                self.fail(
                    f"slots {twice} have two primaries in epoch {me.config_epoch}: {other} and {me.node_id}"
                )
        same_epoch[me.node_id] = same_epoch.get(me.node_id, 0) | me.slots
        if before is None or not before[1]:
            self.elected.append((me.config_epoch, me.slots, node.name))

    def write(self, node: SimNode) -> None:
        """A node acknowledges a write to its slots: nobody may have been elected over it."""
        me = node.core.world.me
        self.writes += 1
        self.last_write_ms[node.name] = self._sim.now_ms
        if not self.lease_is_checked:
            return
        for epoch, slots, winner in self.elected:
            if epoch > me.config_epoch and slots & me.slots and winner != node.name:
                self.fail(
                    f"{node.name} acknowledges a write to slots {sl.describe(slots & me.slots)} with epoch "
                    f"{me.config_epoch}, but {winner} was elected with {epoch}"
                )

    def converged(self) -> str:
        """Empty if all running nodes agree and serve; else what is missing."""
        nodes = [node for node in self._sim.nodes.values() if node.up]
        first = nodes[0].core.world.table
        expected = {n.node_id: n.slots for n in first if n.slots}
        for node in nodes:
            world = node.core.world
            owners = {n.node_id: n.slots for n in world.table if n.slots}
            if owners != expected:
                return f"{node.name} and {nodes[0].name} disagree about the owners"
            if not world.state_ok:
                return f"the cluster state of {node.name} is fail"
            suspects = [n.node_id for n in world.table if n.is_suspect()]
            if suspects:
                return f"{node.name} suspects {suspects}"
            me = world.me
            if me.is_replica() and (me.primary is None or not me.primary.slots):
                return f"{node.name} follows a primary without slots"
            if me.votes() and not node.may_write():
                return f"{node.name} owns slots but may not write"
            if me.is_replica() and not node.link_up:
                return f"{node.name} has no link to its primary"
        if sum(sl.count(s) for s in expected.values()) != sl.SLOT_COUNT:
            return "slots are unassigned"
        epochs = [n.config_epoch for n in first if n.slots]
        return "" if len(set(epochs)) == len(epochs) else f"two primaries have one epoch: {epochs}"
