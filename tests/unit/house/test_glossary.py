"""Names that docs/glossary.md has retired stay retired."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.conftest import COMPONENTS
from tests.sources import parsed


def retired_names(root: Path) -> set[str]:
    """The names in backticks in the last column of the glossary's tables."""
    rows = [
        line for line in (root / "docs" / "glossary.md").read_text().splitlines() if line.startswith("| ")
    ]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[-2])}


def names_in(path: Path) -> set[str]:
    """Classes, functions, modules and variables of a source file, and its own name."""
    found = {path.stem}
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.alias):
            found.update(node.name.split("."))
    return {name.strip("_") for name in found}


def test_retired_names_are_not_used(root: Path) -> None:
    retired = retired_names(root)
    assert {"World", "Fleet", "Mover"} <= retired
    used = {
        f"{path.relative_to(root)}: {name}"
        for component in COMPONENTS
        for path in (root / component).rglob("*.py")
        for name in names_in(path) & retired
    }
    assert used == set()


def test_files_that_the_glossary_names_exist(root: Path) -> None:
    text = (root / "docs" / "glossary.md").read_text()
    named = re.findall(rf"`((?:{'|'.join(COMPONENTS)}|tests)/[\w/.]+)`", text)
    assert named
    assert [name for name in named if not (root / name).exists()] == []


def test_no_two_files_of_a_component_have_one_name(root: Path) -> None:
    for component in COMPONENTS:
        seen: dict[str, Path] = {}
        for path in sorted((root / component).rglob("*.py")):
            if path.stem.startswith("__") or "engine" in path.parts:
                continue
            other = seen.setdefault(path.stem, path)
            assert other == path, f"{path.relative_to(root)} and {other.relative_to(root)}: two names, please"
