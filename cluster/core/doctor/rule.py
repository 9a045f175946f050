"""What a rule is: one row of the table from which findings, documentation and tests come.

A rule looks at one node, or at everything. What it *needs* is said in words that a reading understands:
``info:NAME``, ``config:NAME``, ``host:NAME``, ``clients``, ``slow``, ``nopass``, ``password_digests``,
``clock_ahead_ms``, ``keys``. Where a need is not there, the rule has not looked, and that is counted; it is
never taken for health.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from garrison.cluster.core.check import Severity
from garrison.cluster.core.doctor.readings import Kind, NodeReading, Reading
from garrison.cluster.core.printable import cli

Group = Literal[
    "configuration",
    "topology",
    "sentinel",
    "memory",
    "persistence",
    "replication",
    "commands",
    "keys",
    "clients",
    "kernel",
    "versions",
]
ALL_SUBJECTS: frozenset[Kind] = frozenset({"cluster", "sentinel", "single"})


@dataclass(frozen=True, slots=True)
class Found:
    """What a rule has found once."""

    message: str
    advice: str
    """What to do, in a sentence."""
    commands: tuple[str, ...] = ()
    evidence: Mapping[str, float | str] = field(default_factory=dict)
    severity: Severity | None = None
    """Where it differs from the rule's own."""
    where: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that can be wrong or unwise."""

    code: str
    severity: Severity
    group: Group
    finds: str
    """What it finds, for the table in the documentation."""
    why: str
    needs: tuple[str, ...]
    node: Callable[[NodeReading], Iterable[Found]] | None = None
    """Looks at one node that has all needs ..."""
    whole: Callable[[Reading], Iterable[Found]] | None = None
    """... or at everything; of the nodes, those with all needs are in the reading."""
    subjects: frozenset[Kind] = ALL_SUBJECTS
    deep: bool = False
    """Whether it looks only when keys were sampled."""


def at(node: NodeReading, *words: str) -> str:
    """The command line that sends these words to this node."""
    return cli(node.address.host, node.address.port, *words)


def set_to(node: NodeReading, name: str, value: str) -> tuple[str, ...]:
    """The command lines that change a setting, and keep it in the node's file."""
    return (at(node, "CONFIG", "SET", name, value), at(node, "CONFIG", "REWRITE"))
