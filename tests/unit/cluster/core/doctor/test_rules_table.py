"""The documentation has the table of rules as it is."""

from __future__ import annotations

from pathlib import Path

from garrison.cluster.core.doctor.examine import RULES
from garrison.cluster.core.doctor.rules_table import markdown_table


def test_documentation_has_the_table(root: Path) -> None:
    """Print it with ``python -m garrison.cluster.core.doctor.rules_table``, and paste it."""
    assert markdown_table() in (root / "docs" / "doctor.md").read_text()


def test_table_has_every_rule_once() -> None:
    lines = markdown_table().splitlines()
    codes = [line.split("|")[1].strip().strip("`") for line in lines if line.startswith("| `")]
    assert sorted(codes) == sorted(rule.code for rule in RULES)


def test_no_cell_breaks_the_table() -> None:
    rows = [line for line in markdown_table().splitlines() if line.startswith("| `")]
    assert {row.count("|") for row in rows} == {5}
