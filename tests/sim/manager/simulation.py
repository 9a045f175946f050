"""A model cluster with its managers, on one simulated clock."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.requests import Apply, Asked, Request
from tests.sim.common.events import Events

from .checks import Checks
from .host import ManagerHost
from .model import Model, ModelNode

MODEL_TICK_MS = 1_000
START_MS = (1_000, 12_000)
START_SLOW_MS = (60_000, 150_000)
SLOW_START = 0.05


class Simulation:
    """Everything of one run comes from its seed."""

    def __init__(self, seed: int, managers: int = 3, **settings: Any) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.settings = settings
        self.events = Events()
        self.model = Model()
        self.checks = Checks(self.model)
        self.observe_ms = 1_000
        self.latency_max_ms = 20
        self.managers: dict[str, ManagerHost] = {}
        self._tickets: dict[int, Request] = {}
        self._ticket = 0
        self.answers: dict[int, str] = {}
        self.lines: list[str] = []
        """What managers told, and steps, with seconds before them."""
        for number in range(1, managers + 1):
            rate, skew_ms = self.rng.uniform(0.97, 1.03), self.rng.randint(-20_000, 20_000)
            self.managers[f"m{number}"] = ManagerHost(self, f"m{number}", rate, skew_ms)

    def form(self, shards: int = 3, replicas: int = 1, spares: int = 1, zones: int = 2) -> None:
        """Make the cluster and start the managers."""
        self.model.form(shards, replicas, spares, zones)
        for node in self.model.nodes.values():
            node.rate = self.rng.uniform(0.97, 1.03)
        self.checks.copies_wanted = replicas + 1
        self._tick_model()
        for host in self.managers.values():
            host.start()

    def tell(self, text: str) -> None:
        self.lines.append(f"{self.events.now_ms / 1000:8.1f}  {text}".rstrip())

    def latency_ms(self) -> int:
        return self.rng.randint(1, self.latency_max_ms)

    def run(self, duration_ms: int) -> None:
        self.events.run(duration_ms)

    def run_until(self, condition: Callable[[], bool], limit_ms: int, step_ms: int = 500) -> bool:
        """Let time pass until it is so; whether it became so."""
        end_ms = self.events.now_ms + limit_ms
        while not condition():
            if self.events.now_ms >= end_ms:
                return False
            self.events.run(step_ms)
        return True

    def _tick_model(self) -> None:
        self.model.tick(self.events.now_ms)
        self.checks.look()
        self.events.schedule(MODEL_TICK_MS, self._tick_model)

    @property
    def leader(self) -> ManagerHost | None:
        now_ms = self.events.now_ms
        return next((h for h in self.managers.values() if h.leads and h.asleep_until_ms <= now_ms), None)

    # Persons.

    def ask(self, make: Callable[[str, int], Request], host: ManagerHost | None = None) -> int | None:
        """A person asks the leader, or this manager: `make(by, ticket)`. The ticket, or None without one."""
        host = host or self.leader
        if host is None or not host.alive:
            return None
        self._ticket += 1
        request = make(f"p{self._ticket}", self._ticket)
        self._tickets[self._ticket] = request
        host.ask(request)
        return self._ticket

    def apply(self, desired: DesiredState) -> int | None:
        """A person wants this."""
        self.checks.harm_per_hour = max(self.checks.harm_per_hour, desired.harm.points_per_hour_max)
        self.checks.jobs_at_once = max(self.checks.jobs_at_once, desired.harm.jobs_at_once_max)
        if desired.replicas_per_shard is not None:
            self.checks.copies_wanted = min(self.checks.copies_wanted, desired.replicas_per_shard + 1)
        return self.ask(lambda by, ticket: Apply(by, ticket, desired.model_dump_json()))

    def answered(self, ticket: int, error: str) -> None:
        """A person has an answer."""
        assert ticket not in self.answers, f"the ticket {ticket} is answered twice"
        self.answers[ticket] = error
        request = self._tickets[ticket]
        assert isinstance(request, Asked)
        if not error:
            self.checks.acknowledged[request.by] = self.events.now_ms

    def supervise(self, node: ModelNode) -> None:
        """Whoever supervises a node starts it again, soon, or after a while."""

        def start() -> None:
            if not node.alive:
                self.model.start(node)

        slow = self.rng.random() < SLOW_START
        self.events.schedule(self.rng.randint(*(START_SLOW_MS if slow else START_MS)), start)

    def heal(self) -> None:
        """End all faults."""
        for target in self.model.targets.values():
            target.is_up = True
            for backup in target.backups:
                backup.holds = backup.says.copy()
        self.model.cuts.clear()
        self.model.moved += 1
        for node in self.model.nodes.values():
            if not node.alive or node.is_hung:
                self.model.start(node)
            node.slow_ms, node.lies = 0, False
        for host in self.managers.values():
            if not host.alive:
                host.start()
