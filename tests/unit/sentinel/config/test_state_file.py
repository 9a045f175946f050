"""The file that is a Sentinel's memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from garrison.sentinel.config.state_file import StateFile


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_who_may_read_it_stays_as_it_is(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "sentinel.conf"
    path.write_text("sentinel auth-pass g secret\n")
    path.chmod(mode)
    StateFile(str(path)).save(["sentinel myid x"], None, {})
    assert path.stat().st_mode & 0o777 == mode
    assert "myid" in path.read_text()
