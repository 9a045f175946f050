"""What the parts of a Sentinel share: its settings, the servers it knows, its clocks, and its effects.

TWO CLOCKS. `now_ms` runs on while the process is stopped; `awake_ms` counts a long gap between two ticks
as one short step. Silence is measured on the second: a Sentinel that did not run for a while has received
nothing, and that says nothing about the others.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from garrison.sentinel.core.effects import (
    Connect,
    Drop,
    Effects,
    Event,
    Level,
    Resolve,
    RunScript,
    Send,
    UnsentError,
    Wire,
)
from garrison.sentinel.core.instances import (
    NEVER_MS,
    Address,
    Answer,
    Connection,
    DataNode,
    Instance,
    Link,
    Peer,
    Primary,
    Replica,
    is_host,
    is_ip,
    primary_of,
)
from garrison.sentinel.core.settings import SentinelSettings, Tunables

AWAKE_STEP_MS_MAX: Final = 300
"""A longer gap between two ticks is a pause of our own ..."""
AWAKE_STEP_MS: Final = 100
"""... and counts as so much."""
RESOLVE_PERIOD_MS: Final = 10_000
"""How often a host name is looked up again."""
NAMES_MAX: Final = 50_000
"""Most host names that are looked up; strangers may announce any number of them."""
OWN_ADDRESS_MS: Final = 60_000
"""How long an address that we have announced as our own counts as ours."""
PENDING_COMMANDS_MAX: Final = 100
"""Commands without a reply that one connection may have; beyond, periodic ones are left out."""


class Randomness(Protocol):
    """The part of random.Random that is used."""

    def getrandbits(self, k: int, /) -> int: ...
    def randrange(self, start: int, /) -> int: ...


class Context:
    """The state that the parts of `SentinelCore` act on."""

    def __init__(self, settings: SentinelSettings, rng: Randomness, now_ms: int, wall_ms: int) -> None:
        self.settings = settings
        self.rng = rng
        self.now_ms = now_ms
        self.awake_ms = now_ms
        self.started_ms = now_ms
        self.wall_offset_ms = wall_ms - now_ms
        self.my_id = settings.my_id
        self.announced: dict[Address, int] = {}
        """What we have called our own address in hellos, and when last."""
        self.epoch = settings.current_epoch
        self.primaries: dict[str, Primary] = {}
        self.by_address: dict[Address, list[Primary]] = {}
        self.peer_links: dict[tuple[str, Address], Link] = {}
        self.addresses: dict[str, str] = {}
        """Resolved host names; an address stands for itself and is not in here."""
        self.tilt_since_ms = 0
        self.must_save = False
        self.unsaved_since_ms = 0
        """Since when the configuration cannot be saved; 0 while it can."""
        self.unsaved_reason = ""
        self.effects = Effects()
        self.simulated_failures: set[str] = set()
        self._connections: dict[int, tuple[Connection, Link]] = {}
        self._last_id = 0
        self._last_token = 0
        self._resolving: dict[str, int] = {}
        """When each host name was last looked up."""
        self._names_sorted_out_ms = now_ms
        self._doubted: set[str] = set()
        """Names that are looked up since another one has their address now."""
        self._due: list[tuple[int, int, Instance]] = []
        self._serial = 0

    @property
    def tunables(self) -> Tunables:
        return self.settings.tunables

    @property
    def in_tilt(self) -> bool:
        return self.tilt_since_ms != 0

    @property
    def is_unsaved(self) -> bool:
        return self.unsaved_since_ms != 0

    def wall_ms(self, at_ms: int) -> int:
        """A time of the core's clock as milliseconds since 1970."""
        return at_ms + self.wall_offset_ms

    # Addresses and names.

    def ip(self, host: str) -> str:
        """The address of a host: itself, or what its name was last resolved to, or empty."""
        if not self.settings.resolve_hostnames or is_ip(host):
            return host
        known = self.addresses.get(host, "")
        if self.now_ms - self._resolving.get(host, NEVER_MS) >= RESOLVE_PERIOD_MS and self._has_room(host):
            self._resolving[host] = self.now_ms
            self.effects.wire.append(Resolve(host))
        return known

    def is_usable(self, host: str) -> bool:
        """Whether an announced host may be used: any other in our file would make the next start fail."""
        return is_host(host) and (self.settings.resolve_hostnames or is_ip(host))

    def resolved(self, host: str, address: str) -> bool:
        """A name was looked up; whether it has another address now. Without an address the last one is kept.

        Containers take the addresses of those that are gone. So another name with this address is taken to be
        an alias only when it is looked up and found there again; until then it has no address.
        """
        is_second_look = host in self._doubted
        self._doubted.discard(host)
        if not address or self.addresses.get(host) == address:
            return False
        others = [name for name, known in self.addresses.items() if known == address and not is_second_look]
        self.addresses[host] = address
        for other in others:
            del self.addresses[other]
            self._doubted.add(other)
            self._resolving.pop(other, None)
            self.ip(other)
        return True

    def _has_room(self, host: str) -> bool:
        """Whether a name may be looked up. At the limit, names that are not used any more are dropped."""
        if not is_host(host):
            return False
        if host in self._resolving or len(self._resolving) < NAMES_MAX:
            return True
        if self.now_ms - self._names_sorted_out_ms < RESOLVE_PERIOD_MS:
            return False
        self._names_sorted_out_ms = self.now_ms
        for name, at_ms in list(self._resolving.items()):
            if self.now_ms - at_ms >= 2 * RESOLVE_PERIOD_MS:
                del self._resolving[name]
                self.addresses.pop(name, None)
        return len(self._resolving) < NAMES_MAX

    def same(self, one: Address, other: Address) -> bool:
        """Whether two addresses are those of one server."""
        if one.port != other.port:
            return False
        return one.host == other.host or (self.ip(one.host) == self.ip(other.host) != "")

    def shown(self, address: Address) -> str:
        """The host as announced to others: by name if so configured."""
        if self.settings.announce_hostnames:
            return address.host
        return self.ip(address.host) or address.host

    def own_addresses(self) -> list[Address]:
        """Where others believe us to be."""
        return [address for address, at_ms in self.announced.items() if self.now_ms - at_ms < OWN_ADDRESS_MS]

    def find_primary(self, host: str, port: int) -> Primary | None:
        """The primary that listens there."""
        found = self.by_address.get(Address(host, port))
        if found:
            return found[0]
        if not self.settings.resolve_hostnames:
            return None
        wanted = Address(host, port)
        return next((each for each in self.primaries.values() if self.same(each.address, wanted)), None)

    def index_address(self, primary: Primary, old: Address | None = None) -> None:
        """Keep `by_address` true after an address was set; without `primary.name` known, it only removes."""
        if old is not None:
            at_old = self.by_address.get(old, [])
            if primary in at_old:
                at_old.remove(primary)
            if not at_old:
                self.by_address.pop(old, None)
        if self.primaries.get(primary.name) is primary:
            self.by_address.setdefault(primary.address, []).append(primary)

    # What has happened.

    def event(
        self,
        name: str,
        about: Instance | None,
        extra: str = "",
        level: Level = Level.WARNING,
        *,
        unnamed: Primary | None = None,
    ) -> None:
        """Tell the log, the subscribers and, if it is a warning, the primary's notification script.

        The text begins with what it is about; `unnamed` is the primary of an event whose text has a form of
        its own, such as +switch-master.
        """
        words = [self.describe(about)] if about is not None else []
        if extra:
            words.append(extra)
        text = " ".join(words)
        self.effects.events.append(Event(level, name, text))
        owner = unnamed if about is None else primary_of(about)
        if owner is not None and owner.monitor.notification_script and level is Level.WARNING:
            self.effects.scripts.append(RunScript(owner.monitor.notification_script, (name, text)))

    def say(self, level: Level, text: str) -> None:
        """A line of the log that no subscriber wants."""
        self.effects.events.append(Event(level, "", text))

    def describe(self, about: Instance) -> str:
        """A server as events name it: kind, name, host, port, and after `@` its primary."""
        own = f"{about.kind.value} {self.name_of(about)} {self.shown(about.address)} {about.address.port}"
        owner = primary_of(about)
        if owner is about:
            return own
        return f"{own} @ {owner.name} {self.shown(owner.address)} {owner.address.port}"

    def name_of(self, about: Instance) -> str:
        if isinstance(about, Primary):
            return about.name
        if isinstance(about, Peer):
            return about.run_id
        return str(about.address)

    def save(self) -> None:
        """The configuration has changed: write it before anything else of this step is done."""
        self.must_save = True

    def reconfigured(self, primary: Primary, role: str, state: str, old: Address, new: Address) -> None:
        """Run the primary's client-reconfig-script."""
        script = primary.monitor.client_reconfig_script
        if script:
            words = (
                primary.name,
                role,
                state,
                self.shown(old),
                str(old.port),
                self.shown(new),
                str(new.port),
            )
            self.effects.scripts.append(RunScript(script, words))

    # Time.

    def look_at(self, instance: Instance, at_ms: int) -> None:
        """Have an instance looked at when `at_ms` has come, or sooner if something else wants that."""
        if instance.is_gone or self.now_ms < instance.due_ms <= at_ms:
            return
        instance.due_ms = at_ms
        self._serial += 1
        heapq.heappush(self._due, (at_ms, self._serial, instance))

    def look_now(self, instance: Instance) -> None:
        if not instance.is_gone:
            instance.due_ms = 0
            self.look_at(instance, self.now_ms)

    def ask_info_soon(self, node: DataNode) -> None:
        """Ask a server for INFO out of turn: something has just happened to it."""
        node.info_asked_ms = NEVER_MS
        self.look_now(node)

    def next_due_ms(self) -> int | None:
        return self._due[0][0] if self._due else None

    def due(self) -> Iterator[Instance]:
        """The instances that are due, each once."""
        while self._due and self._due[0][0] <= self.now_ms:
            at_ms, _, instance = heapq.heappop(self._due)
            if instance.due_ms == at_ms:
                instance.due_ms = 0
                yield instance

    # Connections.

    def put(self, effect: Wire) -> None:
        self.effects.wire.append(effect)

    def connect(self, connection: Connection, link: Link, address: Address) -> None:
        self._last_id += 1
        connection.id, connection.up, connection.tried_ms = self._last_id, False, self.now_ms
        connection.waiting.clear()
        self._connections[connection.id] = (connection, link)
        bind = self.settings.bind[0] if self.settings.bind else ""
        source = "" if bind in ("", "*", "-::*", "::*", "0.0.0.0", "::") else bind
        self.put(Connect(connection.id, address.host, address.port, source))

    def connection(self, link_id: int) -> tuple[Connection, Link] | None:
        return self._connections.get(link_id)

    def forget_connection(self, connection: Connection) -> None:
        self._connections.pop(connection.id, None)
        connection.id, connection.up = 0, False
        connection.waiting.clear()

    def close(self, connection: Connection) -> None:
        """Close a connection of ours, whatever its state."""
        if connection.id:
            self.put(Drop(connection.id))
            self.forget_connection(connection)

    def send(
        self,
        connection: Connection,
        asked: Instance,
        words: Sequence[bytes],
        answer: Answer | None = None,
        *,
        promises: bool = True,
    ) -> bool:
        """Send a command, in the words that this server knows it by.

        False if the connection is not up, or if the command promises something (`effects.Send`) while nothing
        can be saved.
        """
        if not connection.up or (promises and self.is_unsaved):
            return False
        renamed = primary_of(asked).monitor.renamed if isinstance(asked, DataNode) else {}
        name = words[0]
        if renamed:
            name = renamed.get(name.decode().upper(), name.decode()).encode()
        self._last_token += 1
        connection.waiting.append((self._last_token, answer, asked))
        self.put(Send(connection.id, (name, *words[1:]), self._last_token, promises))
        return True

    def unsent(self, void: Sequence[Send], why: str) -> None:
        """These commands were not sent: callers that await a reply get an error instead."""
        error = UnsentError(f"not sent: {why}")
        for action in void:
            found = self._connections.get(action.link_id)
            waiting = found[0].waiting if found is not None else deque()
            for entry in [entry for entry in waiting if entry[0] == action.token]:
                waiting.remove(entry)
                _, answer, asked = entry
                if answer is not None:
                    answer(asked, error)

    def all_instances(self) -> Iterator[Instance]:
        for primary in self.primaries.values():
            yield from primary.members()

    def replica_at(self, primary: Primary, address: Address) -> Replica | None:
        found = primary.replicas.get(address)
        if found is not None or not self.settings.resolve_hostnames:
            return found
        return next((each for each in primary.replicas.values() if self.same(each.address, address)), None)
