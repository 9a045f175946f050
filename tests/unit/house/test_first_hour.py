"""The recording of the first hour is of this version: it shows what its script types, and that exists."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import typer.main

from garrison.__main__ import COMMANDS
from garrison.cli.core.options import parse
from garrison.cluster.cli import app as cluster_app
from garrison.cluster.local.dev import app as dev_app


@pytest.fixture(scope="module")
def script(root: Path) -> ModuleType:
    """docs/first_hour.py."""
    specification = importlib.util.spec_from_file_location("first_hour", root / "docs" / "first_hour.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    # A dataclass looks its module up by name.
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(__import__("sys").modules, "first_hour", module)
        specification.loader.exec_module(module)
    return module


def commands_of(script: ModuleType) -> Iterator[list[str]]:
    """Each `garrison ...` that is typed, as words."""
    for step in script.STEPS:
        for command in re.findall(r"(?:^|\$\(|until )(garrison [^|&;)]*)", step.typed):
            yield shlex.split(command)


def test_commands_of_the_first_hour_exist(script: ModuleType) -> None:
    commands = list(commands_of(script))
    assert {words[1] for words in commands} == {"dev", "cli", "cluster"}
    groups = {"dev": typer.main.get_command(dev_app), "cluster": typer.main.get_command(cluster_app)}
    for _, part, *rest in commands:
        assert part in COMMANDS
        if part == "cli":
            parse(rest, {})
            continue
        command = groups[part]
        if part == "cluster":
            command = command.commands[rest.pop(0)]  # type: ignore[attr-defined]
        known = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in rest if word.startswith("--")} <= known


def test_recording_is_of_the_script(root: Path, script: ModuleType) -> None:
    """After a change of the steps: .venv/bin/python docs/first_hour.py."""
    first, *events = map(json.loads, (root / "docs" / "first-hour.cast").read_text().splitlines())
    assert (first["version"], first["width"], first["height"]) == (2, script.COLUMNS, script.ROWS)
    times = [at for at, _, _ in events]
    assert times == sorted(times)
    assert {kind for _, kind, _ in events} == {"o"}
    shown = script.plain("".join(data for _, _, data in events))
    at = 0
    for step in script.STEPS:
        for line in step.typed.splitlines():
            at = shown.find(line, at)
            assert at >= 0, f"{line!r} is not in the recording: make it anew"
        if step.shows:
            assert re.search(step.shows, shown[at:])


def test_recording_tells_nothing_of_the_machine(root: Path) -> None:
    text = (root / "docs" / "first-hour.cast").read_text()
    assert not re.search(r"/home/|/root|/work|@[a-z]", text)
