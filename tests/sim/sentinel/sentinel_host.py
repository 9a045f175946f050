"""A Sentinel in the simulation: the real core, with a simulated shell and disk around it.

The process can end between any two effects: `dies_after` says behind how many of them it is killed the
next time something was to be saved, counting the save as the first.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Protocol

from garrison.sentinel.core.commands import unsaved
from garrison.sentinel.core.effects import Connect, Drop, Effects, Event, Resolve, Send, Wire
from garrison.sentinel.core.sentinel import TICK_MS_MAX, SentinelCore
from garrison.sentinel.core.settings import Monitor, SentinelSettings

from .network import RETRANSMIT_MS, Connection, Host, Network
from .settings_file import read_settings

DISKS_KEPT = 20


class Watcher(Protocol):
    """Who looks on while a Sentinel takes its steps."""

    def saved(self, host: SentinelHost) -> None:
        """A configuration is on disk, synced."""

    def before_send(self, host: SentinelHost, argv: tuple[bytes, ...]) -> None:
        """A command leaves."""

    def before_reply(self, host: SentinelHost, argv: tuple[bytes, ...], value: object) -> None:
        """A reply leaves."""

    def event_published(self, host: SentinelHost, event: Event) -> None:
        """Something happened."""

    def died(self, host: SentinelHost) -> None:
        """It has ended in the middle of a step."""

    def ticked(self, host: SentinelHost) -> None:
        """Time has passed, and nothing is left to be carried out."""


class SentinelHost(Host):
    """One Sentinel process. `disk` is its configuration: the lines that it keeps itself."""

    def __init__(
        self,
        network: Network,
        name: str,
        address: tuple[str, int],
        monitors: Callable[[], list[Monitor]],
        seed: int,
        watcher: Watcher,
        disk: tuple[str, ...] = (),
    ) -> None:
        super().__init__(*address)
        self.network = network
        self.name = name
        self.rng = random.Random(seed)
        self.monitors = monitors
        self.watcher = watcher
        self.disk = disk
        self.older_disks: list[tuple[str, ...]] = []
        self.links: dict[int, Connection] = {}
        self.connecting: set[int] = set()
        self.tickets: dict[int, tuple[Connection | None, int, tuple[bytes, ...]]] = {}
        self.life = 0
        self.clock_offset_ms = 0
        self.disk_full = False
        self.dies_after: int | None = None
        self.ticks = self.sends = 0
        self.replies: dict[int, object] = {}
        self._ticket = 0
        self._owed = Effects()
        self.core: SentinelCore

    @property
    def now_ms(self) -> int:
        return self.network.clock.now_ms + self.clock_offset_ms

    def _new_core(self) -> SentinelCore:
        settings = read_settings(self.disk) if self.disk else SentinelSettings(monitors=self.monitors())
        settings.port, settings.announce_ip = self.port, self.ip
        return SentinelCore(settings, self.rng, now_ms=self.now_ms, wall_ms=self.now_ms)

    def _tick(self, life: int) -> None:
        if not self.alive or life != self.life:
            return
        if not self.paused:
            self.ticks += 1
            self.core.tick(self.now_ms)
            self.carry_out()
            if life == self.life and not self.core.context.is_unsaved:
                self.watcher.ticked(self)
        delay_ms = self.core.next_deadline_ms() - self.now_ms
        self.network.clock.after(min(TICK_MS_MAX, max(1, delay_ms)), lambda: self._tick(life))

    # Life.

    def kill(self) -> None:
        self.alive = False
        self.life += 1
        self.links.clear()
        self.connecting.clear()
        self.tickets.clear()
        self._owed = Effects()
        self.network.killed(self)

    def start(self, *, disk: tuple[str, ...] | None = None) -> None:
        """Come up with what is on disk, or with an older copy of it."""
        if disk is not None:
            self.disk = disk
        self.alive, self.paused, self.dies_after = True, False, None
        self.life += 1
        self.core = self._new_core()
        life = self.life
        self.carry_out()
        self.network.clock.after(self.rng.randint(0, TICK_MS_MAX), lambda: self._tick(life))

    # Effects.

    def carry_out(self) -> None:
        """Do what the core wants, in the order of the fields, unless the disk refuses or the end comes."""
        if not self.alive:
            return
        effects = self.core.take()
        if not effects and not self.tickets:
            return
        if effects.persist is not None and not self.disk_full:
            self._owed.merge(effects)
            effects, self._owed = self._owed, Effects()
            self.core.saved(self.now_ms)
        elif effects.persist is not None or self.core.context.is_unsaved:
            effects = self._without_promises(effects)
        life, dies_after = self.life, None
        if effects.persist is not None:
            dies_after = self.dies_after
            if dies_after != 0:
                self._save(effects.persist)
        for wire in effects.wire if dies_after is None else effects.wire[: max(0, dies_after - 1)]:
            self._put(wire)
        if dies_after is not None:
            self.kill()
            self.watcher.died(self)
            return
        for event in effects.events:
            self.watcher.event_published(self, event)
        for ticket, value in effects.replies:
            self._reply(ticket, value)
        assert not self.tickets, f"{self.name}: no answer to {[argv for _, _, argv in self.tickets.values()]}"
        if effects.exit_code is not None and self.life == life:
            self.kill()
            self.watcher.died(self)

    def _without_promises(self, effects: Effects) -> Effects:
        """The disk is full: what is done all the same."""
        why = "no space left on device"
        refusal = None if self.core.context.is_unsaved else unsaved(why)
        if effects.persist is not None:
            self.core.save_failed(why, self.now_ms)
        now, void = effects.without_promises(refusal)
        self.core.unsent(void, why, self.now_ms)
        self._owed.merge(effects)
        return now

    def _save(self, lines: tuple[str, ...]) -> None:
        if lines != self.disk:
            self.older_disks = [*self.older_disks[1 - DISKS_KEPT :], self.disk] if self.disk else []
            self.disk = lines
        self.watcher.saved(self)

    def _put(self, effect: Wire) -> None:
        if isinstance(effect, Connect):
            self._connect(effect)
        elif isinstance(effect, Send):
            self.sends += 1
            connection = self.links.get(effect.link_id)
            if connection is not None:
                self.watcher.before_send(self, effect.argv)
                self.network.send(connection, self, (effect.token, effect.argv))
        elif isinstance(effect, Drop):
            self.connecting.discard(effect.link_id)
            dropped = self.links.pop(effect.link_id, None)
            if dropped is not None:
                self.network.close(dropped, self)
        elif isinstance(effect, Resolve):
            self.core.resolved(effect.host, effect.host, self.now_ms)

    def _reply(self, ticket: int, value: object) -> None:
        assert ticket in self.tickets, f"{self.name}: ticket {ticket} is answered twice, or was never given"
        asker, token, argv = self.tickets.pop(ticket)
        self.watcher.before_reply(self, argv, value)
        if asker is None:
            self.replies[ticket] = value
            return
        if isinstance(value, str) and type(value) is str:
            value = value.encode()
        if isinstance(value, list):
            value = [each.encode() if isinstance(each, str) else each for each in value]
        self.network.send(asker, self, ("reply", token, value))

    def _connect(self, effect: Connect) -> None:
        life = self.life

        def done(connection: Connection | None) -> None:
            if life != self.life or effect.link_id not in self.connecting:
                if connection is not None:
                    self.network.close(connection, self)
                return
            if self.paused:
                self.network.clock.after(RETRANSMIT_MS, lambda: done(connection))
                return
            self.connecting.discard(effect.link_id)
            if connection is None or not connection.open:
                self.core.link_down(effect.link_id, self.now_ms)
            else:
                self.links[effect.link_id] = connection
                self.core.link_up(effect.link_id, self.ip, self.now_ms)
            self.carry_out()

        self.connecting.add(effect.link_id)
        self.network.connect(self, effect.host, effect.port, effect.link_id, done)

    # What arrives.

    def arrived(self, connection: Connection, data: Any) -> None:
        if not self.alive:
            return
        if connection.listener is self and len(data) == 2:
            # A request; a reply has three parts, and one who reaches himself by mistake gets both.
            token, argv = data
            self._serve(connection, token, argv)
        elif self.links.get(connection.tag) is connection:
            kind, first, second = data
            if kind == "message":
                self.core.message(connection.tag, first, second, self.now_ms)
            else:
                self.core.answered(connection.tag, first, second, self.now_ms)
        self.carry_out()

    def _serve(self, connection: Connection, token: int, argv: tuple[bytes, ...]) -> None:
        if argv[0].upper() in (b"SENTINEL", b"PUBLISH"):
            self._command(connection, token, argv)
        else:
            word = b"PONG" if argv[0] == b"PING" else b"OK"
            self.network.send(connection, self, ("reply", token, word))

    def _command(self, connection: Connection | None, token: int, argv: tuple[bytes, ...]) -> int:
        self._ticket += 1
        self.tickets[self._ticket] = (connection, token, argv)
        self.core.command(self._ticket, argv, self.now_ms)
        return self._ticket

    def ask(self, *words: str) -> object:
        """A command of an administrator on this machine; None if the process does not live to answer."""
        ticket = self._command(None, 0, tuple(word.encode() for word in words))
        self.carry_out()
        return self.replies.pop(ticket, None)

    def closed(self, connection: Connection) -> None:
        if self.alive and self.links.get(connection.tag) is connection:
            del self.links[connection.tag]
            self.core.link_down(connection.tag, self.now_ms)
            self.carry_out()
