"""Down or not: S_DOWN is one Sentinel's own finding, O_DOWN that of a quorum.

BACKGROUND. A server is S_DOWN when it gave no valid reply to PING for down-after-milliseconds. It also is
when a primary calls itself replica for long, when it loads its data for longer than
master-reboot-down-after-period, or when its replicas say that it has lost its data (`lost_data.py`). A
primary is O_DOWN when `quorum` Sentinels, this one included, hold it down; the others are asked as soon
as it is S_DOWN, ten times a second at first.

BEHAVIOUR. Silence is measured on a clock that leaves out our own pauses, and a reply may be later than
down-after-milliseconds by what the round trips measured lately allow (smoothed mean and four deviations,
but no more than down-after-milliseconds again): a server under full load is slow, not down. O_DOWN needs
no majority and proves nothing about the network; whoever fails over needs votes as well.
"""

from __future__ import annotations

from typing import Final

from garrison.sentinel.core.context import Context
from garrison.sentinel.core.effects import Level, ReplyError
from garrison.sentinel.core.instances import Instance, Peer, Primary, State, primary_of
from garrison.sentinel.core.lost_data import LostData

ASK_PERIOD_WHEN_URGENT_MS: Final = 100
URGENT_FOR_MS: Final = 5_000
"""For this long after S_DOWN the others are asked more often than `ask-period`."""
ANSWER_PERIODS_MAX: Final = 5
"""How many ask-periods another Sentinel's answer about the primary counts for."""


