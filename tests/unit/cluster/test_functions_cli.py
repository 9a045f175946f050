"""The words of `garrison cluster functions`; what they do is tested with the manager's part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from garrison.cluster.cli import app
from garrison.cluster.core.topology import Address
from garrison.cluster.documents import FunctionsDiffReport, FunctionsListReport, FunctionsPushReport
from garrison.cluster.manager import functions
from garrison.cluster.manager.session import Session


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the command line asked of the manager, which is a double here."""
    called: list[tuple[Any, ...]] = []

    async def push(session: Session, entry: Address, paths: list[Path]) -> FunctionsPushReport:
        called.append(("push", str(entry), paths, session.dry_run))
        return FunctionsPushReport(command="functions push", libraries=[])

    async def diff(session: Session, entry: Address, paths: list[Path]) -> FunctionsDiffReport:
        called.append(("diff", str(entry), paths))
        return FunctionsDiffReport(
            command="functions diff", ok=False, primaries=[], libraries=0, differences=[]
        )

    async def list_(session: Session, entry: Address) -> FunctionsListReport:
        called.append(("list", str(entry), session.access.password))
        return FunctionsListReport(command="functions list", libraries=[], nodes=[])

    for double in (push, diff, list_):
        monkeypatch.setattr(functions, double.__name__, double)
    return called


@pytest.mark.parametrize(
    ("line", "code", "call"),
    [
        ("push a:1 x.lua y", 0, ("push", "a:1", [Path("x.lua"), Path("y")], False)),
        ("push --dry-run a 7000 x.lua", 0, ("push", "a:7000", [Path("x.lua")], True)),
        ("push 7000 x.lua --dry-run --json", 0, ("push", "127.0.0.1:7000", [Path("x.lua")], True)),
        ("diff 7000", 1, ("diff", "127.0.0.1:7000", [])),
        ("diff a 7000 x", 1, ("diff", "a:7000", [Path("x")])),
        ("list redis://:secret@a:1", 0, ("list", "a:1", "secret")),
        ("list a:1 --pass secret", 0, ("list", "a:1", "secret")),
    ],
)
def test_words_reach_the_manager(
    calls: list[tuple[Any, ...]], line: str, code: int, call: tuple[Any, ...]
) -> None:
    result = CliRunner().invoke(app, ["functions", *line.split()])
    assert result.exit_code == code, result.output
    assert calls == [call]


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("push 7000", "Missing argument 'PATH...'"),
        ("pull 7000", "No such command 'pull'"),
        ("list", "Missing argument"),
        ("list 7000 --dry-run", "No such option"),
    ],
)
def test_wrong_words_are_answered(calls: list[tuple[Any, ...]], line: str, hint: str) -> None:
    result = CliRunner().invoke(app, ["functions", *line.split()])
    assert result.exit_code == 2
    assert hint in result.output
    assert calls == []
