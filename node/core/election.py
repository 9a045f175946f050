"""The election of a replica in place of its failed primary, and the votes of the primaries.

BACKGROUND. When a majority holds a primary for failed, its replicas stand, best data first. The
voting primaries each give one vote per epoch; a majority of votes gives the epoch to the winner,
which claims its primary's slots with it.

INVARIANTS.
- One vote per voter and epoch: `last_vote_epoch` is synced before the AUTH_ACK leaves, and the
  candidate's new epoch before its AUTH_REQUEST leaves.
- Votes are a set of node ids at exactly the epoch of the request; a late one counts for nothing.
- Ours: a voter that has itself received a frame of the primary within T, or started within T, does not vote
  (see lease).
- Ours: data decides (see data_set). A replica without its shard's data never stands, not even when it is
  forced to, and never gets a vote; an offset of another history counts for nothing in the rank. Only
  TAKEOVER overrules this.
- A voter that knows of a sibling in order with more of the same data gives that one a vote window to
  stand.
- Votes that a manual failover has asked for count until its deadline, as the primary's writes go on after it.
- Within the vote window a voter votes for one replica of a primary only; for that one again, in a
  later epoch, since it has given up its earlier attempt.

BEHAVIOUR. A replica stands when its primary is FAIL; ours also when the primary says that it has lost its
data (at once), or for T that it has no lease (its frames come through, but not the answers to them). The
delay before standing is min(500, T/30), as much again at random, and a second per better sibling; none at
all when every sibling has shown since the failure that it has no more data. A candidate that lost its epoch
to another shard stands again at once."""

from __future__ import annotations

from typing import Final

from garrison.node.core import bus_codec as bus
from garrison.node.core import flags as fl
from garrison.node.core import slots as sl
from garrison.node.core.context import Context
from garrison.node.core.heartbeat import Heartbeats
from garrison.node.core.lease import Lease
from garrison.node.core.nodes import Node
from garrison.node.core.ownership import Ownership

ELECTION_DELAY_MS_MAX: Final = 500
ELECTION_DELAY_SHARE: Final = 30
RANK_DELAY_MS: Final = 1000


