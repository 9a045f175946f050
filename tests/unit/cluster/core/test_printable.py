"""Text of servers is made fit for terminals and shells."""

from __future__ import annotations

import doctest
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.cluster.core import printable as module
from garrison.cluster.core.printable import cli, human, printable, shell_line


def test_examples_hold() -> None:
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain caf\u00e9", "plain caf\u00e9"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\u202eb", "a\\u202eb"),
        ("line\nline", "line\\x0aline"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_is_not_printable_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_long_text_is_cut() -> None:
    assert printable("x" * 50, 10) == "xxxxxxx..."
    assert printable("x" * 10, 10) == "x" * 10


@given(st.text(max_size=30))
def test_word_stays_one_word_in_a_shell(word: str) -> None:
    line = shell_line("garrison", "cli", word)
    assert line.isprintable()
    assert shlex.split(line) == ["garrison", "cli", printable(word)]


def test_command_line_names_host_and_port() -> None:
    assert cli("::1", 7000, "PING") == "garrison cli -h ::1 -p 7000 PING"


def test_sizes_for_people() -> None:
    assert [human(size) for size in (0, 1023, 5 * 1024**4)] == ["0 B", "1023 B", "5.0 TB"]
