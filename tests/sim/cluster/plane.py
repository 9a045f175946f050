"""The data plane of a simulated node: the real engine, with this file in the place of its reactor.

Bytes of clients and replicas come in by simulated connections; so do the stream of the primary and the
replies of the targets of MIGRATE. Sessions of the machine itself (the writer of a node, an administrator's
commands) have no connection: their output is kept here."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from garrison.node._engine import BareEngine
from garrison.node.border import Command, Event, Log, LogLevel, Published, Replication, Request
from garrison.node.core.context import ReplicationFacts
from garrison.node.shell.replication_facts import facts_of

from .network import Connection

if TYPE_CHECKING:
    from .node import SimNode

CRON_MS = 100
CONNECT_TIMEOUT_MS = 2000


@dataclass
class Target:
    """The connection to a target of migrations, with what was sent there and is not answered."""

    connection: Connection | None = None
    jobs: deque[tuple[int, int, list[str]]] = field(default_factory=deque)
    """(ticket, replies to come, replies that came), in the order of sending."""
    unsent: list[bytes] = field(default_factory=list)
    input: bytes = b""


class Plane:
    """One life of a node's data plane."""

    def __init__(self, node: SimNode, settings: dict[str, str]) -> None:
        self._node = node
        self._sim = node.sim
        self._engine = BareEngine(settings, self._sim.rng.getrandbits(63), self._sim.wall_ms, node.now_ms())
        self._clients: dict[int, Connection] = {}
        self._sessions: dict[Connection, int] = {}
        self._local: dict[int, bytes] = {}
        # Connections to the primary: for the stream, and for a snapshot.
        self._links: list[Connection | None] = [None, None]
        self._link_numbers = [0, 0]
        self._targets: dict[tuple[str, int], Target] = {}
        self._turning = False
        self._inputs: list[Callable[[], None]] = []
        self._next_cron_ms = self._sim.now_ms + self._sim.rng.randrange(1, CRON_MS)
        self._planned_ms = -1
        self.closed_sessions = 0
        self._plan()

    # What the node asks.

    def facts(self) -> ReplicationFacts:
        """What the engine says of its data."""
        return facts_of(self._engine.replication())

    def contents(self) -> dict[bytes, bytes]:
        """Every key with its DUMP payload."""
        return self._engine.contents()

    def value(self, key: bytes) -> bytes | None:
        """The string at a key, expired or not; None where there is none."""
        return self._engine.value(key)

    def post(self, request: Request) -> None:
        """A request of the control plane."""
        self._take(lambda: self._engine.request(request))

    def open_local(self, name: str) -> int:
        """A session of the machine itself."""
        key = self._engine.open(name)
        self._local[key] = b""
        return key

    def say(self, key: int, *words: bytes) -> None:
        """A command of a local session."""
        data = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
        self._take(lambda: self._engine.receive(key, data))

    def take_output(self, key: int) -> bytes:
        """Take what a local session has been answered; empty as well if it was closed."""
        data = self._local.get(key, b"")
        if key in self._local:
            self._local[key] = b""
        return data

    def is_open(self, key: int) -> bool:
        """Whether a local session has not been closed by the engine."""
        return key in self._local

    # Turns.

    def _take(self, action: Callable[[], None]) -> None:
        """An input: it is a turn of its own, or belongs to the one that is under way."""
        self._inputs.append(action)
        if not self._turning:
            self._turn()

    def _turn(self, cron: bool = False) -> None:
        self._turning = True
        node, engine = self._node, self._engine
        life = node.life
        while True:
            engine.begin_turn(self._sim.wall_ms, node.now_ms())
            inputs, self._inputs = self._inputs, []
            for action in inputs:
                action()
            actions, outputs, links, events = engine.end_turn(cron, node.now_ms())
            cron = False
            for each in actions:
                self._act(*each)
            for key, data, closes in outputs:
                self._output(key, data, closes)
            for connection, data in zip(self._links, links, strict=True):
                if data and connection is not None:
                    self._sim.network.send(connection, 0, "data", data)
            for event in events:
                self._event(event)
            if not self._inputs or node.life != life:
                break
        self._turning = False
        self._plan()

    def _plan(self) -> None:
        """The next turn that nobody asks for: background work, or something that is due."""
        sim, node = self._sim, self._node
        deadline = self._engine.next_deadline_ms()
        due_ms = self._next_cron_ms
        if deadline is not None:
            due_ms = min(due_ms, max(deadline - node.clock_ms, sim.now_ms + 1))
        if self._planned_ms == -1 or due_ms < self._planned_ms or self._planned_ms <= sim.now_ms:
            self._planned_ms = due_ms
            life = node.life

            def fire() -> None:
                if node.life == life and node.up and self._planned_ms == due_ms:
                    self._planned_ms = -1
                    node.input(self._timer)

            sim.schedule(due_ms - sim.now_ms, fire)

    def _timer(self) -> None:
        cron = self._sim.now_ms >= self._next_cron_ms
        if cron:
            self._next_cron_ms = self._sim.now_ms + CRON_MS
        self._turn(cron)

    def _event(self, event: Event) -> None:
        node = self._node
        now_ms = node.now_ms()
        if isinstance(event, Command):
            protocol = event.client.resp
            node.core.command(
                event.ticket,
                event.args,
                now_ms,
                protocol=protocol,
                facts=event.facts,
                client=event.client.id,
            )
        elif isinstance(event, Replication):
            node.core.replication(facts_of(event.status), now_ms)
        elif isinstance(event, Published):
            node.core.publish(event.channel, event.message, event.sharded, now_ms)
        elif isinstance(event, Log) and event.level is LogLevel.WARNING:
            self._sim.trace(node.name, f"(engine) {event.message}")

    def _output(self, key: int, data: bytes, closes: bool) -> None:
        if key in self._local:
            self._local[key] += data
            self.closed_sessions += closes
            if closes:
                del self._local[key]
            return
        connection = self._clients.get(key)
        if connection is None:
            return
        if data:
            self._sim.watch_output(self._node, connection, data)
            self._sim.network.send(connection, 1, "data", data)
        if closes:
            self._forget_client(connection)
            self._sim.network.close(connection, 1)

    def _act(self, kind: str, *fields: Any) -> None:
        if kind in ("follow", "unfollow"):
            channel = fields[-1]
            link = self._links[channel]
            if link is not None:
                self._sim.network.close(link, 0)
                self._links[channel] = None
            self._link_numbers[channel] += 1
        if kind == "follow":
            self._dial_primary(*fields)
        elif kind == "migrate":
            self._migrate(*fields)

    # Clients and replicas.

    def accepted(self, connection: Connection) -> None:
        key = self._engine.open(f"{connection.ends[0].address}:{10_000 + connection.number % 50_000}")
        self._clients[key] = connection
        self._sessions[connection] = key

    def received(self, connection: Connection, end: int, data: bytes) -> None:
        """Bytes came by one of our connections."""
        if end == 1 and connection in self._sessions:
            key = self._sessions[connection]
            self._take(lambda: self._engine.receive(key, data))
        elif connection in self._links:
            channel = self._links.index(connection)
            self._take(lambda: self._engine.link_received(channel, data))
        elif end == 0:
            self._replies(connection, data)

    def closed(self, connection: Connection, end: int) -> None:
        """The other side has closed a connection."""
        if end == 1 and connection in self._sessions:
            key = self._sessions[connection]
            self._forget_client(connection)
            self._take(lambda: self._engine.close(key))
        elif connection in self._links:
            channel = self._links.index(connection)
            self._links[channel] = None
            self._take(lambda: self._engine.link_closed(channel, "closed by the other side"))
        elif end == 0:
            for address, target in list(self._targets.items()):
                if target.connection is connection:
                    self._fail_target(address, "closed by the other side")

    def _forget_client(self, connection: Connection) -> None:
        key = self._sessions.pop(connection, None)
        if key is not None:
            del self._clients[key]

    # The primary, and targets of migrations.

    def _dial_primary(self, host: str, port: int, channel: int) -> None:
        number = self._link_numbers[channel]
        self._node.dial(("primary", number, channel), host)
        self._later(CONNECT_TIMEOUT_MS, lambda: self._link_failed(number, channel, "no answer"))

    def _link_failed(self, number: int, channel: int, why: str) -> None:
        if self._link_numbers[channel] == number and self._links[channel] is None:
            self._link_numbers[channel] += 1
            self._take(lambda: self._engine.link_closed(channel, why))

    def made(self, connection: Connection, token: Any) -> None:
        """A connection that we dialled stands."""
        if token[0] == "primary":
            number, channel = token[1:]
            if number != self._link_numbers[channel] or self._links[channel] is not None:
                self._sim.network.close(connection, 0)
                return
            self._links[channel] = connection
            self._take(lambda: self._engine.link_connected(channel))
            return
        target = self._targets.get(token[1])
        if target is None or target.connection is not None:
            self._sim.network.close(connection, 0)
            return
        target.connection = connection
        for data in target.unsent:
            self._sim.network.send(connection, 0, "data", data)
        target.unsent.clear()

    def failed(self, token: Any) -> None:
        """Nobody listens where we dialled."""
        if token[0] == "primary":
            self._link_failed(token[1], token[2], "connection refused")
        elif token[1] in self._targets:
            self._fail_target(token[1], "connection refused")

    def _migrate(self, job: tuple[int, str, int, bytes, int, int]) -> None:
        ticket, host, port, request, replies, timeout_ms = job
        address = (host, port)
        target = self._targets.get(address)
        if target is None:
            target = self._targets[address] = Target()
            self._node.dial(("target", address), host)
        target.jobs.append((ticket, replies, []))
        if target.connection is not None:
            self._sim.network.send(target.connection, 0, "data", request)
        else:
            target.unsent.append(request)

        def overdue() -> None:
            current = self._targets.get(address)
            if current is target and any(each[0] == ticket for each in target.jobs):
                self._fail_target(address, "the target did not answer in time")

        self._later(timeout_ms, overdue)

    def _replies(self, connection: Connection, data: bytes) -> None:
        target = next((each for each in self._targets.values() if each.connection is connection), None)
        if target is None:
            return
        *lines, target.input = (target.input + data).split(b"\r\n")
        for line in lines:
            ticket, count, replies = target.jobs[0]
            replies.append(line.decode())
            if len(replies) == count:
                target.jobs.popleft()
                self._end_job(ticket, replies, "")

    def _end_job(self, ticket: int, replies: list[str], error: str) -> None:
        self._take(lambda: self._engine.migration_ended(ticket, replies, error))

    def _fail_target(self, address: tuple[str, int], why: str) -> None:
        target = self._targets.pop(address)
        if target.connection is not None:
            self._sim.network.close(target.connection, 0)
        for ticket, _, _ in target.jobs:
            self._end_job(ticket, [], why)

    def _later(self, delay_ms: int, action: Callable[[], None]) -> None:
        """Do something later, in this life of the process."""
        node, life = self._node, self._node.life
        self._sim.schedule(delay_ms, lambda: node.input(action) if node.life == life and node.up else None)
