"""The table as a whole: every rule is tested both ways, health is silent, hostile servers change nothing."""

from __future__ import annotations

import shlex
from collections import Counter
from typing import Any

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st

from garrison.cluster.cli import app as cluster_app
from garrison.cluster.core.doctor.examine import RULE_OF, RULES, SEVERITIES, examine, examine_fully
from garrison.cluster.core.doctor.readings import NodeReading, Reading, SampledKey, SentinelReading, SlowEntry
from garrison.cluster.core.topology import Address
from tests.unit.cluster.core.doctor import (
    test_agreement_rules,
    test_client_rules,
    test_command_rules,
    test_kernel_rules,
    test_key_rules,
    test_layout_rules,
    test_login_rules,
    test_member_rules,
    test_memory_rules,
    test_persistence_rules,
    test_replication_rules,
    test_sentinel_rules,
    test_settings_rules,
    test_version_rules,
)
from tests.unit.cluster.core.doctor.cases import (
    CLIENT,
    CONFIG,
    INFO,
    SENTINEL_PRIMARY,
    Case,
    cluster,
    group,
    of_node,
    of_redis,
    single,
    well_node,
    well_replica,
)

CASES: list[Case] = [
    *test_agreement_rules.CASES,
    *test_client_rules.CASES,
    *test_command_rules.CASES,
    *test_kernel_rules.CASES,
    *test_key_rules.CASES,
    *test_layout_rules.CASES,
    *test_login_rules.CASES,
    *test_member_rules.CASES,
    *test_memory_rules.CASES,
    *test_persistence_rules.CASES,
    *test_replication_rules.CASES,
    *test_sentinel_rules.CASES,
    *test_settings_rules.CASES,
    *test_version_rules.CASES,
]


def test_every_rule_has_a_case_that_finds_and_one_that_does_not() -> None:
    """A case has both; the twins assert them."""
    assert {case.code for case in CASES} == {rule.code for rule in RULES}


def test_codes_are_distinct() -> None:
    assert [code for code, count in Counter(rule.code for rule in RULES).items() if count > 1] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_rule_looks_at_a_node_or_at_everything(rule: Any) -> None:
    assert (rule.node is None) != (rule.whole is None)
    assert rule.why.endswith(".")
    assert not rule.finds.endswith(".")


@pytest.mark.parametrize("healthy", [single(), of_redis(), cluster(), group()], ids=lambda r: str(r.kind))
def test_health_has_no_finding_and_nothing_unseen(healthy: Reading) -> None:
    result = examine_fully(healthy)
    assert result.findings == ()
    assert result.not_looked_at == ()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.code)
def test_rule_without_what_it_needs_does_not_look(case: Case) -> None:
    """Each need is taken away from every node; the rule must then be silent, and say so."""
    rule = RULE_OF[case.code]
    for need in rule.needs:
        nodes = [node if node.error else _lacking(node, need) for node in case.ill.nodes]
        blind = Reading(
            case.ill.kind,
            nodes,
            state=case.ill.state,
            now_s=case.ill.now_s,
            doctor_version=case.ill.doctor_version,
            deep=True,
        )
        result = examine_fully(blind)
        assert case.code not in {each.code for each in result.findings}, need
        if not (need == "info:role" or case.code in ("link-down", "syncs-delayed")):
            assert (case.code, need) in {(each.code, each.need) for each in result.not_looked_at}


def _lacking(node: NodeReading, need: str) -> NodeReading:
    source, _, name = need.partition(":")
    values = dict(vars(node))
    values.pop("key_count", None)
    values.pop("replica_rows", None)
    if source in ("info", "config"):
        values[source] = {key: value for key, value in values[source].items() if key != name}
    else:
        values[source] = None
    return NodeReading(**values)


def test_most_dangerous_is_told_first() -> None:
    found = examine(
        of_node(
            info={"rdb_last_bgsave_status": "err", "maxmemory": "0", "cmdstat_flushall": "calls=1"},
            config={"tcp-keepalive": "0"},
        )
    )
    assert [each.code for each in found if each.code != "settings-differ"] == [
        "save-failed",
        "no-maxmemory",
        "no-keepalive",
        "flush-called",
    ]
    ranks = [SEVERITIES.index(each.severity) for each in found]
    assert ranks == sorted(ranks)


