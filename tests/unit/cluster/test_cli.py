"""What the command line does with signals and with the work of two commands; the rest runs real processes."""

import asyncio
import os
import signal
from typing import Any

import pytest
from typer.testing import CliRunner

from garrison.cluster.cli import app
from garrison.cluster.documents import CheckDocument, FixReport
from garrison.cluster.errors import StoppedError
from garrison.cluster.manager import commands, reshard
from garrison.cluster.manager.session import Session


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the manager's functions that the command line has called, which are doubles here."""
    called: list[str] = []

    async def fix(session: Session, *args: Any, **options: Any) -> FixReport:
        called.append("fix")
        return FixReport(command="fix")

    async def check(session: Session, *args: Any, **options: Any) -> CheckDocument:
        called.append("check")
        return CheckDocument(command="check", nodes=[], keys=0, slots_covered=0, findings=[])

    monkeypatch.setattr(reshard, "fix", fix)
    monkeypatch.setattr(commands, "check", check)
    return called


@pytest.mark.parametrize(("words", "expected"), [(["--fix"], ["fix", "check"]), ([], ["check"])])
def test_check_with_fix_checks_after_fixing(calls: list[str], words: list[str], expected: list[str]) -> None:
    result = CliRunner().invoke(app, ["check", "127.0.0.1:1", *words])
    assert result.exit_code == 0, result.output
    assert calls == expected


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_sets_the_stop_event_of_a_migration(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    async def migrate(session: Session, *args: Any, **options: Any) -> FixReport:
        session.is_stoppable = True
        os.kill(os.getpid(), number)
        await asyncio.wait_for(session.stop.wait(), timeout=5)
        raise StoppedError("stopped: 1 slots moved, 1 not")

    monkeypatch.setattr(reshard, "fix", migrate)
    result = CliRunner().invoke(app, ["fix", "127.0.0.1:1"])
    assert result.exit_code == StoppedError.exit_code, result.output
    assert "stopping when the slots in flight are over" in result.output


def test_signal_outside_of_a_migration_cancels_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    async def wait(session: Session, *args: Any, **options: Any) -> CheckDocument:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(5)
        raise AssertionError("not cancelled")

    monkeypatch.setattr(commands, "check", wait)
    result = CliRunner().invoke(app, ["check", "127.0.0.1:1"])
    assert result.exit_code == StoppedError.exit_code, result.output
    assert "stopped before anything was changed" in result.output
