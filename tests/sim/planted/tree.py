"""A copy of the sources in a temporary folder, so that planted code never stands in the product."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .fault import Fault

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = ("base", "client", "cluster", "garrison", "node", "sentinel", "tests")
FILES = ("pyproject.toml",)
SKIPPED = ("target", "__pycache__", ".*_cache")


@contextlib.contextmanager
def planted(fault: Fault) -> Iterator[Path]:
    """The top folder of a copy that has the fault; it is removed in the end."""
    with tempfile.TemporaryDirectory(prefix="garrison-planted-") as name:
        top = Path(name)
        for folder in FOLDERS:
            shutil.copytree(
                ROOT / folder, top / folder, symlinks=True, ignore=shutil.ignore_patterns(*SKIPPED, "*.so")
            )
        for file in FILES:
            shutil.copy(ROOT / file, top / file)
        for library in (ROOT / "node").glob("_engine*.so"):
            (top / "node" / library.name).symlink_to(library)
        for change in fault.changes:
            path = top / change.file
            path.write_text(change.apply(path.read_text()))
        yield top
