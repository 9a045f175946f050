"""What the parts of the control plane share: the node table, epochs, clocks, links and pending effects.

BACKGROUND. Gossip, failure detection, election and the commands all read and change the same few
facts. They do so through this object, which also builds the header of every frame and collects the
effects of a step.

INVARIANTS.
- `current_epoch` never falls, and `last_vote_epoch <= current_epoch`.
- Who raises an epoch or casts a vote calls `save(sync=True)` in the same step, so that the text is
  on disk before any frame of the step leaves (the order of the fields of Effects).
- Two clocks. `now_ms` runs on while the process is stopped; promises to others (leases, votes) use
  it. `awake_ms` advances by at most AWAKE_STEP_MS_MAX a tick; silence of others is measured on it,
  so that a pause of our own is never held against a peer.

BEHAVIOUR. `save`, `route` and `recheck` only note that something is due; ClusterCore.take does it
once for all inputs of a batch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from garrison.node.core import bus
from garrison.node.core import flags as fl
from garrison.node.core import slots as sl
from garrison.node.core.effects import Connect, Drop, Effects, PlaneAction, Send
from garrison.node.core.nodes import NEVER_MS, Link, Node, NodeTable
from garrison.node.core.settings import ClusterSettings

AWAKE_STEP_MS_MAX: Final = 250
"""A tick that comes later than this after the last one means that we, not the peers, stood still."""


class Randomness(Protocol):
    """The part of random.Random that the core uses."""

    def randrange(self, stop: int, /) -> int: ...

    def getrandbits(self, k: int, /) -> int: ...


@dataclass(frozen=True, slots=True)
class ReplicationFacts:
    """What the engine says about its data. Give it before each tick and when it changes."""

    offset: int = 0
    """The replication offset: produced, for a primary; processed, for a replica."""
    link_up: bool = False
    """Whether a replica is connected to its primary and in sync with it."""
    link_down_since_ms: int = 0
    """Since when (core clock) the link is down; 0 if it never was up."""
    synced: bool = False
    """Whether a replica holds a whole copy of its primary's data."""
    writes_paused: bool = False
    """Whether the engine has carried PauseWrites out, so that `offset` stands still."""


