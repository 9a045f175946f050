"""A misspelt name finds the one that was meant."""

from __future__ import annotations

import pytest

from garrison.base.suggest import did_you_mean, nearest

KNOWN = ["maxmemory", "maxmemory-policy", "down-after-milliseconds", "port"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("maxmemroy", "maxmemory"),
        ("MaxMemroy-Policy", "maxmemory-policy"),
        ("down-aftr", "down-after-milliseconds"),
        ("quite-different", ""),
    ],
)
def test_nearest_name_is_found(written: str, meant: str) -> None:
    assert nearest(written, KNOWN) == meant


def test_hint_is_empty_without_a_near_name() -> None:
    assert did_you_mean("prot", KNOWN) == "; did you mean 'port'?"
    assert did_you_mean("xyz", KNOWN) == ""
