"""What is sent all the time, and what the replies to it say: PING, INFO, and our hello.

A PING tells whether a server is there, INFO what it is, and the hello on everybody's channel is how
Sentinels of one primary find each other and agree on the newest configuration. Of a Sentinel only PING is
asked, once for all primaries that both watch.

PING goes out every `ping-period`, or four times within down-after-milliseconds where that is shorter:
then a failure is seen soon after down-after has passed, whatever moment of the period it came in.
"""

from __future__ import annotations

from typing import Final

from garrison.sentinel.core import hello
from garrison.sentinel.core.context import PENDING_COMMANDS_MAX, Context
from garrison.sentinel.core.effects import Level, ReplyError
from garrison.sentinel.core.instances import DataNode, Instance, Primary, Replica, State, primary_of
from garrison.sentinel.core.links import HELLO_CHANNEL
from garrison.sentinel.core.roles import Roles

PINGS_WITHIN_DOWN_AFTER: Final = 4
PING_PERIOD_MS_MIN: Final = 50
INFO_PERIOD_WHEN_URGENT_MS: Final = 1_000
"""While the primary is suspected or fails over, or a replica's link is down."""
INFO_PER_DOWN_AFTER: Final = 4
"""... or so many times within down-after-milliseconds: whom we choose depends on the newest offsets."""
NEW_LIFE_MS: Final = 5_000
"""For this long after a primary's restart its replicas are asked as often as if it were suspected."""
INFO_PERIOD_IN_FAILOVER_MS: Final = 200
"""Of the replicas, while we lead the failover."""
INFO_PERIOD_IN_HAND_OVER_MS: Final = 20
"""Of the replica that takes over in a coordinated failover: clients wait for its end."""
_VALID: Final = (b"PONG", b"LOADING", b"MASTERDOWN")


