"""Whom the commands ask."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from garrison.cluster.cli_options import LoginOptions
from garrison.cluster.top.node_source import NodeSource
from garrison.cluster.top.picture_sources import ManagerSource
from garrison.cluster.top.source_options import Asked, choose_source


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "GARRISON_MANAGER",
        "GARRISON_MANAGER_TOKEN",
        "GARRISON_MANAGER_TOKEN_FILE",
        "GARRISON_PORT",
        "REDISCLI_AUTH",
    ):
        monkeypatch.delenv(name, raising=False)


def test_node_of_this_machine_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_source(Asked()).name == "127.0.0.1:6379"
    monkeypatch.setenv("GARRISON_PORT", "7001")
    assert choose_source(Asked()).name == "127.0.0.1:7001"


def test_variable_names_the_manager_unless_a_node_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GARRISON_MANAGER", "manager:7900")
    assert choose_source(Asked()).name == "the manager at http://manager:7900"
    assert choose_source(Asked("7000")).name == "127.0.0.1:7000"


def test_token_comes_from_file_or_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GARRISON_MANAGER_TOKEN", "of-variable")
    file = tmp_path / "token"
    file.write_text("of-file\n")
    tokens = []
    for asked in (Asked(manager="http://m:1"), Asked(manager="http://m:1", token_file=file)):
        source = choose_source(asked)
        assert isinstance(source, ManagerSource)
        tokens.append(source._headers["Authorization"])
    assert tokens == ["Bearer of-variable", "Bearer of-file"]


def test_login_comes_from_the_address_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDISCLI_AUTH", "of-variable")
    monkeypatch.setenv("GARRISON_SENTINEL_PASSWORD", "of-sentinels")
    source = choose_source(Asked("redis://ann:secret@10.0.0.1:7000"))
    assert isinstance(source, NodeSource)
    assert (source._access.username, source._access.password) == ("ann", "secret")
    assert source._sentinel_access.password == "of-sentinels"


@pytest.mark.parametrize(
    ("asked", "login"),
    [
        (Asked("7000", manager="http://m:1"), LoginOptions()),
        (Asked("not an address:"), LoginOptions()),
        (Asked(manager="ftp://m"), LoginOptions()),
        (Asked(manager="http://m:1", token_file=Path("/nowhere")), LoginOptions()),
        (Asked("7000"), LoginOptions(address_map=["a"])),
    ],
)
def test_what_cannot_be_meant_is_refused(asked: Asked, login: LoginOptions) -> None:
    with pytest.raises(typer.BadParameter):
        choose_source(asked, login)
