"""The names of tests are short enough to read in a list: condition and result in at most 60 characters."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

from tests.sources import parsed

LENGTH_MAX = 60


def names_of_tests(root: Path) -> list[tuple[str, Path]]:
    return [
        (node.name, path)
        for path in sorted((root / "tests").rglob("test_*.py"))
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]


def test_no_test_has_a_name_that_is_too_long(root: Path) -> None:
    too_long = [
        f"{path.relative_to(root)}: {name}" for name, path in names_of_tests(root) if len(name) > LENGTH_MAX
    ]
    assert too_long == []


def test_no_file_has_two_tests_of_one_name(root: Path) -> None:
    """The second would silently replace the first."""
    twice = [pair for pair, count in Counter(names_of_tests(root)).items() if count > 1]
    assert twice == []
