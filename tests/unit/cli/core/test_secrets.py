"""Lines with passwords are recognised, however they are written."""

from __future__ import annotations

import pytest

from garrison.cli.core.secrets import has_secret


@pytest.mark.parametrize(
    "line",
    [
        "AUTH secret",
        "auth ann secret",
        '  "auth" secret',
        "3 AUTH secret",
        'AUTH "never closed',
        "HELLO 3 AUTH ann secret",
        "acl setuser ann >secret",
        "CONFIG SET maxmemory 1gb requirepass secret",
        "config set masterauth secret",
        "MIGRATE h 1 k 0 5 AUTH2 ann secret",
        "sentinel set mymaster auth-pass secret",
        "SENTINEL CONFIG SET sentinel-pass secret",
        "connect redis://:secret@db1",
    ],
)
def test_line_with_a_password_is_a_secret(line: str) -> None:
    assert has_secret(line.encode())


@pytest.mark.parametrize(
    "line", ["", "3", "GET auth", "SET requirepass 1", "CONFIG GET requirepass*", "HELLO 3"]
)
def test_other_lines_are_kept(line: str) -> None:
    assert not has_secret(line.encode())
