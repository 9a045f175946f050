"""What the doctor prints: one document for programs, paragraphs for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

from pydantic import BaseModel, Field
from rich.console import Console
from rich.markup import escape

from garrison.cluster.core.check import Finding, Severity
from garrison.cluster.core.doctor.examine import RULE_OF, SEVERITIES, Examination
from garrison.cluster.core.doctor.readings import Reading
from garrison.cluster.core.printable import printable
from garrison.cluster.documents import Document

PLACES_SHOWN = 4
COMMANDS_SHOWN = 4
COLOURS = {"error": "bold red", "warning": "yellow", "note": "cyan"}


class DiagnosisDocument(BaseModel):
    """One finding."""

    severity: str
    code: str
    group: str
    message: str
    where: str = Field(default="", description="the node that it is about; empty for several")
    why: str
    advice: str
    commands: list[str] = Field(default=[], description="lines for a shell, in this order")
    evidence: dict[str, float | str] = {}


class OmissionDocument(BaseModel):
    """A rule that did not look at a node, because the node does not say what the rule needs."""

    code: str
    where: str
    need: str


class SubjectDocument(BaseModel):
    """One cluster, one group of Sentinels, or one node with those it replicates with."""

    kind: str
    name: str = ""
    nodes: int
    nodes_silent: int
    sentinels: int
    findings: list[DiagnosisDocument]
    not_looked_at: list[OmissionDocument]


class DoctorDocument(Document):
    """What ``garrison doctor --json`` prints; ``ok`` is false where an error was found."""

    command: Literal["doctor"] = "doctor"
    subjects: list[SubjectDocument]
    verbose: bool = Field(default=False, exclude=True)


def describe(
    examined: Iterable[tuple[Reading, Examination]], min_severity: Severity, *, verbose: bool
) -> DoctorDocument:
    """The document of some examinations, without findings below a severity."""
    told = SEVERITIES[: SEVERITIES.index(min_severity) + 1]
    subjects = [
        SubjectDocument(
            kind=reading.kind,
            name=printable(reading.primary_name),
            nodes=len(reading.nodes),
            nodes_silent=len(reading.nodes) - len(reading.answering),
            sentinels=len(reading.sentinels),
            findings=[_diagnosis(each) for each in examination.findings if each.severity in told],
            not_looked_at=[
                OmissionDocument(code=each.code, where=each.where, need=each.need)
                for each in examination.not_looked_at
            ],
        )
        for reading, examination in examined
    ]
    errors = any(finding.severity == "error" for subject in subjects for finding in subject.findings)
    return DoctorDocument(ok=not errors, subjects=subjects, verbose=verbose)


def _diagnosis(finding: Finding) -> DiagnosisDocument:
    return DiagnosisDocument(
        severity=finding.severity,
        code=finding.code,
        group=RULE_OF[finding.code].group,
        message=finding.message,
        where=finding.where,
        why=finding.why,
        advice=finding.advice,
        commands=list(finding.commands),
        evidence=dict(finding.evidence),
    )


def print_report(document: Document, console: Console) -> None:
    """The doctor's document for people."""
    assert isinstance(document, DoctorDocument)
    for subject in document.subjects:
        _print_subject(subject, console, verbose=document.verbose)


def _print_subject(subject: SubjectDocument, console: Console, *, verbose: bool) -> None:
    console.print(f"[bold]{escape(_title(subject))}[/]", soft_wrap=True)
    for group in _alike(subject.findings):
        console.print()
        _print_group(group, console)
    counts = Counter(each.severity for each in subject.findings)
    told = ", ".join(
        f"{counts[name]} {name}{'s' * (counts[name] != 1)}" for name in SEVERITIES if counts[name]
    )
    codes = {each.code for each in subject.not_looked_at}
    console.print()
    console.print(f"[bold]{told or '[green]nothing found[/]'}[/]", soft_wrap=True)
    if codes and not verbose:
        console.print(
            f"{len(codes)} rules did not look everywhere, for want of a fact: --verbose lists them",
            soft_wrap=True,
        )
    elif codes:
        _print_omissions(subject.not_looked_at, console)


def _title(subject: SubjectDocument) -> str:
    nodes = f"{subject.nodes} node{'s' * (subject.nodes != 1)}"
    silent = f", {subject.nodes_silent} silent" if subject.nodes_silent else ""
    if subject.kind == "sentinel":
        return f"{subject.name}: {nodes}{silent}, {subject.sentinels} Sentinels"
    return f"{'cluster' if subject.kind == 'cluster' else 'no cluster'}: {nodes}{silent}"


def _alike(findings: Sequence[DiagnosisDocument]) -> list[list[DiagnosisDocument]]:
    """Findings of one rule and severity together, in the order of the first of each."""
    groups: dict[tuple[str, str], list[DiagnosisDocument]] = {}
    for each in findings:
        groups.setdefault((each.severity, each.code), []).append(each)
    return list(groups.values())


def _print_group(group: Sequence[DiagnosisDocument], console: Console) -> None:
    first = group[0]
    colour = COLOURS[first.severity]
    console.print(f"[{colour}]{first.severity}[/] [bold]{first.code}[/] ({first.group})", soft_wrap=True)
    for each in group[:PLACES_SHOWN]:
        place = f"{each.where}: " if each.where else ""
        console.print(f"  {escape(place + each.message)}", soft_wrap=True)
    if len(group) > PLACES_SHOWN:
        console.print(f"  and {len(group) - PLACES_SHOWN} more like this (--json has all)", soft_wrap=True)
    console.print(f"  why   {escape(first.why)}", soft_wrap=True)
    console.print(f"  do    {escape(first.advice)}", soft_wrap=True)
    for command in first.commands[:COMMANDS_SHOWN]:
        console.print(f"  type  {escape(command)}", soft_wrap=True)
    if len(group) > 1 or len(first.commands) > COMMANDS_SHOWN:
        console.print("        and so on, for each of them", soft_wrap=True)


def _print_omissions(omissions: Sequence[OmissionDocument], console: Console) -> None:
    console.print("not looked at:", soft_wrap=True)
    by_rule: dict[tuple[str, str], list[str]] = {}
    for each in omissions:
        by_rule.setdefault((each.code, each.need), []).append(each.where)
    for (code, need), places in by_rule.items():
        more = f" and {len(places) - PLACES_SHOWN} more" if len(places) > PLACES_SHOWN else ""
        shown = escape(", ".join(places[:PLACES_SHOWN]))
        console.print(f"  {code}: no {need} from {shown}{more}", soft_wrap=True)
