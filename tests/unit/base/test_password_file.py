"""The first line of a file is the password; a file without one is refused with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from garrison.base.password_file import read_password_file


def test_first_line_is_the_password(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_bytes("pässword \r\nsecond line\n".encode())
    assert read_password_file(str(file)) == "pässword "


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "No such file"), (b"\n", "is empty"), (b"\xff", "UTF-8")]
)
def test_file_without_a_password_is_refused(tmp_path: Path, content: bytes | None, reason: str) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ValueError, match=reason):
        read_password_file(str(file))
