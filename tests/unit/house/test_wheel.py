"""The wheel holds every module of the tree, the typed contract of the engine, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import COMPONENTS

PAGE_SUFFIXES = {".html", ".css", ".js", ".svg"}


def expected_modules(root: Path) -> set[str]:
    found = {f"garrison/{path.name}" for path in (root / "garrison").glob("*.py")}
    for component in COMPONENTS:
        for path in (root / component).rglob("*.py*"):
            relative = path.relative_to(root)
            if path.suffix in {".py", ".pyi"} and relative.parts[:2] != ("node", "engine"):
                found.add(f"garrison/{relative}")
    page = (root / "cluster" / "web").rglob("*")
    found |= {f"garrison/{path.relative_to(root)}" for path in page if path.suffix in PAGE_SUFFIXES}
    return found | {"garrison/py.typed"}


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built in the tree: cargo finds its work done by the editable install and compiles nothing twice."""
    if not list((root / "node").glob("_engine*.so")):
        pytest.skip("the engine is not built here: pip install -e . first")
    target = tmp_path_factory.mktemp("wheel")
    shutil.rmtree(root / "build", ignore_errors=True)  # setuptools would pack modules that are long gone
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(target),
        str(root),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    shutil.rmtree(root / "build", ignore_errors=True)
    if done.returncode != 0 and "No matching distribution" in done.stderr:
        pytest.skip(
            "no package index answers here, so setuptools-rust cannot be fetched for an isolated build"
        )
    assert done.returncode == 0, done.stderr
    (built,) = target.glob("garrison-*.whl")
    return built


@pytest.mark.timeout(900)
def test_the_wheel_holds_every_module(root: Path, wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    missing = expected_modules(root) - names
    assert not missing, f"the wheel lacks {sorted(missing)}"


def test_the_wheel_holds_nothing_else(root: Path, wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    extra = {name for name in names - expected_modules(root) if not name.startswith("garrison/node/_engine.")}
    assert not extra, f"the wheel holds {sorted(extra)}"


def test_one_wheel_serves_all_pythons(wheel: Path) -> None:
    assert "-cp311-abi3-" in wheel.name
    assert any(
        name.startswith("garrison/node/_engine.") and name.endswith(".so")
        for name in zipfile.ZipFile(wheel).namelist()
    )
