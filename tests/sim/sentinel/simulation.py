"""One run: Sentinels, data servers, a network and a clock, all from one seed; what happens is traced."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

from garrison.sentinel.core.effects import Event, Level
from garrison.sentinel.core.settings import Monitor

from .checks import Checks
from .data_server import DataServer
from .network import Clock, Network
from .sentinel_host import SentinelHost

DATA_PORT, SENTINEL_PORT = 6379, 26379
_RUN_ID = re.compile(r"\b[0-9a-f]{40}\b")


class Group:
    """One monitored primary's servers, as they were configured at first."""

    def __init__(self, name: str, servers: Sequence[DataServer]) -> None:
        self.name = name
        self.servers = list(servers)

    @property
    def first(self) -> tuple[str, int]:
        return self.servers[0].ip, self.servers[0].port


class Simulation:
    """Composes the parts. `monitor` gives the settings of a primary that a new Sentinel begins with."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.clock = Clock()
        self.began_ms = self.clock.now_ms
        self.network = Network(self.clock, self.rng)
        self.groups: dict[str, Group] = {}
        self.servers: dict[str, DataServer] = {}
        self.sentinels: dict[str, SentinelHost] = {}
        self.monitor: Callable[[Group], Monitor] = lambda group: Monitor(
            group.name, *group.first, quorum=2, down_after_ms=1_000, failover_timeout_ms=10_000
        )
        self.lines: list[str] = []
        self.checks = Checks(self)
        self._names: dict[str, str] = {}
        self._last_host = 0
        self.abandoned: list[tuple[str, int]] = []
        """Addresses that a Sentinel has moved away from."""

    @property
    def now_ms(self) -> int:
        return self.clock.now_ms - self.began_ms

    # Who is there.

    def add_group(self, name: str, size: int) -> Group:
        """One primary and its replicas, running and in sync."""
        members = []
        for number in range(1, size + 1):
            server = DataServer(self.network, f"10.0.{len(self.groups)}.{number}", DATA_PORT, self._new_id)
            server.offset = 1
            self.network.hosts.append(server)
            prefix = chr(ord("A") + len(self.servers))
            self.servers[prefix] = server
            members.append(server)
        group = self.groups[name] = Group(name, members)
        for replica in members[1:]:
            replica.configure(group.first)
        return group

    def _new_id(self) -> str:
        return f"{self.rng.getrandbits(160):040x}"

    def new_address(self) -> tuple[str, int]:
        """Where a Sentinel may listen that nobody has listened at before."""
        self._last_host += 1
        return f"10.1.0.{self._last_host}", SENTINEL_PORT

    def add_sentinel(self, disk: tuple[str, ...] = ()) -> SentinelHost:
        """A Sentinel on a machine of its own, running."""
        host = SentinelHost(
            self.network,
            f"S{len(self.sentinels) + 1}",
            self.new_address(),
            lambda: [self.monitor(group) for group in self.groups.values()],
            self.rng.getrandbits(32),
            self.checks,
            disk,
        )
        self.network.hosts.append(host)
        self.sentinels[host.name] = host
        host.start()
        return host

    def server_at(self, ip: str, port: int) -> DataServer | None:
        found = self.network.find(ip, port)
        return found if isinstance(found, DataServer) else None

    def group_of(self, server: DataServer) -> Group:
        return next(group for group in self.groups.values() if server in group.servers)

    # Time.

    def schedule(self, delay_ms: int, action: Callable[[], None]) -> None:
        self.clock.after(delay_ms, action)

    def run(self, duration_ms: int) -> None:
        self.clock.run_until(self.clock.now_ms + duration_ms)

    def run_until(self, done: Callable[[], bool], limit_ms: int, step_ms: int = 100) -> bool:
        """Run until `done()`; False if that takes longer than the limit."""
        end_ms = self.clock.now_ms + limit_ms
        while self.clock.now_ms < end_ms:
            if done():
                return True
            self.run(step_ms)
        return done()

    # The trace.

    def trace(self, name: str, line: str) -> None:
        self.lines.append(f"{self.now_ms:>7} {name}: {line}")

    def event_published(self, host: SentinelHost, event: Event) -> None:
        if event.level not in (Level.DEBUG, Level.VERBOSE):
            self.trace(host.name, f"{event.name} {event.text}".strip())

    def name_of(self, run_id: str) -> str:
        """The Sentinel of an id. Those that share one are told apart nowhere."""
        if run_id not in self._names:
            holders = [host.name for host in self.sentinels.values() if host.core.my_id == run_id]
            if not holders:
                return run_id[:8]
            self._names[run_id] = holders[0]
        return self._names[run_id]

    def readable(self, lines: Sequence[str]) -> list[str]:
        """Lines with names in place of ids and addresses."""
        at = {f"{server.ip} {DATA_PORT}": name for name, server in self.servers.items()}
        at |= {f"{server.ip}:{DATA_PORT}": name for name, server in self.servers.items()}
        address = re.compile("|".join(f"{re.escape(text)}\\b" for text in at)) if at else None
        found = []
        for line in lines:
            line = _RUN_ID.sub(lambda match: self.name_of(match[0]), line)
            found.append(address.sub(lambda match: at[match[0]], line) if address else line)
        return found