class Polling:
    """Sends what is due to an instance and takes the replies."""

    def __init__(self, context: Context, roles: Roles) -> None:
        self._context = context
        self._roles = roles

    def poll(self, instance: Instance) -> None:
        """Send what is due, and have the instance looked at when the next thing is."""
        command = instance.link.command
        if not command.up or len(command.waiting) >= PENDING_COMMANDS_MAX:
            # What is overdue stays so: of 1,000 primaries that share a stopped Sentinel, none tries at once.
            self._context.look_at(instance, self._context.now_ms + self.ping_period(instance))
            return
        if isinstance(instance, DataNode):
            self._ask_info(instance)
        self._ping(instance)
        self._say_hello(instance)
        self._context.look_at(instance, self._next(instance))

    def _next(self, instance: Instance) -> int:
        times = [
            instance.said_hello_ms + self._context.tunables.publish_period,
            instance.link.pinged_ms + self.ping_period(instance),
        ]
        if isinstance(instance, DataNode):
            times.append(instance.info_asked_ms + self.info_period(instance))
        return max(self._context.now_ms + 10, min(times))

    # PING.

    def ping_period(self, instance: Instance) -> int:
        own = primary_of(instance).monitor.down_after_ms // PINGS_WITHIN_DOWN_AFTER
        return min(self._context.tunables.ping_period, max(PING_PERIOD_MS_MIN, own))

    def _ping(self, instance: Instance) -> None:
        context, link = self._context, instance.link
        if context.now_ms - link.pinged_ms < self.ping_period(instance):
            return
        link.pinged_ms = context.now_ms
        if link.unanswered_awake_ms < 0:
            link.unanswered_awake_ms = context.awake_ms
        sent_awake_ms = context.awake_ms

        def ponged(asked: Instance, reply: object) -> None:
            self._ponged(asked, reply, sent_awake_ms)

        context.send(link.command, instance, (b"PING",), ponged, promises=False)

    def _ponged(self, instance: Instance, reply: object, sent_awake_ms: int) -> None:
        context, link = self._context, instance.link
        link.replied_ms = context.now_ms
        word = _first_word(reply)
        if word not in _VALID:
            return
        link.measured(context.awake_ms - sent_awake_ms)
        link.available_awake_ms = context.awake_ms
        link.unanswered_awake_ms = -1
        if word == b"PONG":
            for user in link.users:
                if isinstance(user, Primary):
                    user.reboot_ms = 0
        for user in link.users:
            if user.is_down:
                context.look_now(user)

    # INFO.

    def info_period(self, node: DataNode) -> int:
        """10 s in peace, 1 s while something is going on, quicker while we lead a failover."""
        primary = primary_of(node)
        period = self._context.tunables.info_period
        if isinstance(node, Replica):
            state = primary.attempt.state
            is_handed_to = primary.attempt.coordinated and node.is_promoted
            if is_handed_to and state in (State.HAND_OVER, State.WAIT_PROMOTION):
                return min(INFO_PERIOD_IN_HAND_OVER_MS, period)
            if state in (State.WAIT_PROMOTION, State.RECONFIGURE):
                return min(INFO_PERIOD_IN_FAILOVER_MS, period)
            if primary.is_suspected or self._is_in_new_life(node):
                own = primary.monitor.down_after_ms // INFO_PER_DOWN_AFTER
                return min(INFO_PERIOD_WHEN_URGENT_MS, max(INFO_PERIOD_IN_FAILOVER_MS, own), period)
            if primary.is_down or primary.failing_over or primary.life.doubted_since_ms:
                return min(INFO_PERIOD_WHEN_URGENT_MS, period)
            if node.info_ms and not node.link_up:
                return min(INFO_PERIOD_WHEN_URGENT_MS, period)
            if node.role_reported == "master" or not primary_follows(self._context, node):
                return min(INFO_PERIOD_WHEN_URGENT_MS, period)
        elif isinstance(node, Primary):
            is_odd = node.life.doubted_since_ms or node.life.loading
            if is_odd or not node.replicas or node.role_reported == "slave":
                return min(INFO_PERIOD_WHEN_URGENT_MS, period)
        return period

    def _is_in_new_life(self, replica: Replica) -> bool:
        """Its primary has just begun a new life, and it is not in sync with that."""
        age_ms = self._context.now_ms - replica.primary.life.seen_ms
        return replica.parted_ms != 0 and age_ms < NEW_LIFE_MS

    def _ask_info(self, node: DataNode) -> None:
        if self._context.now_ms - node.info_asked_ms >= self.info_period(node):
            self.ask_info_now(node)

    def ask_info_now(self, node: DataNode) -> None:
        """Ask out of turn, because something has just happened there."""
        if self._context.send(node.link.command, node, (b"INFO",), self._informed, promises=False):
            node.info_asked_ms = self._context.now_ms

    def _informed(self, instance: Instance, reply: object) -> None:
        assert isinstance(instance, DataNode)
        if isinstance(reply, bytes):
            self._roles.informed(instance, reply)
        elif isinstance(reply, ReplyError) and not str(reply).startswith(("LOADING", "MASTERDOWN")):
            self._context.event("-info-refused", instance, f"# {reply}", Level.VERBOSE)

    # Hello.

    def _say_hello(self, instance: Instance) -> None:
        if self._context.now_ms - instance.said_hello_ms >= self._context.tunables.publish_period:
            self.say_hello_now(instance)

    def say_hello_now(self, instance: Instance) -> None:
        """Publish who we are and which configuration we hold for the newest."""
        context = self._context
        text = hello.encode(hello.ours(context, primary_of(instance), instance))
        is_sent = context.send(instance.link.command, instance, (b"PUBLISH", HELLO_CHANNEL, text))
        if is_sent or context.is_unsaved:
            instance.said_hello_ms = context.now_ms

    def say_hello_to_all(self, primary: Primary) -> None:
        """Send the changed configuration to all servers now, not within two seconds."""
        for member in primary.members():
            member.said_hello_ms = min(member.said_hello_ms, self._context.now_ms - 60_000)
            self._context.look_now(member)


def primary_follows(context: Context, replica: Replica) -> bool:
    """Whether a replica says that it follows the primary that we know."""
    return context.same(replica.follows, replica.primary.address)


def _first_word(reply: object) -> bytes:
    text = str(reply).encode() if isinstance(reply, ReplyError) else reply
    return text.split(b" ", 1)[0] if isinstance(text, bytes) else b""
