"""One seed, one run: Sentinels and data servers under a random series of failures, then healed."""

from __future__ import annotations

from collections.abc import Callable

from garrison.sentinel.core.settings import Monitor

from .data_server import DataServer
from .sentinel_host import SentinelHost
from .simulation import Group, Simulation

Action = Callable[[], None]

DOWN_AFTERS_MS = (500, 1_000, 2_000, 5_000)
FAILOVER_TIMEOUTS_MS = (3_000, 10_000, 20_000)
RESTART_MS = (100, 15_000)
CHAOS_MS = 40_000
SETTLE_MS = 70_000
"""TILT lasts for 30 s, and a primary may call itself replica for 20 s; what else there is takes seconds."""
DECIDED_MS = 40_000
"""So long after the healing an administrator decides what the Sentinels leave to one."""
TAKE_UP_RETRY_MS = 500
SETTLED_MS = 6_000
"""So long it has to stay as it is after everybody agrees."""
TICKS_PER_SECOND_MAX = 500
SENDS_PER_SECOND_MAX = 600


class Chaos:
    """Draws what goes wrong from the simulation's own random numbers."""

    def __init__(self, seed: int) -> None:
        self.sim = sim = Simulation(seed)
        self.rng = rng = sim.rng
        self.down_after_ms = rng.choice(DOWN_AFTERS_MS)
        self.failover_timeout_ms = rng.choice(FAILOVER_TIMEOUTS_MS)
        self._parallel_syncs = rng.choice((1, 1, 2))
        self._sentinels = rng.choice((3, 3, 3, 4, 5))
        self._quorum = rng.choice((2, 2, self._sentinels // 2 + 1, 1))
        self._mended = False
        self.busiest = (0, 0)
        """The most ticks and the most commands of a Sentinel in a second."""
        sim.monitor = self._monitor
        for number in range(rng.choice((1, 1, 1, 2))):
            self._prepare(sim.add_group(f"group{number + 1}", rng.choice((2, 3, 3, 4))))
        self._actions = [*self._everyday(), *self._of_flavour(seed % 7)]

    def _monitor(self, group: Group) -> Monitor:
        return Monitor(
            group.name, *group.first, self._quorum, self.down_after_ms, self.failover_timeout_ms,
            self._parallel_syncs,
        )  # fmt: skip

    def _prepare(self, group: Group) -> None:
        for server in group.servers:
            server.refuses_empty = self.rng.random() < 0.5
            server.hands_over = self.rng.random() < 0.8
            server.rewrites = self.rng.random() < 0.8
        if self.rng.random() < 0.2 and len(group.servers) > 2:
            group.servers[-1].priority = 0

    def _everyday(self) -> list[Action]:
        return [
            *(self._kill_server, self._kill_server, self._kill_primary, self._kill_primary),
            *(self._kill_sentinel, self._kill_sentinel, self._kill_at_save, self._kill_at_save),
            *(self._pause_server, self._pause_sentinel, self._split, self._split, self._isolate),
            *(self._one_way, self._slow, self._heal, self._heal, self._wait),
        ]

    def _of_flavour(self, flavour: int) -> list[Action]:
        """What only some seeds know, so that the others are held to the strict invariants."""
        flavours: list[list[Action]] = [
            [],
            [self._fail_over, self._fail_over, self._fail_over_coordinated],
            [self._old_disk, self._old_disk, self._clock_jump],
            [self._copy, self._move_sentinel, self._move_sentinel, self._clock_jump],
            [self._reset, self._set, self._remove, self._fail_over_coordinated, self._disk_full],
            [self._lie, self._empty, self._empty, self._clock_jump, self._disk_full],
        ]
        return flavours[flavour] if flavour < len(flavours) else [each for few in flavours for each in few]

    def run(self, duration_ms: int = CHAOS_MS) -> None:
        """Begin, break, heal; raises BrokenInvariantError."""
        sim = self.sim
        for _ in range(self._sentinels):
            sim.add_sentinel()
        sim.schedule(1_000, self._watch_load)
        self._settle("at first")
        end_ms = sim.now_ms + duration_ms
        while sim.now_ms < end_ms:
            self.rng.choice(self._actions)()
            sim.run(self.rng.randrange(10, self.down_after_ms + 2_500))
        self.heal()
        sim.run(1_000)  # Who was stopped until now notices it, rather than look as if all were well.
        self._settle("after healing")
        sim.run(SETTLED_MS)
        problem = sim.checks.converged()
        if problem:
            sim.checks.fail(f"it had settled, but: {problem}")

    def _settle(self, when: str) -> None:
        sim = self.sim
        limit_ms = SETTLE_MS + self.failover_timeout_ms + 6 * self.down_after_ms
        if not sim.run_until(lambda: not sim.checks.converged(), limit_ms, 200):
            sim.checks.fail(f"no convergence {limit_ms} ms {when}: {sim.checks.converged()}")

    def _watch_load(self) -> None:
        """No Sentinel is ever busy with nothing."""
        self.sim.schedule(1_000, self._watch_load)
        for host in self.sim.sentinels.values():
            self.busiest = (max(host.ticks, self.busiest[0]), max(host.sends, self.busiest[1]))
            if host.ticks > TICKS_PER_SECOND_MAX or host.sends > SENDS_PER_SECOND_MAX:
                self.sim.checks.fail(f"{host.name}: {host.ticks} ticks and {host.sends} commands in a second")
            host.ticks = host.sends = 0

    def heal(self) -> None:
        """Everything works again from here on."""
        sim = self.sim
        self._mended = True
        sim.trace("*", "everything heals")
        sim.network.heal()
        for server in sim.servers.values():
            server.lies, server.paused = False, False
            server.takes_writes = True
            if not server.alive:
                server.start()
        for host in sim.sentinels.values():
            host.disk_full, host.paused, host.dies_after = False, False, None
            if not host.alive:
                host.start()
            for group in sim.groups.values():
                # It may have ended between REMOVE and MONITOR.
                self._take_up(host, group.name, group.first)
        sim.schedule(DECIDED_MS, self._decide)

    def _decide(self) -> None:
        """Where replicas disagree about their primary's data the Sentinels leave it to an administrator."""
        for name, server in self.sim.servers.items():
            if server.refused and server.follows is not None:
                host, port = server.follows
                self.sim.trace(name, "is told again to follow its primary")
                server.command(b"REPLICAOF", host.encode(), str(port).encode())

    def _later(self, delay_ms: int, action: Action) -> None:
        """Plan something that is not to happen after the healing."""
        self.sim.schedule(delay_ms, lambda: None if self._mended else action())

    # Data servers.

    def _server(self) -> DataServer:
        return self.rng.choice(list(self.sim.servers.values()))

    def _name(self, server: DataServer) -> str:
        return next(name for name, each in self.sim.servers.items() if each is server)

    def _primary(self) -> DataServer | None:
        host, group = self._sentinel(), self.rng.choice(list(self.sim.groups.values()))
        known = host.core.context.primaries.get(group.name)
        return None if known is None else self.sim.server_at(*known.current_address())

    def _kill_server(self) -> None:
        self._kill(self._server())

    def _kill_primary(self) -> None:
        primary = self._primary()
        if primary is not None:
            self._kill(primary)

    def _kill(self, server: DataServer, *, empty: bool = False) -> None:
        if not server.alive:
            return
        name = self._name(server)
        self.sim.trace(name, "is killed")
        server.kill()
        loading_ms = self.rng.choice((0, 0, 2_000))

        def restart() -> None:
            if not server.alive:
                self.sim.trace(name, f"starts {'empty ' if empty else ''}as {server.on_disk or 'primary'}")
                server.start(empty=empty, loading_ms=loading_ms)

        self._later(self.rng.randrange(*RESTART_MS), restart)

    def _empty(self) -> None:
        """It comes back without its data, and writes come only later."""
        server = self._primary() or self._server()
        server.takes_writes = self.rng.random() < 0.5
        self._kill(server, empty=True)

    def _pause_server(self) -> None:
        server = self._server()
        length_ms = self.rng.randrange(100, 4 * self.down_after_ms)
        self.sim.trace(self._name(server), f"is stopped for {length_ms} ms")
        server.paused = True
        self.sim.schedule(length_ms, lambda: setattr(server, "paused", False))

    def _lie(self) -> None:
        server = self._server()
        server.lies = not server.lies
        self.sim.trace(self._name(server), "lies" if server.lies else "no longer lies")

    # Sentinels.

    def _sentinel(self) -> SentinelHost:
        return self.rng.choice(list(self.sim.sentinels.values()))

    def _running(self) -> SentinelHost | None:
        running = [host for host in self.sim.sentinels.values() if host.alive and not host.paused]
        return self.rng.choice(running) if running else None

    def _kill_sentinel(self) -> None:
        host = self._sentinel()
        if host.alive:
            self.sim.trace(host.name, "is killed")
            host.kill()
        self._restart_later(host)

    def _restart_later(self, host: SentinelHost) -> None:
        def restart() -> None:
            if not host.alive:
                self.sim.trace(host.name, "starts")
                host.start()

        self._later(self.rng.randrange(*RESTART_MS), restart)

    def _kill_at_save(self) -> None:
        host = self._sentinel()
        host.dies_after = self.rng.choice((0, 1, 1, 2, 3))
        self._later(20_000, lambda: self._restart_later(host))

    def _pause_sentinel(self) -> None:
        host = self._sentinel()
        length_ms = self.rng.choice((self.rng.randrange(50, 1_900), self.rng.randrange(2_000, 15_000)))
        self.sim.trace(host.name, f"is stopped for {length_ms} ms")
        host.paused = True
        life = host.life
        self.sim.schedule(length_ms, lambda: self._resume(host, life))

    def _resume(self, host: SentinelHost, life: int) -> None:
        if host.life == life:
            host.paused = False

    def _clock_jump(self) -> None:
        host = self._running()
        if host is not None:
            jump_ms = self.rng.choice((-60_000, -5_000, -500, 700, 3_000, 30_000, 3_600_000))
            self.sim.trace(host.name, f"its clock jumps by {jump_ms} ms")
            host.clock_offset_ms += jump_ms

    def _old_disk(self) -> None:
        host = self._sentinel()
        if not host.older_disks:
            return
        if host.alive:
            host.kill()
        disk = self.rng.choice(host.older_disks)
        self.sim.trace(host.name, "starts with an old disk")
        self.sim.checks.rolled_back(host, disk)
        host.start(disk=disk)

    def _copy(self) -> None:
        """Somebody copies a configuration, id included, to another machine."""
        host = self._sentinel()
        if len(self.sim.sentinels) > self._sentinels:
            return
        self.sim.checks.copied(host)
        copy = self.sim.add_sentinel(host.disk)
        self.sim.trace(copy.name, f"starts as a copy of {host.name}")

    def _move_sentinel(self) -> None:
        host = self._sentinel()
        if host.alive:
            host.kill()
        left = (host.ip, host.port)
        is_reused = self.sim.abandoned and self.rng.random() < 0.4
        host.ip, host.port = self.sim.abandoned.pop() if is_reused else self.sim.new_address()
        self.sim.abandoned.append(left)
        self.sim.trace(host.name, f"moves to {host.ip}")
        self._restart_later(host)

    def _disk_full(self) -> None:
        host = self._sentinel()
        host.disk_full = True
        self.sim.trace(host.name, "its disk is full")
        self._later(self.rng.randrange(100, 8_000), lambda: setattr(host, "disk_full", False))

    # The network.

    def _everybody(self) -> list[DataServer | SentinelHost]:
        return [*self.sim.servers.values(), *self.sim.sentinels.values()]

    def _called(self, host: DataServer | SentinelHost) -> str:
        return host.name if isinstance(host, SentinelHost) else self._name(host)

    def _split(self) -> None:
        everybody = self._everybody()
        side = {host for host in everybody if self.rng.random() < 0.5}
        names = "".join(sorted(self._called(host) for host in side))
        self.sim.trace("*", f"the network splits: {names} and the others")
        for one in everybody:
            for other in everybody:
                if (one in side) != (other in side):
                    self.sim.network.cut(one, other)
        self._heal_later()

    def _isolate(self) -> None:
        one = self.rng.choice(self._everybody())
        self.sim.trace(self._called(one), "is cut off")
        for other in self._everybody():
            if other is not one:
                self.sim.network.cut(one, other)
        self._heal_later()

    def _one_way(self) -> None:
        one = self.rng.choice(self._everybody())
        others = [other for other in self._everybody() if other is not one and self.rng.random() < 0.5]
        self.sim.trace(self._called(one), f"gets through no longer to {''.join(map(self._called, others))}")
        for other in others:
            self.sim.network.cut(one, other, both=False)
        self._heal_later()

    def _slow(self) -> None:
        one = self.rng.choice(self._everybody())
        self.sim.network.slow[one] = self.rng.choice((20, 200, self.down_after_ms))
        self.sim.trace(self._called(one), f"is slow: {self.sim.network.slow[one]} ms")

    def _heal_later(self) -> None:
        self._later(self.rng.randrange(200, 20_000), self._heal)

    def _heal(self) -> None:
        self.sim.trace("*", "the network heals")
        self.sim.network.heal()

    def _wait(self) -> None:
        self.sim.run(self.rng.randrange(1_000, 6_000))

    # Administrators.

    def _command(self, *words: str) -> None:
        host = self._running()
        if host is None:
            return
        answer = host.ask("SENTINEL", *words)
        self.sim.trace(host.name, f"is told {' '.join(words)}: {answer}")

    def _group_name(self) -> str:
        return self.rng.choice(list(self.sim.groups))

    def _fail_over(self) -> None:
        self._command("FAILOVER", self._group_name())

    def _fail_over_coordinated(self) -> None:
        self._command("FAILOVER", self._group_name(), "COORDINATED")

    def _reset(self) -> None:
        """Only while every data server runs: one that is down would be forgotten for good."""
        if all(server.alive for server in self.sim.servers.values()):
            self._command("RESET", self.rng.choice(("*", self._group_name())))

    def _set(self) -> None:
        value = str(self.rng.choice((1, 2)))
        self._command("SET", self._group_name(), "parallel-syncs", value)

    def _remove(self) -> None:
        """A primary is given up and taken up again, at the address that this Sentinel knew."""
        host, name = self._running(), self._group_name()
        if host is None or not all(server.alive for server in self.sim.servers.values()):
            return
        if name in host.core.context.primaries:
            known = host.core.context.primaries[name].current_address()
            self.sim.trace(host.name, f"is told REMOVE {name}")
            self.sim.checks.administered(host, name)
            host.ask("SENTINEL", "REMOVE", name)
            self._take_up(host, name, known)

    def _take_up(self, host: SentinelHost, name: str, known: tuple[str, int]) -> None:
        """Until it is accepted: one that cannot save refuses."""
        if not host.alive or name in host.core.context.primaries:
            return
        self.sim.trace(host.name, f"is told MONITOR {name} {known}")
        monitor = self._monitor(self.sim.groups[name])
        host.ask("SENTINEL", "MONITOR", name, known[0], str(known[1]), str(monitor.quorum))
        host.ask(
            *("SENTINEL", "SET", name, "down-after-milliseconds", str(monitor.down_after_ms)),
            *("failover-timeout", str(monitor.failover_timeout_ms)),
        )
        if name not in host.core.context.primaries:
            self.sim.schedule(TAKE_UP_RETRY_MS, lambda: self._take_up(host, name, known))


def run_seed(seed: int) -> Chaos:
    """One whole run; raises what it finds."""
    chaos = Chaos(seed)
    chaos.run()
    return chaos
