"""Each button shows a command line, and the command line knows it."""

from __future__ import annotations

import shlex

from typer.main import get_command
from typer.testing import CliRunner

from garrison.cluster.core.manager.jobs import Progress
from garrison.cluster.daemon.manager_cli import app
from tests.unit.cluster.web import sample_documents as samples
from tests.unit.cluster.web.conftest import Visitor
from tests.unit.cluster.web.fake_manager import FakeManager

VIEWS = ("overview", "jobs", "desired", "keys", "history")
ALL = {"pause", "plan", "consent", "stop", "resume", "move", "apply", "undo", "history"}


def shown_commands(manager: FakeManager, visitor: Visitor) -> set[str]:
    stopped = samples.make_job(manager.now_ms, 16, Progress.STOPPED)
    manager.answers["jobs"] = [samples.make_job(manager.now_ms), stopped]
    found: set[str] = set()
    for view in VIEWS:
        page = visitor.open(view)
        if view == "jobs":
            page.locator(".planned").wait_for()
        if view == "overview":
            page.get_by_role("button", name="Move slots…").click()
        found |= set(page.locator(".action .command code").all_text_contents())
    return found


def test_command_line_knows_what_buttons_show(manager: FakeManager, visitor: Visitor) -> None:
    prefix = "garrison manager "
    shown = [
        line.removeprefix(prefix) for line in shown_commands(manager, visitor) if line.startswith(prefix)
    ]
    lines = [shlex.split(line) for line in shown]
    assert {line[0] for line in lines} == ALL
    for line in lines:
        # The help of a command is reached only when its name is known; options are checked one by one.
        result = CliRunner().invoke(app, [line[0], "--help"])
        assert result.exit_code == 0, line
        command = get_command(app).commands[line[0]]  # type: ignore[attr-defined]
        known = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in line if word.startswith("--")} <= known
        values = 2 * sum(word.startswith("--") for word in line)
        arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
        assert len(line) - 1 - values <= len(arguments)
