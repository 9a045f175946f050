"""The deterministic simulator: clock, network, disks and N whole nodes, all drawn from one seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from garrison.node.core.settings import ClusterSettings
from tests.sim.common.events import Events

from .checks import Checks
from .network import Connection, Host, Network
from .node import SimNode

RESTART_MS = (200, 4000)
WALL_MS = 1_700_000_000_000


class Simulation:
    """Build it, `form` a cluster, break things, `run`, and ask `checks`."""

    def __init__(self, seed: int, *, nodes: int = 6, timeout_ms: int = 1000, **settings: object) -> None:
        self.seed = seed
        self.rng = Random(seed)
        self.events = Events()
        self.lines: list[str] = []
        self.checks = Checks(self)
        self.network = Network(self.rng, self.schedule, lambda: self.now_ms)
        self.nodes: dict[str, SimNode] = {}
        self._by_address: dict[str, SimNode] = {}
        self._values = 0
        self.quiet = False
        """Whether the nodes' own writers are to stop."""
        self.watch_output: Callable[[SimNode, Connection, bytes], None] = lambda node, connection, data: None
        """Sees what a node answers to a client before it leaves."""
        for index in range(nodes):
            self.add(chr(ord("A") + index), timeout_ms=timeout_ms, **settings)

    @property
    def now_ms(self) -> int:
        return self.events.now_ms

    @property
    def wall_ms(self) -> int:
        return WALL_MS + self.events.now_ms

    def next_value(self) -> int:
        """A number larger than all before."""
        self._values += 1
        return self._values

    def add(self, name: str, *, timeout_ms: int, **settings: object) -> SimNode:
        address = f"10.0.0.{len(self.nodes) + 1}"
        chosen = ClusterSettings(port=7000, cluster_node_timeout=timeout_ms).with_changes(**settings)
        node = SimNode(self, name, address, chosen)
        self.nodes[name] = self._by_address[address] = node
        node.start()
        return node

    def at(self, address: str) -> Host | None:
        return self._by_address.get(address)

    def schedule(self, delay_ms: int, action: Callable[[], None]) -> None:
        self.events.schedule(delay_ms, action)

    def trace(self, name: str, line: str) -> None:
        self.lines.append(f"{self.now_ms:>7} {name}: {line}")

    def run(self, duration_ms: int) -> None:
        self.events.run(duration_ms)

    def run_until(self, done: Callable[[], bool], limit_ms: int, step_ms: int = 50) -> bool:
        """Run until `done()`; False if that takes longer than the limit."""
        end_ms = self.now_ms + limit_ms
        while self.now_ms < end_ms:
            if done():
                return True
            self.run(step_ms)
        return done()

    def restart_later(self, node: SimNode) -> None:
        self.schedule(self.rng.randrange(*RESTART_MS), lambda: None if node.up else self._restart(node))

    def _restart(self, node: SimNode) -> None:
        node.start()
        self.trace(node.name, "restarts")

    def form(self, primaries: int = 3) -> None:
        """Make one cluster of all nodes, slots shared evenly, the rest replicas in turn."""
        names = list(self.nodes)
        share = 16384 / primaries
        for index, name in enumerate(names[:primaries]):
            first, last = round(index * share), round((index + 1) * share) - 1
            self._ok(self.nodes[name].command("ADDSLOTSRANGE", first, last))
            self._ok(self.nodes[name].command("SET-CONFIG-EPOCH", index + 1))
        for name in names[1:]:
            self._ok(self.nodes[names[0]].command("MEET", self.nodes[name].address, 7000))
        everybody = len(names)
        met = lambda: all(self._known(node) == everybody for node in self.nodes.values())  # noqa: E731
        assert self.run_until(met, 20_000), f"seed {self.seed}: the nodes have not all met"
        for index, name in enumerate(names[primaries:]):
            self._ok(self.nodes[name].command("REPLICATE", self.id(names[index % primaries])))
        assert self.run_until(lambda: not self.checks.converged(), 30_000), (
            f"seed {self.seed}: {self.checks.converged()} {self.lines[-10:]}"
        )

    @staticmethod
    def _known(node: SimNode) -> int:
        return sum(1 for n in node.core.context.table if not n.in_handshake())

    @staticmethod
    def _ok(reply: str) -> None:
        assert reply == "OK", reply

    def id(self, name: str) -> str:
        return self.nodes[name].core.node_id

    def name_of(self, node_id: str) -> str:
        return next((n.name for n in self.nodes.values() if n.core.node_id == node_id), node_id[:8])

    def readable(self, lines: Sequence[str]) -> list[str]:
        """Lines with the names of the nodes in place of their ids."""
        found = []
        for line in lines:
            for node in self.nodes.values():
                line = line.replace(node.core.node_id, node.name)
            found.append(line)
        return found
