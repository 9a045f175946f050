"""The words of `garrison backup`, and what it answers to wrong ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from garrison.client import Client
from garrison.cluster.backup.backup_cli import app, main, shared_first
from garrison.completion import candidates
from tests.unit.cluster.backup.conftest import KEYS, address_of
from tests.unit.cluster.backup.records import backup, shard


def test_shared_options_go_first() -> None:
    import typer

    group = typer.main.get_command(app)
    words = ["create", "place", "--from", "--json", "--user", "bob", "--timeout=3", "--json"]
    found = shared_first(words, group.params, ["--from"])
    assert found == ["--user", "bob", "--timeout=3", "--json", "create", "place", "--from", "--json"]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["create", "x"], "--from"),
        (["create", "x", "--from", "1", "--for", "1h"], "is for --incremental"),
        (["create", "x", "--from", "1", "--for", "soon", "--incremental"], "is not a span of time"),
        (["restore", "x", "latest"], "--to HOST:PORT for keys, or --dir FOLDER"),
        (["restore", "x", "latest", "--to", "1", "--dir", "y"], "--to HOST:PORT for keys, or --dir FOLDER"),
        (["restore", "x", "latest", "--to", "1", "--until", "noon"], "is not a time"),
        (["prune", "x"], "--keep COUNT, --older-than SPAN"),
        (["prune", "x", "--older-than", "old"], "is not a span of time"),
        (["list", "x", "--endpoint", "http://y"], "is for s3://bucket/prefix"),
        (["list", "s3://"], "write s3://bucket/prefix"),
        (["verify", "x", "latest"], "is not a backup here"),
    ],
)
def test_wrong_words_are_answered(
    words: list[str],
    hint: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    shown = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert hint in shown


def test_prune_shows_and_removes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in (1, 2, 3):
        folder = tmp_path / f"b{number}"
        folder.mkdir()
        (folder / "backup.json").write_bytes(backup(number, shard(), days_old=-number).render())
    (tmp_path / "20200101T000000Z-aa").mkdir()
    assert main(["prune", str(tmp_path), "--keep", "2", "--dry-run"]) == 0
    assert "2 would be removed, 2 kept" in capsys.readouterr().out
    assert main(["prune", str(tmp_path), "--keep", "2", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["removed"] == ["20200101T000000Z-aa", "b1"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b2", "b3"]


def test_damaged_backup_makes_list_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "b1").mkdir()
    (tmp_path / "b1" / "backup.json").write_text("{}")
    assert main(["list", str(tmp_path)]) == 1
    assert "b1/backup.json is damaged" in capsys.readouterr().out


def test_commands_are_completed() -> None:
    assert {"create", "restore"} <= {each.word for each in candidates(["backup", ""])}
    assert "--until" in {each.word for each in candidates(["backup", "restore", "--un"])}


async def test_backup_is_taken_and_restored(
    source: Client[bytes], empty: Client[bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import asyncio

    async def run(*words: str) -> str:
        # A loop runs here already, and each command wants one of its own, in a process of its own.
        import sys

        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "garrison", "backup", *words), stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
        assert process.returncode == 0, out
        return out.decode()

    place = str(tmp_path / "b")
    assert "saved" in await run("create", place, "--from", str(address_of(source)))
    assert str(KEYS) in await run("list", place)
    assert f"{KEYS} keys loaded" in await run("verify", place, "latest")
    assert f"restored {KEYS} keys" in await run("restore", place, "latest", "--to", str(address_of(empty)))
    shown = await run("restore", place, "latest", "--dir", str(tmp_path / "files"))
    assert f"garrison node --dir {tmp_path / 'files'} --appendonly no" in shown.replace("\n", "")
