"""Simulated time and TCP: connections that keep order, links that are cut in one direction or both.

A cut does not close a connection: what is sent waits, as TCP retransmits, until the cut is healed or an
end gives up. Where one direction only is cut, the other carries on for as long as TCP sends without an
acknowledgement: a request arrives whose reply does not. A host that is killed closes its connections at
once; a host that is paused takes nothing in until it goes on, though its kernel accepts connections.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

CONNECT_TIMEOUT_MS = 1_000
RETRANSMIT_MS = 50
UNACKNOWLEDGED_MAX = 10
"""Messages that arrive one way while the other way is cut."""


class Clock:
    """Events in the order of their times; what is planned for one moment keeps its order."""

    def __init__(self) -> None:
        self.now_ms = 1_000_000
        self._planned: list[tuple[int, int, Callable[[], None]]] = []
        self._serial = 0

    def after(self, delay_ms: int, what: Callable[[], None]) -> None:
        self._serial += 1
        heapq.heappush(self._planned, (self.now_ms + delay_ms, self._serial, what))

    def run_until(self, end_ms: int) -> None:
        while self._planned and self._planned[0][0] <= end_ms:
            at_ms, _, what = heapq.heappop(self._planned)
            self.now_ms = max(self.now_ms, at_ms)
            what()
        self.now_ms = end_ms


class Host:
    """Somebody with an address. Subclasses say what they do with what arrives."""

    def __init__(self, ip: str, port: int) -> None:
        self.ip = ip
        self.port = port
        self.alive = True
        self.paused = False

    def accept(self, connection: Connection) -> None:
        """Somebody has connected to us."""

    def arrived(self, connection: Connection, data: object) -> None:
        """Something was sent to us on a connection."""

    def closed(self, connection: Connection) -> None:
        """The other end of a connection is gone."""


@dataclass(eq=False)
class Connection:
    """One TCP connection; `dialler` opened it."""

    dialler: Host
    listener: Host
    tag: int
    open: bool = True
    waiting: dict[Host, deque[object]] = field(default_factory=dict)
    unacknowledged: dict[Host, int] = field(default_factory=dict)

    def other(self, host: Host) -> Host:
        return self.listener if host is self.dialler else self.dialler


class Network:
    """Who reaches whom, and how fast."""

    def __init__(self, clock: Clock, rng: random.Random) -> None:
        self.clock = clock
        self.rng = rng
        self.hosts: list[Host] = []
        self.cuts: set[tuple[Host, Host]] = set()
        self.delay_ms_max = 4
        self.slow: dict[Host, int] = {}
        """Hosts whose links take up to so much longer."""
        self.connections: list[Connection] = []
        self.delivered = 0
        self._found: dict[tuple[str, int], Host] = {}

    def cut(self, one: Host, other: Host, *, both: bool = True) -> None:
        self.cuts.add((one, other))
        if both:
            self.cuts.add((other, one))

    def heal(self) -> None:
        self.cuts.clear()
        self.slow.clear()

    def _delay(self, one: Host, other: Host) -> int:
        slow_ms = max(self.slow.get(one, 0), self.slow.get(other, 0)) if self.slow else 0
        return self.rng.randint(0, self.delay_ms_max + slow_ms)

    def find(self, ip: str, port: int) -> Host | None:
        known = self._found.get((ip, port))
        if known is None or (known.ip, known.port) != (ip, port):
            known = next((host for host in self.hosts if (host.ip, host.port) == (ip, port)), None)
            if known is not None:
                self._found[ip, port] = known
        return known

    def connect(
        self, dialler: Host, ip: str, port: int, tag: int, done: Callable[[Connection | None], None]
    ) -> None:
        """Try to connect; `done` hears the connection or, refused or after a timeout, None."""

        def attempt(left_ms: int) -> None:
            target = self.find(ip, port)
            if not dialler.alive:
                return
            if target is None or (not target.alive and not self._is_cut(dialler, target)):
                done(None)
            elif self._is_cut(dialler, target):
                if left_ms <= 0:
                    done(None)
                else:
                    self.clock.after(RETRANSMIT_MS, lambda: attempt(left_ms - RETRANSMIT_MS))
            else:
                connection = Connection(dialler, target, tag)
                connection.waiting = {dialler: deque(), target: deque()}
                connection.unacknowledged = {dialler: 0, target: 0}
                self.connections.append(connection)
                target.accept(connection)
                done(connection)

        self.clock.after(self.rng.randint(0, self.delay_ms_max), lambda: attempt(CONNECT_TIMEOUT_MS))

    def _is_cut(self, one: Host, other: Host) -> bool:
        return (one, other) in self.cuts or (other, one) in self.cuts

    def send(self, connection: Connection, sender: Host, data: object) -> None:
        if not connection.open:
            return
        queue = connection.waiting[connection.other(sender)]
        queue.append(data)
        if len(queue) == 1:
            delay_ms = self._delay(sender, connection.other(sender))
            self.clock.after(delay_ms, lambda: self._deliver(connection, sender))

    def _deliver(self, connection: Connection, sender: Host) -> None:
        receiver = connection.other(sender)
        queue = connection.waiting[receiver]
        if not connection.open or not queue:
            return
        if receiver.paused or self._is_stuck(connection, sender, receiver):
            self.clock.after(RETRANSMIT_MS, lambda: self._deliver(connection, sender))
            return
        data = queue.popleft()
        if queue:
            self.clock.after(0, lambda: self._deliver(connection, sender))
        self.delivered += 1
        receiver.arrived(connection, data)

    def _is_stuck(self, connection: Connection, sender: Host, receiver: Host) -> bool:
        """Whether nothing gets through this way now: it is cut, or too much is unacknowledged."""
        if not self.cuts:
            connection.unacknowledged[receiver] = 0
            return False
        if (sender, receiver) in self.cuts:
            return True
        if (receiver, sender) not in self.cuts:
            connection.unacknowledged[receiver] = 0
            return False
        connection.unacknowledged[receiver] += 1
        return connection.unacknowledged[receiver] > UNACKNOWLEDGED_MAX

    def close(self, connection: Connection, closer: Host) -> None:
        if not connection.open:
            return
        connection.open = False
        if connection in self.connections:
            self.connections.remove(connection)
        other = connection.other(closer)

        def tell() -> None:
            if not other.alive:
                return
            if self._is_cut(closer, other) or other.paused:
                self.clock.after(RETRANSMIT_MS, tell)
                return
            other.closed(connection)

        self.clock.after(self._delay(closer, other), tell)

    def killed(self, host: Host) -> None:
        """The process is gone: the kernel closes its connections."""
        for connection in list(self.connections):
            if host in (connection.dialler, connection.listener):
                self.close(connection, host)
