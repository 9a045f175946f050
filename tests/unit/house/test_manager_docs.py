"""The two documents of the manager say what the code does: commands, documents, tables, sentences."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from types import ModuleType

import pytest
import typer.main

from garrison.cluster.cli import app as cluster_app
from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.desired_text import load_desired
from garrison.cluster.core.manager.jobs import JobKind
from garrison.cluster.daemon.manager_cli import app as manager_app
from garrison.cluster.demo.command import app as demo_app
from garrison.cluster.local.dev import app as dev_app

PATH, REFERENCE = "manager.md", "manager-reference.md"
APPS = {"manager": manager_app, "cluster": cluster_app, "dev": dev_app, "demo": demo_app}


@pytest.fixture(scope="module")
def tables(root: Path) -> ModuleType:
    """docs/manager_tables.py."""
    specification = importlib.util.spec_from_file_location("manager_tables", root / "docs/manager_tables.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def test_tables_are_those_of_the_code(root: Path, tables: ModuleType) -> None:
    """`.venv/bin/python docs/manager_tables.py` writes them anew."""
    text = (root / "docs" / REFERENCE).read_text()
    assert tables.with_tables(text) == text
    assert [name for name in tables.TABLES if f"<!-- table: {name} -->" not in text] == []


@pytest.mark.parametrize("document", [PATH, REFERENCE])
def test_desired_states_in_the_docs_hold(root: Path, document: str) -> None:
    found = blocks((root / "docs" / document).read_text(), "yaml")
    assert found
    for text in found:
        assert isinstance(load_desired(text.encode()), DesiredState), text


def test_what_every_kind_of_job_does_is_said(root: Path) -> None:
    text = (root / "docs" / REFERENCE).read_text().partition("## Kinds of jobs")[2].partition("\n## ")[0]
    rows = "".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| "))
    assert [kind for kind in JobKind if f"`{kind}`" not in rows] == []


def test_commands_of_the_path_exist(root: Path) -> None:
    """Each is parsed by the program that it names; options that are gone are an error."""
    text = (root / "docs" / PATH).read_text()
    typed = re.findall(r"^\$ garrison (.*)$", text, re.MULTILINE)
    assert len(typed) > 12
    for line in typed:
        name, *words = shlex.split(line)
        if name not in APPS:
            continue
        command = typer.main.get_command(APPS[name])
        context = command.make_context(name, words)
        if hasattr(command, "resolve_command"):
            _, sub, rest = command.resolve_command(context, words)
            assert sub is not None
            sub.make_context(sub.name, rest, parent=context)


def test_commands_of_the_manager_are_all_listed(root: Path) -> None:
    text = (root / "docs" / PATH).read_text()
    command = typer.main.get_command(manager_app)
    assert [name for name in getattr(command, "commands", {}) if f"{name}" not in text] == []


def test_sentences_of_the_last_table_are_spoken(root: Path) -> None:
    """What a person is told to look for is what some source says."""
    text = (root / "docs" / PATH).read_text().partition("## When something is wrong")[2]
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    sources = " ".join(re.sub(r'"\s*f?"', "", path.read_text()) for path in (root / "cluster").rglob("*.py"))
    parts = [
        part
        for row in rows
        for sentence in re.findall(r"`([^`]+)`", row)
        for part in re.split(r"\.\.\.|\d+", sentence)
        if len(part) > 8
    ]
    assert len(parts) > 8
    assert [part for part in parts if part.strip() not in sources] == []


@pytest.mark.parametrize("document", ["README.md", "CHANGELOG.md", f"docs/{PATH}", f"docs/{REFERENCE}"])
def test_links_lead_to_files_and_headings(root: Path, document: str) -> None:
    here = root / document
    lost = []
    for target in re.findall(r"\]\(([^)\s]+)\)", here.read_text()):
        name, _, heading = target.partition("#")
        if "://" in target:
            continue
        file = here.parent / name if name else here
        if not file.exists() or (heading and heading not in headings(file)):
            lost.append(target)
    assert lost == []


def headings(file: Path) -> set[str]:
    """The anchors that a forge makes of the headings."""
    found = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}
