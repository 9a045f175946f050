"""A few of the moments of `crash_points.py`; all of them are a campaign of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.crash_points import campaign
from tests.integration.disk_faults import build_library

pytest.importorskip("garrison.node._engine", reason="the engine is not built here: pip install -e . first")
pytestmark = pytest.mark.timeout(180)


@pytest.mark.parametrize(("work", "points"), [("rewrite", [3, 8, 17, 24]), ("save", [3, 4])])
def test_killed_between_two_operations_on_the_disk(tmp_path: Path, work: str, points: list[int]) -> None:
    wrong, _ = campaign(work, points, build_library(tmp_path), tmp_path)
    assert wrong == []
