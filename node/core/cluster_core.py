"""ClusterCore: the control plane of one node as a state machine.

HOW TO DRIVE IT. Every input is a method that takes the time and returns nothing; the effects gather
until `take()`, which hands them over as one record to be carried out from top to bottom (see
`effects.Effects`). Any number of inputs may come before one `take()`: many commands of one drain
then cost one fsync, and each reply still leaves after it.

    core = ClusterCore(settings, rng, saved=text_or_None, now_ms=..., wall_ms=...)
    carry_out(core.take())                     # first: saves a new node's id, installs the slot table
    core.tick(now_ms, facts)                   # at least every TICK_MS_MAX and at next_deadline_ms()
    core.link_accepted(remote_ip, local_ip, now_ms) -> link_id     # somebody dialled the bus port
    core.link_up(link_id, local_ip, now_ms)                        # a Connect effect succeeded
    core.link_down(link_id, now_ms)                                # it failed, or the peer closed
    core.frame(link_id, data, now_ms)          # one whole frame of bus_stream.FrameSplitter
    core.command(ticket, argv, now_ms, protocol=2, facts={"keys_total": n, "keys_in_slot": n}, client=id)
    core.replication(facts, now_ms)            # the engine's offset, link, pause (also with tick)
    core.publish(channel, message, sharded, now_ms)                # a local client published
    core.configure(settings, now_ms)           # CONFIG SET
    core.set_wall(wall_ms, now_ms)             # when the wall clock has been adjusted

DATA. `has_data` says whether the engine has loaded the data of this node's slots; an owner that starts
without it serves nothing (see data_set). `replication` and `tick` bring what the engine knows of it.

TIME. `now_ms` is a clock in milliseconds that never goes back and runs on while the process is
stopped (CLOCK_BOOTTIME). `wall_ms` is the time since 1970; it is only shown, and sent in gossip.
Read pending frames from the sockets before calling tick after a pause.

LINKS. The core numbers them; the shell maps numbers to sockets. `Send` on a link that has just
broken is ignored by the shell. `frame` raises nothing: a bad frame is counted and the link dropped.
For bytes that the splitter refuses call `refused(link_id, reason, now_ms)`.

LEASE. `Effects.writes_until_ms` goes to the engine at once: from then on, on the same clock, a
primary does not acknowledge writes. 0 stops them now; LEASE_FOREVER_MS never does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from garrison.base import reply
from garrison.node.core import bus_codec as bus
from garrison.node.core import flags as fl
from garrison.node.core import nodes_file
from garrison.node.core.bus_counters import BusCounters
from garrison.node.core.bus_fields import BadFrameError
from garrison.node.core.cluster_commands import Commands
from garrison.node.core.cluster_figures import ClusterFigures, figures
from garrison.node.core.command_values import SUPERSEDED
from garrison.node.core.context import AWAKE_STEP_MS_MAX, Context, Randomness, ReplicationFacts
from garrison.node.core.describe import Descriptions
from garrison.node.core.effects import Effects, Promised
from garrison.node.core.election import Election
from garrison.node.core.failure import Failures
from garrison.node.core.heartbeat import Heartbeats
from garrison.node.core.lease import Lease
from garrison.node.core.manager_records import ManagerRecords
from garrison.node.core.manual_failover import ManualFailover
from garrison.node.core.nodes import Node
from garrison.node.core.ownership import Ownership
from garrison.node.core.packets import Packets
from garrison.node.core.replica_migration import ReplicaMigration
from garrison.node.core.serving import Serving
from garrison.node.core.settings import ClusterSettings
from garrison.node.core.slot_migration import SlotMigrations

TICK_MS_MAX: Final = 100
"""The timer's period; `next_deadline_ms` may ask for an earlier tick."""
NO_TYPE: Final = -1
ALL_TYPES: Final = -2
"""What `ignore_frames` takes beside the type of a frame."""
MANAGER: Final = b"MANAGER"


