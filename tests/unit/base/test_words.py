"""Words and quotes: what one function writes the other reads."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.base import words as words_module
from garrison.base.words import quote, split_bytes


def test_examples_are_true() -> None:
    result = doctest.testmod(words_module)
    assert result.failed == 0
    assert result.attempted > 0


@given(st.lists(st.binary()))
def test_quoted_words_are_read_back(words: list[bytes]) -> None:
    assert split_bytes(b" ".join(map(quote, words))) == words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", []),
        (b" a\tb ", [b"a", b"b"]),
        (b'a"b c"', [b"ab c"]),
        (rb'"\x41\xzz\q\n"', [b"Axzzq\n"]),
        (rb"'it\'s' '\n'", [b"it's", rb"\n"]),
    ],
)
def test_line_is_split(line: bytes, words: list[bytes]) -> None:
    assert split_bytes(line) == words


@pytest.mark.parametrize("line", [b'"a', b"'a", b'"a"b', b"'a'b", rb'"a\"'])
def test_unmatched_quotes_are_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match="quote"):
        split_bytes(line)
