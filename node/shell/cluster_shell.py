"""The shell of the cluster core: it feeds inputs with their time and carries effects out in their order.

INVARIANTS. Effects are carried out one record after the other. While a record's promise is on its way to the
disk, inputs go on and their effects gather; nothing that came later overtakes. So whatever a frame promises
is synced before the frame leaves, and all commands of a batch cost one fsync. Answers to managers rest on a
file of their own, which holds up nothing else (see `records_saver`).
BEHAVIOUR. The sync runs in a thread: the loop goes on reading. A record without a promise waits for no disk.
A text that cannot be saved is fatal, since the promise in it must not be made.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
from collections.abc import Callable

from garrison.base import disk
from garrison.base.clock import boot_ms, wall_ms
from garrison.base.listen import listen
from garrison.base.log import Log
from garrison.node.border import Command, InfoFields, Loaded, ReplicationStatus, Reply
from garrison.node.config import Config, ConfigError
from garrison.node.core.cluster_core import ClusterCore
from garrison.node.core.cluster_figures import ClusterFigures
from garrison.node.core.effects import Connect, Drop, Effects, Send
from garrison.node.core.manager_records_file import SUFFIX as RECORDS_SUFFIX
from garrison.node.core.nodes_file import PREVIOUS_SUFFIX, DamagedNodesFileError
from garrison.node.core.settings import ClusterSettings
from garrison.node.shell.bridge import Bridge
from garrison.node.shell.bus_sockets import Bus
from garrison.node.shell.cluster_settings import bus_from, cluster_settings, link_limits
from garrison.node.shell.hand_over import Heir
from garrison.node.shell.records_saver import RecordsSaver
from garrison.node.shell.replication_facts import facts_of
from garrison.node.shell.saver import Saver

TICK_S_MAX = 0.1
LATE_TICK_MS = 300
"""A tick that is this late follows a pause of our own: what peers sent meanwhile is read first."""
READ_FIRST_S = 0.002
SHOW_PERIOD_MS = 1000
"""Between two looks at the counters of the bus, for INFO."""


class Cluster:
    """The cluster half of a node's control plane."""

    def __init__(
        self,
        config: Config,
        log: Log,
        bridge: Bridge,
        loop: asyncio.AbstractEventLoop,
        fail: Callable[[str], None],
    ) -> None:
        self._config = config
        self._log = log
        self._bridge = bridge
        self._loop = loop
        self._fail = fail
        self._path = os.path.abspath(config.text("cluster-config-file"))
        self._lock = disk.FileLock(self._path + ".lock")
        self._saver = Saver(self._path, loop, self._not_saved)
        self._records = RecordsSaver(self._path + RECORDS_SUFFIX, loop, log, self._answer)
        self._bus = bus_from(config, self)
        self._listeners: list[socket.socket] = []
        self._core: ClusterCore
        self._timer: asyncio.TimerHandle | None = None
        self._last_tick_ms = 0
        self._shown: dict[str, int] = {}
        self._show_ms = 0
        self._shard_id = ""
        self._carry_is_due = self._saving = self._closed = False
        self._held = Effects()

    # -- life ----------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Lock and read the cluster's file, listen on the bus port. Raises ConfigError or OSError."""
        if not self._lock.acquire():
            raise ConfigError(
                f"{self._path} is in use by another node: each needs its own dir or cluster-config-file"
            )
        now = boot_ms()
        try:
            self._core = ClusterCore(
                cluster_settings(self._config),
                random.Random(os.urandom(16)),
                saved=self._read(),
                now_ms=now,
                wall_ms=wall_ms(),
                counters=self._bus.counters,
                saved_records=self._records.read(),
                records_path=self._records.path,
            )
        except DamagedNodesFileError as error:
            raise ConfigError(f"{self._path}: {error}") from None
        self._listeners = listen(
            self._config.text("bind"), self._config.bus_port, self._config.integer("tcp-backlog")
        )
        first = self._core.take()
        if first.persist is not None:
            self._saver.save_now(first.persist)
        self._held = first

    def _read(self) -> str | None:
        """The file's text; none for a new node. Raises ConfigError for a file that lost its content."""
        try:
            with open(self._path, encoding="utf-8", errors="surrogateescape") as file:
                text = file.read()
        except FileNotFoundError:
            return None
        previous = self._path + PREVIOUS_SUFFIX
        if not text and os.path.exists(previous) and os.path.getsize(previous):
            # A new identity would leave the slots of the old one without an owner.
            raise ConfigError(
                f"{self._path} is empty, but {previous} is not: this node's identity and votes were lost. "
                "Copy that file over it if this node cannot have voted since it was written; or remove both, "
                "and the node starts as a new one"
            )
        return text or None

    async def start(self, loaded: Loaded) -> None:
        """Serve the bus; the data plane runs already, and has read its files."""
        if loaded.found:
            self._core.data_loaded(loaded.shard, facts_of(self._bridge.plane.replication()), boot_ms())
            self._held.merge(self._core.take())
        self._carry_out(self._held)
        self._held = Effects()
        await self._bus.serve(self._listeners)
        self._last_tick_ms = boot_ms()
        self._tick()

    def heirs(self) -> list[Heir]:
        """The replicas that may take this primary's place, the one with the most data first."""
        user, password = self._config.text("masteruser"), self._config.text("masterauth")
        return [
            Heir(host, port, user, password, ("CLUSTER", "FAILOVER")) for host, port in self._core.heirs()
        ]

    def figures(self) -> ClusterFigures:
        """The state of the cluster in numbers."""
        return self._core.figures()

    def info_text(self) -> str:
        """What CLUSTER INFO says, but for what only the engine knows."""
        return self._core.info_text()

    @property
    def bus(self) -> Bus:
        """The bus, for its counters and queues."""
        return self._bus

    def close(self) -> None:
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._bus.close()
        self._saver.close()
        self._records.close()
        self._lock.release()

    # -- inputs --------------------------------------------------------------------------------------------

    def command(self, command: Command) -> None:
        self._core.command(
            command.ticket,
            command.args,
            boot_ms(),
            protocol=command.client.resp,
            facts=command.facts,
            client=command.client.id,
        )
        self._carry_soon()

    def is_closed(self, client: int) -> bool:
        """Whether a client spoke for a manager's lease that has ended: nothing of it may be carried out."""
        is_closed = self._core.is_closed(client, boot_ms())
        self._carry_soon()
        return is_closed

    def ignore_packets(self, kind: int) -> None:
        """DEBUG: frames of this type are ignored from now on; -1: none, -2: all."""
        self._core.ignore_frames(kind)

    def kill_links(self, node_id: str, *, to: bool, coming: bool) -> bool:
        """DEBUG: close our link to a node, or the one from it; False if there is no such node."""
        is_known = self._core.kill_links(node_id, boot_ms(), to=to, coming=coming)
        self._carry_soon()
        return is_known

    def published(self, channel: bytes, message: bytes, sharded: bool) -> None:
        """A client of this node published."""
        self._core.publish(channel, message, sharded, boot_ms())
        self._carry_soon()

    def replication_changed(self, status: ReplicationStatus) -> None:
        self._core.replication(facts_of(status), boot_ms())
        self._carry_soon()

    def check_settings(self, changes: dict[str, str]) -> ClusterSettings:
        """The settings after these changes. Raises ValueError."""
        changed = Config()
        changed.values = self._config.values | changes
        return cluster_settings(changed)

    def configure(self, settings: ClusterSettings, values: dict[str, str]) -> None:
        """CONFIG SET has changed something."""
        link_limits(values, self._bus.limits)
        self._bus.links_max = int(values["cluster-bus-links-max"])
        self._core.configure(settings, boot_ms())
        self._carry_soon()

    def link_accepted(self, remote_ip: str, local_ip: str) -> int:
        return self._core.link_accepted(remote_ip, local_ip, boot_ms())

    def link_up(self, link_id: int, remote_ip: str, local_ip: str) -> None:
        self._core.link_up(link_id, local_ip, boot_ms())
        self._carry_soon()

    def link_down(self, link_id: int, why: str) -> None:
        self._log.debug(f"Bus link {link_id} is down: {why}")
        self._core.link_down(link_id, boot_ms())
        self._carry_soon()

    def frames(self, link_id: int, frames: list[bytes]) -> None:
        now = boot_ms()
        for frame in frames:
            self._core.frame(link_id, frame, now)
        self._carry_soon()

    def refused(self, link_id: int, reason: str) -> None:
        self._log.verbose(f"Bus link {link_id} broke the protocol: {reason}")
        self._core.refused(link_id, reason, boot_ms())
        self._carry_soon()

    def _tick(self) -> None:
        now = boot_ms()
        late = now - self._last_tick_ms > LATE_TICK_MS
        self._last_tick_ms = now
        if late:
            self._timer = self._loop.call_later(READ_FIRST_S, self._tick)
            return
        self._core.tick(now, facts_of(self._bridge.plane.replication()))
        self._carry_soon()
        self._show_counters(now)
        self._arm(now)

    def _arm(self, now: int) -> None:
        delay = (self._core.next_deadline_ms() - now) / 1000
        self._timer = self._loop.call_later(min(max(delay, 0.001), TICK_S_MAX), self._tick)

    def _show_counters(self, now: int) -> None:
        """Let INFO show what the bus has counted, as it was up to `SHOW_PERIOD_MS` ago."""
        if now < self._show_ms:
            return
        self._show_ms = now + SHOW_PERIOD_MS
        counted = self._bus.counters.info_fields()
        changed = {name: str(count) for name, count in counted.items() if self._shown.get(name) != count}
        if changed:
            self._shown = counted
            self._bridge.post(InfoFields(changed))

    # -- effects -------------------------------------------------------------------------------------------

    def _carry_soon(self) -> None:
        """Carry out at the end of this turn what all its inputs want, unless the disk is busy for us."""
        if not self._carry_is_due and not self._saving and not self._closed:
            self._carry_is_due = True
            self._loop.call_soon(self._carry)

    def _carry(self) -> None:
        self._carry_is_due = False
        if self._closed:
            return
        effects = self._core.take()
        if effects.persist is not None and (effects.persist_sync or effects.replies):
            self._saving = True
            self._saver.save(effects.persist, lambda: self._saved(effects), sync=effects.persist_sync)
            return
        if effects.persist is not None:
            self._saver.save_soon(effects.persist)
        self._carry_out(effects)

    def _saved(self, effects: Effects) -> None:
        self._saving = False
        if not self._closed:
            self._carry_out(effects)
            self._carry_soon()

    def _not_saved(self, why: str) -> None:
        self._closed = True
        self._fail(why)

    def _answer(self, ticket: int, reply: bytes) -> None:
        self._bridge.post(Reply(ticket, reply))

    def _carry_out(self, effects: Effects) -> None:
        """Everything after the disk, in the order of the record's fields."""
        bus, bridge = self._bus, self._bridge
        for wire in effects.wire:
            if isinstance(wire, Send):
                bus.send(wire.link_id, wire.data, wire.bulk)
            elif isinstance(wire, Connect):
                bus.connect(wire.link_id, wire.host, wire.port)
            elif isinstance(wire, Drop):
                bus.drop(wire.link_id)
        if self._core.shard_id != self._shard_id:
            # Before the order to follow: the files of the data that then comes say whose it is.
            self._shard_id = self._core.shard_id
            bridge.post(InfoFields({"shard_id": self._shard_id}))
        for request in effects.requests():
            bridge.post(request)
        self._records.carry_out(effects)
        for level, line in effects.logs:
            self._log.write(level, line)
