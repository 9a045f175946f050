"""The command line: exit codes, and what an unusable entry gets."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from garrison.cluster.doctor.doctor_cli import app, main
from tests.conftest import find_free_port
from tests.unit.cluster.doctor.talking import Talker, talking

INFO = "role:master\r\nredis_mode:standalone\r\ncluster_enabled:0\r\nmaxmemory:100\r\nused_memory:1\r\n"
NODE = {"TIME": ["1", "1"], "CLIENT": "OK", "INFO": INFO}
FAILED = {"INFO": INFO + "rdb_last_bgsave_status:err\r\n"}


@pytest.fixture
def server() -> Iterator[Talker]:
    """A server in a thread of its own: the command has an event loop of its own too."""
    ready, over = threading.Event(), threading.Event()
    talkers: list[Talker] = []

    async def serve() -> None:
        async with talking(NODE) as started:
            talkers.extend(started)
            ready.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(10)
    yield talkers[0]
    over.set()
    thread.join()


def run(talker: Talker, *options: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(talker.address), *options])
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("changes", "options", "code"),
    [({}, [], 0), (FAILED, [], 1), (FAILED, ["--min-severity", "error"], 1), (FAILED, ["--verbose"], 1)],
)
def test_exit_code_says_whether_there_is_danger(
    server: Talker, changes: dict[str, Any], options: list[str], code: int
) -> None:
    server.answers |= changes
    assert run(server, *options)[0] == code


def test_json_is_one_document(server: Talker) -> None:
    server.answers |= FAILED
    code, output = run(server, "--json")
    document = json.loads(output)
    assert (code, document["ok"], document["command"]) == (1, False, "doctor")
    assert [each["code"] for each in document["subjects"][0]["findings"]] == ["save-failed"]
    assert document["subjects"][0]["not_looked_at"]


def test_entry_that_is_not_there_is_unreachable(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(find_free_port())]) == 3
    assert "garrison doctor: 127.0.0.1:" in capsys.readouterr().err


def test_error_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(find_free_port()), "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["exit_code"] == 3


@pytest.mark.parametrize("words", [[], ["7000", "--min-severity", "awful"], ["no port"]])
def test_wrong_usage(words: list[str]) -> None:
    assert main(words) == 2
