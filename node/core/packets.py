"""What a frame from a peer does to this node, in the order in which it must happen.

BACKGROUND. Every frame carries the sender's header, so even a FAIL or a PUBLISH says something
about epochs, offsets and life. Heartbeats (PING, PONG, MEET) say most.

INVARIANTS.
- Only a known node's word counts. A stranger's frame is accepted once: MEET, to be introduced.
- A claim is judged before the pong that might renew the claimant's lease (see lease, ownership).
- An id that a peer shows on our own link must be the id we expect there; otherwise the address has
  been taken by another node, and is forgotten.

BEHAVIOUR. `receive` returns nothing; what follows is in the effects of the context.
"""

from __future__ import annotations

from garrison.node.border import Publish
from garrison.node.core import bus_codec as bus
from garrison.node.core import flags as fl
from garrison.node.core import slots as sl
from garrison.node.core.bus_extensions import Extensions
from garrison.node.core.context import Context
from garrison.node.core.election import Election
from garrison.node.core.failure import Failures
from garrison.node.core.heartbeat import TRUST_GOSSIP_NODES_MIN, Heartbeats
from garrison.node.core.lease import Lease
from garrison.node.core.manual_failover import ManualFailover
from garrison.node.core.nodes import Link, Node
from garrison.node.core.ownership import Ownership
from garrison.node.core.slot_migration import SlotMigrations

KEPT_FROM_GOSSIP = fl.PRIMARY | fl.REPLICA | fl.NO_FAILOVER
CLOCK_SKEW_MS_MAX = 500