class ClusterCore:
    """See the module's documentation. Raises nodes_file.DamagedNodesFileError for a bad `saved`."""

    def __init__(
        self,
        settings: ClusterSettings,
        rng: Randomness,
        *,
        saved: str | None,
        now_ms: int,
        wall_ms: int,
        has_data: bool = False,
        counters: BusCounters | None = None,
        saved_records: str | None = None,
        records_path: str = "the file of the manager register",
    ) -> None:
        loaded = nodes_file.load(saved) if saved else None
        mine = loaded.me() if loaded is not None else None
        me = Node(mine.node_id if mine is not None else f"{rng.getrandbits(160):040x}", created_ms=now_ms)
        me.flags = fl.MYSELF | fl.PRIMARY
        context = self._context = Context(settings, rng, me, now_ms, wall_ms)
        if loaded is not None:
            nodes_file.into_context(loaded, context)
        else:
            context.log("notice", f"No cluster configuration found, I'm {me.node_id}")
            context.save(sync=True)
        me.shard_id = me.shard_id or context.new_id()
        self._lease = Lease(context)
        self._heartbeats = Heartbeats(context)
        self._failures = Failures(context, self._heartbeats)
        self._ownership = Ownership(context)
        self._election = Election(context, self._heartbeats, self._ownership, self._lease)
        self._manual = ManualFailover(context, self._heartbeats, self._election, self._ownership, self._lease)
        self._migrations = SlotMigrations(context, self._heartbeats, self._ownership)
        self._migration = ReplicaMigration(context, self._ownership)
        self._serving = Serving(context)
        self._packets = Packets(
            context,
            self._heartbeats,
            self._failures,
            self._ownership,
            self._election,
            self._manual,
            self._lease,
            self._migrations,
        )
        self._descriptions = Descriptions(context, self._serving, self._lease, counters or BusCounters())
        self._records = ManagerRecords(context, self._lease, records_path)
        self._commands = Commands(
            context,
            self._descriptions,
            self._ownership,
            self._manual,
            self._lease,
            self._migrations,
            self._records,
        )
        self._next_timer_ms = now_ms
        self._ignored_type = NO_TYPE
        self._start(loaded is not None, has_data)
        self._records.start(saved_records)

    def _start(self, restarted: bool, has_data: bool) -> None:
        context = self._context
        context.refresh_me()
        if restarted and (context.me.slots or context.me.is_replica()):
            self._serving.restarted()
        primary = context.me.primary
        if primary is not None and primary.ip and primary.port:
            context.data.follow(primary.ip, primary.port)
        elif restarted and context.me.slots and not has_data and not context.settings.cluster_serve_empty:
            context.data.is_lost = True
        elif context.me.is_primary():
            context.data.serve()
        context.route()

    def data_loaded(self, shard_id: str, facts: ReplicationFacts, now_ms: int) -> None:
        """The engine has read data from files, of this shard; the id is empty where they name none."""
        self._context.pass_time(now_ms)
        self._context.data.loaded(shard_id, facts)
        self._context.route()

    def heirs(self) -> list[tuple[str, int]]:
        """Where the clients of the replicas connect that could take this primary's slots, best data first."""
        me = self._context.me
        if not me.is_primary() or not me.slots or self._context.data.is_withheld:
            return []
        fit = [node for node in me.replicas if node.has_shard_data() and not node.is_suspect() and node.ip]
        fit.sort(key=lambda node: node.offset, reverse=True)
        return [(node.ip, node.port) for node in fit]

    @property
    def shard_id(self) -> str:
        """The shard that this node belongs to."""
        return self._context.me.shard_id

    # Inputs.

    def tick(self, now_ms: int, facts: ReplicationFacts | None = None) -> None:
        """The timer. Cheap when nothing is due."""
        context = self._context
        asleep = self._context.pass_time(now_ms) > AWAKE_STEP_MS_MAX
        if facts is not None:
            context.data.report(facts)
        if now_ms >= self._next_timer_ms:
            self._next_timer_ms = now_ms + TICK_MS_MAX
            self._lease.tick()
            self._heartbeats.tick()
            self._migration.tick(bool(self._manual.end_ms))
            self._ownership.fold_chain()
            if context.data.prove():
                context.route()
            context.data.warn()
            context.recheck_due = True
        if not asleep:
            self._failures.tick()
        self._advance()

    def _advance(self) -> None:
        """Let a failover go on that waits for a moment, an offset or a vote."""
        self._manual.tick()
        self._election.tick(self._manual.ready, bool(self._manual.end_ms))
        self._election.reconsider()
        self._records.look()

    def next_deadline_ms(self) -> int:
        """When (core clock) the next tick is due at the latest."""
        due = self._next_timer_ms
        now_ms = self._context.now_ms
        suspicion = self._failures.next_deadline()
        if suspicion is not None:
            due = min(due, now_ms + suspicion)
        for deadline in (
            self._election.next_deadline(),
            self._migrations.next_deadline(),
            self._records.next_deadline(),
        ):
            if deadline is not None:
                due = min(due, deadline)
        return max(due, now_ms + 1)

    def replication(self, facts: ReplicationFacts, now_ms: int) -> None:
        """The engine's view of its data has changed."""
        self._context.pass_time(now_ms)
        self._context.data.report(facts)
        self._advance()

    def link_accepted(self, remote_ip: str, local_ip: str, now_ms: int) -> int:
        """A peer has opened a connection to us; the number it has from now on."""
        self._context.pass_time(now_ms)
        return self._context.accept_link(remote_ip, local_ip).link_id

    def link_up(self, link_id: int, local_ip: str, now_ms: int) -> None:
        """A connection that a Connect effect asked for stands."""
        self._context.pass_time(now_ms)
        link = self._context.links.get(link_id)
        if link is not None and not link.up:
            link.up, link.local_ip = True, local_ip
            self._heartbeats.link_up(link)

    def link_down(self, link_id: int, now_ms: int) -> None:
        """A connection could not be made, or was closed by the other side."""
        self._context.pass_time(now_ms)
        link = self._context.links.get(link_id)
        if link is None:
            return
        node = link.node
        self._context.forget_link(link)
        if link.outbound and node is not None:
            node.misses += not link.up
            self._heartbeats.link_down(node)

    def frame(self, link_id: int, data: bytes, now_ms: int) -> None:
        """One whole frame came by a link."""
        self._context.pass_time(now_ms)
        link = self._context.links.get(link_id)
        if link is None:
            return
        try:
            frame = bus.decode(data)
        except BadFrameError as error:
            self.refused(link_id, error.reason, now_ms)
            self._context.log("warning", f"A bus frame from {link.remote_ip} is refused: {error}")
            return
        if self._ignored_type in (frame.type, ALL_TYPES):
            return
        self._packets.receive(link, frame)
        self._advance()

    def ignore_frames(self, kind: int) -> None:
        """For tests: frames of this type are as if they had not come; `NO_TYPE`: none, `ALL_TYPES`: all."""
        self._ignored_type = kind

    def kill_links(self, node_id: str, now_ms: int, *, to: bool, coming: bool) -> bool:
        """For tests: close our link to a node, or the one from it; False if there is no such node."""
        self._context.pass_time(now_ms)
        node = self._context.table.get(node_id)
        if node is None:
            return False
        if to:
            self._context.drop_link(node.outbound)
        if coming:
            self._context.drop_link(node.inbound)
        return True

    def refused(self, link_id: int, reason: str, now_ms: int) -> None:
        """Bytes on a link broke the protocol: count them and close it."""
        self._context.pass_time(now_ms)
        context = self._context
        context.refused[reason] = context.refused.get(reason, 0) + 1
        link = context.links.get(link_id)
        if link is not None:
            node = link.node
            context.drop_link(link)
            if link.outbound and node is not None:
                self._heartbeats.link_down(node)

    def command(
        self,
        ticket: int,
        argv: list[bytes],
        now_ms: int,
        *,
        protocol: int = 2,
        facts: Mapping[str, int] | None = None,
        client: int = 0,
    ) -> None:
        """A client's CLUSTER command; its reply comes with the effects, under `ticket`."""
        context = self._context
        context.pass_time(now_ms)

        def answer(value: object) -> None:
            context.effects.replies.append((ticket, reply.encode(value, protocol)))

        if self._records.is_closed(client):
            answer(SUPERSEDED)
        elif argv[1].upper() == MANAGER:
            value = self._records.command(argv[2:], client)
            context.effects.promised.append(Promised(ticket, reply.encode(value, protocol)))
        else:
            self._commands.run(argv, facts or {}, client, answer)
        self._advance()

    def is_closed(self, client: int, now_ms: int) -> bool:
        """Whether a client spoke for a manager's lease that has ended: nothing of it may be carried out."""
        self._context.pass_time(now_ms)
        return self._records.is_closed(client)

    def publish(self, channel: bytes, message: bytes, sharded: bool, now_ms: int) -> None:
        """A local client published: pass it on, to all nodes or to the shard."""
        self._context.pass_time(now_ms)
        context = self._context
        frame = context.frame(bus.PUBLISH_SHARD if sharded else bus.PUBLISH)
        frame.channel, frame.message = channel, message
        if len(channel) + len(message) + bus.HEADER_BYTES + 8 > context.settings.cluster_bus_frame_bytes_max:
            context.log(
                "warning", f"A message of {len(message)} bytes is too long for the bus and stays here."
            )
            return
        context.broadcast(frame, self._shard() if sharded else None, bulk=True)

    def _shard(self) -> list[Node]:
        me = self._context.me
        primary = me.primary if me.primary is not None else me
        return [primary, *primary.replicas]

    def configure(self, settings: ClusterSettings, now_ms: int) -> None:
        """The directives have changed (CONFIG SET)."""
        self._context.pass_time(now_ms)
        self._context.take_settings(settings)
        self._context.refresh_me()
        self._context.route()

    def set_wall(self, wall_ms: int, now_ms: int) -> None:
        """The wall clock was adjusted."""
        self._context.pass_time(now_ms)
        self._context.wall_offset_ms = wall_ms - now_ms

    # Effects.

    def take(self) -> Effects:
        """All that the inputs since the last call want done."""
        context = self._context
        self._migrations.advance()
        if context.announce_due:
            context.announce_due = False
            self._heartbeats.announce()
        if context.recheck_due:
            context.recheck_due = False
            self._serving.update()
        effects = context.effects
        effects.records = self._records.news()
        if context.save_due:
            effects.persist = nodes_file.write(nodes_file.from_context(context))
            effects.persist_sync = context.sync_due
            context.save_due = context.sync_due = False
        if context.route_due:
            context.route_due = False
            effects.slot_table = self._serving.table()
        effects.writes_until_ms = self._lease.news()
        context.effects = Effects()
        return effects

    # For the shell and for tests.

    @property
    def node_id(self) -> str:
        return self._context.me.node_id

    @property
    def is_replica(self) -> bool:
        return self._context.me.is_replica()

    def figures(self) -> ClusterFigures:
        """The state of the cluster in numbers, as of the last input."""
        return figures(self._context, self._lease)

    def info_text(self) -> str:
        """What CLUSTER INFO says, without what only the engine knows."""
        return self._descriptions.info_text({})

    @property
    def state_ok(self) -> bool:
        return self._context.state_ok

    @property
    def cluster_commands(self) -> set[str]:
        """The subcommands of CLUSTER that are answered here."""
        return self._commands.names | {MANAGER.decode()}

    @property
    def context(self) -> Context:
        """The shared state, for tests and the simulator to look at."""
        return self._context
