"""The words of `garrison manager`, from the command line to the manager and back."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from garrison.__main__ import main
from garrison.cluster.daemon import manager_commands
from garrison.cluster.daemon.manager_calls import Reply

PLAN = {
    "format": "garrison-manager-plan",
    "id": "p1",
    "made_ms": 1,
    "jobs": [],
    "explanations": [],
    "harm": 0,
}
STATUS = {"id": "m@h:1", "leads": True, "mode": "dry-run"}


class Answering:
    """A manager that notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bytes]] = []

    async def call(
        self, method: str, path: str, body: bytes = b"", media_type: str = "application/json"
    ) -> Reply:
        self.asked.append((method, path, body))
        document: Any = STATUS if path.rpartition("/")[2] in ("status", "pause", "resume", "undo") else PLAN
        if path.startswith("/api/audit"):
            document = [{"at_ms": 1, "by": "ann", "what": "apply"}]
        elif path == "/api/jobs":
            document = []
        return Reply(200, json.dumps(document).encode())


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Answering:
    answering = Answering()

    @contextlib.asynccontextmanager
    async def find(shared: Any, where: Any) -> AsyncIterator[Answering]:
        yield answering

    monkeypatch.setattr(manager_commands, "_manager", find)
    return answering


@pytest.mark.parametrize(
    ("words", "asked", "shown"),
    [
        (["status"], [("GET", "/api/status")], "m@h:1"),
        (["plan"], [("GET", "/api/plan")], "nothing to do"),
        (["pause"], [("POST", "/api/pause")], "dry-run"),
        (["resume"], [("POST", "/api/resume")], "dry-run"),
        (["undo"], [("POST", "/api/undo"), ("GET", "/api/audit?limit=1&find=undo")], "ann: apply"),
        (["recover"], [("POST", "/api/records/adopt")], "dry-run"),
        (["recover", "--empty"], [("POST", "/api/records/start-anew")], "dry-run"),
        (["history", "--limit", "5"], [("GET", "/api/audit?limit=5&find=")], "ann: apply"),
        (["history", "--find", "a b"], [("GET", "/api/audit?limit=50&find=a+b")], "ann: apply"),
        (["jobs"], [("GET", "/api/jobs")], "no jobs"),
        (["consent", "p1"], [("POST", "/api/plan/p1/consent")], "carried out"),
        (
            ["move", "0-9", "--from", "a", "--to", "b", "--dry-run"],
            [("POST", "/api/reshard")],
            "nothing to do",
        ),
        (
            ["move", "0-9", "--from", "a", "--to", "b", "--yes"],
            [("POST", "/api/reshard"), ("POST", "/api/plan/p1/consent")],
            "carried out",
        ),
    ],
)
def test_commands_ask_what_they_say(
    manager: Answering,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    asked: list[tuple[str, str]],
    shown: str,
) -> None:
    assert main(["manager", *words]) == 0
    assert [(method, path) for method, path, _ in manager.asked] == asked
    assert shown in capsys.readouterr().out


def test_apply_shows_the_plan_and_stores_with_consent(
    manager: Answering, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "wish.yaml"
    file.write_text("mode: act\n")
    assert main(["manager", "apply", str(file)]) == 2
    assert [path for _, path, _ in manager.asked] == ["/api/desired?dry_run=1"]
    assert main(["manager", "apply", str(file), "--yes"]) == 0
    assert manager.asked[-1] == ("PUT", "/api/desired", b"mode: act\n")
    assert "stored" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["--json", "status"], ["status", "--json"]])
def test_json_is_one_document_wherever_it_stands(
    manager: Answering, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert main(["manager", *words]) == 0
    assert json.loads(capsys.readouterr().out) == STATUS


def test_somebody_must_be_asked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("GARRISON_MANAGER", raising=False)
    assert main(["manager", "status"]) == 2
    assert "--manager URL" in capsys.readouterr().err
    assert main(["manager", "status", "--manager", "http://127.0.0.1:1"]) == 3
    assert main(["manager", "plan", str(tmp_path / "none"), "--manager", "http://127.0.0.1:1"]) == 2


def test_node_on_the_line_wins_over_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GARRISON_MANAGER", "http://127.0.0.1:1")
    assert main(["manager", "status", "--node", "127.0.0.1:x"]) == 2
    assert "not both" not in capsys.readouterr().err
    words = ["--node", "127.0.0.1:1", "--manager", "http://127.0.0.1:1"]
    assert main(["manager", "status", *words]) == 2
    assert "not both" in capsys.readouterr().err


def test_run_refuses_to_be_reached_by_everybody(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["manager", "run", "127.0.0.1:1", "--listen", "0.0.0.0:7380"]) == 2
    assert "--token-file" in capsys.readouterr().err
