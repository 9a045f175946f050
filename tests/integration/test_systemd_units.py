"""The systemd units: systemd reads them, and the commands that they start take the options that they give."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNITS = ("garrison-node@.service", "garrison-sentinel@.service", "garrison-manager.service")
PROGRAM = "/opt/garrison/bin/garrison"


def started_words(unit: Path) -> list[str]:
    """The command line of a unit without its program."""
    line = next(line for line in unit.read_text().splitlines() if line.startswith("ExecStart="))
    program, *words = line.removeprefix("ExecStart=").split()
    assert program == PROGRAM
    return words


def run(words: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "garrison", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("name", UNITS)
def test_systemd_reads_the_unit(root: Path, tmp_path: Path, name: str) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed: the units are not read by systemd")
    text = (root / "deploy/systemd" / name).read_text()
    started = tmp_path / name.replace("@", "@7001")
    started.write_text(text.replace(PROGRAM, shutil.which("true") or "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(started)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if started.name in line or "garrison" in line]
    assert (done.returncode, ours) == (0, [])


@pytest.mark.parametrize(
    ("name", "file", "text"),
    [
        (UNITS[0], "node.conf", "port 7001\ncluster-enabled yes\n"),
        (UNITS[1], "sentinel.conf", "port 26379\nsentinel monitor m 127.0.0.1 7001 1\n"),
    ],
)
def test_process_takes_the_options_of_its_unit(
    root: Path, tmp_path: Path, name: str, file: str, text: str
) -> None:
    (tmp_path / file).write_text(text)
    words = started_words(root / "deploy/systemd" / name)
    assert words[1] == file
    done = run([*words, "--check-config"], tmp_path)
    assert done.returncode == 0, done.stderr


def test_manager_reads_what_its_unit_gives(root: Path, tmp_path: Path) -> None:
    words = started_words(root / "deploy/systemd" / UNITS[2])
    given = {"$NODES": ["127.0.0.1:1", "127.0.0.1:2"], "$OPTIONS": ["--listen", "0.0.0.0:7380"]}
    words = [each for word in words for each in given.get(word, [word])]
    done = run(words, tmp_path, GARRISON_MANAGER_TOKEN="short")
    assert done.returncode == 2
    assert "variable GARRISON_MANAGER_TOKEN" in done.stderr
