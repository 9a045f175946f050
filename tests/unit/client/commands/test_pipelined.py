"""The types of pipelines are those of the client, and written by the program that says so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_stub_is_up_to_date(root: Path) -> None:
    command = [sys.executable, ".ci/queued_stub.py", "--check"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_stub_is_true(root: Path) -> None:
    command = [sys.executable, "-m", "mypy.stubtest", "garrison.client.commands.pipelined"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
