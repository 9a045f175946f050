"""The failover of one primary, from the first suspicion to the switch.

BACKGROUND. A primary is O_DOWN, or an administrator asks. One Sentinel is elected for a new epoch,
chooses a replica and makes it primary; once INFO of the replica confirms it, the epoch becomes the
configuration's epoch and is published to all in hellos. The other replicas are led to the new primary,
`parallel-syncs` at a time; then the record is switched. A *coordinated* failover asks the living primary
to hand over: it holds writes until the replica has everything.

INVARIANTS. Nobody is ordered to be primary, or whom to follow, by a decision that is older than the step
has time; after a pause of ours, or while nothing can be saved, it is given up and decided anew. Only the
leader of an epoch gives it to a configuration (`votes.py`), so two configurations never share one,
unless administrators force failovers in minorities. The configuration's epoch changes only after the
replica has confirmed. Each step is a pair of the table in `transitions.py`.

BEHAVIOUR. Who begins, and when, is in `failover_start.py`. An election that cannot be won any more ends at
once and is tried again soon with a new epoch; one whose primary is back ends too.
"""

from __future__ import annotations

from typing import Final

from garrison.sentinel.core import failover_start, selection
from garrison.sentinel.core.context import Context
from garrison.sentinel.core.down import Down
from garrison.sentinel.core.effects import Level, ReplyError
from garrison.sentinel.core.instances import (
    NEVER_MS,
    Address,
    Attempt,
    Instance,
    Primary,
    Reconfiguration,
    Replica,
    State,
)
from garrison.sentinel.core.monitors import Monitors
from garrison.sentinel.core.polling import Polling
from garrison.sentinel.core.roles import Roles
from garrison.sentinel.core.transitions import Happened, after
from garrison.sentinel.core.votes import Votes

HAND_OVER_SLACK_MS: Final = 1_000
"""How much longer than its hand-over limit a primary is waited for."""
RETRY_MS: Final = 500
"""The next attempt after a lost election comes after this and a random part up to as much again."""
FORCED_ELECTION_MS: Final = 1_000
"""How long a forced failover waits for votes before it goes on without them."""
REFUSED: Final = "-failover-abort-refused"
"""Our own event, which says why; those that Redis has keep its form."""
STEP_MS: Final = 100
"""How often a failover is looked at when nothing happens."""


