"""A password comes from one source: an option, a file, a prompt or the environment."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from garrison.base.login_options import PASSWORD_VARIABLE, find_password


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, "of the environment")
    monkeypatch.delenv("SENTINEL_ONE", raising=False)


def test_environment_is_the_last_source(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("of the file\nsecond line\n")
    assert find_password(None, None, ask=False) == "of the environment"
    assert find_password("given", None, ask=False) == "given"
    assert find_password("", None, ask=False) == ""
    assert find_password(None, str(file), ask=False) == "of the file"
    assert find_password(None, None, ask=True, prompt=lambda question: question) == "Password"


def test_first_variable_that_is_set_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = ("SENTINEL_ONE", PASSWORD_VARIABLE)
    assert find_password(None, None, ask=False, variables=variables) == "of the environment"
    monkeypatch.setenv("SENTINEL_ONE", "its own")
    assert find_password(None, None, ask=False, variables=variables) == "its own"
    assert find_password(None, None, ask=False, variables=()) is None


def test_two_sources_are_refused() -> None:
    with pytest.raises(typer.BadParameter, match="in one way"):
        find_password("given", None, ask=True)


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "No such file"), (b"\n", "is empty"), (b"\xff", "UTF-8")]
)
def test_file_without_a_password_is_refused(tmp_path: Path, content: bytes | None, reason: str) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(typer.BadParameter, match=reason):
        find_password(None, str(file), ask=False)
