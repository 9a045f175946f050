"""What commands read from files."""

from __future__ import annotations

from pathlib import Path

import pytest

from garrison.cluster.daemon.manager_commands import FILE_BYTES_MAX, _read_file
from garrison.cluster.errors import UsageProblem


def test_file_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "wish.json"
    path.write_text("{}")
    assert _read_file(path) == (b"{}", "application/json")
    path.write_bytes(b"x" * (FILE_BYTES_MAX + 1))
    with pytest.raises(UsageProblem, match="larger than"):
        _read_file(path)
