"""`garrison status`: exit codes, JSON, repetition."""

from __future__ import annotations

import asyncio
import json

import pytest

from garrison.cluster.core.manager.picture import Picture
from garrison.cluster.top import status_cli
from garrison.cluster.top.picture_sources import SourceError
from garrison.cluster.top.status_cli import main
from tests.unit.cluster.top.scenes import FedSource, cluster, failover


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> FedSource:
    fed = FedSource()
    monkeypatch.setattr(status_cli, "choose_source", lambda asked, login: fed)
    return fed


@pytest.mark.parametrize(("picture", "code"), [(cluster(), 0), (failover(), 1)])
def test_exit_code_says_whether_something_is_wrong(
    source: FedSource, picture: Picture, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    source.put(picture)
    assert main([]) == code
    out = capsys.readouterr().out
    assert out.startswith("cluster shop")
    assert "\x1b" not in out


def test_json_is_the_picture(source: FedSource, capsys: pytest.CaptureFixture[str]) -> None:
    source.put(failover())
    assert main(["--json"]) == 1
    assert Picture.model_validate_json(capsys.readouterr().out) == failover()


def test_nobody_answers(source: FedSource, capsys: pytest.CaptureFixture[str]) -> None:
    source.put(SourceError("cannot connect to 127.0.0.1:7000"))
    assert main([]) == 3
    captured = capsys.readouterr()
    assert captured.err == "garrison status: cannot connect to 127.0.0.1:7000\n"
    assert captured.out == ""


def test_error_as_json(source: FedSource, capsys: pytest.CaptureFixture[str]) -> None:
    source.put(SourceError("nobody"))
    assert main(["--json"]) == 3
    assert json.loads(capsys.readouterr().out) == {"error": "nobody"}


def test_watch_goes_on_after_a_loss(
    source: FedSource, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for item in (cluster(), SourceError("away"), failover()):
        source.put(item)
    paused = []

    async def pause(seconds: float) -> None:
        paused.append(seconds)
        if len(paused) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(asyncio, "sleep", pause)
    assert main(["--watch", "5"]) == 0
    captured = capsys.readouterr()
    assert paused == [5.0, 5.0, 5.0]
    assert captured.out.count("cluster shop") == 2
    assert "away" in captured.err


def test_node_and_manager_together_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["7000", "--manager", "http://m:1"]) == 2
    assert "not both" in capsys.readouterr().err


def test_help_lists_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "Exit codes: 0" in capsys.readouterr().out
