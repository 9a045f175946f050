"""Reshards without a command line around them: nobody's signals, a stop event, a plan on disk."""

import ast
import signal
from pathlib import Path
from typing import cast

import pytest

from garrison.cluster.core.reshard_plan import Move, ReshardPlan
from garrison.cluster.core.topology import Address
from garrison.cluster.errors import StoppedError, UsageProblem
from garrison.cluster.manager import reshard
from garrison.cluster.manager.admin_client import AdminClient
from garrison.cluster.manager.key_by_key import KeyByKeyMigration
from garrison.cluster.manager.session import Session
from tests.sources import parsed
from tests.unit.cluster.fake_cluster import FakeCluster

A, B = "a" * 40, "b" * 40


class FakeSession(Session):
    """A session whose admin client is the model."""

    fake: FakeCluster

    def admin(self, entry: Address) -> AdminClient:
        return cast(AdminClient, self.fake)


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> FakeSession:
    session = FakeSession()
    session.fake = FakeCluster.of({"a": range(300), "b": (), "c": range(300, 16384)}, {})
    return session


ENTRY = Address("127.0.0.1", 1)


async def test_stop_event_ends_a_reshard_with_its_plan_stored(
    session: FakeSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.plan_file = tmp_path / "plan.json"
    hand_over = KeyByKeyMigration.hand_over

    async def then_stop(migration: KeyByKeyMigration, window: Move) -> None:
        assert session.is_stoppable
        await hand_over(migration, window)
        session.stop.set()

    monkeypatch.setattr(KeyByKeyMigration, "hand_over", then_stop)
    request = reshard.ReshardRequest(B, ranges="0-199")
    with pytest.raises(StoppedError, match=rf"128 slots moved, 72 not.*--plan {session.plan_file}"):
        await reshard.reshard(session, ENTRY, request)
    assert not session.is_stoppable
    session.stop.clear()
    plan = reshard.read_plan(session.plan_file)
    assert plan == ReshardPlan.of([Move(A, B, tuple(range(200)))])
    assert (await reshard.resume(session, ENTRY, plan)).slots_moved == 72
    assert (await reshard.resume(session, ENTRY, plan)).slots_moved == 0


async def test_reshard_leaves_signal_handlers_alone(
    session: FakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    hand_over = KeyByKeyMigration.hand_over
    seen = []

    async def then_look(migration: KeyByKeyMigration, window: Move) -> None:
        seen.append((signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)))
        await hand_over(migration, window)

    monkeypatch.setattr(KeyByKeyMigration, "hand_over", then_look)
    await reshard.reshard(session, ENTRY, reshard.ReshardRequest(B, count=5))
    assert seen == [before]


def test_manager_handles_no_signals(root: Path) -> None:
    for path in sorted((root / "cluster" / "manager").glob("*.py")):
        for statement in ast.walk(parsed(path)):
            names = [alias.name for alias in statement.names] if isinstance(statement, ast.Import) else []
            assert "signal" not in names, f"{path.name} imports signal: the command line owns signals"


def test_missing_plan_file_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match="cannot read the plan"):
        reshard.read_plan(tmp_path / "none.json")
