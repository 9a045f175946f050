"""Manual failover: the administrator asks a replica to take over from a primary that is alive.

BACKGROUND. The replica sends MFSTART; the primary pauses its clients' writes and sends its offset
in heartbeats marked PAUSED; the replica waits until it has reached that offset and is then elected
without delay, its request marked FORCEACK. So no acknowledged write is lost.

INVARIANTS.
- The primary sends its offset only once the engine has reported that writes stand still.
- The replica stands only while it is in sync with *this* primary (see data_set) and has reached that
  offset: a replica that was ordered to follow a moment ago, and has not its data, waits for it, and gives up
  at the limit.
- The primary's pause outlasts the time in which the replica may win: both sides give up at the limit, which
  the primary, asked later, reaches later. Votes that come after it do not count.
- The replica may have won just before, and the primary not know it yet. The voters did not wait until its
  lease was over, as they trust in the pause. So before its clients go on the primary gives up every promise
  that it has, and writes again only with new ones, which a voter that has voted does not give. Should the
  control plane stand still meanwhile, the engine ends the pause by itself after every promise is over.
- Another replica that asks does not end the pause in between.

BEHAVIOUR. FORCE skips the handshake (the primary may be unreachable) and needs the shard's data all the
same, perhaps of an earlier moment; TAKEOVER skips the vote too and overrules everything."""

from __future__ import annotations

from typing import Final

from garrison.node.border import Pause, PauseMode, Unpause
from garrison.node.core import bus_codec as bus
from garrison.node.core.context import Context
from garrison.node.core.election import Election
from garrison.node.core.heartbeat import Heartbeats
from garrison.node.core.lease import Lease
from garrison.node.core.nodes import Node
from garrison.node.core.ownership import Ownership

MANUAL_FAILOVER_MS_MAX: Final = 5000


class ManualFailover:
    """Either side of a manual failover."""

    def __init__(
        self,
        context: Context,
        heartbeats: Heartbeats,
        election: Election,
        ownership: Ownership,
        lease: Lease,
    ) -> None:
        self._context = context
        self._heartbeats = heartbeats
        self._election = election
        self._ownership = ownership
        self._lease = lease
        self.end_ms = 0
        """When the attempt under way is given up; 0 if none is."""
        self.ready = False
        """Whether the replica may stand."""
        self._replica: Node | None = None
        self._primary_offset: int | None = None
        self._offset_sent = False
        self._is_ending = False

    # On the replica.

    def start(self, option: str) -> None:
        """CLUSTER FAILOVER, with the option ``""``, ``FORCE`` or ``TAKEOVER``; the caller has checked it."""
        context = self._context
        self.reset()
        self._election.reset()
        self.end_ms = context.now_ms + MANUAL_FAILOVER_MS_MAX
        if option == "TAKEOVER":
            context.log("notice", "Taking over the master (user request).")
            self._ownership.bump_epoch()
            self._election.take_over(overruled=True)
            self.reset()
        elif option == "FORCE":
            context.log("notice", "Forced failover user request accepted.")
            self.ready = True
        else:
            context.log("notice", "Manual failover user request accepted.")
            primary = context.me.primary
            assert primary is not None
            context.send(primary.outbound, bus.MFSTART, bus.encode(context.frame(bus.MFSTART)))

    def receive_from_primary(self, frame: bus.Frame) -> None:
        """Read a header of my primary: in a manual failover it may carry the final offset."""
        if self.end_ms and self._primary_offset is None and frame.message_flags & bus.FLAG_PAUSED:
            self._primary_offset = frame.offset
            self._context.log(
                "notice",
                f"Received replication offset for paused master manual failover: {frame.offset}",
            )

    # On the primary.

    def receive_start(self, sender: Node) -> None:
        """MFSTART of one of my replicas: stop the writes so that it can catch up."""
        context = self._context
        if sender.primary is not context.me or not context.me.is_primary():
            return
        self._forget()
        self.end_ms = context.now_ms + MANUAL_FAILOVER_MS_MAX
        self._replica = sender
        longest_ms = max(MANUAL_FAILOVER_MS_MAX, context.timeout_ms)
        context.act(Pause(self.end_ms + longest_ms, PauseMode.WRITE))
        context.log("notice", f"Manual failover requested by replica {sender.name_for_people()}.")

    # Both.

    def is_under_way(self) -> bool:
        """Whether an attempt has begun and its limit has not been reached."""
        return bool(self.end_ms) and self._context.now_ms < self.end_ms

    def tick(self) -> None:
        """Go on with what is under way, or give it up at the limit."""
        context = self._context
        if not self.end_ms:
            return
        if (self._replica is not None) == context.me.is_replica():
            # Won, as the replica, or handed over, as the primary.
            self.reset()
        elif self._is_ending:
            self.reset()
        elif context.now_ms >= self.end_ms:
            context.log("notice", "Manual failover timed out.")
            self._election.reset()
            if self._replica is None:
                self.reset()
            else:
                # The clients go on in the next step, when the engine knows that there is no lease.
                self._lease.withdraw()
                self._is_ending = True
        elif self._replica is not None:
            self._send_offset()
        elif self._caught_up():
            context.log("notice", "All master replication stream processed, manual failover can start.")
            self.ready = True

    def _caught_up(self) -> bool:
        context, end = self._context, self._primary_offset
        return (
            not self.ready and end is not None and context.data.is_in_sync() and context.facts.offset >= end
        )

    def _send_offset(self) -> None:
        context = self._context
        if context.facts.writes_paused and self._replica is not None:
            context.manual_pause = True
            if not self._offset_sent or context.now_ms - self._replica.last_pinged_ms >= 100:
                self._offset_sent = True
                self._heartbeats.ping(self._replica)

    def reset(self) -> None:
        """End the manual failover; a primary's clients go on."""
        if self._replica is not None:
            self._context.act(Unpause())
        self._forget()

    def _forget(self) -> None:
        self._context.manual_pause = False
        self.end_ms, self.ready = 0, False
        self._replica = self._primary_offset = None
        self._offset_sent = self._is_ending = False