class Failovers:
    """Starts failovers and carries them on."""

    def __init__(
        self, context: Context, down: Down, votes: Votes, polling: Polling, roles: Roles, monitors: Monitors
    ) -> None:
        self._context = context
        self._down = down
        self._votes = votes
        self._polling = polling
        self._roles = roles
        self._monitors = monitors
        roles.on_progress = context.look_now
        self._steps = {
            State.WAIT_START: self._elect,
            State.SELECT: self._select,
            State.PROMOTE: self._promote,
            State.HAND_OVER: self._hand_over,
            State.WAIT_PROMOTION: self._await_promotion,
            State.RECONFIGURE: self._reconfigure,
            State.UPDATE: self._update,
        }

    def step(self, primary: Primary) -> None:
        """Start a failover if one is due, and carry on the one that runs as far as it goes now."""
        if primary.attempt.state is State.NONE:
            if not primary.is_odown:
                return
            reason_to_wait, again_ms = failover_start.reason_to_wait(self._context, primary)
            if reason_to_wait:
                self._context.look_at(primary, again_ms)
                return
            self.start(primary)
        while (state := primary.attempt.state) is not State.NONE:
            self._steps[state](primary)
            if primary.attempt.state is state:
                self._context.look_at(primary, self._context.now_ms + STEP_MS)
                return

    def start(self, primary: Primary, *, forced: bool = False, coordinated: bool = False) -> None:
        """Try to lead a failover in a new epoch."""
        context = self._context
        context.epoch += 1
        attempt = Attempt(
            epoch=context.epoch, started_ms=context.now_ms, forced=forced, coordinated=coordinated
        )
        primary.attempt = attempt
        self._enter(primary, Happened.STARTED)
        context.event("+new-epoch", None, str(context.epoch), unnamed=primary)
        context.event("+try-failover", primary)
        self._votes.vote(primary, context.epoch, context.my_id)
        context.save()
        self._down.ask(primary, urgent=True)

    def give_up_unsaved(self, primary: Primary) -> None:
        """The epoch and the vote of this attempt, or what has come since, cannot be saved."""
        if primary.attempt.state in (State.WAIT_START, State.SELECT, State.PROMOTE):
            why = f"the configuration cannot be saved: {self._context.unsaved_reason}"
            self._abort(primary, "-failover-abort-not-elected", why, self._retry_ms())

    def _enter(self, primary: Primary, happened: Happened) -> None:
        attempt = primary.attempt
        attempt.state = after(attempt.state, happened)
        attempt.changed_ms = self._context.now_ms
        for replica in primary.replicas.values():
            # Each step has periods of its own.
            self._context.look_now(replica)

    def _abort(self, primary: Primary, name: str, why: str, retry_ms: int) -> None:
        """Give up: everything is as before, and another attempt has to wait."""
        attempt = primary.attempt
        self._context.event(name, primary, f"#{why}" if name == REFUSED else "")
        if attempt.promoted is not None:
            attempt.promoted.is_promoted = False
            attempt.promoted = None
        self._enter(primary, Happened.ABORTED)
        attempt.forced = attempt.coordinated = False
        attempt.ended = f"{name}: {why}"
        again_ms = self._context.now_ms + retry_ms
        if again_ms > attempt.not_before_ms:
            # Else we have voted for another meanwhile, and do not come between.
            attempt.not_before_ms = again_ms
            attempt.not_before_reason = f"the last attempt ended with {name} ({why})"

    def _retry_ms(self) -> int:
        return RETRY_MS + self._context.rng.randrange(RETRY_MS)

    # The steps.

    def _elect(self, primary: Primary) -> None:
        context, attempt = self._context, primary.attempt
        waited_ms = context.now_ms - attempt.started_ms
        timeout_ms = min(context.tunables.election_timeout, primary.monitor.failover_timeout_ms)
        leader = self._votes.leader(primary, attempt.epoch)
        if not attempt.forced and waited_ms > timeout_ms:
            # First of all: votes that come after a pause of ours count for nothing.
            self._abort(primary, "-failover-abort-not-elected", "too few votes in time", self._retry_ms())
        elif not attempt.forced and not primary.is_down:
            self._abort(primary, "-failover-abort-not-elected", "the primary is back", self._retry_ms())
        elif attempt.forced and leader not in ("", context.my_id):
            # Two were asked at once: with one epoch for both, two configurations would share it.
            self._abort(primary, "-failover-abort-not-elected", f"sentinel {leader} leads", self._retry_ms())
        elif leader == context.my_id or (attempt.forced and waited_ms >= FORCED_ELECTION_MS):
            if leader != context.my_id:
                context.say(
                    Level.WARNING, f"{primary.name}: failing over without the votes of a majority, as asked"
                )
            context.event("+elected-leader", primary)
            if "crash-after-election" in context.simulated_failures:
                context.effects.exit_code = 99
            self._enter(primary, Happened.ELECTED)
            context.event("+failover-state-select-slave", primary)
        elif not attempt.forced and self._is_lost(primary):
            self._abort(primary, "-failover-abort-not-elected", "others got the votes", self._retry_ms())
        else:
            self._down.ask(primary)

    def _is_lost(self, primary: Primary) -> bool:
        """Whether not even the votes that are still out would do."""
        epoch = primary.attempt.epoch
        mine = open_votes = 0
        for peer in primary.peers.values():
            if peer.vote_epoch < epoch:
                open_votes += 1
            elif peer.vote_epoch == epoch and peer.vote == self._context.my_id:
                mine += 1
        own = primary.vote_epoch == epoch and primary.vote == self._context.my_id
        return mine + own + open_votes < max(primary.majority, primary.monitor.quorum)

    def _select(self, primary: Primary) -> None:
        context, attempt = self._context, primary.attempt
        chosen = selection.choose(context, primary)
        if chosen is None:
            why = "no replica is fit"
            if self._roles.break_circle(primary):
                why += ", and the primary is sent REPLICAOF NO ONE"
            self._abort(primary, "-failover-abort-no-good-slave", why, self._retry_ms())
            return
        context.event("+selected-slave", chosen)
        chosen.is_promoted = True
        attempt.promoted = chosen
        if attempt.coordinated:
            self._enter(primary, Happened.CHOSEN_TO_TAKE_OVER)
            context.event("+failover-state-hand-over", chosen, level=Level.NOTICE)
            self._ask_to_hand_over(primary, chosen)
            return
        self._enter(primary, Happened.CHOSEN)
        context.event("+failover-state-send-slaveof-noone", chosen, level=Level.NOTICE)

    def _promote(self, primary: Primary) -> None:
        chosen = self._promoted(primary)
        if self._gave_up_late(primary, primary.monitor.failover_timeout_ms):
            return
        if self._send_promotion(primary, chosen):
            self._context.event("+failover-state-wait-promotion", chosen, level=Level.NOTICE)
            self._enter(primary, Happened.TOLD)

    def _send_promotion(self, primary: Primary, chosen: Replica) -> bool:
        attempt = primary.attempt

        def then(refusal: str) -> None:
            if primary.attempt is not attempt or attempt.state is not State.WAIT_PROMOTION:
                return
            if refusal:
                self._abort_promotion(primary, f"{chosen.address} refused: {refusal}")
                return
            # What it said before may be of an earlier role; the INFO that confirms comes after this.
            attempt.is_obeyed, chosen.role_reported = True, ""

        return self._roles.follow(chosen, None, then)

    def _gave_up_late(self, primary: Primary, limit_ms: int) -> bool:
        """Whether the step had to be given up; checked before any order of it is sent."""
        chosen = self._promoted(primary)
        if self._context.now_ms - primary.attempt.changed_ms > limit_ms:
            self._abort_promotion(primary, f"{chosen.address} did not take over in {limit_ms} ms")
        elif chosen.is_down:
            self._abort_promotion(primary, f"{chosen.address} is down itself")
        return primary.attempt.state is State.NONE

    def _abort_promotion(self, primary: Primary, why: str) -> None:
        if primary.attempt.coordinated:
            self._context.send(primary.link.command, primary, (b"FAILOVER", b"ABORT"), promises=False)
        self._abort(primary, "-failover-abort-slave-timeout", why, self._retry_ms())

    def _promoted(self, primary: Primary) -> Replica:
        chosen = primary.attempt.promoted
        assert chosen is not None, "a replica is chosen before it is promoted"
        return chosen

    def _ask_to_hand_over(self, primary: Primary, chosen: Replica) -> None:
        epoch = primary.attempt.epoch

        def taken(_: Instance, reply: object) -> None:
            if primary.attempt.state is not State.HAND_OVER or primary.attempt.epoch != epoch:
                return
            if isinstance(reply, ReplyError):
                self._abort(primary, REFUSED, f"the primary refused: {reply}", self._retry_ms())
                return
            self._enter(primary, Happened.ACCEPTED)
            self._context.event("+failover-state-wait-promotion", chosen, level=Level.NOTICE)
            self._polling.ask_info_now(chosen)

        timeout_ms = self._context.tunables.coordinated_timeout
        host, port = self._context.shown(chosen.address), chosen.address.port
        words = ("FAILOVER", "TO", host, str(port), "TIMEOUT", str(timeout_ms))
        self._context.send(primary.link.command, primary, [word.encode() for word in words], taken)

    def _hand_over(self, primary: Primary) -> None:
        self._gave_up_late(primary, self._context.tunables.coordinated_timeout)

    def _await_promotion(self, primary: Primary) -> None:
        context, attempt, chosen = self._context, primary.attempt, self._promoted(primary)
        if chosen.role_reported != "master" or not (attempt.is_obeyed or attempt.coordinated):
            limit_ms = primary.monitor.failover_timeout_ms
            if attempt.coordinated:
                limit_ms = context.tunables.coordinated_timeout + HAND_OVER_SLACK_MS
            if self._gave_up_late(primary, limit_ms) or attempt.is_obeyed or attempt.coordinated:
                return
            if self._is_reconnected(chosen):
                self._send_promotion(primary, chosen)
            return
        if primary.config_epoch >= attempt.epoch:
            # Somebody else has led another failover meanwhile, in a newer epoch: his configuration stands.
            self._abort_promotion(primary, f"epoch {primary.config_epoch} is newer")
            return
        primary.config_epoch = attempt.epoch
        self._enter(primary, Happened.PROMOTED)
        context.save()
        context.event("+promoted-slave", chosen)
        if attempt.coordinated:
            # They have changed their roles by themselves; a restart shall not undo it.
            for node in (chosen, primary):
                context.send(node.link.command, node, (b"CONFIG", b"REWRITE"), promises=False)
        if "crash-after-promotion" in context.simulated_failures:
            context.effects.exit_code = 99
        context.event("+failover-state-reconf-slaves", primary)
        context.reconfigured(primary, "leader", "start", primary.address, chosen.address)
        self._polling.say_hello_to_all(primary)

    def _is_reconnected(self, chosen: Replica) -> bool:
        """The connection on which the order was sent has broken: it may or may not have arrived."""
        command = chosen.link.command
        return (
            command.up
            and command.since_ms >= chosen.role_sent_ms
            and not self._roles.was_just_sent_role(chosen)
        )

    def _reconfigure(self, primary: Primary) -> None:
        context, attempt, promoted = self._context, primary.attempt, self._promoted(primary)
        self._give_up_on_replica(primary)
        open_ones = [r for r in primary.replicas.values() if not _is_settled(r)]
        timed_out = context.now_ms - attempt.changed_ms > primary.monitor.failover_timeout_ms
        if not open_ones or timed_out or promoted.is_down:
            self._end(primary, open_ones if timed_out else [])
            return
        under_way = sum(r.reconfiguration in _UNDER_WAY for r in open_ones)
        for replica in open_ones:
            if under_way >= primary.monitor.parallel_syncs:
                break
            if replica.reconfiguration is Reconfiguration.NONE and self._lead(replica, promoted.address):
                context.event("+slave-reconf-sent", replica, level=Level.NOTICE)
                under_way += 1

    def _lead(self, replica: Replica, address: Address) -> bool:
        if not self._roles.follow(replica, address):
            return False
        replica.reconfiguration = Reconfiguration.SENT
        replica.reconfiguration_sent_ms = self._context.now_ms
        return True

    def _give_up_on_replica(self, primary: Primary) -> None:
        """Pass over a replica that ignores its orders; it is reconfigured later."""
        limit_ms = self._context.tunables.slave_reconf_timeout
        for replica in primary.replicas.values():
            if replica.reconfiguration is not Reconfiguration.SENT:
                continue
            if replica.role_sent_ms == NEVER_MS:
                replica.reconfiguration = Reconfiguration.NONE  # it was not sent after all
            elif self._context.now_ms - replica.reconfiguration_sent_ms > limit_ms:
                self._context.event("-slave-reconf-sent-timeout", replica, level=Level.NOTICE)
                replica.reconfiguration = Reconfiguration.DONE

    def _end(self, primary: Primary, unsettled: list[Replica]) -> None:
        if unsettled:
            self._context.event("+failover-end-for-timeout", primary)
            for replica in unsettled:
                if replica.reconfiguration is Reconfiguration.NONE and self._lead(
                    replica, self._promoted(primary).address
                ):
                    self._context.event("+slave-reconf-sent-be", replica, level=Level.NOTICE)
        self._context.event("+failover-end", primary)
        self._enter(primary, Happened.FOLLOWED)

    def _update(self, primary: Primary) -> None:
        address = self._promoted(primary).address
        primary.attempt.ended = f"+failover-end: {address} took over in epoch {primary.attempt.epoch}"
        self._enter(primary, Happened.SWITCHED)
        self._monitors.switch(primary, address)


_UNDER_WAY: Final = (Reconfiguration.SENT, Reconfiguration.IN_PROGRESS)


def _is_settled(replica: Replica) -> bool:
    """It follows the new primary, is the new primary, or cannot be sent orders."""
    return replica.is_promoted or replica.is_down or replica.reconfiguration is Reconfiguration.DONE
