"""A Sentinel in the simulation: the real core, with a simulated shell around it."""

from __future__ import annotations

import random
from collections.abc import Callable

from garrison.sentinel.core.effects import Connect, Drop, Effects, Event, Resolve, Send
from garrison.sentinel.core.sentinel import TICK_MS_MAX, SentinelCore
from garrison.sentinel.core.settings import Monitor, SentinelSettings

from .network import Connection, Host, Network

Watcher = Callable[["SentinelHost", Event], None]


class SentinelHost(Host):
    """One Sentinel process. `disk` is its configuration: the lines that it keeps itself."""

    def __init__(
        self,
        network: Network,
        ip: str,
        port: int,
        monitors: Callable[[], list[Monitor]],
        seed: int,
        watch: Watcher,
    ) -> None:
        super().__init__(ip, port)
        self.network = network
        self.rng = random.Random(seed)
        self.monitors = monitors
        self.watch = watch
        self.disk: tuple[str, ...] = ()
        self.older_disks: list[tuple[str, ...]] = []
        self.links: dict[int, Connection] = {}
        self.tickets: dict[int, tuple[Connection, int]] = {}
        self.life = 0
        self.clock_offset_ms = 0
        self.log: list[str] = []
        self.replies: dict[int, object] = {}
        self._ticket = 0
        self.core = self._new_core()
        self._begin()

    @property
    def now_ms(self) -> int:
        return self.network.clock.now_ms + self.clock_offset_ms

    def _new_core(self) -> SentinelCore:
        settings = read_settings(self.disk) if self.disk else SentinelSettings(monitors=self.monitors())
        settings.port, settings.announce_ip = self.port, self.ip
        return SentinelCore(settings, self.rng, now_ms=self.now_ms, wall_ms=self.now_ms)

    def _begin(self) -> None:
        self.carry_out()
        life = self.life
        self.network.clock.after(self.rng.randint(0, TICK_MS_MAX), lambda: self._tick(life))

    def _tick(self, life: int) -> None:
        if not self.alive or life != self.life:
            return
        if not self.paused:
            self.core.tick(self.now_ms)
            self.carry_out()
        delay_ms = self.core.next_deadline_ms() - self.now_ms
        self.network.clock.after(min(TICK_MS_MAX, max(1, delay_ms)), lambda: self._tick(life))

    # Life.

    def kill(self) -> None:
        self.alive = False
        self.life += 1
        self.links.clear()
        self.network.killed(self)

    def start(self, *, disk: tuple[str, ...] | None = None) -> None:
        """Come back with what is on disk, or with an older copy of it."""
        if disk is not None:
            self.disk = disk
        self.alive, self.paused = True, False
        self.life += 1
        self.core = self._new_core()
        self._begin()

    # Effects.

    def carry_out(self, stop_before_wire: bool = False) -> None:
        effects: Effects = self.core.take()
        if effects.persist is not None and effects.persist != self.disk:
            self.older_disks = [*self.older_disks[-20:], self.disk] if self.disk else []
            self.disk = effects.persist
        for effect in effects.wire:
            if isinstance(effect, Connect):
                self._connect(effect)
            elif isinstance(effect, Send):
                connection = self.links.get(effect.link_id)
                if connection is not None:
                    self.network.send(connection, self, (effect.token, effect.argv))
            elif isinstance(effect, Drop):
                dropped = self.links.pop(effect.link_id, None)
                if dropped is not None:
                    self.network.close(dropped, self)
            elif isinstance(effect, Resolve):
                self.core.resolved(effect.host, effect.host, self.now_ms)
        for event in effects.events:
            self.log.append(f"{self.network.clock.now_ms} {event.name} {event.text}")
            self.watch(self, event)
        for ticket, value in effects.replies:
            asker = self.tickets.pop(ticket, None)
            if asker is None:
                self.replies[ticket] = value
            else:
                reply = (
                    [v.encode() if isinstance(v, str) else v for v in value]
                    if isinstance(value, list)
                    else value
                )
                self.network.send(asker[0], self, ("reply", asker[1], reply))

    def _connect(self, effect: Connect) -> None:
        life = self.life

        def done(connection: Connection | None) -> None:
            if not self.alive or life != self.life:
                if connection is not None:
                    self.network.close(connection, self)
                return
            if connection is None:
                self.core.link_down(effect.link_id, self.now_ms)
            else:
                self.links[effect.link_id] = connection
                self.core.link_up(effect.link_id, self.ip, self.now_ms)
            self.carry_out()

        self.network.connect(self, effect.host, effect.port, effect.link_id, done)

    # What arrives.

    def arrived(self, connection: Connection, data: object) -> None:
        if not self.alive:
            return
        if connection.listener is self:
            token, argv = data  # type: ignore[misc]
            self._serve(connection, token, argv)
        elif self.links.get(connection.tag) is connection:
            kind, first, second = data  # type: ignore[misc]
            if kind == "message":
                self.core.message(connection.tag, first, second, self.now_ms)
            else:
                self.core.answered(connection.tag, first, second, self.now_ms)
        self.carry_out()

    def _serve(self, connection: Connection, token: int, argv: tuple[bytes, ...]) -> None:
        if argv[0].upper() in (b"SENTINEL", b"PUBLISH"):
            self._ticket += 1
            self.tickets[self._ticket] = (connection, token)
            self.core.command(self._ticket, argv, self.now_ms)
        else:
            word = b"PONG" if argv[0] == b"PING" else b"OK"
            self.network.send(connection, self, ("reply", token, word))

    def ask(self, *words: str) -> object:
        """A command of an administrator on this machine."""
        self._ticket += 1
        self.core.command(self._ticket, [word.encode() for word in words], self.now_ms)
        ticket = self._ticket
        self.carry_out()
        return self.replies.pop(ticket)

    def closed(self, connection: Connection) -> None:
        if self.alive and self.links.get(connection.tag) is connection:
            del self.links[connection.tag]
            self.core.link_down(connection.tag, self.now_ms)
            self.carry_out()


def read_settings(lines: tuple[str, ...]) -> SentinelSettings:
    """Settings from the lines that a core has persisted."""
    settings = SentinelSettings()
    monitors: dict[str, Monitor] = {}
    for line in lines:
        _, option, *words = line.split()
        if option == "monitor":
            monitors[words[0]] = Monitor(words[0], words[1], int(words[2]), int(words[3]), 30_000, 180_000)
        elif option == "myid":
            settings.my_id = words[0]
        elif option == "current-epoch":
            settings.current_epoch = int(words[0])
        elif words and words[0] in monitors:
            _read_option(monitors[words[0]], option, words[1:])
    settings.monitors = list(monitors.values())
    return settings


def _read_option(monitor: Monitor, option: str, words: list[str]) -> None:
    numbers = {
        "down-after-milliseconds": "down_after_ms",
        "failover-timeout": "failover_timeout_ms",
        "parallel-syncs": "parallel_syncs",
        "config-epoch": "config_epoch",
        "leader-epoch": "leader_epoch",
    }
    if option in numbers:
        setattr(monitor, numbers[option], int(words[0]))
    elif option == "known-replica":
        monitor.known_replicas.append((words[0], int(words[1])))
    elif option == "known-sentinel":
        monitor.known_sentinels.append((words[0], int(words[1]), words[2]))
