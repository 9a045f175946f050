"""Numbers and lists as words."""

from __future__ import annotations

import doctest

from garrison.cluster.core import words
from garrison.cluster.core.words import listed


def test_examples_hold() -> None:
    assert doctest.testmod(words).failed == 0


def test_long_lists_say_how_many_more_there_are() -> None:
    assert listed(list("abcd"), 2) == "a, b and 2 more"
    assert listed(list("ab"), 2) == "a, b"
