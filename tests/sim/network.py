"""The simulated network: TCP connections between nodes, with delay, stalls, partitions and resets.

A connection delivers its frames in order, as TCP does. Cutting a direction between two machines
does not lose bytes: they wait, and come through when the cut heals, unless one end gave up first.
A "loss" is a retransmission: the frame, and all behind it, come late.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

    from .node import SimNode

RETRANSMISSION_MS = 200


@dataclass(eq=False)
class Connection:
    """One TCP connection: `ends[0]` dialled `ends[1]`."""

    ends: tuple[SimNode, SimNode]
    lives: tuple[int, int]
    """Which life (count of starts) of each node the connection belongs to."""
    links: list[int] = field(default_factory=lambda: [0, 0])
    closed: list[bool] = field(default_factory=lambda: [False, False])
    free_ms: list[int] = field(default_factory=lambda: [0, 0])
    """When the last frame towards each end arrives: the next may not overtake it."""
    stalled: list[list[tuple[str, bytes]]] = field(default_factory=lambda: [[], []])

    def alive(self, end: int) -> bool:
        """Whether this end still knows the connection."""
        return not self.closed[end] and self.ends[end].life == self.lives[end] and self.ends[end].up


class Network:
    """All connections, and what is wrong between which machines."""

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

    def delay(self, source: str, target: str) -> int:
        most = self.delay_ms_max.get((source, target), 1)
        late = RETRANSMISSION_MS if self.loss and self._rng.random() < self.loss else 0
        return late + (self._rng.randrange(most + 1) if most > 1 else self._rng.randrange(2))

    def dial(self, node: SimNode, link_id: int, target: SimNode | None) -> None:
        """`node` opens a connection to the machine of `target`."""
        life = node.life
        delay = self.delay(node.name, target.name) if target is not None else 1

        def arrive() -> None:
            if node.life != life or not node.up:
                return
            if target is None or not target.up:
                if target is None or (target.name, node.name) not in self.cut:
                    node.input(lambda: node.connection_failed(link_id))
                return
            if (node.name, target.name) in self.cut or (target.name, node.name) in self.cut:
                return  # The SYN is lost; the core gives up by itself.
            connection = Connection((node, target), (node.life, target.life))
            connection.links[0] = link_id
            self.connections.append(connection)
            target.input(lambda: target.connection_accepted(connection))
            node.input(lambda: node.connection_made(connection, link_id))

        self._schedule(delay, arrive)

    def send(self, connection: Connection, end: int, kind: str, data: bytes = b"") -> None:
        """A frame (or "close") leaves `end` of a connection."""
        other = 1 - end
        source, target = connection.ends[end].name, connection.ends[other].name
        if (source, target) in self.cut or connection.stalled[other]:
            connection.stalled[other].append((kind, data))
            return
        at_ms = max(self._now() + self.delay(source, target), connection.free_ms[other])
        connection.free_ms[other] = at_ms
        self.frames += 1

        def arrive() -> None:
            if (source, target) in self.cut:
                connection.stalled[other].insert(0, (kind, data))
            elif connection.alive(other):
                receiver = connection.ends[other]
                receiver.input(lambda: receiver.received(connection, other, kind, data))
            elif kind != "close" and connection.ends[other].up and not connection.closed[end]:
                self.send(connection, other, "close")

        self._schedule(at_ms - self._now(), arrive)

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

    def crashed(self, node: SimNode) -> None:
        """The kernel of a dead process resets its connections."""
        for connection in self.connections:
            for end in (0, 1):
                if connection.ends[end] is node and not connection.closed[end]:
                    connection.closed[end] = True
                    self.send(connection, end, "close")
