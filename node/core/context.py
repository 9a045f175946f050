"""What the parts of the control plane share: the node table, epochs, clocks, links and pending effects.

BACKGROUND. Gossip, failure detection, election and the commands all read and change the same few
facts. They do so through this object, which also builds the header of every frame and collects the
effects of a step.

INVARIANTS.
- `current_epoch` never falls, and `last_vote_epoch <= current_epoch`.
- Who raises an epoch or casts a vote calls `save(sync=True)` in the same step, so that the text is
  on disk before any frame of the step leaves (the order of the fields of Effects).
  So is who the members are: nobody listens to a node that forgets them all. What they claim is written
  without a sync, as whoever forgets that receives it again, and is refuted until then.
- Two clocks. `now_ms` runs on while the process is stopped; promises to others (leases, votes) use it.
  `awake_ms` advances with it from input to input, but by AWAKE_STEP_MS only over a gap of more than
  AWAKE_STEP_MS_MAX; silence of others is measured on it, so that a pause of our own is never held against a
  peer.
- `pass_time` is the first thing that every input does: whatever it notes, it notes at the time of the input.

BEHAVIOUR. `save`, `route` and `recheck` only note that something is due; ClusterCore.take does it
once for all inputs of a batch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from garrison.node.core import bus_codec as bus
from garrison.node.core import flags as fl
from garrison.node.core import slots as sl
from garrison.node.core.bus_extensions import Lineage, SlotMarks
from garrison.node.core.data_set import DataSet
from garrison.node.core.effects import Connect, Drop, Effects, PlaneAction, Send
from garrison.node.core.nodes import NEVER_MS, NO_HISTORY, Link, Node, NodeTable
from garrison.node.core.settings import ClusterSettings

AWAKE_STEP_MS_MAX: Final = 250
"""An input that comes later than this after the last one means that we, not the peers, stood still."""
AWAKE_STEP_MS: Final = 100
"""How much such a gap adds to the awake clock."""


class Claim(NamedTuple):
    """Slots that this primary is about to take, and the configuration epoch of the claim, synced already."""

    slots: int
    epoch: int


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
    data_order: int = 0
    """The number of the order (Follow, Promote) under which the data became what it is; 0 for none."""
    history: str = ""
    """The identity of the data's history, 40 hex digits; empty while it is not known."""
    previous_history: str = ""
    """The identity that the history had before, up to `parted_at`."""
    parted_at: int | None = None
    writes_paused: bool = False
    """Whether the engine has carried out a `Pause`, so that `offset` stands still."""


class Context:
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
        self.data = DataSet(self)
        self.state_ok = False
        self.majority_since_ms = now_ms
        """Since when a majority of the voting primaries is reachable, as far as this node sees."""
        self.claim: Claim | None = None
        """Slots that this primary is about to claim, as soon as its replicas know."""
        self.marks: SlotMarks | None = None
        """The marks of slots on the move that my replicas are to know, see slot_migration."""
        self.marks_taken = 0
        """The version of my primary's marks that I have."""
        self.no_lease = False
        """Whether my frames say that I am a primary without a lease."""
        self._promised: tuple[int, int] = (0, NEVER_MS)
        """A larger node timeout that I have had, and until when it binds me."""
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

    def votes_for(self) -> list[str]:
        """The ids of the primaries whose elections my votes may still decide, that of the last vote first."""
        window_ms = self.vote_window_ms()
        others = (
            node.node_id
            for node in self.table
            if node.node_id != self.last_vote_for and self.now_ms - node.voted_ms < window_ms
        )
        return [self.last_vote_for, *others] if self.last_vote_for else []

    def pass_time(self, now_ms: int) -> int:
        """An input comes at `now_ms`: the clocks advance first. How long it has been since the last one."""
        assert now_ms >= self.now_ms, "time does not go back"
        passed = now_ms - self.now_ms
        self.now_ms = now_ms
        self.awake_ms += AWAKE_STEP_MS if passed > AWAKE_STEP_MS_MAX else passed
        return passed

    def take_settings(self, settings: ClusterSettings) -> None:
        """Other settings hold from now on; what was promised by the former ones is kept."""
        former, self.settings = self.settings, settings
        if settings.cluster_node_timeout < former.cluster_node_timeout:
            self._promised = (former.cluster_node_timeout, self.now_ms + former.cluster_node_timeout)

    def promised_ms(self) -> int:
        """For how long a pong of mine may have renewed a lease: T, or a larger one that I had a moment
        ago."""
        larger, until_ms = self._promised
        return max(self.timeout_ms, larger) if self.now_ms < until_ms else self.timeout_ms

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
            self._state(),
            self.facts.history or NO_HISTORY,
        )

    def _state(self) -> int:
        """What my frames say of me to Garrison nodes."""
        data = self.data
        has_data = not data.is_lost if self.me.is_primary() else not data.unfit()
        lost = data.is_lost and bool(self.me.slots)
        return (
            (bus.STATE_NO_LEASE if self.no_lease else 0)
            | (bus.STATE_DATA_LOST if lost else 0)
            | (bus.STATE_HAS_DATA if has_data else 0)
        )

    def lineage(self) -> Lineage | None:
        """The lineage of my data, as heartbeats carry it."""
        facts = self.facts
        if not facts.history:
            return None
        return Lineage(facts.history, facts.previous_history or NO_HISTORY, facts.parted_at)

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
        """How long `node` has been silent while we were awake."""
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
