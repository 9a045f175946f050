"""A scripted manager on a machine of its own: it asks for the lease, stores records and acts, by the rules of
docs/manager-reference.md. All that it does goes over simulated connections to real engines and
control planes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, Protocol

import hiredis

from .network import CLIENTS, Connection

if TYPE_CHECKING:
    from .node import SimNode
    from .simulation import Simulation

TTL_MS = 2000
PERIOD_MS = 300
STAND_PAUSE_MS_MAX = 1500
DIAL_TIMEOUT_MS = 1000
ANSWER_TIMEOUT_MS = 3000
ASK, ACT = "ask", "act"


class Watcher(Protocol):
    """Hears what managers come to believe."""

    def elected(self, manager: SimManager, granters: set[str]) -> None: ...
    def stored(self, manager: SimManager, record: tuple[int, int]) -> None: ...
    def begins_to_read(self, manager: SimManager) -> None: ...
    def has_read(self, manager: SimManager, record: tuple[int, int]) -> None: ...


@dataclass
class Line:
    """A connection to one node, for asking or for acting."""

    dialled_ms: int
    connection: Connection | None = None
    reader: hiredis.Reader = field(default_factory=hiredis.Reader)
    pending: deque[tuple[int, Callable[[Any], None]]] = field(default_factory=deque)
    epoch: int = 0
    """For which lease an acting one speaks."""


class SimManager:
    """`name` is its name in traces and its place in the network; as a manager it has a name for each life."""

    def __init__(self, sim: Simulation, name: str, number: int, watcher: Watcher) -> None:
        self.sim, self.name, self.watcher = sim, name, watcher
        self.address = f"10.0.8.{number}"
        self.rng = Random(f"{sim.seed} {name}")
        self.life, self.up, self.paused = 0, False, False
        self._inbox: list[Callable[[], None]] = []
        self.start()

    def start(self) -> None:
        """Begin a life: a manager keeps nothing of its own."""
        self.life += 1
        self.up, self.paused, self._inbox = True, False, []
        self.epoch = self.seen = self.version = 0
        self.lease_name = f"{self.name}.{self.life}"
        self.grants: dict[str, int] = {}
        """Node -> until when its grant of `epoch` lasts."""
        self.voters = 1
        self._led = 0
        self._read: dict[str, tuple[int, tuple[int, int]]] = {}
        """Primary -> its vote on records, and its newest one, in this epoch."""
        self._has_read = False
        self._stored: dict[tuple[int, int], set[str]] = {}
        self._stand_ms = self.sim.now_ms
        self._lines: dict[tuple[str, str], Line] = {}
        life = self.life

        def tick() -> None:
            if self.life == life and self.up:
                self.sim.schedule(PERIOD_MS, tick)
                self.input(self._tick)

        self.sim.schedule(self.rng.randrange(1, PERIOD_MS), tick)

    def crash(self) -> None:
        self.up = False
        self.sim.network.crashed(self)

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False
        inbox, self._inbox = self._inbox, []
        for action in inbox:
            self.input(action)

    def input(self, action: Callable[[], None]) -> None:
        if self.up and self.paused:
            self._inbox.append(action)
        elif self.up:
            action()

    def leads(self) -> bool:
        """Whether it believes, by its clock, that it leads."""
        now_ms = self.sim.now_ms
        majority = self.voters // 2 + 1
        return self.up and sum(until_ms > now_ms for until_ms in self.grants.values()) >= majority

    # What it does.

    def _tick(self) -> None:
        now_ms = self.sim.now_ms
        if self.leads():
            if self.seen > self.epoch:
                self._stand_anew()
            self._ask_all()
            if self._has_read:
                self._store_all()
                self._act()
            else:
                self._read_all()
        elif now_ms >= self._stand_ms:
            self._stand_ms = now_ms + self.rng.randrange(PERIOD_MS, STAND_PAUSE_MS_MAX)
            self._stand_anew()
            self._ask_all()

    def _stand_anew(self) -> None:
        self.epoch = self.seen = max(self.epoch, self.seen) + 1
        self.grants, self._read, self._has_read = {}, {}, False

    def _ask_all(self) -> None:
        for node in self.sim.nodes.values():
            self._ask(node, "LEASE", self.lease_name, self.epoch, TTL_MS)

    def _ask(self, node: SimNode, *words: object) -> None:
        epoch, asked_ms = self.epoch, self.sim.now_ms

        def answered(reply: Any) -> None:
            if isinstance(reply, list) and epoch == self.epoch:
                found = {key.decode(): value for key, value in zip(reply[::2], reply[1::2], strict=True)}
                self.seen = max(self.seen, found["epoch"])
                self.voters = max(self.voters, found["voters"])
                self._answered(node, str(words[0]), found, asked_ms)

        self._say(node, ASK, answered, "CLUSTER", "MANAGER", *words)

    def _answered(self, node: SimNode, kind: str, found: dict[str, Any], asked_ms: int) -> None:
        if kind == "READ":
            self._read_from(node, found)
        elif found["granted"]:
            led = self.leads()
            self.grants[node.name] = max(self.grants.get(node.name, 0), asked_ms + TTL_MS)
            if self.leads() and not led and self._led != self.epoch:
                self._led = self.epoch
                self.sim.trace(self.name, f"leads in epoch {self.epoch}")
                self.watcher.elected(self, set(self.grants))

    def _read_from(self, node: SimNode, found: dict[str, Any]) -> None:
        if self._has_read or not node.core.context.me.votes():
            return
        self._read[node.name] = (found["votes"], (found["written-epoch"], found["version"]))
        votes = sum(votes for votes, _ in self._read.values())
        if votes >= self.voters // 2 + 1 or len(self._read) >= self.voters:
            newest = max(record for _, record in self._read.values())
            self._has_read, self.version = True, max(self.version, newest[1])
            self.watcher.has_read(self, newest)

    def _read_all(self) -> None:
        self._read = {}
        self.watcher.begins_to_read(self)
        for node in self.sim.nodes.values():
            self._ask(node, "READ")

    def _store_all(self) -> None:
        self.version += 1
        record = (self.epoch, self.version)
        stored = self._stored[record] = set()
        if len(self._stored) > 20:
            del self._stored[next(iter(self._stored))]
        for node in self.sim.nodes.values():

            def answered(reply: Any, node: SimNode = node) -> None:
                if reply == b"OK" and node.core.context.me.votes():
                    stored.add(node.name)
                    if len(stored & self.grants.keys()) == self.voters // 2 + 1 and self.leads():
                        self.watcher.stored(self, record)

            words = ("CLUSTER", "MANAGER", "STORE", self.lease_name, *record, f"{self.name} {record}")
            self._say(node, ASK, answered, *words)

    def _act(self) -> None:
        """Something that only the leader may do, at any node."""
        nodes = list(self.sim.nodes.values())
        node = nodes[self.rng.randrange(len(nodes))]
        line = self._lines.get((node.name, ACT))
        if line is None or line.connection is None or line.epoch != self.epoch:

            def marked(reply: Any, epoch: int = self.epoch) -> None:
                found = self._lines.get((node.name, ACT))
                if found is not None and reply == b"OK":
                    found.epoch = epoch

            self._say(node, ACT, marked, "CLUSTER", "MANAGER", "AS", self.lease_name, self.epoch)
        else:
            self._say(node, ACT, lambda _: None, "ECHO", f"act:{self.name}:{self.epoch}")

    # Connections.

    def _say(self, node: SimNode, use: str, answered: Callable[[Any], None], *words: object) -> None:
        now_ms = self.sim.now_ms
        line = self._lines.get((node.name, use))
        if line is not None and self._is_stuck(line, now_ms):
            self._drop(node.name, use)
            line = None
        if line is None:
            self._lines[node.name, use] = Line(now_ms)
            self.sim.network.dial(self, (node.name, use), node, CLIENTS)
        elif line.connection is not None:
            argv = [str(word).encode() for word in words]
            data = b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in argv)
            line.pending.append((now_ms, answered))
            self.sim.network.send(line.connection, 0, "data", b"*%d\r\n%b" % (len(argv), data))

    @staticmethod
    def _is_stuck(line: Line, now_ms: int) -> bool:
        if line.connection is None:
            return now_ms - line.dialled_ms > DIAL_TIMEOUT_MS
        return bool(line.pending) and now_ms - line.pending[0][0] > ANSWER_TIMEOUT_MS

    def _drop(self, name: str, use: str) -> None:
        line = self._lines.pop((name, use), None)
        if line is not None and line.connection is not None:
            self.sim.network.close(line.connection, 0)

    def connection_made(self, connection: Connection, token: Any) -> None:
        line = self._lines.get(token)
        if line is None or line.connection is not None:
            self.sim.network.close(connection, 0)
        else:
            line.connection = connection

    def connection_failed(self, token: Any, service: str) -> None:
        self._lines.pop(token, None)

    def connection_accepted(self, connection: Connection) -> None:
        raise AssertionError("nobody dials a manager")

    def received(self, connection: Connection, end: int, kind: str, data: bytes) -> None:
        found = next((item for item in self._lines.items() if item[1].connection is connection), None)
        if found is None:
            return
        key, line = found
        if kind == "close":
            self._drop(*key)
            return
        line.reader.feed(data)
        while (reply := line.reader.gets()) is not False:
            _, answered = line.pending.popleft()
            answered(reply)
