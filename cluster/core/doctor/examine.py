"""The doctor: the table of all rules, and what they find in a reading.

BACKGROUND  A server is asked once, and what it says may be incomplete, old or hostile.
INVARIANTS  A rule looks only where everything that it needs was read. Where it was not, that is reported as
            not looked at: silence of the doctor means health only together with that list.
            Every text in a finding is printable, and every command line in it is quoted for a shell.
BEHAVIOUR   :func:`examine` is a function of the reading: the same reading gives the same findings, in order
            of danger.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from garrison.cluster.core.check import Finding, Severity
from garrison.cluster.core.doctor.agreement_rules import AGREEMENT_RULES
from garrison.cluster.core.doctor.client_rules import CLIENT_RULES
from garrison.cluster.core.doctor.command_rules import COMMAND_RULES
from garrison.cluster.core.doctor.kernel_rules import KERNEL_RULES
from garrison.cluster.core.doctor.key_rules import KEY_RULES
from garrison.cluster.core.doctor.layout_rules import LAYOUT_RULES
from garrison.cluster.core.doctor.login_rules import LOGIN_RULES
from garrison.cluster.core.doctor.member_rules import MEMBER_RULES
from garrison.cluster.core.doctor.memory_rules import MEMORY_RULES
from garrison.cluster.core.doctor.persistence_rules import PERSISTENCE_RULES
from garrison.cluster.core.doctor.readings import NodeReading, Reading
from garrison.cluster.core.doctor.replication_rules import REPLICATION_RULES
from garrison.cluster.core.doctor.rule import Found, Rule
from garrison.cluster.core.doctor.sentinel_rules import SENTINEL_RULES
from garrison.cluster.core.doctor.settings_rules import SETTINGS_RULES
from garrison.cluster.core.doctor.version_rules import VERSION_RULES
from garrison.cluster.core.printable import printable

RULES: tuple[Rule, ...] = (
    *MEMBER_RULES,
    *LAYOUT_RULES,
    *SENTINEL_RULES,
    *REPLICATION_RULES,
    *PERSISTENCE_RULES,
    *MEMORY_RULES,
    *LOGIN_RULES,
    *AGREEMENT_RULES,
    *SETTINGS_RULES,
    *CLIENT_RULES,
    *COMMAND_RULES,
    *KERNEL_RULES,
    *VERSION_RULES,
    *KEY_RULES,
)
"""All rules; of two findings of one severity, that of the earlier rule is told first."""
RULE_OF = {rule.code: rule for rule in RULES}
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""The most dangerous first."""
MESSAGE_CHARACTERS_MAX = 800
COMMAND_CHARACTERS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class NotLookedAt:
    """A rule that could not look, because something that it needs was not read."""

    code: str
    where: str
    need: str


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found, and what was not looked at."""

    findings: tuple[Finding, ...]
    not_looked_at: tuple[NotLookedAt, ...]


def examine(reading: Reading) -> list[Finding]:
    """What is wrong or unwise, the most dangerous first."""
    return list(examine_fully(reading).findings)


def examine_fully(reading: Reading) -> Examination:
    """As :func:`examine`, and what could not be looked at."""
    findings: list[Finding] = []
    missing: list[NotLookedAt] = []
    for rule in RULES:
        if reading.kind not in rule.subjects or (rule.deep and not reading.deep):
            continue
        able: list[NodeReading] = []
        for node in reading.answering:
            need = next((each for each in rule.needs if not node.has(each) and _concerns(rule, node)), None)
            if need is None:
                able.append(node)
            else:
                missing.append(NotLookedAt(rule.code, printable(node.where), need))
        findings += _look(rule, reading, able)
    order = {rule.code: rank for rank, rule in enumerate(RULES)}
    findings.sort(key=lambda finding: (SEVERITIES.index(finding.severity), order[finding.code]))
    return Examination(tuple(findings), tuple(missing))


def _concerns(rule: Rule, node: NodeReading) -> bool:
    """Whether a rule is about nodes like this: primaries have keys to sample, replicas have a link."""
    if rule.deep:
        return node.is_primary
    if node.is_primary and "info:master_link_status" in rule.needs:
        return False
    about_aof = any(need.startswith("info:aof_") for need in rule.needs)
    return not about_aof or node.info.get("aof_enabled") != "0"


def _look(rule: Rule, reading: Reading, able: list[NodeReading]) -> Iterator[Finding]:
    if rule.node is not None:
        for node in able:
            for found in rule.node(node) if all(map(node.has, rule.needs)) else ():
                yield _finding(rule, found, node.where)
    if rule.whole is not None:
        if rule.needs:
            silent = [node for node in reading.nodes if node.error]
            reading = replace(reading, nodes=[*able, *silent])
        if rule.group == "sentinel" and not reading.watching:
            return
        for found in rule.whole(reading):
            yield _finding(rule, found, found.where)


def _finding(rule: Rule, found: Found, where: str) -> Finding:
    return Finding(
        severity=found.severity or rule.severity,
        code=rule.code,
        message=printable(found.message, MESSAGE_CHARACTERS_MAX),
        advice=printable(found.advice),
        where=printable(where),
        why=rule.why,
        commands=tuple(printable(command, COMMAND_CHARACTERS_MAX) for command in found.commands),
        evidence={
            printable(name): printable(value) if isinstance(value, str) else value
            for name, value in found.evidence.items()
        },
    )
