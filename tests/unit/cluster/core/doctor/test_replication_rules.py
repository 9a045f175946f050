"""Replication: each rule finds what it is for, and is silent just below its limit."""

from __future__ import annotations

import pytest

from tests.unit.cluster.core.doctor.cases import MB, Case, assert_case, name_of, of_node, of_replica

DOWN = {"master_link_status": "down", "master_link_down_since_seconds": "42"}
SYNCING = {**DOWN, "master_sync_in_progress": "1"}
ROW = "ip=10.0.0.2,port=6379,state={},offset={},lag={}"
CASES = [
    Case("link-down", of_replica(info=DOWN), of_replica(), "10.0.0.1:6379 is down since 42 s"),
    Case("link-down", of_replica(info=SYNCING), of_replica(), "a full sync is under way", severity="warning"),
    Case(
        "lag",
        of_node(info={"slave0": ROW.format("online", 1000, 30)}),
        of_node(info={"slave0": ROW.format("wait_bgsave", 0, 30)}),
        "last heard 30 s ago",
    ),
    Case(
        "lag",
        of_node(info={"master_repl_offset": str(90 * MB)}),
        of_node(info={"master_repl_offset": str(30 * MB)}),
        "is 90.0 MB behind",
        severity="error",
    ),
    Case(
        "backlog-small",
        of_node(info={"instantaneous_output_repl_kbps": "4096"}),
        of_node(info={"instantaneous_output_repl_kbps": "1024"}),
        "holds 16 s",
    ),
    Case(
        "full-syncs",
        of_node(info={"sync_full": "48"}),
        of_node(info={"sync_full": "20"}),
        "2.0 an hour",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_replication_rules(case: Case) -> None:
    assert_case(case)