class Packets:
    """Frames in."""

    def __init__(
        self,
        context: Context,
        heartbeats: Heartbeats,
        failures: Failures,
        ownership: Ownership,
        election: Election,
        manual: ManualFailover,
        lease: Lease,
        migrations: SlotMigrations,
    ) -> None:
        self._context = context
        self._heartbeats = heartbeats
        self._failures = failures
        self._ownership = ownership
        self._election = election
        self._manual = manual
        self._lease = lease
        self._migrations = migrations

    def receive(self, link: Link, frame: bus.Frame) -> None:
        """Take one decoded frame that came by `link`."""
        context = self._context
        if frame.type < len(context.received):
            context.received[frame.type] += 1
        sender = self._sender(link, frame)
        if sender is not None:
            self._receive_header(sender, frame)
            if not link.outbound and link.node is None:
                self._bind_inbound(link, sender)
        if frame.type <= bus.MEET:
            self._heartbeat(link, sender, frame)
        elif sender is not None:
            self._message(sender, frame)

    def _sender(self, link: Link, frame: bus.Frame) -> Node | None:
        """The known node that sent the frame; None for a stranger."""
        node = self._context.table.known(frame.sender)
        return None if node is self._context.me else node

    def _bind_inbound(self, link: Link, sender: Node) -> None:
        context = self._context
        if sender.inbound is not None:
            sender.inbound.node = None
        link.node, sender.inbound = sender, link
        assert link.link_id in context.links

    def _receive_header(self, sender: Node, frame: bus.Frame) -> None:
        """Read what every frame of a known node has: its epochs and its offset; it is alive."""
        context = self._context
        sender.data_awake_ms, sender.data_received_ms = context.awake_ms, context.now_ms
        sender.dial_at_once()
        if frame.current_epoch > context.current_epoch:
            context.current_epoch = frame.current_epoch
            context.save()
        if frame.config_epoch > sender.config_epoch and not frame.primary_id:
            sender.config_epoch = frame.config_epoch
            context.changed()
        sender.offset, sender.offset_ms = frame.offset, context.now_ms
        sender.spoken_epoch, sender.spoken_slots = frame.config_epoch, sl.from_bitmap(frame.slots)
        self._receive_state(sender, frame)
        if sender is context.me.primary:
            self._manual.receive_from_primary(frame)
        if frame.message_flags & bus.FLAG_EXTENSIONS:
            sender.flags |= fl.EXTENSIONS

    def _receive_state(self, sender: Node, frame: bus.Frame) -> None:
        """Read what a Garrison node reports of itself in each frame."""
        context = self._context
        if frame.state is None and sender.state is None:
            return
        before, sender.state, sender.history = sender.state or 0, frame.state, frame.history
        state = frame.state or 0
        sender.data_lost_ms = (sender.data_lost_ms or context.now_ms) if state & bus.STATE_DATA_LOST else 0
        sender.no_lease_ms = (sender.no_lease_ms or context.now_ms) if state & bus.STATE_NO_LEASE else 0
        for bit, what in (
            (bus.STATE_DATA_LOST, "has lost its data"),
            (bus.STATE_NO_LEASE, "has no write lease"),
        ):
            if state & bit and not before & bit:
                context.log("notice", f"Node {sender.name_for_people()} says that it {what}.")

    def _message(self, sender: Node, frame: bus.Frame) -> None:
        kind = frame.type
        if kind == bus.FAIL:
            self._failures.receive_fail(sender, frame.failing_id)
        elif kind in (bus.PUBLISH, bus.PUBLISH_SHARD):
            sharded = kind == bus.PUBLISH_SHARD
            self._context.effects.deliver.append(Publish(frame.channel, frame.message, sharded))
        elif kind == bus.AUTH_REQUEST:
            self._election.receive_request(sender, frame)
        elif kind == bus.AUTH_ACK:
            self._election.receive_ack(sender, frame.current_epoch, self._manual.is_under_way())
        elif kind == bus.UPDATE:
            self._ownership.receive_update(sender, frame.update_id, frame.update_epoch, frame.update_slots)
        elif kind == bus.MFSTART:
            self._manual.receive_start(sender)

    # PING, PONG, MEET.

    def _heartbeat(self, link: Link, sender: Node | None, frame: bus.Frame) -> None:
        context = self._context
        if frame.type == bus.MEET or not context.me.ip:
            self._learn_own_address(link)
        if link.outbound and not self._expected(link, sender, frame):
            return
        if sender is None and link.outbound:
            sender = context.table.known(frame.sender)
        if sender is not None:
            if frame.type == bus.PING:
                self._update_address(sender, link, frame)
            self._receive_role(sender, frame)
            self._ownership.receive_claim(sender, frame.slots, frame.config_epoch, link)
            self._ownership.receive_epoch(sender)
            if sender.is_primary():
                self._election.receive_epoch_won(sender)
            self._gossip(sender, frame)
            self._extensions(sender, frame)
        elif frame.type == bus.MEET:
            self._introduce(link, frame)
        if frame.type == bus.PONG:
            self._receive_pong(link, frame)
        else:
            self._heartbeats.pong(link, sender)

    def _learn_own_address(self, link: Link) -> None:
        """Which of our addresses others reach us by is seen on their connections."""
        context = self._context
        if context.settings.cluster_announce_ip or not link.local_ip or link.local_ip == context.me.ip:
            return
        context.me.ip = link.local_ip
        context.log("notice", f"IP address for this node updated to {link.local_ip}")
        context.changed()

    def _introduce(self, link: Link, frame: bus.Frame) -> None:
        """A node was sent CLUSTER MEET with our address: get to know it by dialling back."""
        context = self._context
        ip = frame.ip or link.remote_ip
        if frame.sender == context.me.node_id or is_meeting(context, ip, frame.bus_port):
            return
        if sum(n.in_handshake() for n in context.table) >= context.settings.cluster_handshakes_max:
            context.refused["handshakes"] = context.refused.get("handshakes", 0) + 1
            return
        node = Node(context.new_id(), ip, frame.port, frame.bus_port, frame.plain_port, flags=fl.HANDSHAKE)
        node.created_ms = context.now_ms
        context.table.add(node)
        context.open_link(node)

    def _expected(self, link: Link, sender: Node | None, frame: bus.Frame) -> bool:
        """On our own link: is this the node that we expect there? False ends the handling."""
        context, node = self._context, link.node
        if node is None:
            return False
        if node.in_handshake():
            return self._end_handshake(link, node, sender, frame)
        if node.node_id != frame.sender:
            context.log(
                "debug",
                f"PONG contains mismatching sender ID. About node {node.node_id} in shard {node.shard_id}",
            )
            node.misses += 1
            if not node.hostname:
                node.flags |= fl.NOADDR
                node.ip, node.port, node.bus_port = "", 0, 0
                context.changed()
            context.drop_link(link)
            self._heartbeats.dial_later(node)
            return False
        node.misses = 0
        return True

    def _end_handshake(self, link: Link, node: Node, sender: Node | None, frame: bus.Frame) -> bool:
        context = self._context
        if sender is not None or frame.sender == context.me.node_id:
            context.log(
                "verbose", f"Handshake: we already know node {frame.sender}, updating the address if needed."
            )
            if sender is not None:
                self._update_address(sender, link, frame)
            if node.node_id in context.table.by_id:
                context.drop_node(node)
            return False
        context.table.rename(node, frame.sender)
        context.log("debug", f"Handshake with node {node.node_id} completed.")
        node.flags = node.flags & ~(fl.HANDSHAKE | fl.MEET) | frame.flags & KEPT_FROM_GOSSIP
        context.forgotten.pop(node.node_id, None)
        self._receive_header(node, frame)
        context.changed(sync=True)
        return True

    def _update_address(self, sender: Node, link: Link, frame: bus.Frame) -> None:
        """A known node sends from another address than the one we have: connect to that."""
        context = self._context
        if link is sender.outbound:
            return
        ip = frame.ip or link.remote_ip
        if not ip or (ip, frame.port, frame.bus_port) == (sender.ip, sender.port, sender.bus_port):
            return
        sender.ip, sender.port, sender.bus_port, sender.plain_port = (
            ip,
            frame.port,
            frame.bus_port,
            frame.plain_port,
        )
        sender.flags &= ~fl.NOADDR
        context.drop_link(sender.outbound)
        context.log("notice", f"Address updated for node {sender.name_for_people()}, now {ip}:{sender.port}")
        context.changed()
        if sender is context.me.primary:
            self._ownership.refollow()

    def _receive_role(self, sender: Node, frame: bus.Frame) -> None:
        """The sender says whether it is a primary, or whose replica."""
        context = self._context
        news = False
        if not frame.primary_id:
            news = context.table.set_primary(sender)
        else:
            primary = context.table.known(frame.primary_id)
            if primary is not sender:
                news = context.table.set_replica(sender, primary)
        bits = frame.flags & fl.NO_FAILOVER
        if sender.flags & fl.NO_FAILOVER != bits:
            sender.flags = sender.flags & ~fl.NO_FAILOVER | bits
            news = True
        if news:
            context.changed()

    def _receive_pong(self, link: Link, frame: bus.Frame) -> None:
        """The answer to a ping of ours, if it came on our link; else an announcement."""
        context, node = self._context, link.node
        if not link.outbound or node is None:
            return
        node.pong_received_ms = context.now_ms
        node.data_awake_ms, node.data_received_ms = context.awake_ms, context.now_ms
        node.dial_at_once()
        if link.pings:
            ping_sent_ms, _ = link.pings.pop(0)
            if not self._refused(frame):
                self._lease.granted(node, ping_sent_ms)
        node.ping_sent_ms = 0
        self._failures.reachable(node)

    def _refused(self, frame: bus.Frame) -> bool:
        """Whether the frame says that its sender holds me for failing."""
        mine = self._context.me.node_id
        return any(e.node_id == mine and e.flags & (fl.PFAIL | fl.FAIL) for e in frame.gossip)

    def _gossip(self, sender: Node, frame: bus.Frame) -> None:
        context = self._context
        for entry in frame.gossip:
            node = context.table.get(entry.node_id)
            if node is None:
                self._add_from_gossip(entry)
            elif node is not context.me:
                self._receive_about(sender, node, entry)

    def _receive_about(self, sender: Node, node: Node, entry: bus.Gossip) -> None:
        context = self._context
        failing = bool(entry.flags & (fl.PFAIL | fl.FAIL))
        if sender.votes() and sender is not node:
            self._failures.report(sender, node, failing)
        if not failing and not node.is_suspect() and not node.ping_sent_ms and not node.reports:
            self._trust(node, entry)
        moved = (entry.ip, entry.port, entry.bus_port) != (node.ip, node.port, node.bus_port)
        if (node.is_suspect() or not node.has_address()) and not failing and moved and entry.ip:
            if entry.flags & fl.NOADDR:
                return
            context.drop_link(node.outbound)
            node.ip, node.port, node.bus_port, node.plain_port = (
                entry.ip,
                entry.port,
                entry.bus_port,
                entry.plain_port,
            )
            node.flags &= ~fl.NOADDR
            node.dial_at_once()
            context.changed()

    def _trust(self, node: Node, entry: bus.Gossip) -> None:
        """In a large cluster, the sender's word that `node` answered it spares us a ping."""
        context = self._context
        if len(context.table) < TRUST_GOSSIP_NODES_MIN or node.votes():
            return
        pong_ms = entry.pong_received_s * 1000 - context.wall_offset_ms
        if node.pong_received_ms < pong_ms <= context.now_ms + CLOCK_SKEW_MS_MAX:
            node.pong_received_ms = pong_ms

    def _add_from_gossip(self, entry: bus.Gossip) -> None:
        context = self._context
        if entry.flags & (fl.NOADDR | fl.HANDSHAKE) or not entry.ip or context.is_forgotten(entry.node_id):
            return
        if len(context.table) >= context.settings.cluster_nodes_max:
            context.log(
                "warning", f"Node {entry.node_id} is not added: the table has cluster_nodes_max nodes."
            )
            return
        node = Node(entry.node_id, entry.ip, entry.port, entry.bus_port, entry.plain_port)
        node.flags = entry.flags & KEPT_FROM_GOSSIP or fl.PRIMARY
        node.created_ms = context.now_ms
        context.table.add(node)
        context.changed(sync=True)

    def _extensions(self, sender: Node, frame: bus.Frame) -> None:
        context, extensions = self._context, frame.extensions
        if extensions is None:
            if not frame.message_flags & bus.FLAG_EXTENSIONS and sender.hostname:
                sender.hostname = ""
                context.changed()
            return
        self._own_extensions(sender, extensions)
        before = (sender.hostname, sender.human_name, sender.shard_id)
        sender.hostname = extensions.hostname or ""
        if extensions.shard_id is not None or extensions.human_name is not None:
            sender.knows_extensions = True
            sender.human_name = extensions.human_name or ""
            sender.shard_id = extensions.shard_id or sender.shard_id
        if before != (sender.hostname, sender.human_name, sender.shard_id):
            if sender is context.me.primary:
                context.me.shard_id = sender.shard_id
            context.changed()
        for node_id, seconds in extensions.forgotten:
            self._forget(sender, node_id, seconds)

    def _own_extensions(self, sender: Node, extensions: Extensions) -> None:
        """Read the extensions that only Garrison's nodes send."""
        if extensions.lineage is not None:
            sender.lineage = extensions.lineage
        if extensions.timeout_ms is not None:
            sender.timeout_ms = extensions.timeout_ms
        if extensions.marks_seen is not None and sender.primary is self._context.me:
            sender.marks_seen = extensions.marks_seen
        if extensions.marks is not None:
            self._migrations.take(sender, extensions.marks)

    def _forget(self, sender: Node, node_id: str, seconds: int) -> None:
        """A newer peer passes a FORGET on."""
        context = self._context
        node = context.table.known(node_id)
        if node is None or node is context.me or node is context.me.primary or node is sender or seconds <= 0:
            return
        context.forgotten[node_id] = context.now_ms + min(seconds * 1000, context.settings.cluster_forget_ms)
        context.drop_node(node)
        context.changed()


def is_meeting(context: Context, ip: str, bus_port: int) -> bool:
    """Whether a handshake with this address is under way."""
    return any(n.in_handshake() and n.ip == ip and n.bus_port == bus_port for n in context.table)
