"""Heartbeats: whom to ping, what a heartbeat says, and what we take from the gossip in it.

BACKGROUND. Each pair of nodes keeps two links, one opened by either. Pings leave on our link to
the peer, and their pongs come back on it. A heartbeat carries a sample of the node table, so that
news spread without anybody talking to everybody all the time.

INVARIANTS.
- Gossip adds nodes that a known node vouches for, by id, never a stranger's address alone; an id
  that was forgotten stays out while the bar lasts.
- Every node that I suspect (PFAIL) is in each of my heartbeats, whatever the sample.
- A pong to a node that I suspect, or in whose place an election is being decided, says so in an entry about
  the receiver itself (flag fail?): this refuses it the lease. Redis ignores such an entry.
- A link is judged by its own oldest ping without an answer: that a peer is alive elsewhere keeps no dead
  flow.
- Waiting before the next attempt to connect never delays a suspicion, since silence is counted from the first
  link that broke; and it ends with the first frame of the peer, which dials us when it returns.

BEHAVIOUR. Every second the stalest of five random peers is pinged; every peer whose last pong is
older than T/2 is pinged; voting primaries ping each other every T/4, which renews their leases. A peer that
cannot be reached is dialled again twice at once, then after pauses that double up to T/4 and at most a
second, or two seconds for a node that the majority has given up: after a cut both sides dial, so they
meet soon.
"""

from __future__ import annotations

import zlib
from typing import Final

from garrison.node.core import bus_codec as bus
from garrison.node.core import flags as fl
from garrison.node.core import slots as sl
from garrison.node.core.bus_extensions import Extensions
from garrison.node.core.context import Context
from garrison.node.core.nodes import Link, Node

GOSSIP_ENTRIES_MIN: Final = 3
GOSSIP_SHARE: Final = 10
"""A heartbeat samples one in this many nodes."""
RANDOM_PEERS: Final = 5
RANDOM_PING_INTERVAL_MS: Final = 1000
LEASE_PING_INTERVAL_MS_MIN: Final = 50
HANDSHAKE_TIMEOUT_MS_MIN: Final = 1000
DIALS_AT_ONCE: Final = 2
"""So many broken links in a row are replaced without a pause."""
DIAL_PAUSE_MS_MIN: Final = 100
DIAL_PAUSE_MS_MAX: Final = 1000
DIAL_PAUSE_FAILED_MS_MAX: Final = 2000
"""The same for a node in FAIL: nobody waits for it, and it dials when it returns."""
TRUST_GOSSIP_NODES_MIN: Final = 100
"""In tables from this size on, a peer's word that a third node answered spares us a ping."""
UNANSWERED_PINGS_MAX: Final = 8
"""Most pings under way on a link between two voting primaries."""


