"""The invariants, watched at every step of every Sentinel, and what is excused, with the reason.

* DISK. What a Sentinel sends or answers is on its disk: its epoch, its vote, its configuration. No excuse.
* VOTES. One Sentinel votes once per primary and epoch, over all its lives. Excused: a Sentinel that was
  started with an older copy of its disk has forgotten votes; these epochs are noted as `excused`.
* LEADERS. One leader per primary and epoch, elected by a majority of the Sentinels that it knows.
  Excused: a failover that an administrator forced without a majority (its log line says so); an epoch in
  which a vote was forgotten with an old disk, since both majorities may share that Sentinel and no other
  (one is enough: no protocol of majorities survives a member that forgets); two Sentinels of one id, until
  they have noticed it, since a vote names an id and nothing else; and leaders that know too few others
  (just reset, just started), whose majorities need not meet.
* CONFIGURATIONS. On one disk the configuration's epoch never goes down, and the address changes only with
  a higher one. Excused: what an administrator sets (REMOVE, MONITOR), an old disk, and of two
  configurations of one excused epoch the rule of the smaller address (`+config-conflict`).
* DATA. Of the replicas that are fit and of the same priority, the one with the most data is chosen.
* REPLIES. Each ticket is answered once, in the step of its command (`sentinel_host.py`).
* AFTER HEALING. One primary, everybody agrees on it, and it stays so: `converged`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from garrison.sentinel.core.effects import Event
from garrison.sentinel.core.selection import judge

from .settings_file import read_settings

if TYPE_CHECKING:
    from garrison.sentinel.core.instances import Primary

    from .sentinel_host import SentinelHost
    from .simulation import Simulation

FORCED = "failing over without the votes of a majority"


class BrokenInvariantError(AssertionError):
    """A property that must always hold did not; the message says which, when and for whom."""


class Configuration(NamedTuple):
    """What a disk says of one primary."""

    address: tuple[str, int]
    epoch: int
    vote_epoch: int


class Disk(NamedTuple):
    """What a disk says."""

    epoch: int
    primaries: dict[str, Configuration]


class Leader(NamedTuple):
    """Who has been elected, by how many, out of all."""

    host: str
    run_id: str
    by_majority_of_all: bool


Term = tuple[str, int]
"""A primary's name and an epoch."""


