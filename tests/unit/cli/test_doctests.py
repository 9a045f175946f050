"""The examples in the docstrings of the core."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

CORE = Path(__file__).parents[3] / "cli" / "core"


@pytest.mark.parametrize("name", sorted(path.stem for path in CORE.glob("[a-z]*.py")))
def test_examples_of_the_core_are_true(name: str) -> None:
    result = doctest.testmod(importlib.import_module(f"garrison.cli.core.{name}"))
    assert result.failed == 0
    assert result.attempted > 0
