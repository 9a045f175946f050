"""One seed, one run: two managers over a cluster in which nodes, links, disks and managers fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .checks import BrokenInvariantError
from .manager_host import SimManager
from .network import Connection
from .node import SimNode
from .simulation import Simulation

LEASE_MS_MAX = 3000
HEAL_MS_MAX = 60_000
ACTED = b"act:"


@dataclass(frozen=True)
class Elected:
    """A manager has learned that a majority granted it this epoch."""

    manager: str
    epoch: int
    granters: frozenset[str]


class ManagerChaos:
    """`run` raises BrokenInvariantError. `led`, `acts` and `records` count what came about."""

    def __init__(self, seed: int) -> None:
        timeout_ms = (500, 1000)[seed % 2]
        self.sim = sim = Simulation(
            seed, nodes=6, timeout_ms=timeout_ms, cluster_manager_lease_ms_max=LEASE_MS_MAX
        )
        self.rng = sim.rng
        self.elections: list[Elected] = []
        self.acts = 0
        self.record = (0, 0)
        """The newest one that a majority has stored, as its manager has heard."""
        self._least: dict[str, tuple[int, int]] = {}
        """Manager -> what was stored when it began to read."""
        sim.quiet = True
        sim.form(3)
        sim.watch_output = self._answered
        self.managers = [SimManager(sim, f"m{number}", number, self) for number in (1, 2)]
        self._actions: list[Callable[[], None]] = [
            *(
                self._crash,
                self._crash,
                self._pause,
                self._pause_manager,
                self._crash_manager,
                self._hand_over,
            ),
            *(
                self._hand_over,
                self._cut_off,
                self._cut_off,
                self._slow_disk,
                self._bad_disk,
                self._wait,
                self._wait,
            ),
        ]

    def run(self, duration_ms: int = 40_000) -> None:
        """Break things for a while, heal, and see that somebody leads and has what was stored."""
        sim = self.sim
        end_ms = sim.now_ms + duration_ms
        while sim.now_ms < end_ms:
            self._actions[self.rng.randrange(len(self._actions))]()
            for _ in range(self.rng.randrange(5, 40)):
                sim.run(50)
                self._at_most_one_leads()
        self._heal()
        before = len(self.elections)
        if not sim.run_until(self._is_led, HEAL_MS_MAX, 50):
            raise BrokenInvariantError(
                f"seed {sim.seed}: nobody leads {HEAL_MS_MAX} ms after healing ({before} elections)"
            )

    def _is_led(self) -> bool:
        """Whether a manager leads and has stored."""
        self._at_most_one_leads()
        leaders = [manager for manager in self.managers if manager.leads()]
        return bool(leaders) and self.record[0] == leaders[0].epoch

    # Invariants.

    def fail(self, what: str) -> None:
        raise BrokenInvariantError(f"seed {self.sim.seed} at {self.sim.now_ms} ms: {what}")

    def _at_most_one_leads(self) -> None:
        leaders = [manager for manager in self.managers if manager.leads()]
        if len(leaders) > 1:
            self.fail(
                " and ".join(f"{each.name} with epoch {each.epoch}" for each in leaders) + " lead at once"
            )

    def elected(self, manager: SimManager, granters: set[str]) -> None:
        for former in self.elections:
            if former.epoch >= manager.epoch:
                self.fail(f"{manager.name} is elected with epoch {manager.epoch} behind {former}")
        self.elections.append(Elected(manager.name, manager.epoch, frozenset(granters)))
        self._at_most_one_leads()

    def stored(self, manager: SimManager, record: tuple[int, int]) -> None:
        if record[0] < self.record[0]:
            self.fail(f"{manager.name} has stored {record} although {self.record} was stored before")
        self.record = max(self.record, record)

    def begins_to_read(self, manager: SimManager) -> None:
        self._least[manager.name] = self.record

    def has_read(self, manager: SimManager, record: tuple[int, int]) -> None:
        if record < self._least[manager.name]:
            self.fail(f"{manager.name} reads {record}, but {self._least[manager.name]} was stored before")

    def _answered(self, node: SimNode, connection: Connection, data: bytes) -> None:
        """A node answers a client; is it a manager's act?"""
        at = data.find(ACTED)
        if at < 0:
            return
        self.acts += 1
        name, epoch = data[at + len(ACTED) :].split(b"\r\n")[0].decode().split(":")
        for newer in self.elections:
            if newer.epoch > int(epoch) and node.name in newer.granters:
                self.fail(f"{node.name} does what {name} says in epoch {epoch}, but has granted {newer}")
        if self.elections and self.elections[-1].epoch > int(epoch):
            manager = next(each for each in self.managers if each.name == name)
            if manager.leads() and manager.epoch == int(epoch):
                self.fail(f"{name} believes to lead in epoch {epoch} behind {self.elections[-1]}")

    # Faults.

    def _node(self) -> SimNode | None:
        nodes = [node for node in self.sim.nodes.values() if node.up and not node.paused]
        return nodes[self.rng.randrange(len(nodes))] if nodes else None

    def _wait(self) -> None:
        """Let it be for a moment."""

    def _crash(self) -> None:
        node = self._node()
        if node is not None:
            node.crash()
            delay_ms = (self.rng.randrange(1, 200), self.rng.randrange(1000, 6000))[self.rng.randrange(2)]
            self.sim.schedule(delay_ms, lambda: None if node.up else node.start())

    def _pause(self) -> None:
        node = self._node()
        if node is not None:
            node.pause()
            life, length_ms = node.life, self.rng.randrange(100, 4000)
            self.sim.schedule(length_ms, lambda: node.resume() if node.life == life and node.paused else None)

    def _hand_over(self) -> None:
        node = self._node()
        if node is not None and node.core.is_replica:
            node.command("FAILOVER")

    def _cut_off(self) -> None:
        """A manager no longer reaches some nodes, or a node nobody."""
        hosts = [*self.sim.nodes, *(manager.name for manager in self.managers)]
        one = hosts[self.rng.randrange(len(hosts))]
        for other in hosts:
            if other != one and self.rng.random() < 0.7:
                self.sim.network.cut |= {(one, other), (other, one)}
        self.sim.schedule(self.rng.randrange(500, 6000), self.sim.network.heal)

    def _manager(self) -> SimManager:
        return self.managers[self.rng.randrange(len(self.managers))]

    def _pause_manager(self) -> None:
        manager = self._manager()
        if manager.up and not manager.paused:
            manager.pause()
            life = manager.life
            length_ms = self.rng.randrange(500, 6000)
            self.sim.schedule(length_ms, lambda: manager.resume() if manager.life == life else None)

    def _crash_manager(self) -> None:
        manager = self._manager()
        if manager.up:
            manager.crash()
            self.sim.schedule(self.rng.randrange(100, 3000), lambda: None if manager.up else manager.start())

    def _slow_disk(self) -> None:
        node = self._node()
        if node is not None:
            node.records_disk.slow = not node.records_disk.slow

    def _bad_disk(self) -> None:
        node = self._node()
        if node is not None:
            node.records_disk.failing = not node.records_disk.failing

    def _heal(self) -> None:
        sim = self.sim
        sim.network.heal()
        for node in sim.nodes.values():
            node.records_disk.slow = node.records_disk.failing = False
            if not node.up:
                node.start()
            elif node.paused:
                node.resume()
        for manager in self.managers:
            if not manager.up:
                manager.start()
            elif manager.paused:
                manager.resume()
        sim.run_until(lambda: not sim.checks.unsynced() and not sim.checks.converged(), 15_000, 200)
        for node in sim.nodes.values():
            if node.core.context.data.is_lost:
                node.command("SERVE-EMPTY")
