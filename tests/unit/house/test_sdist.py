"""The sdist holds what a build needs: each module, the engine with its lock file, and no build output."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

import garrison

from .test_wheel import expected_modules

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def unpacked(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist, built in an isolated environment and unpacked."""
    target = tmp_path_factory.mktemp("sdist")
    command = [sys.executable, "-m", "build", "--sdist", "--outdir", str(target), str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
    output = done.stdout + done.stderr
    if done.returncode != 0 and ("No matching distribution" in output or "No module named build" in output):
        pytest.skip("no package index answers here, or the module `build` is missing")
    assert done.returncode == 0, output
    (archive,) = target.glob("garrison-*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(target, filter="data")
    return target / f"garrison-{garrison.__version__}"


def test_sdist_holds_every_module(root: Path, unpacked: Path) -> None:
    held = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()}
    missing = expected_modules(root) - held
    assert not missing, f"the sdist lacks {sorted(missing)}"
    assert {"README.md", "LICENSE", "pyproject.toml", "PKG-INFO"} <= held


def test_sdist_holds_the_whole_engine(root: Path, unpacked: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "node/engine"], cwd=root, capture_output=True, text=True)
    names = listed.stdout.split()
    if listed.returncode != 0 or not names:
        pytest.skip("this tree is not a git repository")
    missing = [name for name in names if not (unpacked / name).is_file()]
    assert not missing, f"the sdist lacks {missing}"


def test_sdist_holds_no_build_output(unpacked: Path) -> None:
    built = [
        str(path.relative_to(unpacked))
        for path in unpacked.rglob("*")
        if path.suffix in {".so", ".pyc", ".rlib"} or path.name in {"target", "__pycache__", ".venv"}
    ]
    assert not built, f"the sdist holds {built[:10]}"
