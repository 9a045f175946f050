"""One simulated process: a real control plane and a real engine, with a disk that forgets and syncs that
take time."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from garrison.node.border import ClusterState, Reply, SlotTable
from garrison.node.core.cluster_core import ClusterCore
from garrison.node.core.context import ReplicationFacts
from garrison.node.core.effects import Connect, Drop, Effects, Send
from garrison.node.core.records_queue import RecordsQueue
from garrison.node.core.settings import ClusterSettings

from .disk import Disk, RecordsDisk
from .network import BUS, CLIENTS, Connection
from .plane import Plane
from .writer import Writer

if TYPE_CHECKING:
    from .simulation import Simulation

ENGINE_SETTINGS = {
    "cluster-enabled": "yes",
    "repl-diskless-sync-delay": "0",
    "repl-ping-replica-period": "1",
    "repl-timeout": "5",
}
ANSWER_MS_MAX = 5000


class SimNode:
    """A process on a machine of its own; `name` is its name in traces and its place in the network."""

    def __init__(self, sim: Simulation, name: str, address: str, settings: ClusterSettings) -> None:
        self.sim = sim
        self.name = name
        self.address = address
        self.settings = settings.with_changes(cluster_announce_ip=address)
        self.disk = Disk(sim.rng, sim.schedule)
        # Random numbers of its own: runs without managers are the same with and without it.
        self.records_disk = RecordsDisk(Random(f"{sim.seed} {name}"), sim.schedule)
        self.life = 0
        self.up = False
        self.paused = False
        self.clock_ms = sim.rng.randrange(1_000_000)
        """How far this machine's clock is from the simulation's."""
        self.core: ClusterCore
        self.plane: Plane
        self.writer: Writer
        self._records: RecordsQueue
        self.slot_table: SlotTable | None = None
        self.writes_until_ms = 0
        self.crash_at_next_sync = False
        self._inbox: list[Callable[[], None]] = []
        self._tick_ms = -1
        self._saving = self._carrying = False
        self._links: dict[int, tuple[Connection, int]] = {}
        self._link_ids: dict[tuple[Connection, int], int] = {}
        self._admin = 0

    def now_ms(self) -> int:
        return self.sim.now_ms + self.clock_ms

    # Life and death.

    def start(self) -> None:
        self.life += 1
        self.up, self.paused = True, False
        self._inbox, self._links, self._link_ids = [], {}, {}
        self._saving = self._carrying = False
        self._tick_ms = -1
        self.slot_table, self.writes_until_ms = None, 0
        self.plane = Plane(self, ENGINE_SETTINGS | {"port": str(self.settings.port)})
        self.core = ClusterCore(
            self.settings,
            Random(self.sim.rng.getrandbits(64)),
            saved=self.disk.cached,
            now_ms=self.now_ms(),
            wall_ms=self.sim.wall_ms,
            saved_records=self.records_disk.synced,
        )
        self._records = RecordsQueue("nodes.conf.manager")
        self.writer = Writer(self)
        self._admin = self.plane.open_local("admin")
        self.heal()

    def crash(self) -> None:
        if not self.up:
            return
        self.up = False
        self.disk.crash()
        self.records_disk.crash()
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
            self.heal()

    # The timer.

    def _plan_tick(self) -> None:
        due = max(self.core.next_deadline_ms() - self.clock_ms, self.sim.now_ms + 1)
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
        return self.plane.facts()

    # What the network does to it.

    def dial(self, token: object, host: str) -> None:
        """The data plane opens a connection."""
        self.sim.network.dial(self, token, self.sim.at(host), CLIENTS)

    def connection_made(self, connection: Connection, token: object) -> None:
        if connection.service == CLIENTS:
            self.plane.made(connection, token)
            return
        assert isinstance(token, int)
        self._keep(token, connection, 0)
        if token in self.core.context.links:
            self.core.link_up(token, self.address, self.now_ms())
        else:
            self._hang_up(token)

    def connection_failed(self, token: object, service: str) -> None:
        if service == CLIENTS:
            self.plane.failed(token)
        else:
            assert isinstance(token, int)
            self.core.link_down(token, self.now_ms())

    def connection_accepted(self, connection: Connection) -> None:
        if connection.service == CLIENTS:
            self.plane.accepted(connection)
            return
        link_id = self.core.link_accepted(connection.ends[0].address, self.address, self.now_ms())
        self._keep(link_id, connection, 1)

    def received(self, connection: Connection, end: int, kind: str, data: bytes) -> None:
        if connection.service == CLIENTS:
            if kind == "close":
                self.sim.network.close(connection, end)
                self.plane.closed(connection, end)
            else:
                self.plane.received(connection, end, data)
            return
        link_id = self._link_ids.get((connection, end))
        if link_id is None:
            return
        if kind == "close":
            self._hang_up(link_id)
            self.core.link_down(link_id, self.now_ms())
        else:
            self.core.frame(link_id, data, self.now_ms())

    def _keep(self, link_id: int, connection: Connection, end: int) -> None:
        self._links[link_id] = (connection, end)
        self._link_ids[connection, end] = link_id

    def _hang_up(self, link_id: int) -> None:
        found = self._links.pop(link_id, None)
        if found is not None:
            del self._link_ids[found]
            self.sim.network.close(*found)

    # Commands.

    def raw_command(self, *words: object) -> bytes:
        """A command of an administrator, answered as soon as the node does; the raw reply."""
        if not self.up or self.paused:
            return b"-ERR nobody answers\r\n"
        if not self.plane.is_open(self._admin):
            self._admin = self.plane.open_local("admin")
        life, limit_ms = self.life, self.sim.now_ms + ANSWER_MS_MAX
        self.input(lambda: self.plane.say(self._admin, *(str(word).encode() for word in words)))
        while self.up and self.life == life:
            reply = self.plane.take_output(self._admin)
            if reply or self.sim.now_ms >= limit_ms or not self.plane.is_open(self._admin):
                return reply or b"-ERR no answer\r\n"
            self.sim.run(1)
        return b"-ERR crashed\r\n"

    def command(self, *words: object) -> str:
        """A CLUSTER command; the reply as text without its type and length."""
        reply = self.raw_command("CLUSTER", *words).decode()
        if reply.startswith("$"):
            return reply.partition("\r\n")[2].rstrip("\r\n")
        return reply.rstrip("\r\n").lstrip("+:")

    # Effects.

    def heal(self) -> None:
        """Carry out what the core wants, as the shell does: nothing overtakes a promise on its way to the
        disk."""
        if self._carrying:
            return
        self._carrying = True
        life = self.life
        while self.up and self.life == life and not self._saving:
            effects = self.core.take()
            if not effects:
                break
            self._carry(effects)
        if self.life == life:
            self._carrying = False
            if self.up and not self.paused:
                self._plan_tick()

    def _carry(self, effects: Effects) -> None:
        if effects.persist is None or not effects.persist_sync:
            if effects.persist is not None:
                self.disk.write(effects.persist)
            self._after_disk(effects)
            return
        life = self.life
        self._saving = True

        def synced(worked: bool) -> None:
            if self.life == life and self.up:
                if self._carrying:
                    finish(worked)
                else:
                    self.input(lambda: finish(worked))

        def finish(worked: bool) -> None:
            self._saving = False
            if not worked:
                self.sim.trace(self.name, "cannot save: goes down")
                self.crash()
            elif self.crash_at_next_sync:
                self.crash_at_next_sync = False
                self.crash()
                self.sim.restart_later(self)
            else:
                self._after_disk(effects)

        self.disk.sync(effects.persist, synced)

    def _after_disk(self, effects: Effects) -> None:
        for level, line in effects.logs:
            if level in ("notice", "warning"):
                self.sim.trace(self.name, line)
        self._wire(effects)
        if effects.slot_table is not None:
            self.slot_table = effects.slot_table
        if effects.writes_until_ms is not None:
            self.writes_until_ms = effects.writes_until_ms
        for request in effects.requests():
            self.plane.post(request)
        self._records.add(effects.records, effects.promised)
        self._write_records()
        self.sim.checks.after_step(self)

    def _write_records(self) -> None:
        """Write the manager register beside everything else, and answer who has waited for that."""
        life, records = self.life, self._records

        def written(error: str) -> None:
            if self.life == life and self.up:
                records.ended(error)
                self.input(self._write_records)

        text = records.begin()
        if text is not None:
            self.records_disk.replace(text, written)
        for ticket, reply in records.take():
            self.plane.post(Reply(ticket, reply))

    def _wire(self, effects: Effects) -> None:
        for action in effects.wire:
            if isinstance(action, Connect):
                self.sim.network.dial(self, action.link_id, self.sim.at(action.host), BUS)
            elif isinstance(action, Send):
                found = self._links.get(action.link_id)
                if found is not None:
                    connection, end = found
                    receiver = connection.ends[1 - end].name
                    self.sim.checks.before_send(self, receiver, action.data, on_own_link=end == 0)
                    self.sim.network.send(*found, "frame", action.data)
            elif isinstance(action, Drop):
                self._hang_up(action.link_id)

    # For checks.

    def may_write(self) -> bool:
        """Whether the engine would acknowledge a write to a slot of its own."""
        table = self.slot_table
        return (
            self.up
            and not self.paused
            and table is not None
            and table.state is ClusterState.OK
            and table.has_data
            and table.myself == table.my_primary
            and self.now_ms() < self.writes_until_ms
            and not self.facts().writes_paused
        )
