"""Persistence: each rule finds what it is for, and is silent just below its limit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.cluster.core.doctor.cases import (
    GB,
    HOST,
    NOW_S,
    Case,
    assert_case,
    name_of,
    of_node,
    of_redis,
)

NO_FILES = {"save": "", "appendonly": "no"}
CASES = [
    Case(
        "restart-empties-replicas",
        of_redis(config=NO_FILES),
        of_node(config=NO_FILES),
        "1 replica empty too",
    ),
    Case("restart-empties-replicas", of_redis(config=NO_FILES), of_redis(config={"save": ""})),
    Case(
        "no-files",
        of_node(config=NO_FILES),
        of_node(config=NO_FILES, info={"maxmemory_policy": "allkeys-lru"}),
        "100000 keys",
    ),
    Case("save-failed", of_node(info={"rdb_last_bgsave_status": "err"}), of_node(), "(err)"),
    Case(
        "save-overdue",
        of_node(info={"rdb_last_save_time": str(int(NOW_S) - 40_000)}),
        of_node(info={"rdb_last_save_time": str(int(NOW_S) - 40_000), "rdb_changes_since_last_save": "0"}),
        "7 changes are not in a snapshot for 11.1 hours",
    ),
    Case("aof-write-failed", of_node(info={"aof_last_write_status": "err"}), of_node()),
    Case("aof-rewrite-failed", of_node(info={"aof_last_bgrewrite_status": "err"}), of_node()),
    Case(
        "syncs-delayed",
        of_node(info={"aof_delayed_fsync": "480"}),
        of_node(info={"aof_delayed_fsync": "200"}),
        "20 an hour",
    ),
    Case(
        "aof-grown",
        of_node(info={"aof_current_size": str(5 * GB), "aof_base_size": str(GB)}),
        of_node(info={"aof_current_size": str(3 * GB), "aof_base_size": str(GB)}),
        "has grown to 5.0 GB from 1.0 GB",
    ),
    Case(
        "slow-fork",
        of_node(info={"latest_fork_usec": "900000"}),
        of_node(info={"latest_fork_usec": "90000"}),
        "900 ms",
    ),
    Case(
        "disk-full",
        of_node(host=replace(HOST, disk_free_fraction=0.05)),
        of_node(host=replace(HOST, disk_free_fraction=0.05), config=NO_FILES),
        "(5%)",
    ),
    Case("disk-full", of_node(host=replace(HOST, disk_free_bytes=GB // 2)), of_node(), "512.0 MB left"),
]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_persistence_rules(case: Case) -> None:
    assert_case(case)
