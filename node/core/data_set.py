"""What this node's data is: whose it is, whether it is here at all, and whether it may stand for its shard.

BACKGROUND. The engine knows what it holds: the identity of a history and an offset in it, and under which
of our *orders* (to follow, to be a primary) the data became what it is. This module numbers the orders and
remembers what each was for. From the two it follows what an election, a hand-over and a start have to know;
nothing is guessed from whether some link was once up.

INVARIANTS.
- A replica is *in sync with its primary* iff its link is up and its data is of the order to follow that
  primary.
- A primary that says that it has lost its data is believed by a replica, unless that replica got in sync with
  it after it had begun to say so: then an administrator has let it serve as it is.
- Data is *of this shard* iff its order was given in this shard. A shard goes on when its primary changes by
  a failover; a node that is ordered to replicate another shard's primary leaves it. So a replica with the
  shard's data may stand although its present primary died before their first sync, and one with another
  shard's data never may.
- Data of another history than the primary's may stand only if it is the beginning of the primary's: a
  primary that was cut off, and wrote on, has an offset that means nothing to the others. Who was a primary
  itself must show it.
- An owner of slots that starts with data from its files has *unproven* data: a crash may have cost it its
  last writes, which a replica has. It serves nothing until its replicas have said how far they are. If one
  has more, the data counts as lost, and that replica takes its place; if none has, or those that do not
  answer are gone for a node timeout, it serves.
- An owner of slots that starts without its data has *lost* it. It serves nothing, answers no PSYNC, has no
  lease, and says so in every frame, until another node has taken its place or an administrator says that it
  shall serve as it is.

BEHAVIOUR. A start knows of the data what its caller says (`data_loaded` of ClusterCore), and of which shard
it is. A node that owned nothing has lost nothing. While no replica has the data the loss lasts, and `warn`
says what would end it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from garrison.node.border import Follow, Promote
from garrison.node.core.nodes import NO_HISTORY

if TYPE_CHECKING:
    from garrison.node.core.context import Context, ReplicationFacts
    from garrison.node.core.nodes import Node

ORIGINS_MAX: Final = 64
"""Orders that are remembered; older ones are those of data that is long gone."""
WARN_PERIOD_MS: Final = 10_000
_PARTED: Final = "its data has parted from that of its primary"
GO_ON: Final = (
    "CLUSTER SERVE-EMPTY, or the directive cluster-serve-empty yes, serves its slots without that data"
)


@dataclass(frozen=True, slots=True)
class Origin:
    """What an order was for."""

    shard: int
    """The number of the shard, counted by this node: another number is another shard."""
    as_primary: bool


class DataSet:
    """Orders to the engine, and what its data is."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._order = 0
        self._shard = 1
        self._origins: dict[int, Origin] = {}
        self.is_lost = False
        self.is_unproven = False
        self._unproven_until_ms = 0
        self._in_sync_since_ms: int | None = None
        self._warned_ms: int | None = None

    @property
    def is_withheld(self) -> bool:
        """Whether an owner serves nobody with what it has."""
        return self.is_lost or self.is_unproven

    # Data from files.

    def loaded(self, shard_id: str, facts: ReplicationFacts) -> None:
        """The engine has read data of this shard from files; those of other servers name none."""
        context = self._context
        context.facts = facts
        if shard_id and shard_id != context.me.shard_id:
            context.log(
                "warning", f"The data read from files is that of shard {shard_id}: it is not served here"
            )
            return
        if shard_id or context.me.is_primary():
            self._origins[facts.data_order] = Origin(self._shard, context.me.is_primary())
        if self.is_lost:
            self.is_lost = False
            self.is_unproven = bool(context.me.replicas)
            self._unproven_until_ms = context.now_ms + context.timeout_ms
            if not self.is_unproven:
                self.serve()

    def prove(self) -> bool:
        """Look whether a replica has more than this owner's files; whether that is decided now."""
        if not self.is_unproven:
            return False
        context = self._context
        for replica in context.me.replicas:
            if self._is_ahead(replica):
                more = replica.offset - context.facts.offset
                context.log(
                    "warning",
                    f"{replica.name_for_people()} has {more} bytes of writes that this node's files lack: "
                    "it takes over",
                )
                self.is_unproven, self.is_lost = False, True
                return True
        late = context.now_ms >= self._unproven_until_ms
        if late or all(self._has_answered(replica) for replica in context.me.replicas):
            self.serve()
            return True
        return False

    def _has_answered(self, replica: Node) -> bool:
        return replica.pong_received_ms > 0 or replica.is_failing()

    def _is_ahead(self, replica: Node) -> bool:
        """Whether a replica has this shard's data, and more of it."""
        facts = self._context.facts
        ours = (facts.history, facts.previous_history, NO_HISTORY, "")
        known = replica.pong_received_ms > 0 and replica.has_shard_data() and replica.history in ours
        return known and replica.offset > facts.offset

    # Orders.

    def follow(self, host: str, port: int) -> None:
        """The engine is to become a replica of the node there."""
        self._context.act(Follow(host, port, self._number(as_primary=False)))
        self.is_lost = self.is_unproven = False

    def serve(self) -> None:
        """The engine is to be a primary with the data that it has."""
        self._context.act(Promote(self._number(as_primary=True)))
        self.is_lost = self.is_unproven = False

    def leave_shard(self) -> None:
        """From now on this node belongs to another shard; what it holds is useless there."""
        self._shard += 1

    def _number(self, *, as_primary: bool) -> int:
        self._order += 1
        self._origins[self._order] = Origin(self._shard, as_primary)
        while len(self._origins) > ORIGINS_MAX:
            del self._origins[min(self._origins)]
        return self._order

    # What the data is.

    def report(self, facts: ReplicationFacts) -> None:
        """What the engine says of its data."""
        self._context.facts = facts
        if not self.is_in_sync():
            self._in_sync_since_ms = None
        elif self._in_sync_since_ms is None:
            self._in_sync_since_ms = self._context.now_ms

    def is_lost_at(self, primary: Node) -> bool:
        """Whether the primary has lost its data, as it says itself."""
        since_ms = self._in_sync_since_ms
        return bool(primary.data_lost_ms) and (since_ms is None or since_ms < primary.data_lost_ms)

    def is_in_sync(self) -> bool:
        """Whether this replica has its primary's data and follows its stream."""
        facts = self._context.facts
        return facts.link_up and self._order > 0 and facts.data_order == self._order

    def unfit(self) -> str:
        """Why this node may not stand for the shard with its data; empty if it may."""
        context = self._context
        facts, primary = context.facts, context.me.primary
        origin = self._origins.get(facts.data_order)
        if origin is None or origin.shard != self._shard:
            return "this replica has no whole copy of its shard's data"
        if facts.data_order == self._order or primary is None:
            return ""
        lineage = primary.lineage
        if origin.as_primary:
            proven = lineage is not None and lineage.history != facts.history
            if not proven or lineage is None or not lineage.continues(facts.history, facts.offset):
                return "what it wrote as a primary is perhaps not in the data of its successor"
        elif lineage is not None and lineage.parted_from(facts.history, facts.offset):
            return _PARTED
        return ""

    @staticmethod
    def vote_refusal(primary: Node, history: str, offset: int) -> str:
        """Why data of `history` up to `offset` gets no vote in the place of `primary`; empty if it may.

        What I know of the primary may be of before it began a new history, so only what is known to have
        parted from it is refused; that the data is the shard's at all is what the candidate says of itself.
        """
        known = primary.lineage
        return _PARTED if known is not None and known.parted_from(history, offset) else ""

    def warn(self) -> None:
        """While the data is lost: say what is waited for, and how to go on."""
        context = self._context
        if not self.is_lost or not context.me.slots:
            return
        if self._warned_ms is not None and context.now_ms - self._warned_ms < WARN_PERIOD_MS:
            return
        self._warned_ms = context.now_ms
        context.log(
            "warning", f"This node owns slots but has started without their data: {self.waits_for()}. {GO_ON}"
        )

    def waits_for(self) -> str:
        """What a node without its data waits for."""
        replicas = self._context.me.replicas
        if not replicas:
            return "it has no replica that could take its place"
        with_data = [node for node in replicas if node.has_shard_data() and not node.is_suspect()]
        names = ", ".join(node.name_for_people() for node in with_data or replicas)
        if with_data:
            return f"it waits for {names} to be elected in its place"
        return f"none of its replicas ({names}) is reachable and has it"
