"""What is not kept is said: at the start, at CONFIG SET, of the environment, by --check-config."""

from __future__ import annotations

from pathlib import Path

import pytest

from garrison.base.config_text import ConfigError, strange_variables
from garrison.node import promises
from garrison.node.__main__ import main
from garrison.node.config import load
from garrison.node.directives import DIRECTIVES, Use


def test_every_directive_without_effect_is_named_when_set() -> None:
    for name, row in DIRECTIVES.items():
        lines = promises.at_change({name: "5"})
        assert bool(lines) == (row.use is Use.NOTHING), name
        assert all(name in line for line in lines)


def test_every_directive_without_effect_is_named_at_start() -> None:
    for name, row in DIRECTIVES.items():
        if row.file_only or row.use is not Use.NOTHING:
            continue
        config = load([])
        config.values[name] = "something else"
        assert name in config.without_effect()


def test_misspelt_variable_is_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean GARRISON_REQUIREPASS"):
        load([], {"GARRISON_REQUIREPAS": "secret"})
    with pytest.raises(ConfigError, match="did you mean GARRISON_MAXMEMORY_POLICY"):
        load([], {"GARRISON_MAXMEMRY_POLICY": "allkeys-lru"})


def test_strange_variables_are_named() -> None:
    environment = {
        "GARRISON_SERVICE_HOST": "10.0.0.1",
        "HOME": "/",
        "GARRISON_PUBLISH": "x",
        "GARRISON_HZ": "10",
    }
    assert load([], environment).strange_variables == ["GARRISON_SERVICE_HOST"]
    (password,) = strange_variables({"GARRISON_PASSWORD": "x"}, ["requirepass", "port"])
    assert "GARRISON_REQUIREPASS" in password


@pytest.mark.parametrize("option", ["--dir", "--logfile"])
def test_check_refuses_paths_that_cannot_exist(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--check-config", option, str(tmp_path / "no" / "such")]) == 1
    assert "there is no" in capsys.readouterr().err
    (tmp_path / "plain").write_text("")
    assert main(["--check-config", "--dir", str(tmp_path / "plain")]) == 1
    assert main(["--check-config", "--logfile", str(tmp_path)]) == 1


def test_check_creates_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check-config", "--dir", str(tmp_path), "--logfile", "node.log"]) == 0
    assert "can be used" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