class World:
    """The shared state of one node's control plane."""

    def __init__(
        self, settings: ClusterSettings, rng: Randomness, me: Node, now_ms: int, wall_ms: int
    ) -> None:
        self.settings = settings
        self.rng = rng
        self.table = NodeTable(me)
        self.current_epoch = 0
        self.last_vote_epoch = 0
        self.last_vote_for = ""
        """The id of the primary for whose replica the last vote was; it survives a restart."""
        self.now_ms = now_ms
        self.awake_ms = 0
        self.wall_offset_ms = wall_ms - now_ms
        self.started_ms = now_ms
        self.links: dict[int, Link] = {}
        self._next_link_id = 1
        self.forgotten: dict[str, int] = {}
        self.sent = [0] * len(bus.TYPE_NAMES)
        self.received = [0] * len(bus.TYPE_NAMES)
        self.refused: dict[str, int] = {}
        self.facts = ReplicationFacts()
        self.state_ok = False
        self.manual_pause = False
        """Whether my heartbeats say that I have paused my clients."""
        self.effects = Effects()
        self.save_due = self.sync_due = self.route_due = self.recheck_due = self.announce_due = False

    @property
    def me(self) -> Node:
        return self.table.me

    @property
    def timeout_ms(self) -> int:
        """T, the node timeout."""
        return self.settings.cluster_node_timeout

    # What is due at the end of the step.

    def save(self, *, sync: bool = False) -> None:
        """nodes.conf has to be written before anything of this step leaves."""
        self.save_due = True
        self.sync_due |= sync

    def route(self) -> None:
        """The slot table of the engine has to be installed anew; the cluster state may differ too."""
        self.route_due = self.recheck_due = True

    def changed(self, *, sync: bool = False) -> None:
        """The configuration changed: save it and route by it."""
        self.save(sync=sync)
        self.route()

    def act(self, action: PlaneAction) -> None:
        self.effects.plane.append(action)

    def log(self, level: str, line: str) -> None:
        self.effects.logs.append((level, line))

    def wall(self, at_ms: int) -> int:
        """A time of the core's clock as milliseconds since 1970; 0 stays 0."""
        return at_ms + self.wall_offset_ms if at_ms > 0 else 0

    def raise_epoch(self) -> int:
        """A new, larger current epoch, to be synced before it is used."""
        self.current_epoch += 1
        self.save(sync=True)
        return self.current_epoch

    def new_id(self) -> str:
        return f"{self.rng.getrandbits(160):040x}"

    # Links.

    def open_link(self, node: Node) -> None:
        """Ask the shell for a connection to the bus of `node`."""
        link = Link(self._next_link_id, True, self.now_ms, node, remote_ip=node.ip)
        self._next_link_id += 1
        self.links[link.link_id] = link
        node.outbound = link
        self.effects.wire.append(Connect(link.link_id, node.dial_host(), node.bus_port))

    def accept_link(self, remote_ip: str, local_ip: str) -> Link:
        link = Link(self._next_link_id, False, self.now_ms, None, True, remote_ip, local_ip)
        self._next_link_id += 1
        self.links[link.link_id] = link
        return link

    def forget_link(self, link: Link) -> None:
        """The connection is gone: no row of the table may point to it."""
        self.links.pop(link.link_id, None)
        node = link.node
        if node is not None:
            if node.outbound is link:
                node.outbound = None
            if node.inbound is link:
                node.inbound = None
            link.node = None

    def drop_link(self, link: Link | None) -> None:
        """Close a connection ourselves."""
        if link is not None and link.link_id in self.links:
            self.effects.wire.append(Drop(link.link_id))
            self.forget_link(link)

    def drop_node(self, node: Node) -> None:
        """Take a node out of the table and close its links."""
        self.drop_link(node.outbound)
        self.drop_link(node.inbound)
        self.table.remove(node)

    # Frames.

    def frame(self, kind: int) -> bus.Frame:
        """A frame with our header: a replica speaks for the slots and the epoch of its primary."""
        me = self.me
        speaker = me.primary if me.is_replica() and me.primary is not None else me
        settings = self.settings
        message_flags = bus.FLAG_EXTENSIONS
        if self.manual_pause:
            message_flags |= bus.FLAG_PAUSED
        return bus.Frame(
            kind,
            me.node_id,
            me.port,
            me.bus_port,
            me.plain_port,
            self.current_epoch,
            speaker.config_epoch,
            self.facts.offset,
            sl.to_bitmap(speaker.slots),
            me.primary.node_id if me.primary is not None else bus.NO_ID,
            settings.cluster_announce_ip,
            me.flags,
            self.state_ok,
            message_flags,
        )

    def send(self, link: Link | None, kind: int, data: bytes, *, bulk: bool = False) -> None:
        """Queue a frame on a link; without a link that is up it is not sent, as the protocol allows."""
        if link is not None and link.up:
            self.sent[kind] += 1
            self.effects.wire.append(Send(link.link_id, data, bulk))

    def broadcast(self, frame: bus.Frame, nodes: Iterable[Node] | None = None, *, bulk: bool = False) -> None:
        """The same frame to all (or the given) peers that we have a link to."""
        data = bus.encode(frame)
        for node in self.table if nodes is None else nodes:
            if node is not self.me and not node.in_handshake():
                self.send(node.outbound, frame.type, data, bulk=bulk)

    def send_update(self, link: Link | None, node: Node, slots: int) -> None:
        """Tell the peer behind `link` that `node` owns `slots`."""
        frame = self.frame(bus.UPDATE)
        frame.update_id = node.node_id
        frame.update_epoch = node.config_epoch
        frame.update_slots = sl.to_bitmap(slots)
        self.send(link, bus.UPDATE, bus.encode(frame))

    def vote_window_ms(self) -> int:
        """For how long after the request the votes of an election count."""
        return max(2 * self.timeout_ms, 2000)

    def is_forgotten(self, node_id: str) -> bool:
        """Whether FORGET still bars this id."""
        until = self.forgotten.get(node_id, NEVER_MS)
        if until <= self.now_ms:
            self.forgotten.pop(node_id, None)
            return False
        return True

    def silence_ms(self, node: Node) -> int:
        """For how long we, awake, have heard nothing from `node`."""
        return self.awake_ms - node.data_awake_ms

    def refresh_me(self) -> None:
        """Take the announced address, ports and names over from the settings."""
        me, settings = self.me, self.settings
        before = (me.ip, me.port, me.bus_port, me.hostname, me.human_name, me.flags)
        if settings.cluster_announce_ip:
            me.ip = settings.cluster_announce_ip
        me.port, me.bus_port = settings.announced_port, settings.announced_bus_port
        me.hostname = settings.cluster_announce_hostname
        me.human_name = settings.cluster_announce_human_nodename
        me.flags = me.flags & ~fl.NO_FAILOVER | (
            fl.NO_FAILOVER if settings.cluster_replica_no_failover else 0
        )
        if before != (me.ip, me.port, me.bus_port, me.hostname, me.human_name, me.flags):
            self.changed()
