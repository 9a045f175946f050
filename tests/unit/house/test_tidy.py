"""The house in figures: no file grows past what a newcomer can hold in mind unless its reason stands here."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import COMPONENTS

LINES_MAX = 600
REASONS = {
    "client/commands/pipelined.pyi": "written by .ci/queued_stub.py from the methods of client/commands/"
}
SUFFIXES = {".py", ".rs", ".pyi"}


def tracked_files(root: Path) -> list[Path]:
    """Files of the repository; without git (an unpacked archive) the folders are walked."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=False)
    if listed.returncode == 0:
        paths = [root / name for name in listed.stdout.decode().split("\0") if name]
    else:
        paths = [path for path in root.rglob("*") if not {"target", ".venv", "build"} & set(path.parts)]
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def test_no_file_is_longer_than_it_may_be(root: Path) -> None:
    too_long = []
    for path in tracked_files(root):
        name = str(path.relative_to(root))
        if path.suffix in SUFFIXES and name not in REASONS:
            lines = path.read_text().count("\n")
            if lines > LINES_MAX:
                too_long.append(
                    f"{name}: {lines} lines; split it along a seam, or give the reason in REASONS"
                )
    assert not too_long, "\n".join(too_long)


def test_reasons_name_files_that_need_one(root: Path) -> None:
    for name in REASONS:
        path = root / name
        assert path.exists(), f"REASONS names {name}, which is gone"
        assert path.read_text().count("\n") > LINES_MAX, f"{name} is short again: drop its reason"


@pytest.mark.parametrize("pattern", [r"^<{7} ", r"^>{7} "])
def test_no_conflict_marker_is_left(root: Path, pattern: str) -> None:
    marker = re.compile(pattern, re.MULTILINE)
    assert [
        path for path in tracked_files(root) if path.suffix in SUFFIXES and marker.search(path.read_text())
    ] == []


def test_component_links_lead_to_the_components(root: Path) -> None:
    for component in COMPONENTS:
        link = root / "garrison" / component
        assert link.is_symlink()
        assert link.resolve() == root / component
