"""Hours of random failures with managers in the loop; then quiet, in which all has to come right."""

from __future__ import annotations

from collections.abc import Callable

from garrison.cluster.core.manager.desired import BackupWish, Balance, DesiredState, Harm, NodeWish, Window
from garrison.cluster.core.manager.requests import (
    Adopt,
    Consent,
    Pause,
    RequestError,
    Resume,
    ResumeJob,
    StopJob,
    Undo,
)
from garrison.cluster.core.ranges import format_slots

from .checks import BrokenInvariantError
from .host import ManagerHost
from .model import ModelNode
from .simulation import Simulation

MINUTE_MS = 60_000
CHAOS_MS = 60 * MINUTE_MS
QUIET_MS = 120 * MINUTE_MS
LAST_POINTS = 2_000
"""The last wish does not wait for the budget."""
PAUSE_MS_MAX = 6 * MINUTE_MS
TARGET = "/backups"
DAY_S = 86_400


class Chaos:
    """One seed."""

    def __init__(self, seed: int) -> None:
        self.sim = Simulation(seed, managers=2 + seed % 2)
        self.rng = self.sim.rng
        rng = self.rng
        self._shape = (rng.choice([3, 3, 4, 5]), rng.choice([1, 1, 2]), rng.randint(1, 3))
        self.sim.latency_max_ms = rng.choice([5, 50, 300])
        faults = [
            self._kill_node, self._kill_node, self._hang_node, self._slow_node, self._lie,
            self._cut, self._cut, self._part, self._kill_manager, self._kill_manager, self._sleep,
            self._wish, self._wish, self._pause, self._undo, self._reshard, self._reshard, self._stop,
            self._consent, self._damage, self._set_by_hand, self._target_fails, self._spoil_backup,
        ]  # fmt: skip
        self._faults: list[Callable[[], None]] = faults

    def run(self, chaos_ms: int = CHAOS_MS, quiet_ms: int = QUIET_MS) -> None:
        """Raises BrokenInvariantError, or an error of the code itself."""
        sim = self.sim
        shards, replicas, spares = self._shape
        sim.form(shards, replicas, spares)
        sim.run(MINUTE_MS)
        sim.apply(self._desired())
        end_ms = sim.events.now_ms + chaos_ms
        while sim.events.now_ms < end_ms:
            sim.run(self.rng.randint(1_000, self.rng.choice([20_000, PAUSE_MS_MAX])))
            self.rng.choice(self._faults)()
        self._quiet(quiet_ms)

    def _quiet(self, quiet_ms: int) -> None:
        sim = self.sim
        sim.heal()
        self._until(self._is_led, "nobody leads", 5 * MINUTE_MS)
        self._until(lambda: self._asked(Resume), "resume is not stored", 5 * MINUTE_MS)
        self._until(lambda: self._wished(), "the last wish is not stored", 5 * MINUTE_MS)
        self._until(lambda: not self._left(), self._left, quiet_ms)

    def _until(self, condition: Callable[[], bool], what: str | Callable[[], str], limit_ms: int) -> None:
        if not self.sim.run_until(condition, limit_ms, 20_000):
            raise BrokenInvariantError(f"after {limit_ms // MINUTE_MS} quiet minutes: {_said(what)}")

    def _is_led(self) -> bool:
        """A person recovers the records where a majority of the primaries has no copy that counts."""
        sim = self.sim
        if sim.leader is not None:
            return True
        for host in sim.managers.values():
            if host.alive and host.core.leader == host.id:
                sim.checks.acknowledged.clear()
                sim.ask(Adopt, host)
        return False

    def _asked(self, kind: type[Resume]) -> bool:
        ticket = self.sim.ask(kind)
        self.sim.run(5_000)
        return ticket is not None and self.sim.answers.get(ticket) == ""

    def _wished(self) -> bool:
        self._last = self._desired(last=True)
        ticket = self.sim.apply(self._last)
        self.sim.run(5_000)
        return ticket is not None and self.sim.answers.get(ticket) == ""

    def _left(self) -> str:
        """What is not yet as it should be; empty when all is."""
        host = self.sim.leader
        if host is None:
            return "nobody leads"
        open_jobs = [job for job in host.core.records.jobs if not job.state.has_ended]
        if open_jobs:
            return f"{open_jobs[0].id} is {open_jobs[0].state}, waits for {open_jobs[0].waits_for!r}"
        if host.core.why_idle:
            return f"{host.id} does not act: {host.core.why_idle}"
        plan = host.core.plan
        if plan is None:
            return "there is no plan"
        if plan.jobs:
            return f"{plan.jobs[0].title} is to be done, waits for {plan.jobs[0].waits_for!r}"
        bad = [text for text in plan.explanations if text.startswith("Nothing is planned")]
        return bad[0] if bad else self.sim.checks.unlike(self._last)

    # What is wanted.

    def _desired(self, *, last: bool = False) -> DesiredState:
        rng, nodes = self.rng, self.sim.model.nodes
        owners = [node.address for node in self.sim.model.owners]
        wishes: dict[str, NodeWish] = {}
        if rng.random() < 0.5:
            wishes[rng.choice(owners)] = NodeWish(weight=rng.choice([0.5, 1.5, 2.0]))
        everywhere = rng.random() < 0.7 or last
        return DesiredState(
            name=f"wish {self.sim.events.now_ms}",
            mode="act" if last or rng.random() < 0.9 else "dry-run",
            replicas_per_shard=self._shape[1],
            spares=tuple(node.address for node in nodes.values() if not node.is_member),
            nodes=wishes,
            balance=Balance(threshold_percent=5.0),
            windows=() if everywhere else (Window(),),
            harm=Harm(
                points_per_hour_max=LAST_POINTS if last else rng.choice([60, 100, 200]),
                jobs_at_once_max=rng.choice([1, 1, 2, 3]),
            ),
            settings={"hz": str(rng.randint(1, 500))} if rng.random() < 0.4 or last else {},
            release=self._release(last=last),
            backups=self._backups(last=last),
        )

    def _release(self, *, last: bool) -> str | None:
        """Mostly what was installed before, as it should be."""
        rng, model = self.rng, self.sim.model
        if rng.random() < 0.2:
            model.installed = f"1.{int(model.installed.partition('.')[2]) + 1}"
        if rng.random() < 0.1 and not last:
            return "0.9"
        return model.installed if rng.random() < 0.4 or last else None

    def _backups(self, *, last: bool) -> tuple[BackupWish, ...]:
        if last:
            return (BackupWish(target=TARGET, every_s=DAY_S, prove_every_s=DAY_S),)
        if self.rng.random() < 0.5:
            return ()
        return (BackupWish(target=TARGET, every_s=self.rng.choice([300, 900]), keep=3, prove_every_s=600),)

    # Faults of nodes.

    def _node(self) -> ModelNode:
        return self.rng.choice(list(self.sim.model.nodes.values()))

    def _for_a_while(
        self, end: Callable[[], None], least_ms: int = 2_000, most_ms: int = 5 * MINUTE_MS
    ) -> None:
        self.sim.events.schedule(self.rng.randint(least_ms, most_ms), end)

    def _kill_node(self) -> None:
        node, model = self._node(), self.sim.model
        if node.alive and node.is_member:
            model.kill(node)
            self._for_a_while(lambda: model.start(node), most_ms=20 * MINUTE_MS)

    def _hang_node(self) -> None:
        node, model = self._node(), self.sim.model

        def end() -> None:
            node.is_hung = False
            model.moved += 1

        node.is_hung = True
        model.moved += 1
        self._for_a_while(end, most_ms=60_000)

    def _slow_node(self) -> None:
        node = self._node()
        node.slow_ms = self.rng.randint(100, 3_000)
        self._for_a_while(lambda: setattr(node, "slow_ms", 0))

    def _lie(self) -> None:
        node, model = self._node(), self.sim.model
        node.lies = not node.lies
        model.moved += 1

    def _damage(self) -> None:
        node = self._node()
        if node.register.content:
            node.register.content = node.register.content[:-7] + b"damaged"

    def _set_by_hand(self) -> None:
        self.sim.model.set_by_hand(self._node(), "hz", str(self.rng.randint(1, 500)))

    def _target_fails(self) -> None:
        target = self.sim.model.target(TARGET)
        target.is_up = False
        self._for_a_while(lambda: setattr(target, "is_up", True), most_ms=10 * MINUTE_MS)

    def _spoil_backup(self) -> None:
        newest = self.sim.model.target(TARGET).newest
        if newest is not None and newest.holds:
            del newest.holds[self.rng.choice(sorted(newest.holds))]

    def _cut(self) -> None:
        model = self.sim.model
        hosts = [*model.nodes, *self.sim.managers]
        self._cut_pairs([frozenset(self.rng.sample(hosts, 2)) for _ in range(self.rng.randint(1, 6))])

    def _part(self) -> None:
        """The hosts fall into two parts."""
        hosts = [*self.sim.model.nodes, *self.sim.managers]
        one = set(self.rng.sample(hosts, self.rng.randint(1, len(hosts) // 2)))
        self._cut_pairs([frozenset((a, b)) for a in one for b in hosts if b not in one])

    def _cut_pairs(self, pairs: list[frozenset[str]]) -> None:
        model = self.sim.model

        def end() -> None:
            model.cuts.difference_update(pairs)
            model.moved += 1

        model.cuts.update(pairs)
        model.moved += 1
        self._for_a_while(end)

    # Faults of managers.

    def _host(self) -> ManagerHost:
        leader = self.sim.leader
        if leader is not None and self.rng.random() < 0.6:
            return leader
        return self.rng.choice(list(self.sim.managers.values()))

    def _kill_manager(self) -> None:
        host = self._host()
        if not host.alive:
            return
        if self.rng.random() < 0.5:
            host.kill()
        else:
            host.kill_at_act = host.acts + self.rng.randint(1, 60)
        self._for_a_while(lambda: None if host.alive else host.start())

    def _sleep(self) -> None:
        self._host().sleep(self.rng.choice([3_000, 8_000, 9_500, 20_000, 120_000]))

    # Persons.

    def _wish(self) -> None:
        self.sim.apply(self._desired())

    def _pause(self) -> None:
        self.sim.ask(Pause)
        self._for_a_while(lambda: void(self.sim.ask(Resume)))

    def _undo(self) -> None:
        self.sim.ask(Undo)

    def _stop(self) -> None:
        leader = self.sim.leader
        jobs = leader.core.records.jobs if leader else ()
        if not jobs:
            return
        job_id = self.rng.choice(jobs[-5:]).id
        if self.rng.random() < 0.5:
            self.sim.ask(lambda by, ticket: StopJob(by, ticket, job_id))
        else:
            self.sim.ask(lambda by, ticket: ResumeJob(by, ticket, job_id))

    def _consent(self) -> None:
        leader = self.sim.leader
        plan = leader.core.plan if leader else None
        if plan is not None:
            self.sim.ask(lambda by, ticket: Consent(by, ticket, plan.id))

    def _reshard(self) -> None:
        leader, owners = self.sim.leader, self.sim.model.owners
        if leader is None or len(owners) < 2:
            return
        source, target = self.rng.sample(owners, 2)
        slots = sorted(source.slots)[: self.rng.randint(1, 350)]
        try:
            plan = leader.core.offer_reshard([(source.id, target.id, format_slots(slots))], leader.now_ms)
        except RequestError:
            return
        self.sim.ask(lambda by, ticket: Consent(by, ticket, plan.id), leader)


def void(_: object) -> None:
    """Nothing is done with an answer."""


def _said(what: str | Callable[[], str]) -> str:
    return what if isinstance(what, str) else what()


def run_seed(seed: int, chaos_ms: int = CHAOS_MS) -> Chaos:
    """One whole run."""
    chaos = Chaos(seed)
    chaos.run(chaos_ms)
    return chaos
