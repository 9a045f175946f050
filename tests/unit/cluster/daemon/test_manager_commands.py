"""What commands read from files."""

from __future__ import annotations

from pathlib import Path

import pytest

from garrison.cluster.daemon.manager_commands import FILE_BYTES_MAX, _read_file, _read_token
from garrison.cluster.errors import UsageProblem


def test_token_is_the_last_word_of_the_first_line(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("# mine\n\nann secret\nother\n")
    assert _read_token(path, {"GARRISON_MANAGER_TOKEN": "other"}) == "secret"
    assert _read_token(None, {}) == ""
    assert _read_token(None, {"GARRISON_MANAGER_TOKEN": "of-variable"}) == "of-variable"
    path.write_text("#\n")
    with pytest.raises(UsageProblem, match="no token"):
        _read_token(path, {})


def test_file_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "wish.json"
    path.write_text("{}")
    assert _read_file(path) == (b"{}", "application/json")
    path.write_bytes(b"x" * (FILE_BYTES_MAX + 1))
    with pytest.raises(UsageProblem, match="larger than"):
        _read_file(path)
