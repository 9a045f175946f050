"""The token that the commands show to a manager."""

from __future__ import annotations

from pathlib import Path

import pytest

from garrison.cluster.errors import UsageProblem
from garrison.cluster.manager_token import TOKEN_VARIABLE, find_token


def test_file_of_the_manager_itself_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "of-variable")
    file = tmp_path / "tokens"
    for text in ("secret\n", "# people\n\nann secret\nbob other\n"):
        file.write_text(text)
        assert find_token(file) == "secret"
    assert find_token(None) == "of-variable"
    monkeypatch.delenv(TOKEN_VARIABLE)
    assert find_token(None) == ""


def test_file_without_a_token_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match="cannot read the token"):
        find_token(tmp_path / "none")
    (tmp_path / "empty").write_text("# nobody\n")
    with pytest.raises(UsageProblem, match="has no token"):
        find_token(tmp_path / "empty")