class Election:
    """This node as a candidate and as a voter."""

    def __init__(self, context: Context, heartbeats: Heartbeats, ownership: Ownership, lease: Lease) -> None:
        self._context = context
        self._heartbeats = heartbeats
        self._ownership = ownership
        self._lease = lease
        self.stand_ms = 0
        """When I may ask for votes; 0 while no attempt is planned."""
        self.requested_ms = 0
        """When I asked; 0 before that."""
        self.epoch = 0
        self.rank = 0
        self.votes: dict[str, Node] = {}
        self._rival_ms = 0
        self._reason = ""
        self._forced = False
        """Whether the attempt under way is a manual failover's."""
        self._parked: tuple[Node, bus.Frame, int] | None = None
        """A request that I may not grant yet, and when it came."""

    # As a candidate.

    def tick(self, manual_ready: bool, manual_under_way: bool) -> None:
        """Plan, start, renew or win an attempt, if my primary failed or a manual failover is ready."""
        context = self._context
        primary = context.me.primary
        if not self._may_stand(primary, manual_ready):
            if self.stand_ms and not manual_under_way:
                self.reset()
            return
        assert primary is not None
        if self._is_over():
            self._plan(primary, manual_ready)
        if self.requested_ms:
            if context.now_ms - self.requested_ms > context.vote_window_ms():
                self._say("Failover attempt expired.")
            return
        if not manual_ready:
            self._adjust(primary)
        if context.now_ms >= self.stand_ms:
            self._request(primary, manual_ready)

    def next_deadline(self) -> int | None:
        """When (core clock) the candidate wants to act next."""
        primary = self._context.me.primary
        if not self.stand_ms or primary is None or not self._has_given_up(primary):
            return None
        if not self.requested_ms:
            return self.stand_ms
        return self._rival_ms or None

    def _has_given_up(self, primary: Node) -> bool:
        """Whether a primary is to be replaced: by the majority's verdict, or because it says so."""
        return primary.is_failing() or self._context.data.is_lost_at(primary) or self._has_no_lease(primary)

    def _has_no_lease(self, primary: Node) -> bool:
        """Whether a primary has said for T that it has no lease, while a majority could have given it one."""
        context = self._context
        since_ms = max(primary.no_lease_ms, context.majority_since_ms)
        return bool(primary.no_lease_ms) and context.now_ms - since_ms > context.timeout_ms

    def _may_stand(self, primary: Node | None, manual_ready: bool) -> bool:
        context = self._context
        if not context.me.is_replica() or primary is None or not primary.slots:
            return False
        if not manual_ready and (
            not self._has_given_up(primary) or context.settings.cluster_replica_no_failover
        ):
            return False
        unfit = context.data.unfit()
        if unfit:
            self._say(f"Currently unable to failover: {unfit}.")
            return False
        if not manual_ready and self._data_too_old():
            self._say("Currently unable to failover: Disconnected from master for longer than allowed.")
            return False
        return True

    def reset(self) -> None:
        """Give the attempt up; the next one is planned from the beginning."""
        self.stand_ms = self.requested_ms = self._rival_ms = 0
        self._forced = False
        self.votes.clear()
        self._reason = ""

    def _data_too_old(self) -> bool:
        context, settings = self._context, self._context.settings
        if settings.cluster_replica_validity_factor == 0:
            return False
        facts = context.facts
        age = 0 if facts.link_up else context.now_ms - facts.link_down_since_ms
        limit = (
            settings.repl_ping_replica_period + context.timeout_ms * settings.cluster_replica_validity_factor
        )
        return age - context.timeout_ms > limit

    def _is_over(self) -> bool:
        """Whether there is no attempt, or the last one is so old that another may be planned."""
        context = self._context
        if self.stand_ms == 0:
            return True
        if self._rival_ms and context.now_ms >= self._rival_ms:
            return True
        return context.now_ms - self.stand_ms > 2 * context.vote_window_ms()

    def _plan(self, primary: Node, manual_ready: bool) -> None:
        context = self._context
        again = self._rival_ms != 0
        self.reset()
        self.rank = self._rank(primary)
        fixed = min(ELECTION_DELAY_MS_MAX, context.timeout_ms // ELECTION_DELAY_SHARE)
        self.stand_ms = context.now_ms
        if not manual_ready:
            self.stand_ms += (
                context.rng.randrange(fixed + 1) + (0 if again else fixed) + self.rank * RANK_DELAY_MS
            )
            self._heartbeats.announce(self._siblings(primary))
            context.log(
                "notice",
                f"Start of election delayed for {self.stand_ms - context.now_ms} milliseconds "
                f"(rank #{self.rank}, offset {context.facts.offset}).",
            )

    def _siblings(self, primary: Node) -> list[Node]:
        return [node for node in primary.replicas if node is not self._context.me]

    def _rank(self, primary: Node) -> int:
        """How many siblings that may stand have more data than I; of equals the smaller id comes first."""
        context = self._context
        mine = (-context.facts.offset, context.me.node_id)
        return sum(
            1
            for node in self._siblings(primary)
            if (-node.offset, node.node_id) < mine
            and not node.flags & (fl.NO_FAILOVER | fl.FAIL)
            and node.has_shard_data()
        )

    def _adjust(self, primary: Node) -> None:
        """Update the rank by siblings' offsets while we wait: later if one is better, at once if none is."""
        context = self._context
        rank = self._rank(primary)
        if rank > self.rank:
            self.stand_ms += (rank - self.rank) * RANK_DELAY_MS
            context.log("notice", f"Replica rank updated to #{rank}, added delay.")
        self.rank = max(rank, self.rank)
        since_ms = _given_up_ms(primary)
        if self.rank == 0 and all(
            node.offset_ms >= since_ms or node.is_suspect() for node in self._siblings(primary)
        ):
            self.stand_ms = min(self.stand_ms, context.now_ms)

    def _request(self, primary: Node, forced: bool) -> None:
        context = self._context
        self.epoch = context.raise_epoch()
        self.requested_ms = context.now_ms
        self._forced = forced
        self.votes.clear()
        context.log("notice", f"Starting a failover election for epoch {self.epoch}.")
        if primary.is_failing():
            verdict = context.frame(bus.FAIL)
            verdict.failing_id = primary.node_id
            context.broadcast(verdict)
        request = context.frame(bus.AUTH_REQUEST)
        # A primary without its data does not write: nobody needs to have found it failing.
        request.message_flags |= bus.FLAG_FORCE_ACK if forced or primary.data_lost_ms else 0
        context.broadcast(request)
        self._check_won()

    def receive_ack(self, sender: Node, epoch: int, manual_under_way: bool) -> None:
        """A voting primary gives me its vote; it counts for a manual failover while that is under way."""
        if not self.requested_ms or not sender.votes() or epoch != self.epoch:
            return
        if self._forced and not manual_under_way:
            return
        if self._context.now_ms - self.requested_ms > self._context.vote_window_ms():
            return
        self.votes[sender.node_id] = sender
        self._check_won()

    def _check_won(self) -> None:
        context = self._context
        if len(self.votes) < context.table.majority():
            return
        me = context.me
        requested_ms, voters = self.requested_ms, list(self.votes.values())
        context.log("notice", f"Failover election won: I'm the new master. configEpoch set to {self.epoch}.")
        me.config_epoch = max(me.config_epoch, self.epoch)
        self.take_over()
        self._lease.elected(requested_ms, voters)

    def take_over(self, *, overruled: bool = False) -> None:
        """Become the primary with all slots of my former one, save that, and broadcast it.

        `overruled` says that an administrator has decided it, and nobody has voted.
        """
        context = self._context
        me, former = context.me, context.me.primary
        assert former is not None, "only a replica takes over"
        slots = former.slots
        context.table.set_primary(me)
        context.table.assign(slots, me)
        self.reset()
        self._lease.claimed_anew(overruled=overruled)
        context.data.serve()
        context.changed(sync=True)
        self._heartbeats.announce()

    def receive_epoch_won(self, sender: Node) -> None:
        """Another shard's replica won the epoch that I asked for: stand again at once."""
        if self.requested_ms and sender.config_epoch == self.epoch and sender is not self._context.me:
            self._rival_ms = self._context.now_ms

    def _say(self, reason: str) -> None:
        """Log why there is no failover, once per reason."""
        if reason != self._reason:
            self._reason = reason
            self._context.log("notice", reason)

    # As a voter.

    def receive_request(self, sender: Node, frame: bus.Frame) -> None:
        """A replica asks for my vote."""
        context = self._context
        if sender.primary is not None and self.requested_ms and frame.current_epoch == self.epoch:
            self._meet_rival(sender)
        if not context.me.votes():
            return
        refusal = self._refusal(sender, frame)
        if refusal:
            context.log("notice", f"Failover auth denied to {sender.name_for_people()}: {refusal}")
            return
        early = self._too_early(sender, frame)
        if early:
            context.log("verbose", f"Failover auth for {sender.name_for_people()} has to wait: {early}")
            self._parked = (sender, frame, context.now_ms)
            primary = sender.primary
            if primary is not None and self._has_no_lease(primary):
                # It must not get one by my next pong, or the vote would have to wait for ever.
                primary.refused_until_ms = context.now_ms + context.vote_window_ms()
            return
        self._vote(sender)

    def reconsider(self) -> None:
        """Give the vote that had to wait, if the request still stands."""
        if self._parked is None:
            return
        sender, frame, came_ms = self._parked
        context = self._context
        if context.now_ms - came_ms > context.vote_window_ms() * 3 // 4 or self._refusal(sender, frame):
            self._parked = None
        elif not self._too_early(sender, frame):
            self._parked = None
            self._vote(sender)

    def _vote(self, sender: Node) -> None:
        context = self._context
        primary = sender.primary
        assert primary is not None
        primary.voted_ms, primary.voted_for = context.now_ms, sender.node_id
        context.last_vote_epoch = context.current_epoch
        context.last_vote_for = primary.node_id
        context.save(sync=True)
        context.send(sender.outbound, bus.AUTH_ACK, bus.encode(context.frame(bus.AUTH_ACK)))
        context.log(
            "notice", f"Failover auth granted to {sender.name_for_people()} for epoch {context.current_epoch}"
        )

    def _meet_rival(self, sender: Node) -> None:
        """A replica of another shard asks for votes in the same epoch: the loser tries again soon."""
        context = self._context
        if sender.primary is not context.me.primary and not self._rival_ms:
            pause = min(ELECTION_DELAY_MS_MAX, context.timeout_ms // ELECTION_DELAY_SHARE)
            self._rival_ms = context.now_ms + pause + context.rng.randrange(2 * pause + 1)

    def _refusal(self, sender: Node, frame: bus.Frame) -> str:
        """Why the request gets no vote; empty if it gets one."""
        context = self._context
        primary = sender.primary
        forced = bool(frame.message_flags & bus.FLAG_FORCE_ACK)
        if frame.current_epoch < context.current_epoch:
            return f"request epoch ({frame.current_epoch}) < curEpoch ({context.current_epoch})"
        if context.last_vote_epoch == context.current_epoch:
            return f"already voted for epoch {context.current_epoch}"
        if sender.is_primary() or primary is None:
            return "it is a master node" if sender.is_primary() else "I don't know its master"
        if frame.state is not None and not frame.state & bus.STATE_HAS_DATA:
            return "it has no data of its shard"
        if frame.state is None and not forced and frame.offset == 0 and primary.offset > 0:
            return "it has no data"
        other = context.data.vote_refusal(primary, frame.history, frame.offset)
        if other:
            return other
        if (
            context.now_ms - primary.voted_ms < context.vote_window_ms()
            and primary.voted_for != sender.node_id
        ):
            return "I voted for another replica of its master a moment ago"
        claimed = sl.from_bitmap(frame.slots)
        for node in context.table:
            kept = node.keeps(frame.config_epoch + 1)
            if kept & claimed:
                context.send_update(sender.outbound, node, kept)
                return f"its epoch {frame.config_epoch} is older than {node.config_epoch} of {node.node_id}"
        return ""

    def _better_sibling(self, candidate: Node, primary: Node) -> Node | None:
        """A replica in order that has more of the same data, as far as I know; it is given time to
        stand."""
        context = self._context
        since_ms = _given_up_ms(primary)
        if context.now_ms - since_ms > context.vote_window_ms():
            return None
        fit = (
            node
            for node in primary.replicas
            if node is not candidate
            and not node.is_suspect()
            and not node.flags & fl.NO_FAILOVER
            and node.has_shard_data()
            and node.history == candidate.history
            and node.offset > candidate.offset
        )
        return next(fit, None)

    def _too_early(self, sender: Node, frame: bus.Frame) -> str:
        """Why the vote is refused for the moment; empty if it is not."""
        context, primary = self._context, sender.primary
        if primary is None or frame.message_flags & bus.FLAG_FORCE_ACK:
            return ""
        better = self._better_sibling(sender, primary)
        if better is not None:
            return f"{better.name_for_people()} has more of its master's data"
        if context.now_ms - context.started_ms <= context.promised_ms():
            return "I started less than the node timeout ago"
        if not primary.is_failing() and self._has_no_lease(primary):
            if context.now_ms - primary.answered_ms <= context.promised_ms():
                return "I have answered its master within the node timeout"
            return ""
        if not primary.is_failing():
            return "its master is up"
        if context.silence_ms(primary) <= context.promised_ms():
            return "I have received a frame of its master within the node timeout"
        return ""


def _given_up_ms(primary: Node) -> int:
    """Since when a primary is to be replaced, by the majority's verdict or because it says so."""
    return primary.fail_ms if primary.is_failing() else primary.data_lost_ms or primary.no_lease_ms
