"""The leader is killed at each thing that it does during a job: the next one ends the job, and nothing is
lost."""

from __future__ import annotations

import pytest

from garrison.cluster.core.manager.jobs import Progress
from garrison.cluster.core.manager.requests import Consent

from .simulation import Simulation

ACTS = 64
"""More than a leader does for the job below."""
ACTS_A_SEED = 2


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A few of them in `make test`, each with many seeds."""
    stride = max(1, ACTS // (ACTS_A_SEED * int(metafunc.config.getoption("--sim-seeds"))))
    metafunc.parametrize("act", range(1, ACTS + 1, stride))


def test_leader_killed_at_an_act_is_followed(act: int) -> None:
    sim = Simulation(act, managers=2)
    sim.form(shards=3, replicas=1)
    assert sim.run_until(lambda: sim.leader is not None, 60_000)
    leader = sim.leader
    assert leader is not None
    plan = leader.core.offer_reshard([("n1", "n3", "0-149")], leader.now_ms)
    leader.kill_at_act = leader.acts + act
    ticket = sim.ask(lambda by, ticket: Consent(by, ticket, plan.id), leader)
    sim.run(60_000)
    following = sim.leader
    assert following is not None
    jobs = following.core.records.jobs
    if sim.answers.get(ticket or 0) == "":
        assert jobs, "a person was told that it is stored"
    assert all(job.state is Progress.DONE for job in jobs)
    moved = len(sim.model.nodes["n3"].slots) - 5461
    assert moved == (150 if jobs else 0)
    spent = sum(cost for _, cost in following.core.records.harm_spent)
    assert spent == (2 if jobs else 0)