class Down:
    """Finds servers down, and asks the other Sentinels about primaries."""

    def __init__(self, context: Context, lost_data: LostData) -> None:
        self._context = context
        self._lost_data = lost_data

    def check(self, instance: Instance) -> None:
        """Set or clear S_DOWN, and for a primary O_DOWN."""
        reason, sure_ms = self._finding(instance)
        if reason:
            self._found_down(instance, reason)
        elif instance.is_down:
            self._found_up(instance)
        else:
            self._context.look_at(instance, max(self._context.now_ms + 10, sure_ms))
        if isinstance(instance, Primary):
            self._count(instance)

    def _finding(self, instance: Instance) -> tuple[str, int]:
        """Why it is down, or an empty text and when to look again."""
        context, link = self._context, instance.link
        owner = primary_of(instance)
        limit_ms = self.limit_ms(instance)
        silent_ms = 0
        if link.unanswered_awake_ms >= 0:
            silent_ms = context.awake_ms - link.unanswered_awake_ms
        if not link.command.up:
            silent_ms = max(silent_ms, context.awake_ms - link.available_awake_ms)
        loss = ""
        if isinstance(instance, Primary):
            self._suspect(instance, 2 * silent_ms > limit_ms)
            loss = self._lost_data.judge(instance)
        if silent_ms > limit_ms:
            return f"no valid reply to PING for {silent_ms} ms", 0
        again_ms = context.now_ms + int(limit_ms - silent_ms) + 1
        if isinstance(instance, Primary):
            if not instance.is_suspected:
                again_ms = context.now_ms + int(limit_ms / 2 - silent_ms) + 1
            reason = self._claims(instance, owner.monitor.down_after_ms) or loss
            if reason:
                return reason, 0
            if instance.role_reported == "slave" or instance.reboot_ms:
                again_ms = min(again_ms, context.now_ms + 100)
        return "", again_ms

    def _suspect(self, primary: Primary, is_suspected: bool) -> None:
        """Half of the time has passed: ask its replicas for their offsets now, not only at the end."""
        if is_suspected and not primary.is_suspected:
            for replica in primary.replicas.values():
                self._context.look_now(replica)
        primary.is_suspected = is_suspected

    def limit_ms(self, instance: Instance) -> float:
        """How long it may be silent."""
        wanted = primary_of(instance).monitor.down_after_ms
        return wanted + min(float(wanted), instance.link.slack_ms)

    def _claims(self, primary: Primary, down_after_ms: int) -> str:
        """Whether the primary's own report makes it unfit."""
        context = self._context
        for_ms = context.now_ms - primary.role_reported_ms
        if primary.role_reported == "slave" and for_ms > down_after_ms + 2 * context.tunables.info_period:
            return f"calls itself a replica for {for_ms} ms"
        loading_ms = context.now_ms - primary.reboot_ms
        if primary.reboot_ms and loading_ms > primary.monitor.reboot_down_after_ms:
            return f"restarted and not ready for {loading_ms} ms"
        return ""

    def _found_down(self, instance: Instance, reason: str) -> None:
        instance.down_reason = reason
        if instance.is_down:
            return
        instance.down_since_ms = self._context.now_ms
        self._context.event("+sdown", instance)
        if isinstance(instance, Primary):
            self.ask(instance, urgent=True)

    def _found_up(self, instance: Instance) -> None:
        instance.down_since_ms, instance.down_reason = 0, ""
        self._context.event("-sdown", instance)
        if isinstance(instance, Primary):
            for peer in instance.peers.values():
                peer.holds_down = False

    # O_DOWN.

    def _count(self, primary: Primary) -> None:
        agreeing = 0
        if primary.is_down:
            agreeing = 1 + sum(peer.holds_down for peer in primary.peers.values())
        if agreeing >= primary.monitor.quorum:
            if not primary.is_odown:
                primary.odown_since_ms = self._context.now_ms
                self._context.event("+odown", primary, f"#quorum {agreeing}/{primary.monitor.quorum}")
                for replica in primary.replicas.values():
                    self._context.look_now(replica)
        elif primary.is_odown:
            primary.odown_since_ms = 0
            self._context.event("-odown", primary)

    def ask(self, primary: Primary, *, urgent: bool = False) -> None:
        """Ask the other Sentinels whether they hold it down and, if we want to lead, for their votes."""
        context = self._context
        if not primary.is_down and not primary.failing_over:
            return
        candidate = context.my_id if primary.attempt.state is State.WAIT_START else "*"
        period = self._ask_period(primary)
        for peer in primary.peers.values():
            if context.now_ms - peer.answered_ms > ANSWER_PERIODS_MAX * context.tunables.ask_period:
                peer.holds_down = False
            if urgent or context.now_ms - peer.asked_ms >= period:
                self._ask(primary, peer, candidate)
        context.look_at(primary, context.now_ms + period)

    def _ask(self, primary: Primary, peer: Peer, candidate: str) -> None:
        context = self._context
        # A vote is wanted for the epoch that we run in; in a newer one we would take it from another.
        epoch = context.epoch if candidate == "*" else primary.attempt.epoch
        words = (
            "SENTINEL", "is-master-down-by-addr", context.shown(primary.address), str(primary.address.port),
            str(epoch), candidate,
        )  # fmt: skip
        if context.send(peer.link.command, peer, [word.encode() for word in words], self._vote_answered):
            peer.asked_ms = context.now_ms

    def _ask_period(self, primary: Primary) -> int:
        period = self._context.tunables.ask_period
        since_ms = primary.down_since_ms or primary.attempt.changed_ms
        electing = primary.attempt.state is State.WAIT_START
        if electing or (self._context.now_ms - since_ms < URGENT_FOR_MS and not primary.is_odown):
            return min(ASK_PERIOD_WHEN_URGENT_MS, period)
        return period

    def _vote_answered(self, instance: Instance, reply: object) -> None:
        """The reply: whether it holds the primary down, its vote, and the epoch of that."""
        assert isinstance(instance, Peer)
        if isinstance(reply, ReplyError):
            self._context.say(Level.VERBOSE, f"sentinel {instance.run_id} does not answer: {reply}")
            return
        if not isinstance(reply, list) or len(reply) != 3:
            return
        down, leader, epoch = reply
        if not isinstance(down, int) or not isinstance(leader, bytes) or not isinstance(epoch, int):
            return
        instance.answered_ms = self._context.now_ms
        # If we do not hold it down (any more), the answer was late, and may be about the former primary.
        instance.holds_down = down == 1 and instance.primary.is_down
        if leader != b"*":
            instance.vote, instance.vote_epoch = leader.decode("ascii", "replace"), epoch
        self._context.look_now(instance.primary)

    def answer(self, primary: Primary | None) -> bool:
        """Our answer to another Sentinel that asks whether a primary is down."""
        return primary is not None and primary.is_down and not self._context.in_tilt