class Checks:
    """Remembers what was promised and done, over all lives of all Sentinels."""

    def __init__(self, sim: Simulation) -> None:
        self._sim = sim
        self.disks: dict[str, Disk] = {}
        self.votes: dict[Term, dict[str, str]] = {}
        """Who has voted for whom: names of hosts -> ids."""
        self.leaders: dict[Term, Leader] = {}
        self.configurations: dict[Term, tuple[str, int]] = {}
        self.excused: dict[Term, str] = {}
        self.shared_ids: set[str] = set()
        self.switches = 0
        self._administered: set[tuple[str, str]] = set()
        self._new_epoch: dict[str, int] = {}
        self._tried: dict[tuple[str, str], int] = {}
        self._forced: set[tuple[str, str]] = set()

    def fail(self, what: str) -> None:
        raise BrokenInvariantError(f"seed {self._sim.seed} at {self._sim.now_ms} ms: {what}")

    # What the simulation does to a Sentinel that excuses something.

    def rolled_back(self, host: SentinelHost, disk: tuple[str, ...]) -> None:
        """It is about to start with an older disk."""
        older = read_disk(disk)
        for (name, epoch), votes in self.votes.items():
            known = older.primaries.get(name)
            if host.name in votes and (known is None or known.vote_epoch < epoch):
                del votes[host.name]
                self.excused[name, epoch] = f"{host.name} has forgotten its vote with an old disk"
        self.disks[host.name] = older

    def copied(self, one: SentinelHost) -> None:
        """Another Sentinel is about to start with the same id."""
        self.shared_ids.add(one.core.my_id)

    def administered(self, host: SentinelHost, name: str) -> None:
        """An administrator sets what this Sentinel knows of a primary."""
        self._administered.add((host.name, name))

    # What a Sentinel does.

    def saved(self, host: SentinelHost) -> None:
        before, disk = self.disks.get(host.name), read_disk(host.disk)
        self.disks[host.name] = disk
        for name, now in disk.primaries.items():
            if before is not None and name in before.primaries:
                self._changed(host, name, before.primaries[name], now)
            self._administered.discard((host.name, name))
            self._configured(host, name, now)
            self._voted(host, name, host.core.context.primaries[name])

    def _changed(self, host: SentinelHost, name: str, before: Configuration, now: Configuration) -> None:
        is_same_epoch = now.epoch == before.epoch and (name, now.epoch) not in self.excused
        if (host.name, name) in self._administered:
            pass
        elif now.epoch < before.epoch:
            self.fail(f"{host.name}: the configuration of {name} goes back from {before} to {now}")
        elif now.address != before.address and is_same_epoch:
            self.fail(f"{host.name}: the configuration of {name} moves in one epoch from {before} to {now}")
        if now.vote_epoch < before.vote_epoch:
            self.fail(f"{host.name}: the epoch of its vote for {name} falls to {now.vote_epoch}")

    def _configured(self, host: SentinelHost, name: str, now: Configuration) -> None:
        if not now.epoch:
            return
        known = self.configurations.setdefault((name, now.epoch), now.address)
        if known != now.address and (name, now.epoch) not in self.excused:
            self.fail(f"{host.name}: epoch {now.epoch} of {name} is at {known} and at {now.address}")

    def _voted(self, host: SentinelHost, name: str, primary: Primary) -> None:
        if not primary.vote:
            return
        votes = self.votes.setdefault((name, primary.vote_epoch), {})
        known = votes.setdefault(host.name, primary.vote)
        if known != primary.vote:
            twice = f"{known}, then {primary.vote}"
            self.fail(f"{host.name} votes twice in epoch {primary.vote_epoch} of {name}: {twice}")

    def before_send(self, host: SentinelHost, argv: tuple[bytes, ...]) -> None:
        disk = self.disks[host.name]
        if argv[0] == b"PUBLISH":
            words = argv[2].decode().split(",")
            known = disk.primaries.get(words[4])
            if int(words[3]) > disk.epoch or known is None or int(words[7]) > known.epoch:
                self.fail(f"{host.name} says {words}, but the disk has {disk.epoch} and {known}")
        elif argv[0] == b"SENTINEL" and len(argv) == 6:
            epoch, candidate = int(argv[4]), argv[5].decode()
            if epoch > disk.epoch:
                self.fail(f"{host.name} asks in epoch {epoch}, but the disk has {disk.epoch}")
            own = max((each.vote_epoch for each in disk.primaries.values()), default=0)
            if candidate != "*" and own < epoch:
                self.fail(f"{host.name} asks for votes in epoch {epoch}, but its own is not on disk")

    def before_reply(self, host: SentinelHost, argv: tuple[bytes, ...], value: object) -> None:
        if len(argv) != 6 or b"down-by-addr" not in argv[1] or not isinstance(value, list) or value[1] == "*":
            return
        server = self._sim.server_at(argv[2].decode(), int(argv[3]))
        assert server is not None, f"{argv} asks for a server that never was"
        name, (_, leader, epoch) = self._sim.group_of(server).name, value
        known = self.disks[host.name].primaries.get(name)
        if known is None or epoch > known.vote_epoch or epoch > self.disks[host.name].epoch:
            self.fail(f"{host.name} answers: a vote for {leader} in epoch {epoch}; its disk: {known}")
        # Several steps may have been saved as one; their votes were all given.
        given = self.votes.setdefault((name, epoch), {}).setdefault(host.name, leader)
        if given != leader:
            self.fail(f"{host.name} votes twice in epoch {epoch} of {name}: {given}, then {leader}")

    def ticked(self, host: SentinelHost) -> None:
        """When nothing is left to do, memory and disk say the same."""
        disk, context = self.disks[host.name], host.core.context
        if context.epoch != disk.epoch:
            self.fail(f"{host.name} is in epoch {context.epoch}, its disk in {disk.epoch}")
        for name, primary in context.primaries.items():
            known = disk.primaries[name]
            if (primary.config_epoch, primary.vote_epoch) != known[
                1:
            ] or primary.current_address() != known.address:
                self.fail(f"{host.name}: the disk says {known} of {name}, and memory something else")

    def died(self, host: SentinelHost) -> None:
        self._sim.trace(host.name, "dies")

    # What a Sentinel tells.

    def event_published(self, host: SentinelHost, event: Event) -> None:
        self._sim.event_published(host, event)
        if event.name == "+new-epoch":
            self._new_epoch[host.name] = int(event.text.split()[-1])
        elif event.name == "+try-failover":
            self._tried[host.name, event.text.split()[1]] = self._new_epoch[host.name]
        elif event.name == "+elected-leader":
            self._elected(host, event.text.split()[1])
        elif event.name == "+selected-slave":
            self._selected(host, event.text.partition(" @ ")[2].split()[0])
        elif event.name == "+switch-master":
            self.switches += 1
        elif not event.name and FORCED in event.text:
            self._forced.add((host.name, event.text.split(":")[0]))

    def _selected(self, host: SentinelHost, name: str) -> None:
        context = host.core.context
        primary = context.primaries.get(name)
        chosen = primary.attempt.promoted if primary is not None else None
        if primary is None or chosen is None:
            return
        for replica, reason_against in judge(context, primary):
            if not reason_against and replica.priority == chosen.priority and replica.offset > chosen.offset:
                self.fail(
                    f"{host.name} promotes a replica of {name} with offset {chosen.offset}, but another one "
                    f"that is fit has {replica.offset}"
                )

    def _elected(self, host: SentinelHost, name: str) -> None:
        epoch = self._tried[host.name, name]
        if (host.name, name) in self._forced:
            self._forced.discard((host.name, name))
            self.excused[name, epoch] = f"{host.name} was forced without a majority"
            return
        primary, run_id = host.core.context.primaries[name], host.core.my_id
        if run_id in self.shared_ids:
            self.excused[name, epoch] = f"{host.name} shares its id"
        supporters = sum(vote == run_id for vote in self.votes.get((name, epoch), {}).values())
        if supporters < primary.majority and (name, epoch) not in self.excused:
            self.fail(
                f"{host.name} leads {name} in epoch {epoch} with {supporters} votes of {primary.voters}"
            )
        leader = Leader(host.name, run_id, 2 * supporters > len(self._sim.sentinels))
        other = self.leaders.setdefault((name, epoch), leader)
        if other.host == host.name or (name, epoch) in self.excused:
            return
        if leader.by_majority_of_all and other.by_majority_of_all:
            self.fail(f"{host.name} and {other.host} both lead {name} in epoch {epoch}")
        self.excused[name, epoch] = f"{host.name} or {other.host} knew too few others"

    # After healing.

    def converged(self) -> str:
        """Empty if all agree and everything is up; else what is missing."""
        sim = self._sim
        if not all(host.alive for host in sim.sentinels.values()):
            return "not all Sentinels run"
        ids = [host.core.my_id for host in sim.sentinels.values()]
        if len(set(ids)) != len(ids):
            return "two Sentinels have one id"
        for group in sim.groups.values():
            for host in sim.sentinels.values():
                problem = self._unsettled(host, group.name)
                if problem:
                    return f"{host.name}: {problem}"
            problem = self._divided(group.name)
            if problem:
                return problem
        return ""

    def _unsettled(self, host: SentinelHost, name: str) -> str:
        context = host.core.context
        primary = context.primaries[name]
        if context.in_tilt:
            return "TILT"
        if primary.failing_over:
            return f"{name} fails over"
        for member in primary.members():
            is_ghost = member.kind.value == "sentinel" and self._is_ghost(member.run_id)
            if (member.is_down or not member.link.command.up) and not is_ghost:
                return f"{context.describe(member)} is down or not connected"
        known = {primary.current_address(), *primary.replicas}
        for server in self._sim.groups[name].servers:
            if (server.ip, server.port) not in known:
                return f"does not know {server.ip} of {name}"
        others = {each.core.my_id: each for each in self._sim.sentinels.values() if each is not host}
        for run_id, other in others.items():
            peer = primary.peers.get(run_id)
            if peer is None or tuple(peer.address) != (other.ip, other.port):
                return f"does not know {other.name}"
        return ""

    def _is_ghost(self, run_id: str) -> bool:
        """An id that was shared and given up."""
        return all(host.core.my_id != run_id for host in self._sim.sentinels.values())

    def _divided(self, name: str) -> str:
        sim, group = self._sim, self._sim.groups[name]
        named = {host.name: host.core.context.primaries[name] for host in sim.sentinels.values()}
        claims = {(*each.current_address(), each.config_epoch) for each in named.values()}
        if len(claims) != 1:
            return f"{name} is at {sorted(claims)}"
        host, port, _ = claims.pop()
        primary = sim.server_at(host, port)
        if primary is None or primary.role != "master":
            return f"{name} is at {host}:{port}, which is not a primary"
        for server in group.servers:
            follows = (primary.ip, primary.port)
            if server is not primary and (server.follows != follows or not server.link_up):
                return f"{server.ip} follows {server.follows}, link up: {server.link_up}"
        return ""


def read_disk(lines: tuple[str, ...]) -> Disk:
    """The promises in a configuration."""
    settings = read_settings(lines)
    primaries = {
        each.name: Configuration((each.host, each.port), each.config_epoch, each.leader_epoch)
        for each in settings.monitors
    }
    return Disk(settings.current_epoch, primaries)
