"""The spelling that is recommended must exist here."""

from __future__ import annotations

import re

from garrison.client.core import habits
from garrison.client.settings import Settings


def test_recommended_options_are_options_of_connect() -> None:
    known = {*Settings.model_fields, "url", "decode", "ssl", "address_map"}
    recommended = {name for advice in habits._HABITS.values() for name in re.findall(r"(\w+)=", advice)}
    assert recommended - known == set()
    assert len(recommended) > 5


def test_no_habit_hides_an_option() -> None:
    assert set(habits._HABITS) & set(Settings.model_fields) == set()
    assert habits.right_spelling("password") is None