class Heartbeats:
    """Pings, pongs and the gossip in them."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._next_random_ping_ms = context.now_ms

    # Sending.

    def ping(self, node: Node) -> None:
        """Send PING, or MEET to a node that does not know us yet."""
        link, context = node.outbound, self._context
        if link is None or not link.up:
            return
        kind = bus.MEET if node.flags & fl.MEET else bus.PING
        if node.ping_sent_ms == 0:
            node.ping_sent_ms = context.now_ms
            node.ping_awake_ms = context.awake_ms
        node.last_pinged_ms = context.now_ms
        link.pings.append((context.now_ms, context.awake_ms))
        context.send(link, kind, bus.encode(self._compose(kind, link, node)))

    def pong(self, link: Link, to: Node | None) -> None:
        """Answer a PING or MEET on the link it came by."""
        if to is not None and not self.refuses_lease(to):
            to.answered_ms = self._context.now_ms
        self._context.send(link, bus.PONG, bus.encode(self._compose(bus.PONG, link, to)))

    def announce(self, nodes: list[Node] | None = None) -> None:
        """An unasked PONG, on our own links: news about ourselves that should not wait."""
        for node in list(self._context.table) if nodes is None else nodes:
            if node is not self._context.me and not node.in_handshake() and node.outbound is not None:
                frame = self._compose(bus.PONG, node.outbound, node)
                self._context.send(node.outbound, bus.PONG, bus.encode(frame))

    def _compose(self, kind: int, link: Link, to: Node | None) -> bus.Frame:
        context = self._context
        frame = context.frame(kind)
        frame.gossip = [self._entry(node) for node in self._sample(to)]
        if to is not None and to.is_primary() and self.refuses_lease(to):
            frame.gossip.append(self._entry(to)._replace(flags=to.flags & ~fl.FAIL | fl.PFAIL))
        if kind == bus.MEET or not link.extended or (to is not None and to.knows_extensions):
            link.extended = True
            me = context.me
            frame.extensions = Extensions(me.hostname, me.human_name or None, me.shard_id)
        elif context.me.hostname:
            frame.extensions = Extensions(context.me.hostname)
        if to is not None and to.is_garrison():
            frame.extensions = self._own_extensions(frame.extensions or Extensions(), to)
        if to is not None and to.primary is context.me and context.claim is not None:
            # A claim is sent to my replicas first, see slot_migration.
            frame.slots = sl.to_bitmap(context.me.slots | context.claim.slots)
            frame.config_epoch = context.claim.epoch
        return frame

    def _own_extensions(self, extensions: Extensions, to: Node) -> Extensions:
        """The extensions that only Garrison's nodes send."""
        context = self._context
        extensions.lineage = context.lineage()
        extensions.timeout_ms = context.timeout_ms
        if to.primary is context.me and context.marks is not None and to.marks_seen != context.marks.version:
            extensions.marks = context.marks
        if to is context.me.primary:
            extensions.marks_seen = context.marks_taken
        return extensions

    def refuses_lease(self, node: Node) -> bool:
        """Whether I may not help `node` to a lease: it is suspect, or I voted for its replacement."""
        context = self._context
        return (
            node.is_suspect()
            or context.now_ms - node.voted_ms < context.vote_window_ms()
            or context.now_ms < node.refused_until_ms
        )

    def _entry(self, node: Node) -> bus.Gossip:
        context = self._context
        return bus.Gossip(
            node.node_id,
            max(0, context.wall(node.ping_sent_ms)) // 1000,
            max(0, context.wall(node.pong_received_ms)) // 1000,
            node.ip,
            node.port,
            node.bus_port,
            node.flags & ~fl.MYSELF,
            node.plain_port,
        )

    def _sample(self, to: Node | None) -> list[Node]:
        """The nodes to gossip about: a random part of the others, then all suspects."""
        context = self._context
        nodes = list(context.table)
        wanted = min(max(GOSSIP_ENTRIES_MIN, len(nodes) // GOSSIP_SHARE), len(nodes) - 2)
        chosen: dict[str, Node] = {}
        attempts = 3 * wanted
        while len(chosen) < wanted and attempts > 0:
            attempts -= 1
            node = nodes[context.rng.randrange(len(nodes))]
            if node is not context.me and node is not to and self._worth_telling(node):
                chosen[node.node_id] = node
        for node in nodes:
            if node.flags & fl.PFAIL and node is not to and self._worth_telling(node):
                chosen[node.node_id] = node
        return list(chosen.values())

    @staticmethod
    def _worth_telling(node: Node) -> bool:
        unreachable = node.outbound is None and not node.slots and not node.is_suspect()
        return not node.flags & (fl.HANDSHAKE | fl.NOADDR) and not unreachable

    # The timer.

    def tick(self) -> None:
        """Connect, give up handshakes, ping nodes that are due, replace silent links."""
        context = self._context
        for node in list(context.table):
            if node is not context.me and node.has_address():
                self._keep_link(node)
        if context.now_ms >= self._next_random_ping_ms:
            self._next_random_ping_ms = context.now_ms + RANDOM_PING_INTERVAL_MS
            self._ping_stalest_of_a_few()

    def _keep_link(self, node: Node) -> None:
        context = self._context
        if node.in_handshake() and context.now_ms - node.created_ms > max(
            context.timeout_ms, HANDSHAKE_TIMEOUT_MS_MIN
        ):
            context.drop_node(node)
            return
        link = node.outbound
        if link is None:
            if context.now_ms >= node.dial_after_ms:
                context.open_link(node)
            return
        if not link.up:
            if context.now_ms - link.created_ms > context.timeout_ms:
                context.drop_link(link)
            return
        if self._is_stuck(link):
            context.drop_link(link)
            return
        if self._ping_due(node):
            self.ping(node)

    def _is_stuck(self, link: Link) -> bool:
        """Whether nothing comes back on the link itself, however alive the peer is on others.

        A firewall or a moved machine may have dropped this one flow, while new connections work.
        """
        context = self._context
        if not link.pings or context.now_ms - link.created_ms <= context.timeout_ms // 2:
            return False
        return context.awake_ms - link.pings[0][1] > context.timeout_ms // 2

    def _ping_due(self, node: Node) -> bool:
        context = self._context
        if context.me.votes() and node.votes():
            interval = max(context.timeout_ms // 4, LEASE_PING_INTERVAL_MS_MIN)
            pings = node.outbound.pings if node.outbound is not None else []
            if context.now_ms - node.last_pinged_ms >= interval and len(pings) < UNANSWERED_PINGS_MAX:
                return True
        return node.ping_sent_ms == 0 and context.now_ms - node.pong_received_ms > context.timeout_ms // 2

    def _ping_stalest_of_a_few(self) -> None:
        context = self._context
        nodes = list(context.table)
        stalest: Node | None = None
        for _ in range(RANDOM_PEERS):
            node = nodes[context.rng.randrange(len(nodes))]
            if node is context.me or node.in_handshake() or node.outbound is None or node.ping_sent_ms:
                continue
            if stalest is None or node.pong_received_ms < stalest.pong_received_ms:
                stalest = node
        if stalest is not None:
            self.ping(stalest)

    def link_up(self, link: Link) -> None:
        """Our connection stands: speak first, keeping the start of a ping that is pending already."""
        node = link.node
        if node is None:
            return
        pending, pending_awake = node.ping_sent_ms, node.ping_awake_ms
        self.ping(node)
        if pending:
            node.ping_sent_ms, node.ping_awake_ms = pending, pending_awake
        node.flags &= ~fl.MEET

    def link_down(self, node: Node) -> None:
        """A link to `node` broke or could not be made: its silence begins now, if it has not yet."""
        context = self._context
        if node.ping_sent_ms == 0:
            node.ping_sent_ms, node.ping_awake_ms = context.now_ms, context.awake_ms
        self.dial_later(node)

    def dial_later(self, node: Node) -> None:
        """A link to `node` has ended: the more of them in a row, the longer the pause before the next."""
        context = self._context
        node.dials += 1
        if node.dials > DIALS_AT_ONCE:
            node.dial_after_ms = context.now_ms + self._dial_pause_ms(node)

    def _dial_pause_ms(self, node: Node) -> int:
        """The pause before the next link; half of it is spread, so that nodes do not dial in step."""
        context = self._context
        longest = min(max(context.timeout_ms // 4, DIAL_PAUSE_MS_MIN), DIAL_PAUSE_MS_MAX)
        if node.is_failing():
            longest = DIAL_PAUSE_FAILED_MS_MAX
        pause = min(DIAL_PAUSE_MS_MIN << min(node.dials - DIALS_AT_ONCE, 10), longest)
        # By the ids, which differ for all who dial one node. A draw of context.rng for each link that fails
        # would shift the draws that elections make, and so change what every seed of the simulator shows.
        spread = zlib.crc32(f"{context.me.node_id} {node.node_id} {node.dials}".encode())
        return pause // 2 + spread % (pause // 2 + 1)
