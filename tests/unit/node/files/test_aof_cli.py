"""`garrison aof`: checking, cutting, exit codes."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

pytest.importorskip("garrison.node._engine", reason="the engine is not built here: pip install -e . first")

from garrison.node.files.aof_cli import main

PING = b"*1\r\n$4\r\nPING\r\n"
MULTI, EXEC = b"*1\r\n$5\r\nMULTI\r\n", b"*1\r\n$4\r\nEXEC\r\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two increments; the last has two times."""
    (tmp_path / "a.aof.manifest").write_text("file a.1 seq 1 type i\nfile a.2 seq 2 type i\n")
    (tmp_path / "a.1").write_bytes(b"#TS:10\r\n" + PING)
    (tmp_path / "a.2").write_bytes(b"#TS:20\r\n" + PING + b"#TS:30\r\n" + PING)
    return tmp_path


def test_sound_parts_are_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    times = "from 1970-01-01 00:00:20 UTC to 1970-01-01 00:00:30 UTC"
    assert lines[1] == f"a.2 (increment, 44 bytes): 2 commands, {times}: sound"
    assert lines[-1] == "the append-only file is sound"


def test_torn_end_is_found_and_cut(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    last, whole = folder / "a.2", (folder / "a.2").read_bytes()
    last.write_bytes(whole + MULTI + PING)
    assert main(["check", str(folder)]) == 1
    assert "ends in a transaction that begins here" in (out := capsys.readouterr().out)
    assert f"sound up to offset {len(whole)}" in out
    assert main(["fix", str(folder), "--yes"]) == 0
    assert last.read_bytes() == whole
    assert (folder / f"a.2.cut-{len(whole)}").read_bytes() == MULTI + PING
    assert main(["check", str(folder)]) == 0


def test_words_of_redis_check_aof_are_understood(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    last, whole = folder / "a.2", (folder / "a.2").read_bytes()
    last.write_bytes(whole + b"rubbish")
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert main(["check", "--fix", str(folder / "a.aof.manifest")]) == 1
    assert last.read_bytes() == whole + b"rubbish"
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert main(["check", "--fix", str(folder / "a.aof.manifest"), "--discard"]) == 0
    assert last.read_bytes() == whole
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert main(["check", "--truncate-to-timestamp", "25", str(folder / "a.aof.manifest")]) == 0
    assert last.read_bytes() == whole[:22]


def test_only_the_last_part_is_cut(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = (folder / "a.1").read_bytes()
    assert main(["fix", str(folder), "--truncate-to-timestamp", "5", "--yes"]) == 1
    assert "is not the last file" in capsys.readouterr().out
    (folder / "a.1").write_bytes(whole[:-3])
    assert main(["fix", str(folder), "--yes"]) == 1
    assert "a part before the last cannot be repaired by cutting" in capsys.readouterr().out
    assert (folder / "a.1").read_bytes() == whole[:-3]


def test_nothing_later_is_nothing_to_cut(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fix", str(folder), "--truncate-to-timestamp", "99", "--yes"]) == 0
    assert "all is kept" in capsys.readouterr().out


def test_good_commands_behind_damage_are_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "single.aof"
    path.write_bytes(PING + b"*1\r\n$x\r\nPING\r\n" + PING)
    assert main(["check", str(path), "--fix", "--yes"]) == 0
    assert "warning: complete commands follow at offset 28; cutting loses them" in capsys.readouterr().out
    assert path.read_bytes() == PING


def test_damaged_base_is_to_be_restored(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rdb = (root / "tests" / "integration" / "golden" / "redis-7.0.rdb").read_bytes()
    (tmp_path / "a.manifest").write_text("file b seq 1 type b\n")
    (tmp_path / "b").write_bytes(rdb)
    assert main(["check", str(tmp_path)]) == 0
    assert "39 keys as RDB, 0 commands: sound" in capsys.readouterr().out
    (tmp_path / "b").write_bytes(rdb[:-20])
    assert main(["fix", str(tmp_path), "--yes"]) == 1
    assert "restore b from a backup" in capsys.readouterr().out


def test_json_tells_each_part(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a.2").write_bytes(PING + EXEC)
    assert main(["check", str(folder), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is False
    assert [part["problem"] for part in document["parts"]] == [None, "AOF offset 14: EXEC without MULTI"]


@pytest.mark.parametrize(
    "words",
    [["--fix", "--truncate-to-timestamp", "1"], ["--json", "--fix"], ["--truncate-to-timestamp", "x"]],
)
def test_options_that_do_not_fit_are_wrong_usage(folder: Path, words: list[str]) -> None:
    assert main(["check", *words, str(folder)]) == 2


def test_damaged_manifest_ends_with_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.manifest").write_text("nonsense\n")
    assert main(["check", str(tmp_path)]) == 1
    err = capsys.readouterr().err
    assert err.startswith("garrison aof check: ")
    assert "line 1: the word nonsense has no value" in err
