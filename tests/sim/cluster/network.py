"""The simulated network: TCP connections between hosts, with delay, stalls, partitions, resets and dead
flows.

A connection delivers in order, as TCP does. Cutting a direction between two hosts does not lose bytes: they
wait, and come through when the cut heals, unless one end gave up first. A "loss" is a retransmission: what
was sent, and all behind it, comes late. A *dropped flow* is one that a firewall has forgotten: nothing on
that connection arrives any more, in either direction, and neither end hears of it; new connections work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from random import Random

RETRANSMISSION_MS = 200
BUS, CLIENTS = "bus", "clients"


class Host(Protocol):
    """A machine with a name and an address. `life` counts its starts; what belongs to an earlier one is
    gone."""

    name: str
    address: str
    life: int
    up: bool

    def input(self, action: Callable[[], None]) -> None:
        """Something reaches the process: now, or when it goes on."""

    def connection_made(self, connection: Connection, token: object) -> None: ...
    def connection_failed(self, token: object, service: str) -> None: ...
    def connection_accepted(self, connection: Connection) -> None: ...
    def received(self, connection: Connection, end: int, kind: str, data: bytes) -> None: ...


@dataclass(eq=False)
class Connection:
    """One TCP connection: `ends[0]` dialled the `service` of `ends[1]`."""

    ends: tuple[Host, Host]
    lives: tuple[int, int]
    """Which life (count of starts) of each host the connection belongs to."""
    service: str
    number: int
    """Counted by the network: the same in every run of a seed."""
    closed: list[bool] = field(default_factory=lambda: [False, False])
    free_ms: list[int] = field(default_factory=lambda: [0, 0])
    """When the last bytes towards each end arrive: the next may not overtake them."""
    stalled: list[list[tuple[str, bytes]]] = field(default_factory=lambda: [[], []])
    dropped: bool = False

    def alive(self, end: int) -> bool:
        """Whether this end still knows the connection."""
        return not self.closed[end] and self.ends[end].life == self.lives[end] and self.ends[end].up


class Network:
    """All connections, and what is wrong between which hosts."""

    def __init__(
        self, rng: Random, schedule: Callable[[int, Callable[[], None]], None], now: Callable[[], int]
    ) -> None:
        self._rng = rng
        self._schedule = schedule
        self._now = now
        self.cut: set[tuple[str, str]] = set()
        """Directions (from, to) in which nothing gets through."""
        self.delay_ms_max: dict[tuple[str, str], int] = {}
        self.loss: float = 0.0
        self.connections: list[Connection] = []
        self.frames = 0
        self._made = 0

    def delay(self, source: str, target: str) -> int:
        most = self.delay_ms_max.get((source, target), 1)
        late = RETRANSMISSION_MS if self.loss and self._rng.random() < self.loss else 0
        return late + (self._rng.randrange(most + 1) if most > 1 else self._rng.randrange(2))

    def dial(self, host: Host, token: object, target: Host | None, service: str) -> None:
        """`host` opens a connection to a service of `target`."""
        life = host.life
        delay = self.delay(host.name, target.name) if target is not None else 1

        def arrive() -> None:
            if host.life != life or not host.up:
                return
            if target is None or not target.up:
                if target is None or (target.name, host.name) not in self.cut:
                    host.input(lambda: host.connection_failed(token, service))
                return
            if (host.name, target.name) in self.cut or (target.name, host.name) in self.cut:
                return  # The SYN is lost; whoever dials gives up by itself.
            self._made += 1
            lives = (host.life, target.life)
            connection = Connection((host, target), lives, service, self._made)
            self.connections.append(connection)
            target.input(lambda: target.connection_accepted(connection))
            host.input(lambda: host.connection_made(connection, token))

        self._schedule(delay, arrive)

    def send(self, connection: Connection, end: int, kind: str, data: bytes = b"") -> None:
        """Bytes of a `kind` ("frame", "data" or "close") leave `end` of a connection."""
        if connection.dropped:
            return
        other = 1 - end
        source, target = connection.ends[end].name, connection.ends[other].name
        if (source, target) in self.cut or connection.stalled[other]:
            connection.stalled[other].append((kind, data))
            return
        at_ms = max(self._now() + self.delay(source, target), connection.free_ms[other])
        connection.free_ms[other] = at_ms
        self.frames += 1

        def arrive() -> None:
            if connection.dropped:
                return
            if (source, target) in self.cut:
                connection.stalled[other].insert(0, (kind, data))
            elif connection.alive(other):
                receiver = connection.ends[other]
                receiver.input(lambda: receiver.received(connection, other, kind, data))
            elif kind != "close" and connection.ends[other].up and not connection.closed[end]:
                self.send(connection, other, "close")

        self._schedule(at_ms - self._now(), arrive)

    def close(self, connection: Connection, end: int) -> None:
        """`end` closes a connection, behind what it has sent."""
        if not connection.closed[end]:
            connection.closed[end] = True
            self.send(connection, end, "close")

    def heal(self, source: str | None = None, target: str | None = None) -> None:
        """Undo the cuts (all of them, or one direction): what waited comes through."""
        healed = {c for c in self.cut if source is None or c == (source, target)}
        self.cut -= healed
        for connection in self.connections:
            for end in (0, 1):
                direction = (connection.ends[1 - end].name, connection.ends[end].name)
                if direction in healed and connection.stalled[end]:
                    waiting, connection.stalled[end] = connection.stalled[end], []
                    for kind, data in waiting:
                        self.send(connection, 1 - end, kind, data)
        self.connections = [c for c in self.connections if c.alive(0) or c.alive(1)]

    def drop_flows(self, name: str) -> None:
        """Every connection of a host that stands is forgotten by whatever is between; new ones work."""
        for connection in self.connections:
            if name in (connection.ends[0].name, connection.ends[1].name):
                connection.dropped = True

    def crashed(self, host: Host) -> None:
        """The kernel of a dead process resets its connections."""
        for connection in self.connections:
            for end in (0, 1):
                if connection.ends[end] is host:
                    self.close(connection, end)