def test_keys_are_looked_at_in_a_deep_reading_only() -> None:
    deep = next(case.ill for case in CASES if case.code == "big-values")
    shallow = Reading("single", deep.nodes, now_s=deep.now_s, doctor_version=deep.doctor_version)
    assert "big-values" in {each.code for each in examine(deep)}
    assert examine_fully(shallow) == examine_fully(single())


PROGRAMS = {"garrison", "sudo", "echo", "df", "free", "timedatectl"}


def test_command_lines_are_understood_by_our_commands() -> None:
    """Options and subcommands of `garrison cluster` are those that its parser knows."""
    group: Any = typer.main.get_command(cluster_app)
    lines = {line for case in CASES for finding in examine(case.ill) for line in finding.commands}
    asked = [shlex.split(line) for line in lines]
    assert {words[0] for words in asked} <= PROGRAMS
    assert {words[1] for words in asked if words[0] == "garrison"} <= {"cli", "cluster", "node", "sentinel"}
    for words in asked:
        if words[:2] == ["garrison", "cluster"]:
            group.commands[words[2]].make_context(words[2], words[3:])


HOSTILE = "\x1b]0;owned\x07\u202e`reboot`$(reboot)'\"\n;reboot"


def test_hostile_text_reaches_no_terminal_and_no_shell() -> None:
    nodes = [
        well_node(
            HOSTILE,
            info={"rdb_last_bgsave_status": HOSTILE, "slave0": f"ip={HOSTILE},port=1,state=online,lag=99"},
            config={"save": HOSTILE, "bind": HOSTILE, "availability-zone": HOSTILE},
            slow=[SlowEntry(900_000, ("HGETALL", HOSTILE))],
            clients=[{**CLIENT, "addr": HOSTILE, "omem": "999999999", "id": HOSTILE}],
            keys=[SampledKey(HOSTILE, HOSTILE, None, 99_000_000)],
        ),
        well_replica(info={"master_link_status": "down", "master_host": HOSTILE}),
    ]
    found = examine(single(*nodes))
    assert {"save-failed", "lag", "whole-values", "buffer-near-limit", "big-values", "link-down"} <= {
        each.code for each in found
    }
    for finding in found:
        for text in (finding.message, finding.advice, finding.where, *finding.commands, *finding.evidence):
            assert text.isprintable(), text
        for command in finding.commands:
            lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            words = list(lexer)
            if words[0] == "garrison":
                assert ";" not in words
                assert not any(word in ("`reboot`", "$(reboot)") for word in words)


def test_hostile_address_of_an_omission_is_printable() -> None:
    missing = examine_fully(single(well_node(HOSTILE, slow=None))).not_looked_at
    assert missing
    assert all(each.where.isprintable() for each in missing)


TEXT = st.one_of(
    st.sampled_from(["", "0", "-1", "1e400", "nan", "inf", "99999999999999999999", "ok", "up", "yes"]),
    st.text(max_size=12),
)
FIELDS = st.dictionaries(st.sampled_from([*INFO, *CONFIG, "master_link_status", "slave1", "db9"]), TEXT)
ROWS = st.lists(
    st.dictionaries(st.sampled_from([*CLIENT, *SENTINEL_PRIMARY, "slave-priority"]), TEXT), max_size=3
)


@settings(max_examples=30)
@given(info=FIELDS, config=FIELDS, rows=ROWS, kind=st.sampled_from(["cluster", "sentinel", "single"]))
def test_nothing_that_servers_say_breaks_a_rule(
    info: dict[str, str], config: dict[str, str], rows: list[dict[str, str]], kind: Any
) -> None:
    node = well_node(info=dict(info), config=config, clients=rows)
    bare = NodeReading(Address("", 0), info=info, config=config, clients=rows)
    sentinels = [
        SentinelReading(Address("h", 1), info=info, primary=row, replicas=rows, others=rows) for row in rows
    ]
    found = examine(Reading(kind, [node, bare], sentinels=sentinels, primary_name="\x1b", deep=True))
    assert all(each.message.isprintable() for each in found)
