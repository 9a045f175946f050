"""The typed contract of the engine, node/_engine.pyi, is what the built extension really offers."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest


def test_the_stub_of_the_engine_is_true(root: Path) -> None:
    if importlib.util.find_spec("garrison.node._engine") is None:
        pytest.skip("the engine is not built here: pip install -e . first")
    if not hasattr(importlib.import_module("garrison.node._engine"), "DataPlane"):
        pytest.skip("the binding has no DataPlane yet")
    command = [sys.executable, "-m", "mypy.stubtest", "garrison.node._engine"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
