"""Completion offers what the parsers and tables know, in three shells."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from garrison.__main__ import main
from garrison.completion import PARTS, SCRIPTS, candidates

COMMANDS_WITHOUT_WORDS = {"version", "help"}


def words_for(line: str) -> list[str]:
    return [each.word for each in candidates(line.split(" "))]


@pytest.mark.parametrize(
    ("line", "some"),
    [
        ("", ["node", "cluster", "dev", "health", "help"]),
        ("clu", ["cluster"]),
        ("--inst", ["--install-completion"]),
        ("--show-completion ", ["bash", "zsh", "fish"]),
        ("cluster re", ["reshard", "rebalance"]),
        ("cluster --tls re", ["reshard", "rebalance"]),
        ("cluster reshard 7000 --to", ["--to"]),
        ("cluster check --js", ["--json"]),
        ("cluster func", ["functions"]),
        ("cluster functions ", ["push", "diff", "list"]),
        ("cluster functions push --dr", ["--dry-run"]),
        ("cli --bigk", ["--bigkeys"]),
        ("dev --sent", ["--sentinel", "--sentinel-port"]),
        ("demo --act ", ["cluster", "restart", "sentinel"]),
        ("cli --lat", ["--latency", "--latency-history"]),
        ("cli --show-pushes ", ["yes", "no"]),
        ("node --maxmemory-p", ["--maxmemory-policy"]),
        ("node --maxmemory-policy allkeys-l", ["allkeys-lru", "allkeys-lfu"]),
        ("node --cluster-enabled ", ["yes", "no"]),
        ("node --help maxmemory-p", ["maxmemory-policy"]),
        ("backup ver", ["verify"]),
        ("doctor 7000 --min-severity ", ["error", "warning", "note"]),
        ("doctor 7000 --de", ["--deep"]),
        ("backup restore --un", ["--until"]),
        ("sentinel st", ["status"]),
        ("sentinel status --js", ["--json"]),
        ("sentinel f --logl", ["--loglevel"]),
        ("help cluster resh", ["reshard"]),
        ("help node maxmemory-p", ["maxmemory-policy"]),
        ("health --t", ["--timeout"]),
        ("top --man", ["--manager"]),
        ("status --js", ["--json"]),
        ("cluster pic", ["picture"]),
        ("rdb re", ["report"]),
        ("rdb report --format ", ["table", "json", "csv", "parquet"]),
        ("aof check --tr", ["--truncate-to-timestamp"]),
        ("help aof ", ["check", "fix"]),
    ],
)
def test_candidates(line: str, some: list[str]) -> None:
    found = words_for(line)
    assert set(some) <= set(found)
    assert all(word.startswith(line.rpartition(" ")[2]) for word in found)


@pytest.mark.parametrize("line", ["cluster reshard --plan ", "dev --dir ", "node ", "nothing "])
def test_files_are_left_to_the_shell(line: str) -> None:
    assert words_for(line) == []


def test_every_command_is_completed() -> None:
    commands = {word for word in words_for("") if not word.startswith("-")}
    assert commands - COMMANDS_WITHOUT_WORDS <= PARTS.keys()


@pytest.mark.parametrize("shell", SCRIPTS)
def test_script_is_installed_where_the_shell_looks(
    shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHELL", f"/usr/bin/{shell}")
    assert main(["--install-completion"]) == 0
    (path,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert path.read_text() == SCRIPTS[shell]
    assert str(path) in capsys.readouterr().out


def test_unknown_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--show-completion", "tcsh"]) == 2
    assert "give one of bash, zsh, fish" in capsys.readouterr().err


ASK = {
    "bash": (
        "source /dev/stdin <<< \"$SCRIPT\"; COMP_LINE='garrison cluster resh'; COMP_POINT=${#COMP_LINE};"
        ' _garrison garrison; printf "%s\\n" "${COMPREPLY[@]}"'
    ),
    "fish": "echo $SCRIPT | source; complete --do-complete 'garrison cluster resh'",
}


@pytest.mark.parametrize("shell", ASK)
def test_shell_completes_a_subcommand(shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not here")
    command = tmp_path / "garrison"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m garrison "$@"\n')
    command.chmod(0o755)
    environment = os.environ | {
        "SCRIPT": SCRIPTS[shell],
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
    }
    done = subprocess.run(
        [shell, "-c", ASK[shell]], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split()[:1] == ["reshard"], done.stderr
