"""One simulated process: a real ClusterCore, a disk that forgets, a data plane of numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from garrison.node.core.cluster import ClusterCore
from garrison.node.core.effects import (
    Connect,
    Drop,
    DropSlots,
    Effects,
    EmptyData,
    Follow,
    PauseWrites,
    Promote,
    ResumeWrites,
    Send,
)
from garrison.node.core.settings import ClusterSettings
from garrison.node.core.world import ReplicationFacts

if TYPE_CHECKING:
    from .network import Connection
    from .simulation import Simulation

WALL_MS = 1_700_000_000_000
_EPOCHS = re.compile(r"vars currentEpoch (\d+) lastVoteEpoch (\d+)")
_OWN_EPOCH = re.compile(r"myself,\S+ \S+ \d+ \d+ (\d+) ")


class Disk:
    """nodes.conf: the synced text survives a crash, a younger unsynced one only perhaps."""

    def __init__(self) -> None:
        self.synced: str | None = None
        self.cached: str | None = None
        self.current_epoch = self.vote_epoch = self.own_epoch = 0

    def write(self, text: str, sync: bool) -> None:
        self.cached = text
        if sync:
            self.synced = text
            epochs, own = _EPOCHS.search(text), _OWN_EPOCH.search(text)
            assert epochs is not None
            assert own is not None
            self.current_epoch, self.vote_epoch = int(epochs[1]), int(epochs[2])
            self.own_epoch = int(own[1])

    def crash(self, rng: Random) -> None:
        if self.cached is not None and rng.random() < 0.5:
            self.write(self.cached, True)
        self.cached = self.synced


class SimNode:
    """A process on a machine of its own; `name` is its name in traces and its place in the network."""

    def __init__(self, sim: Simulation, name: str, address: str, settings: ClusterSettings) -> None:
        self.sim = sim
        self.name = name
        self.address = address
        self.settings = settings.with_changes(cluster_announce_ip=address)
        self.disk = Disk()
        self.life = 0
        self.up = False
        self.paused = False
        self.clock_ms = sim.rng.randrange(1_000_000)
        """How far this machine's clock is from the simulation's."""
        self.core: ClusterCore
        self._inbox: list[Callable[[], None]] = []
        self._tick_ms = -1
        self.crash_at_next_sync = False
        self.connections: dict[int, tuple[Connection, int]] = {}
        self.replies: dict[int, bytes] = {}
        # The data plane.
        self.offset = 0
        self.follows: tuple[str, int] | None = None
        self.link_up = False
        self.link_down_since_ms = 0
        self.synced = False
        self.writes_paused_until_ms = 0
        self.writes_until_ms = 0
        self.owned: bytes | None = None
        self.engine_ok = False
        self.engine_index = 0

    def now_ms(self) -> int:
        return self.sim.now_ms + self.clock_ms

    # Life and death.

    def start(self) -> None:
        self.life += 1
        self.up, self.paused = True, False
        self._inbox, self.connections = [], {}
        self.follows, self.link_up, self.synced = None, False, False
        self.link_down_since_ms = 0
        self.writes_paused_until_ms = self.writes_until_ms = 0
        self.engine_ok = False
        seed = self.sim.rng.getrandbits(64)
        self.core = ClusterCore(
            self.settings,
            Random(seed),
            saved=self.disk.cached,
            now_ms=self.now_ms(),
            wall_ms=WALL_MS + self.sim.now_ms,
        )
        self.carry_out()
        self._plan_tick()

    def crash(self) -> None:
        if not self.up:
            return
        self.up = False
        self.disk.crash(self.sim.rng)
        self.sim.network.crashed(self)
        self.sim.trace(self.name, "crashes")

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        """Go on: what came meanwhile is read, and the timer fires, in either order."""
        self.paused = False
        inbox, self._inbox = self._inbox, []
        if self.sim.rng.random() < 0.3:
            inbox.insert(0, self._tick)
        else:
            inbox.append(self._tick)
        for action in inbox:
            self.input(action)

    def input(self, action: Callable[[], None]) -> None:
        """Something reaches the process: now, or when it goes on."""
        if not self.up:
            return
        if self.paused:
            self._inbox.append(action)
        else:
            action()
            self.carry_out()
            self._plan_tick()

    # The timer.

    def _plan_tick(self) -> None:
        due = self.core.next_deadline_ms() - self.clock_ms
        due = max(due, self.sim.now_ms + 1)
        if self._tick_ms == -1 or due < self._tick_ms or self._tick_ms <= self.sim.now_ms:
            self._tick_ms = due
            life = self.life

            def fire() -> None:
                if self.life == life and self.up and self._tick_ms == due:
                    self._tick_ms = -1
                    if not self.paused:
                        self.input(self._tick)

            self.sim.schedule(due - self.sim.now_ms, fire)

    def _tick(self) -> None:
        if self.up:
            self.core.tick(self.now_ms(), self.facts())

    def facts(self) -> ReplicationFacts:
        since = self.link_down_since_ms + self.clock_ms if self.link_down_since_ms else 0
        paused = self.sim.now_ms < self.writes_paused_until_ms
        return ReplicationFacts(self.offset, self.link_up, since, self.synced, paused)

    # What the network does to it.

    def connection_made(self, connection: Connection, link_id: int) -> None:
        self.connections[link_id] = (connection, 0)
        if link_id not in self.core.world.links:
            self._hang_up(link_id)
            return
        self.core.link_up(link_id, self.address, self.now_ms())

    def connection_failed(self, link_id: int) -> None:
        self.core.link_down(link_id, self.now_ms())

    def connection_accepted(self, connection: Connection) -> None:
        link_id = self.core.link_accepted(connection.ends[0].address, self.address, self.now_ms())
        connection.links[1] = link_id
        self.connections[link_id] = (connection, 1)

    def received(self, connection: Connection, end: int, kind: str, data: bytes) -> None:
        link_id = connection.links[end]
        if link_id not in self.connections:
            return
        if kind == "close":
            self.connections.pop(link_id)
            connection.closed[end] = True
            self.core.link_down(link_id, self.now_ms())
        else:
            self.core.frame(link_id, data, self.now_ms())

    def _hang_up(self, link_id: int) -> None:
        found = self.connections.pop(link_id, None)
        if found is not None:
            connection, end = found
            connection.closed[end] = True
            self.sim.network.send(connection, end, "close")

    # Commands.

    def command(self, *words: object, facts: dict[str, int] | None = None) -> str:
        """A CLUSTER command, answered at once; the reply as text without its type and length."""
        if not self.up or self.paused:
            return "-ERR nobody answers"
        argv = [b"CLUSTER", *(str(word).encode() for word in words)]
        self.core.command(1, argv, self.now_ms(), facts=facts)
        self.carry_out()
        self._plan_tick()
        reply = self.replies.pop(1, b"-ERR crashed\r\n").decode()
        if reply.startswith("$"):
            return reply.partition("\r\n")[2].rstrip("\r\n")
        return reply.rstrip("\r\n").lstrip("+:")

    # Effects.

    def carry_out(self) -> None:
        effects = self.core.take()
        if effects.persist is not None:
            self.disk.write(effects.persist, effects.persist_sync)
            if effects.persist_sync and self.crash_at_next_sync:
                self.crash_at_next_sync = False
                self.crash()
                self.sim.restart_later(self)
                return
        for level, line in effects.logs:
            if level in ("notice", "warning"):
                self.sim.trace(self.name, line)
        self._wire(effects)
        if effects.slot_table is not None:
            table = effects.slot_table
            self.engine_ok, self.owned, self.engine_index = table.state_ok, table.owners, table.me
        self._plane(effects)
        if effects.writes_until_ms is not None:
            self.writes_until_ms = effects.writes_until_ms
        self.replies.update(effects.replies)
        self.sim.checks.after_step(self)

    def _wire(self, effects: Effects) -> None:
        for action in effects.wire:
            if isinstance(action, Connect):
                self.sim.network.dial(self, action.link_id, self.sim.at(action.host))
            elif isinstance(action, Send):
                found = self.connections.get(action.link_id)
                if found is not None:
                    self.sim.checks.before_send(self, action.data)
                    self.sim.network.send(found[0], found[1], "frame", action.data)
            elif isinstance(action, Drop):
                self._hang_up(action.link_id)

    def _plane(self, effects: Effects) -> None:
        for action in effects.plane:
            if isinstance(action, Follow):
                self.follows = (action.host, action.port)
                self._link(False)
                self.synced = False
            elif isinstance(action, Promote):
                self.follows = None
                self.writes_paused_until_ms = 0
            elif isinstance(action, PauseWrites):
                self.writes_paused_until_ms = action.until_ms - self.clock_ms
            elif isinstance(action, ResumeWrites):
                self.writes_paused_until_ms = 0
            else:
                assert isinstance(action, DropSlots | EmptyData)

    def _link(self, up: bool) -> None:
        if self.link_up and not up:
            self.link_down_since_ms = self.sim.now_ms
        self.link_up = up

    # The data plane: called by the simulation every few milliseconds.

    def replicate(self) -> None:
        """A replica copies the offset of its primary, if it reaches it and that is one."""
        if self.follows is None or not self.up or self.paused:
            return
        primary = self.sim.at(self.follows[0])
        cut = self.sim.network.cut
        reaches = (
            primary is not None
            and primary.up
            and not primary.paused
            and (primary.name, self.name) not in cut
            and (self.name, primary.name) not in cut
        )
        if primary is not None and reaches and (primary.follows is None or primary.synced):
            self.offset, self.synced = primary.offset, True
            self._link(True)
        else:
            self._link(False)

    def may_write(self) -> bool:
        """Whether the engine would acknowledge a write to a slot of its own."""
        return (
            self.up
            and not self.paused
            and self.follows is None
            and self.engine_ok
            and self.now_ms() < self.writes_until_ms
            and self.sim.now_ms >= self.writes_paused_until_ms
        )
