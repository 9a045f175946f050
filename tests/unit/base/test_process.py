"""What stops the start of a server is said in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from garrison.base import process
from garrison.base.log import Log
from garrison.base.process import EXIT_FAILED, StartError, demand_descriptors, run
from garrison.node.config import load


def test_too_few_open_files_stop_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def never(log: Log) -> int:
        raise AssertionError("it must not serve")

    monkeypatch.setattr(process, "files_max", lambda: 12)
    config = load(["--logfile", str(tmp_path / "log")])
    assert run(config, never) == EXIT_FAILED
    sentence = "this process may open 12 files, and needs 64: raise 'ulimit -n'"
    assert capsys.readouterr().err == f"garrison: {sentence}\n"
    assert (tmp_path / "log").read_text().rstrip().endswith(f"Cannot start: {sentence}")


def test_enough_open_files_are_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "files_max", lambda: 64)
    demand_descriptors()
    monkeypatch.setattr(process, "files_max", lambda: 63)
    with pytest.raises(StartError):
        demand_descriptors()
