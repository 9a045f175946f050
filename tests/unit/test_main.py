"""The `garrison` command, without starting anything."""

from __future__ import annotations

import pytest

from garrison.__main__ import main
from garrison.sentinel import __main__ as sentinel


@pytest.mark.parametrize(
    ("words", "rest"),
    [
        (["my.conf", "--sentinel"], ["my.conf"]),
        (["my.conf", "--sentinel", "--port", "5000"], ["my.conf", "--port", "5000"]),
        (
            ["my.conf", "--sentinel", "--sentinel", "monitor", "a", "::1", "1", "2"],
            ["my.conf", "--sentinel", "monitor", "a", "::1", "1", "2"],
        ),
    ],
)
def test_sentinel_mode_hands_over(words: list[str], rest: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []

    def start(arguments: list[str]) -> int:
        started.append(arguments)
        return 0

    monkeypatch.setattr(sentinel, "main", start)
    assert main(["node", *words]) == 0
    assert started == [rest]
