"""The readable scenarios still end as they are written down."""

from __future__ import annotations

from pathlib import Path

import pytest

from .golden import FOLDER, Script


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_scenario(path: Path) -> None:
    text = path.read_text()
    again = f"read the difference, then: python -m tests.sim.manager.golden ({path.name})"
    assert Script().play(text) == text, again


def test_there_are_scenarios() -> None:
    assert len(list(FOLDER.glob("*.txt"))) >= 6
