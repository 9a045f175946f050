"""The rules as Markdown, for docs/doctor.md: ``python -m garrison.cluster.core.doctor.rules_table``."""

from __future__ import annotations

from collections.abc import Iterator

from garrison.cluster.core.doctor.examine import RULES
from garrison.cluster.core.doctor.rule import ALL_SUBJECTS, Rule


def markdown_table() -> str:
    """One table for each group, in the order of the rules."""
    groups = list(dict.fromkeys(rule.group for rule in RULES))
    return "\n\n".join("\n".join(_lines(group)) for group in groups) + "\n"


def _lines(group: str) -> Iterator[str]:
    yield f"### {group.capitalize()}"
    yield ""
    yield "| code | severity | it finds | why it matters |"
    yield "|---|---|---|---|"
    for rule in RULES:
        if rule.group == group:
            yield f"| `{rule.code}` | {rule.severity} | {rule.finds}{_scope(rule)} | {rule.why} |"


def _scope(rule: Rule) -> str:
    """Where a rule looks, if not everywhere; groups that say so themselves need no word."""
    if rule.deep or rule.group == "sentinel" or rule.subjects == ALL_SUBJECTS:
        return ""
    return f" ({', '.join(sorted(rule.subjects))})"


if __name__ == "__main__":
    print(markdown_table(), end="")
