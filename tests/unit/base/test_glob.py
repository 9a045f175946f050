"""Redis's glob patterns."""

from __future__ import annotations

import time

import pytest

from garrison.base.glob import matches


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("", "", True),
        ("*", "", True),
        ("max*", "maxmemory", True),
        ("MAX*", "maxmemory", True),
        ("m?x", "max", True),
        ("m?x", "mx", False),
        ("[h-i]z", "hz", True),
        ("[^h]z", "hz", False),
        ("[i-h]z", "iz", True),
        ("a\\*", "a*", True),
        ("a\\*", "ab", False),
        ("*a*b*c", "xxaxxbxxc", True),
        ("*a*b*c", "xxaxxcxxb", False),
        ("[abc", "b", True),
    ],
)
def test_matches(pattern: str, text: str, expected: bool) -> None:
    assert matches(pattern, text) is expected


def test_a_hostile_pattern_is_quick() -> None:
    start = time.perf_counter()
    assert not matches("*a" * 200 + "b", "a" * 400)
    assert time.perf_counter() - start < 1
