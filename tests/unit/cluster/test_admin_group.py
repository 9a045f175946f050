"""Options of every command, at any place."""

from __future__ import annotations

import pytest
import typer

from garrison.base.plain_help import PlainApp
from garrison.cluster import cli
from garrison.cluster.admin_group import AdminGroup
from garrison.cluster.daemon import manager_cli
from garrison.cluster.redis_cli_options import translate_options


@pytest.mark.parametrize(
    ("app", "command"), [(cli.app, ["check", "7000"]), (manager_cli.app, ["move", "0-9", "--from", "a"])]
)
def test_every_shared_option_may_stand_last(app: PlainApp, command: list[str]) -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, AdminGroup)
    options = group.options()
    for param in group.params:
        for name in param.opts:
            words = [name] if name in options.shared_flags else [name, "x"]
            assert translate_options([*command, *words], options) == [*words, *command]
