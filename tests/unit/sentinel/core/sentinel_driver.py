"""Drives one SentinelCore by hand: servers that answer at once with what a test has written down for them."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from garrison.sentinel.core.effects import Connect, Drop, Effects, Event, ReplyError, Resolve, Send
from garrison.sentinel.core.instances import Primary, State
from garrison.sentinel.core.sentinel import SentinelCore
from garrison.sentinel.core.settings import Monitor, SentinelSettings

Place = tuple[str, int]
PRIMARY: Place = ("10.0.0.1", 6379)
REPLICAS: tuple[Place, ...] = (("10.0.0.2", 6379), ("10.0.0.3", 6379))
PEERS: tuple[Place, ...] = (("10.1.0.2", 26379), ("10.1.0.3", 26379))
STEP_MS = 50


def run_id(number: int) -> str:
    return f"{number:040x}"


def info(role: str = "master", **values: object) -> bytes:
    """A reply to INFO; `replicas` are places, everything else a field."""
    replicas = values.pop("replicas", ())
    assert isinstance(replicas, tuple)
    lines = [f"role:{role}", *(f"{name}:{value}" for name, value in values.items())]
    lines += [f"slave{n}:ip={ip},port={port},state=online" for n, (ip, port) in enumerate(replicas)]
    return "\r\n".join(lines).encode()


def info_of_replica(number: int, **values: object) -> bytes:
    """A replica in sync with PRIMARY."""
    fields: dict[str, object] = {
        "run_id": run_id(number), "master_host": PRIMARY[0], "master_port": PRIMARY[1],
        "master_link_status": "up", "slave_repl_offset": 100, "slave_priority": 100,
    }  # fmt: skip
    return info("slave", **(fields | values))


class Driver:
    """`answers` says what a place replies to a command; who is not in `up` cannot be connected to.

    `hosts` are names and their addresses.
    """

    def __init__(
        self,
        settings: SentinelSettings | None = None,
        hosts: dict[str, str] | None = None,
        **monitor: object,
    ) -> None:
        self.now_ms = 1_000_000
        if settings is None:
            settings = SentinelSettings(my_id=run_id(1), announce_ip="10.1.0.1")
            fields = {"quorum": 2, "down_after_ms": 1_000, "failover_timeout_ms": 10_000} | monitor
            settings.monitors = [Monitor("g", *PRIMARY, **fields)]  # type: ignore[arg-type]
        self.info: dict[Place, bytes] = {PRIMARY: info(run_id=run_id(50), replicas=REPLICAS)}
        for number, place in enumerate(REPLICAS):
            self.info[place] = info_of_replica(60 + number)
        self.up: set[Place] = {PRIMARY, *REPLICAS, *PEERS}
        self.answers: dict[bytes, Callable[[Place, tuple[bytes, ...]], object]] = {}
        self.sent: list[tuple[Place, tuple[bytes, ...]]] = []
        self.events: list[Event] = []
        self.effects: list[Effects] = []
        self.disk: tuple[str, ...] = ()
        self.replies: dict[int, object] = {}
        self.hosts = dict(hosts or {})
        self._links: dict[int, Place] = {}
        self._ticket = 0
        self.core = SentinelCore(settings, random.Random(1), now_ms=self.now_ms, wall_ms=self.now_ms)
        self.carry_out()

    @property
    def primary(self) -> Primary:
        return self.core.context.primaries["g"]

    @property
    def state(self) -> State:
        """How far the failover has come."""
        return self.primary.attempt.state

    def carry_out(self) -> None:
        effects = self.core.take()
        while effects:
            self.effects.append(effects)
            self.disk = effects.persist if effects.persist is not None else self.disk
            self.events += effects.events
            self.replies |= dict(effects.replies)
            for effect in effects.wire:
                self._put(effect)
            effects = self.core.take()

    def _put(self, effect: object) -> None:
        if isinstance(effect, Connect):
            place = (self.hosts.get(effect.host, effect.host), effect.port)
            if place in self.up:
                self._links[effect.link_id] = place
                self.core.link_up(effect.link_id, "10.1.0.1", self.now_ms)
            else:
                self.core.link_down(effect.link_id, self.now_ms)
        elif isinstance(effect, Resolve):
            self.core.resolved(effect.host, self.hosts.get(effect.host, ""), self.now_ms)
        elif isinstance(effect, Drop):
            self._links.pop(effect.link_id, None)
        elif isinstance(effect, Send) and effect.link_id in self._links:
            place = self._links[effect.link_id]
            self.sent.append((place, effect.argv))
            reply = self._answer(place, effect.argv)
            if reply is not None:
                self.core.answered(effect.link_id, effect.token, reply, self.now_ms)

    def _answer(self, place: Place, argv: tuple[bytes, ...]) -> object:
        """None for no reply at all."""
        if place not in self.up:
            return None
        for known in (b" ".join(argv[:2]), argv[0]):
            if known in self.answers:
                return self.answers[known](place, argv)
        if argv[0] == b"INFO":
            return self.info.get(place, ReplyError("ERR no such server"))
        if argv[:2] == (b"SENTINEL", b"MYID"):
            return run_id(2 + PEERS.index(place)).encode()
        if argv[0] == b"SENTINEL":
            return [0, b"*", 0]
        return b"PONG" if argv[0] == b"PING" else b"OK"

    # What a test does.

    def run(self, duration_ms: int) -> None:
        end_ms = self.now_ms + duration_ms
        while self.now_ms < end_ms:
            self.now_ms += STEP_MS
            self.core.tick(self.now_ms)
            self.carry_out()

    def kill(self, place: Place) -> None:
        """It breaks its connections and takes no new ones."""
        self.up.discard(place)
        for link_id, at in list(self._links.items()):
            if at == place:
                del self._links[link_id]
                self.core.link_down(link_id, self.now_ms)
        self.carry_out()

    def ask(self, *words: str) -> object:
        self._ticket += 1
        self.core.command(self._ticket, [word.encode() for word in words], self.now_ms)
        self.carry_out()
        return self.replies.pop(self._ticket)

    def sentinel(self, *words: str) -> Any:
        return self.ask("SENTINEL", *words)

    def hello(self, number: int, *, epoch: int = 0, names: Place = PRIMARY, config_epoch: int = 0) -> None:
        """The hello of peer 2 or 3."""
        ip, port = PEERS[number - 2]
        self.hello_of(run_id(number), (ip, port), epoch=epoch, names=names, config_epoch=config_epoch)

    def hello_of(
        self, who: str, at: Place, *, epoch: int = 0, names: Place = PRIMARY, config_epoch: int = 0
    ) -> None:
        text = f"{at[0]},{at[1]},{who},{epoch},g,{names[0]},{names[1]},{config_epoch}"
        assert self.ask("PUBLISH", "__sentinel__:hello", text) == 1

    def names(self) -> list[str]:
        """The events so far, and none of them again."""
        found = [event.name for event in self.events]
        self.events.clear()
        return found

    def sent_to(self, place: Place, name: bytes) -> list[tuple[bytes, ...]]:
        return [argv for at, argv in self.sent if at == place and argv[0] == name]
