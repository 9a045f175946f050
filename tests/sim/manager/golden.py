"""Readable scenarios: a script of what happens, and what the managers then tell and do.

In `golden/*.txt` a line that begins with ``> `` is a step; the lines below it are what came of it, with the
seconds since the beginning. ``python -m tests.sim.manager.golden`` writes the outcomes anew; read the
difference before you commit it.

    > cluster shards=3 replicas=1 spares=1      n1, n2, ... and the managers m1, m2, m3
    > run 20 | until done 300                   let seconds pass, or until somebody tells this
    > apply {"mode": "act"}                     a desired state; the leader's answer
    > reshard n1 n3 0-299                       a person's moves, consented to
    > pause | resume | undo | stop job-1 | resume-job job-1 | adopt | start-anew
    > kill n1 | start n1 | kill m1 | sleep m1 20 | cut m1 n1 n3 | heal | leader kill | leader sleep 20
    > damage n1 n3                              their copies of the records
    > install 1.1                               what a node runs that starts from now on
    > show                                      who leads, nodes, jobs, what was spent
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.requests import (
    Adopt,
    Consent,
    Pause,
    Request,
    Resume,
    ResumeJob,
    StartAnew,
    StopJob,
    Undo,
)

from .host import ManagerHost
from .simulation import Simulation

FOLDER = Path(__file__).parent / "golden"
SEED = 1
ANSWER_S_MAX = 20

SIMPLE: dict[str, Callable[[str, int], Request]] = {
    "pause": Pause,
    "resume": Resume,
    "undo": Undo,
    "adopt": Adopt,
    "start-anew": StartAnew,
}


class Script:
    """Runs the steps of one scenario."""

    def __init__(self) -> None:
        self._sim = Simulation(SEED)
        self._seen = 0

    def play(self, text: str) -> str:
        """The scenario with its outcomes as they are."""
        out: list[str] = []
        for line in text.splitlines():
            if line.startswith("#"):
                out.append(line)
            elif line.startswith("> "):
                out += ["", line] if out else [line]
                out += self._step(line[2:])
        return "\n".join(out) + "\n"

    def _step(self, line: str) -> list[str]:
        word, _, rest = line.partition(" ")
        said: list[str] = []
        if word == "apply":
            said = self._ask(lambda: self._sim.apply(DesiredState.model_validate_json(rest)))
        elif word in SIMPLE:
            said = self._ask(lambda: self._sim.ask(SIMPLE[word], self._holder()))
        elif word in ("stop", "resume-job"):
            kind = StopJob if word == "stop" else ResumeJob
            said = self._ask(lambda: self._sim.ask(lambda by, ticket: kind(by, ticket, rest)))
        elif word == "reshard":
            said = self._reshard(*rest.split())
        elif word == "show":
            said = self._show()
        else:
            getattr(self, f"_{word}")(*rest.split())
        return self._news() + said

    def _news(self) -> list[str]:
        lines = self._sim.lines[self._seen :]
        self._seen = len(self._sim.lines)
        return lines

    # The steps.

    def _cluster(self, *words: str) -> None:
        options = {key: int(value) for key, value in (word.split("=") for word in words)}
        self._sim.form(options["shards"], options["replicas"], options.get("spares", 0))

    def _run(self, seconds: str) -> None:
        self._sim.run(int(seconds) * 1000)

    def _until(self, *words: str) -> None:
        *text, limit_s = words
        wanted, limit_ms = " ".join(text), int(limit_s) * 1000
        found = self._sim.run_until(lambda: any(wanted in line for line in self._sim.lines), limit_ms, 100)
        assert found, f"nobody told {wanted!r}"

    def _holder(self) -> ManagerHost:
        """Who leads, or would lead if it could read the records."""
        hosts = self._sim.managers.values()
        return next(host for host in hosts if host.alive and host.core.leader == host.id)

    def _ask(self, ask: Callable[[], int | None]) -> list[str]:
        ticket = ask()
        if ticket is None:
            return ["  nobody leads"]
        self._sim.run_until(lambda: ticket in self._sim.answers, ANSWER_S_MAX * 1000, 100)
        return [f"  {self._sim.answers.get(ticket, 'no answer') or 'stored'}"]

    def _reshard(self, source: str, target: str, slots: str) -> list[str]:
        host = self._holder()
        plan = host.core.offer_reshard([(source, target, slots)], host.now_ms)
        steps = [f"  {step.explanation}" for job in plan.jobs for step in job.steps]
        consent = self._ask(lambda: self._sim.ask(lambda by, ticket: Consent(by, ticket, plan.id), host))
        return [*steps, *consent]

    def _leader(self, *words: str) -> None:
        word, *rest = words
        getattr(self, f"_{word}")(self._holder().id, *rest)

    def _kill(self, *names: str) -> None:
        for name in names:
            if name in self._sim.managers:
                self._sim.managers[name].kill()
            else:
                self._sim.model.kill(self._sim.model.nodes[name])

    def _start(self, *names: str) -> None:
        for name in names:
            if name in self._sim.managers:
                self._sim.managers[name].start()
            else:
                self._sim.model.start(self._sim.model.nodes[name])

    def _sleep(self, name: str, seconds: str) -> None:
        self._sim.managers[name].sleep(int(seconds) * 1000)

    def _cut(self, one: str, *others: str) -> None:
        self._sim.model.cuts.update(frozenset((one, other)) for other in others)
        self._sim.model.moved += 1

    def _heal(self) -> None:
        self._sim.model.cuts.clear()
        self._sim.model.moved += 1

    def _damage(self, *names: str) -> None:
        for name in names:
            self._sim.model.nodes[name].register.content = b"damaged"

    def _install(self, version: str) -> None:
        self._sim.model.installed = version

    def _show(self) -> list[str]:
        sim, host = self._sim, self._sim.leader
        lines = [f"  {node.id} {self._node(node.id)}" for node in sim.model.nodes.values() if node.is_member]
        if host is None:
            alive = [each for each in sim.managers.values() if each.alive]
            return [*lines, *(f"  {each.id} does not act: {each.core.why_idle}" for each in alive)]
        records = host.core.records
        for job in records.jobs:
            done = sum(step.state == "done" for step in job.steps)
            lines.append(f"  {job.id} {job.state} {done}/{len(job.steps)} {job.title} {job.why}".rstrip())
        spent = sum(cost for _, cost in records.harm_spent)
        why = host.core.why_idle or "acts"
        return [*lines, f"  {host.id} leads under {host.core.epoch}, {why}; {spent} points spent"]

    def _node(self, node_id: str) -> str:
        node = self._sim.model.nodes[node_id]
        role = f"follows {node.primary}" if node.primary else f"owns {len(node.slots)} slots"
        return role if node.alive else f"{role}, dead"


def main() -> int:
    for path in sorted(FOLDER.glob("*.txt")):
        path.write_text(Script().play(path.read_text()))
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
