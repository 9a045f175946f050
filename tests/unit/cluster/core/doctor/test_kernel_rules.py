"""The kernel and the clocks: each rule finds what it is for, and is silent just below its limit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from garrison.cluster.core.doctor.examine import examine, examine_fully
from tests.unit.cluster.core.doctor.cases import (
    HOST,
    MB,
    Case,
    assert_case,
    name_of,
    of_node,
    of_redis,
    single,
    well_node,
)

CASES = [
    Case("huge-pages", of_node(host=replace(HOST, thp="always")), of_node(host=replace(HOST, thp="never"))),
    Case(
        "overcommit",
        of_redis(host=replace(HOST, overcommit_memory=0)),
        of_node(host=replace(HOST, overcommit_memory=0)),
        "is 0",
    ),
    Case("somaxconn", of_node(host=replace(HOST, somaxconn=128)), of_node(), "128, below tcp-backlog 511"),
    Case("swapped", of_node(host=replace(HOST, swapped_bytes=9 * MB)), of_node(), "9.0 MB"),
    Case("open-files", of_node(host=replace(HOST, open_files_max=1024)), of_node(), "may open 1024 files"),
    Case(
        "clock-unsynchronised",
        of_node(host=replace(HOST, clock_synchronised=False)),
        of_node(),
    ),
    Case(
        "clock-skew",
        of_node(clock_ahead_ms=3000.0),
        of_node(clock_ahead_ms=3000.0, clock_uncertainty_ms=2600.0),
        "10.0.0.1:6379 is 3.0 s ahead of that of 10.0.0.2:6379",
    ),
    Case("clock-skew", of_node(clock_ahead_ms=-60_000.0), of_node(), severity="error"),
]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_kernel_rules(case: Case) -> None:
    assert_case(case)


def test_node_elsewhere_is_not_looked_at() -> None:
    missing = {each.need for each in examine_fully(of_node(host=None)).not_looked_at}
    assert {"host:thp", "host:somaxconn", "host:clock_synchronised"} <= missing


def test_kernel_is_told_once_for_all_nodes_of_a_host() -> None:
    always = replace(HOST, thp="always")
    nodes = [well_node(port=port, host=always) for port in (1, 2)] + [well_node("10.0.0.3", host=always)]
    found = [each.where for each in examine(single(*nodes)) if each.code == "huge-pages"]
    assert found == ["10.0.0.1:1", "10.0.0.3:6379"]
