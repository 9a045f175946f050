"""What servers say they are in INFO, and what follows when that is not what they should be.

BACKGROUND. INFO of a primary names its replicas, so they are found without being configured. INFO of a
replica says whom it follows and how far it has come. Two claims are wrong in a healthy group: a replica
that calls itself primary (the former primary, started again), and a replica that follows somebody else.

BEHAVIOUR. Both are corrected with REPLICAOF, and carefully, for it may be we who are behind: only when the
primary looks sane, and the claim has stood for a while in which a newer configuration would have reached
us. A majority of Sentinels that named our configuration *after* the claim was made shows that we are not
behind, and shortens the wait to a hello, so that a former primary takes writes of mistaken clients for as
short a time as can be. What they said before the claim shows nothing: another Sentinel may have promoted
this very replica since, while we were cut off. And of one that has followed our primary and is a primary
now, only hellos count that came a hello's period after the claim: its leader names the new configuration
when INFO has confirmed the promotion, which takes a moment. A primary that calls itself replica is not
argued with; it counts as down (`down.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from garrison.sentinel.core import info
from garrison.sentinel.core.context import Context
from garrison.sentinel.core.effects import Level, ReplyError, UnsentError
from garrison.sentinel.core.instances import (
    NEVER_MS,
    UNKNOWN,
    Address,
    DataNode,
    Primary,
    Reconfiguration,
    Replica,
    primary_of,
)
from garrison.sentinel.core.lost_data import LostData
from garrison.sentinel.core.monitors import Monitors

HELLO_PERIODS_OF_DOUBT: Final = 4
"""How long a replica may report itself as a primary while no other Sentinel confirms our configuration."""
HELLO_PERIODS_FRESH: Final = 3
RESEND_ROLE_MS: Final = 1_000
"""A server that ignores an order, or refuses while it loads, is sent its role again only after this, and then
each time after twice as long ..."""
DOUBLINGS_MAX: Final = 5
"""... but no more often doubled than so."""


class Roles:
    """Takes INFO in."""

    def __init__(self, context: Context, monitors: Monitors, lost_data: LostData) -> None:
        self._context = context
        self._monitors = monitors
        self._lost_data = lost_data
        self.on_progress: Callable[[Primary], None] = lambda primary: None
        """Called when a report may carry the failover of a primary on."""

    def informed(self, node: DataNode, text: bytes) -> None:
        """A reply to INFO."""
        context = self._context
        report = info.read(text)
        node.info_ms, node.info_text = context.now_ms, text
        self._note_run_id(node, report)
        if isinstance(node, Replica) and not node.is_promoted and node.run_id == node.primary.run_id != "":
            # Told to follow its primary, it would follow itself.
            self._monitors.drop_replica(node, "it is the primary itself, under another address")
            return
        if isinstance(node, Primary):
            for address in report.replicas:
                if not context.is_usable(address.host):
                    name = f"{node.name} has a replica at the name {address}"
                    context.say(Level.VERBOSE, f"{name}, which is not watched, as resolve-hostnames is no")
                elif context.replica_at(node, address) is None and not context.same(address, node.address):
                    self._monitors.add_replica(node, address)
            self._lost_data.note_primary(node, report)
        node.offset, node.keys, node.history = report.offset, report.keys, report.history
        if isinstance(node, Replica):
            self._note_replication(node, report)
        if report.role and report.role != node.role_reported:
            self._note_role(node, report.role)
        if context.in_tilt:
            return
        if isinstance(node, Replica):
            self._advance_reconfiguration(node)
            self.on_progress(node.primary)
            if node.role_reported == "master":
                self._turn_back(node)
            else:
                self._lead_back(node)
        elif isinstance(node, Primary):
            self.on_progress(node)

    def _note_run_id(self, node: DataNode, report: info.Report) -> None:
        if not report.run_id or report.run_id == node.run_id:
            return
        if node.run_id:
            self._context.event("+reboot", node)
        if isinstance(node, Primary):
            if node.run_id:
                node.reboot_ms = self._context.now_ms if node.monitor.reboot_down_after_ms else 0
            self._lost_data.begins_life(node, report)
        node.run_id = report.run_id

    def _note_replication(self, replica: Replica, report: info.Report) -> None:
        context = self._context
        replica.link_up = report.link_up
        replica.link_down_ms = report.link_down_ms
        replica.priority = report.priority
        replica.announced = report.announced
        self._lost_data.note_replica(replica, report)
        if report.role == "slave" and report.follows != replica.follows:
            replica.follows, replica.follows_since_ms = report.follows, context.now_ms
            replica.ignored_orders = 0

    def _note_role(self, node: DataNode, role: str) -> None:
        node.role_reported, node.role_reported_ms = role, self._context.now_ms
        node.ignored_orders = 0
        if isinstance(node, Replica):
            node.follows_since_ms = self._context.now_ms
        expected = "master" if isinstance(node, Primary) else "slave"
        name = "+role-change" if role == expected else "-role-change"
        self._context.event(name, node, f"new reported role is {role}", Level.VERBOSE)
        self._context.look_now(node)

    # Replicas on their way to a new primary.

    def _advance_reconfiguration(self, replica: Replica) -> None:
        promoted = replica.primary.attempt.promoted
        if replica.role_reported != "slave" or promoted is None:
            return
        if replica.reconfiguration is Reconfiguration.SENT and self._context.same(
            replica.follows, promoted.address
        ):
            replica.reconfiguration = Reconfiguration.IN_PROGRESS
            self._context.event("+slave-reconf-inprog", replica, level=Level.NOTICE)
        if replica.reconfiguration is Reconfiguration.IN_PROGRESS and replica.link_up:
            replica.reconfiguration = Reconfiguration.DONE
            self._context.event("+slave-reconf-done", replica, level=Level.NOTICE)

    # Servers that claim otherwise.

    def _turn_back(self, replica: Replica) -> None:
        """A replica calls itself primary: unless we are promoting it, it is turned back."""
        context, primary = self._context, replica.primary
        if replica.is_promoted or primary.failing_over or not self._looks_sane(primary):
            return
        if self.was_just_sent_role(replica):
            return
        claimed_ms = replica.role_reported_ms
        if replica.follows != UNKNOWN:
            claimed_ms += context.tunables.publish_period
        if not self.is_confirmed(primary, claimed_ms) and not self._has_stood(replica, self._doubt_ms()):
            return
        if self.follow(replica, primary.address):
            context.event("+convert-to-slave", replica, level=Level.NOTICE)

    def _lead_back(self, replica: Replica) -> None:
        """A replica follows another address than our primary's."""
        context, primary = self._context, replica.primary
        if primary.failing_over or replica.is_promoted or context.same(replica.follows, primary.address):
            return
        if not self._looks_sane(primary):
            return
        waited_ms = context.now_ms - replica.follows_since_ms
        patience_ms = primary.monitor.failover_timeout_ms
        if self.is_confirmed(primary, replica.follows_since_ms):
            patience_ms = min(patience_ms, self._doubt_ms())
        if self.was_just_sent_role(replica):
            return
        if waited_ms > patience_ms and not replica.is_down and self.follow(replica, primary.address):
            replica.follows_since_ms = context.now_ms
            context.event("+fix-slave-config", replica, level=Level.NOTICE)

    def _doubt_ms(self) -> int:
        return HELLO_PERIODS_OF_DOUBT * self._context.tunables.publish_period

    def _has_stood(self, replica: Replica, for_ms: int) -> bool:
        now_ms = self._context.now_ms
        return (
            now_ms - replica.role_reported_ms > for_ms
            and not replica.is_down
            and now_ms - self._context.started_ms > for_ms
        )

    def _looks_sane(self, primary: Primary) -> bool:
        """It answers, and has lately reported itself as a primary."""
        age_ms = self._context.now_ms - primary.info_ms
        return (
            primary.role_reported == "master"
            and not primary.is_down
            and not primary.is_odown
            and primary.info_ms > 0
            and age_ms < 2 * self._context.tunables.info_period
        )

    def is_confirmed(self, primary: Primary, since_ms: int) -> bool:
        """A majority of Sentinels, ourselves included, named our configuration since then, and lately."""
        context = self._context
        if not primary.config_epoch:
            return False
        since_ms = max(since_ms, context.now_ms - HELLO_PERIODS_FRESH * context.tunables.publish_period)
        agreeing = sum(
            peer.names_epoch == primary.config_epoch
            and peer.hello_received_ms > since_ms
            and context.same(peer.names, primary.address)
            for peer in primary.peers.values()
        )
        return agreeing + 1 >= primary.majority and agreeing > 0

    # REPLICAOF.

    def was_just_sent_role(self, node: DataNode) -> bool:
        """Whether it is too early to send a server its role again."""
        patience_ms = RESEND_ROLE_MS << min(max(0, node.ignored_orders - 1), DOUBLINGS_MAX)
        return self._context.now_ms - node.role_sent_ms < patience_ms

    def break_circle(self, primary: Primary) -> bool:
        """A primary and its replicas all follow each other: send the primary REPLICAOF NO ONE.

        Whoever has no other replica to choose does this, since none has a link that gets better by itself.
        A primary that follows somebody we do not know was moved on purpose, and is left alone.
        """
        follows = info.read(primary.info_text).follows
        leader = self._context.replica_at(primary, follows)
        if primary.role_reported != "slave" or leader is None or leader.role_reported != "slave":
            return False
        if not self.follow(primary, None):
            return False
        self._context.event("+convert-to-master", primary, level=Level.NOTICE)
        return True

    def follow(
        self, node: DataNode, address: Address | None, then: Callable[[str], None] = lambda why: None
    ) -> bool:
        """Make a server a replica of an address, or a primary with None; False if it cannot be sent now.

        In a transaction, so that its clients are cut off in the same moment and ask for the primary again.
        `then` is called with an empty text when it was done, or with why it was refused.
        """

        def done(_: object, reply: object) -> None:
            self._role_answered(node, reply, then)

        context, command = self._context, node.link.command
        if not command.up or context.is_unsaved:
            return False
        if address is not None and context.same(node.address, address):
            return False
        host, port = ("NO", "ONE") if address is None else (context.shown(address), str(address.port))
        context.send(command, node, (b"MULTI",))
        context.send(command, node, (b"SLAVEOF", host.encode(), port.encode()))
        context.send(command, node, (b"CONFIG", b"REWRITE"))
        for kind in (b"normal", b"pubsub"):
            context.send(command, node, (b"CLIENT", b"KILL", b"TYPE", kind))
        context.send(command, node, (b"EXEC",), done)
        node.role_sent_ms = context.now_ms
        node.ignored_orders += 1
        return True

    def _role_answered(self, node: DataNode, reply: object, then: Callable[[str], None]) -> None:
        """The server has taken its role: what it is now is worth asking at once. Or it has not.

        Of the transaction's replies the first is about the role. The others may be errors in peace: a server
        without a configuration file, which cannot rewrite it, changes its role all the same.
        """
        about_role = reply[0] if isinstance(reply, list) and reply else reply
        if not _is_error(about_role):
            self._context.ask_info_soon(node)
            then("")
            return
        what = "refused a new role"
        if isinstance(about_role, UnsentError):
            what = "has no new role"
            node.role_sent_ms, node.ignored_orders = NEVER_MS, node.ignored_orders - 1
        text = f"{primary_of(node).name}: {node.address} {what}: {about_role}"
        self._context.say(Level.WARNING, text)
        then(str(about_role))


def _is_error(reply: object) -> bool:
    return isinstance(reply, ReplyError)
