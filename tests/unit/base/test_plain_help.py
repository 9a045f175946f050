"""Help shows names for people: no type of Python stands in it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from garrison.__main__ import main
from garrison.completion import SUBCOMMANDS

PYTHON = re.compile(r"<(int|float|str|path|bool|list)\b|list\[|\{[A-Z]|\bINTEGER\b", re.IGNORECASE)


def commands() -> Iterator[list[str]]:
    yield from (["dev"], ["demo"], ["cluster"], ["sentinel", "status"])
    yield from (["cluster", name] for name in SUBCOMMANDS["cluster"]())


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_help_has_no_types_of_python(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert main([*words, "--help"]) == 0
    text = capsys.readouterr().out
    assert not PYTHON.search(text), text


def test_repeated_argument_is_shown_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cluster", "create", "--help"]) == 0
    text = capsys.readouterr().out
    assert "garrison cluster create [OPTIONS] HOST:PORT...\n" in text
    assert "  HOST:PORT...  Empty nodes." in text
