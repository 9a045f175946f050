"""Tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from garrison.cluster.daemon.http_tokens import Caller, Tokens, read_tokens
from garrison.cluster.errors import UsageProblem


def test_file_of_tokens(tmp_path: Path) -> None:
    path = tmp_path / "ops"
    path.write_text("# ours\nann aaaaaaaaaaaaaaaaaaaa\n\nbbbbbbbbbbbbbbbbbbbb\n")
    tokens = Tokens(read_tokens(path, "act"))
    assert tokens.caller("Bearer aaaaaaaaaaaaaaaaaaaa") == Caller("ann", "act")
    assert tokens.caller("bearer  bbbbbbbbbbbbbbbbbbbb") == Caller("ops", "act")
    for wrong in ("", "Bearer", "Bearer aaaaaaaaaaaaaaaaaaa", "Basic aaaaaaaaaaaaaaaaaaaa", "Bearer \udcff"):
        assert tokens.caller(wrong).right == "none"


@pytest.mark.parametrize("text", ["", "short\n", "a b c\n", "x" * 2_000, "é" * 20])
def test_refusal_shows_no_token(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tokens"
    path.write_text(text)
    with pytest.raises(UsageProblem) as refusal:
        read_tokens(path, "read")
    assert not text.strip() or text.strip() not in str(refusal.value)


def test_without_tokens_whoever_reaches_it_may_act() -> None:
    assert Tokens().caller("") == Caller("local", "act")
