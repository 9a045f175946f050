"""What is printed: findings in order, alike ones together, and what was not looked at."""

from __future__ import annotations

import io
import json

from rich.console import Console

from garrison.cluster.core.check import Severity
from garrison.cluster.core.doctor.examine import examine_fully
from garrison.cluster.core.doctor.readings import Reading
from garrison.cluster.doctor.doctor_report import DoctorDocument, describe, print_report
from tests.unit.cluster.core.doctor.cases import cluster, group, of_node, single, well_node

MANY = cluster(every={"info": {"maxmemory": "0"}})
ILL = of_node(info={"rdb_last_bgsave_status": "[red]err[/]", "maxmemory": "0", "cmdstat_flushall": "calls=1"})


def document(reading: Reading, least: Severity = "note", *, verbose: bool = False) -> DoctorDocument:
    return describe([(reading, examine_fully(reading))], least, verbose=verbose)


def printed(reading: Reading, least: Severity = "note", *, verbose: bool = False) -> str:
    console = Console(file=io.StringIO(), width=80, highlight=False)
    print_report(document(reading, least, verbose=verbose), console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_health_is_said_in_two_lines() -> None:
    assert printed(single()).split("\n\n") == ["no cluster: 2 nodes", "nothing found\n"]


def test_finding_says_what_where_why_and_what_to_type() -> None:
    lines = printed(ILL).splitlines()
    start = lines.index("error save-failed (persistence)")
    assert lines[start + 1] == "  10.0.0.1:6379: the last snapshot failed ([red]err[/])"
    assert lines[start + 2].startswith("  why   After a crash")
    assert lines[start + 3].startswith("  do    see the node's log")
    assert lines[start + 5] == "  type  garrison cli -h 10.0.0.1 -p 6379 BGSAVE"
    assert lines[-1] == "1 error, 1 warning, 1 note"


def test_alike_findings_are_told_together() -> None:
    text = printed(MANY)
    assert text.count("no-maxmemory") == 1
    assert "and 2 more like this" in text
    assert text.count("  why   ") == 1


def test_lesser_findings_are_left_out_when_asked() -> None:
    assert [each.code for each in document(ILL, "error").subjects[0].findings] == ["save-failed"]
    assert "flush-called" not in printed(ILL, "warning")


def test_only_errors_make_the_document_not_ok() -> None:
    assert not document(ILL).ok
    assert document(MANY).ok
    assert document(single()).ok


def test_what_was_not_looked_at_is_listed_when_asked() -> None:
    blind = single(well_node(slow=None, host=None))
    assert "rules did not look everywhere" in printed(blind)
    text = printed(blind, verbose=True)
    assert "slow-commands: no slow from 10.0.0.1:6379" in text
    assert "huge-pages: no host:thp from 10.0.0.1:6379" in text


def test_json_has_everything() -> None:
    subject = json.loads(document(ILL).model_dump_json())["subjects"][0]
    assert (subject["kind"], subject["nodes"], subject["not_looked_at"]) == ("single", 2, [])
    first = subject["findings"][0]
    assert first["severity"] == "error"
    assert first["group"] == "persistence"
    assert first["where"] == "10.0.0.1:6379"
    assert first["evidence"] == {"rdb_last_bgsave_status": "[red]err[/]"}
    assert first["commands"]


def test_group_is_named_by_its_primary() -> None:
    assert printed(group()).startswith("orders: 2 nodes, 3 Sentinels\n")


def test_name_that_a_sentinel_gives_is_printable() -> None:
    named = Reading("sentinel", primary_name="\x1b[2J")
    assert document(named).subjects[0].name == "\\x1b[2J"
