"""The checks can fail: each invariant is broken on purpose, and noticed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from garrison.sentinel.core.commands import Commands
from garrison.sentinel.core.context import Context
from garrison.sentinel.core.hello import Hellos
from garrison.sentinel.core.instances import Primary
from garrison.sentinel.core.roles import Roles
from garrison.sentinel.core.settings import Monitor
from garrison.sentinel.core.votes import Votes

from .chaos import Chaos
from .checks import BrokenInvariantError
from .simulation import Simulation


def formed(quorum: int = 2) -> Simulation:
    sim = Simulation(1)
    sim.monitor = lambda group: Monitor(group.name, *group.first, quorum, 1_000, 10_000)
    sim.add_group("g", 3)
    for _ in range(3):
        sim.add_sentinel()
    assert sim.run_until(lambda: not sim.checks.converged(), 10_000)
    return sim


def test_a_second_vote(monkeypatch: pytest.MonkeyPatch) -> None:
    def generous(votes: Votes, primary: Primary, epoch: int, candidate: str) -> tuple[str, int]:
        context = votes._context
        context.epoch = max(context.epoch, epoch)
        primary.vote, primary.vote_epoch = candidate, epoch
        context.save()
        return candidate, epoch

    sim = formed()
    monkeypatch.setattr(Votes, "vote", generous)
    for name in ("S1", "S2"):
        sim.sentinels[name].ask("SENTINEL", "FAILOVER", "g")
    with pytest.raises(BrokenInvariantError, match="votes twice in epoch 1 of g"):
        sim.run(2_000)


def test_a_promise_that_is_not_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    sim = formed()
    monkeypatch.setattr(Context, "save", lambda context: None)
    with pytest.raises(BrokenInvariantError, match="S1 asks in epoch 1, but the disk has 0"):
        sim.sentinels["S1"].ask("SENTINEL", "FAILOVER", "g")


def test_a_leader_without_a_majority(monkeypatch: pytest.MonkeyPatch) -> None:
    sim = formed(quorum=1)
    monkeypatch.setattr(Votes, "leader", lambda votes, primary, epoch: votes._context.my_id)
    for name in ("S2", "S3"):
        sim.network.cut(sim.sentinels["S1"], sim.sentinels[name])
    sim.servers["A"].kill()
    with pytest.raises(BrokenInvariantError, match="leads g in epoch 1 with 1 votes of 3"):
        sim.run(5_000)


def test_a_lower_epoch_that_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    real: Callable[..., None] = Hellos._configure

    def credulous(hellos: Hellos, primary: Primary, hello: object) -> None:
        if getattr(hello, "config_epoch", 0) < primary.config_epoch:
            primary.config_epoch = -1
        real(hellos, primary, hello)

    sim = formed()
    monkeypatch.setattr(Hellos, "_configure", credulous)
    sim.servers["A"].kill()
    sim.run(3_000)
    old = sim.sentinels["S1"]
    hello = f"{old.ip},{old.port},{old.core.my_id},0,g,{sim.servers['A'].ip},6379,0"
    with pytest.raises(BrokenInvariantError, match="the configuration of g goes back"):
        sim.sentinels["S2"].ask("PUBLISH", "__sentinel__:hello", hello)


def test_a_reply_that_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    sim = formed()
    monkeypatch.setattr(Commands, "answer", lambda commands, argv: None)
    host = sim.sentinels["S1"]
    host.core.context.effects.replies = _Nothing()
    with pytest.raises(AssertionError, match="no answer to"):
        host.ask("SENTINEL", "MYID")


class _Nothing(list[tuple[int, object]]):
    def append(self, item: tuple[int, object]) -> None:
        """Lose it."""


def test_two_primaries_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Roles, "_turn_back", lambda roles, replica: None)
    sim = formed()
    sim.servers["A"].kill()
    sim.run(3_000)
    sim.servers["A"].start()
    assert not sim.run_until(lambda: not sim.checks.converged(), 30_000)
    assert "follows None" in sim.checks.converged()


def test_a_busy_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Roles, "was_just_sent_role", lambda roles, node: False)
    chaos = Chaos(7)
    sim = chaos.sim
    for _ in range(3):
        sim.add_sentinel()
    sim.run(5_000)
    sim.schedule(1_000, chaos._watch_load)
    group = next(iter(sim.groups.values()))
    sim.sentinels["S1"].ask("SENTINEL", "FAILOVER", group.name)
    sim.run(5_000)
    for server in group.servers:
        server.lies = True
    with pytest.raises(BrokenInvariantError, match="commands in a second"):
        sim.run(60_000)
