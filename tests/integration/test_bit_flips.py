"""A sample of the wrong bits of `bit_flips.py`; all of them are a campaign of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("garrison.node._engine", reason="the engine is not built here: pip install -e . first")

from tests.integration.bit_flips import campaign
from tests.integration.small_files import all_files

EVERY, BITS, STARTS, SEED = 4, 60, 4, 5


def test_wrong_bit_is_an_error_with_its_place_or_changes_nothing(tmp_path: Path) -> None:
    wrong, figures = campaign(all_files(tmp_path, EVERY), tmp_path, BITS, STARTS, SEED)
    assert wrong == [], figures
