"""The `garrison` command itself: it names its parts, refuses what it does not know, and imports lazily."""

from __future__ import annotations

import subprocess
import sys

import pytest

import garrison
from garrison.__main__ import main


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out == f"garrison {garrison.__version__}\n"


def test_an_unknown_command_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fly"]) == 2
    assert "no command 'fly'" in capsys.readouterr().err


def test_no_command_prints_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "garrison <command>" in capsys.readouterr().err


def test_the_command_imports_no_component() -> None:
    code = (
        "import sys, garrison.__main__;"
        "heavy = ('asyncio', 'pydantic', 'typer', 'rich');"
        "print([m for m in sys.modules if m in heavy or m.startswith('garrison.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['garrison.__main__']"
