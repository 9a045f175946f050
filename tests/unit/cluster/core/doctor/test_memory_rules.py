"""Memory: each rule finds what it is for, and is silent just below its limit."""

from __future__ import annotations

import pytest

from garrison.cluster.core.doctor.examine import examine
from tests.unit.cluster.core.doctor.cases import (
    GB,
    MB,
    Case,
    assert_case,
    name_of,
    of_node,
    single,
    well_node,
)

CASES = [
    Case(
        "fragmented",
        of_node(info={"mem_fragmentation_ratio": "1.9", "mem_fragmentation_bytes": str(900 * MB)}),
        of_node(info={"mem_fragmentation_ratio": "40", "mem_fragmentation_bytes": str(30 * MB)}),
        "900.0 MB",
    ),
    Case(
        "in-swap",
        of_node(info={"used_memory_rss": str(GB // 2)}),
        of_node(info={"used_memory": str(50 * MB), "used_memory_rss": str(10 * MB)}),
        "512.0 MB",
    ),
    Case(
        "near-maxmemory",
        of_node(info={"used_memory": str(int(3.8 * GB)), "used_memory_rss": str(4 * GB)}),
        of_node(info={"used_memory": str(int(3.5 * GB)), "used_memory_rss": str(4 * GB)}),
        "95% of maxmemory",
    ),
    Case(
        "near-maxmemory",
        of_node(info={"used_memory": str(int(3.95 * GB)), "used_memory_rss": str(4 * GB)}),
        of_node(info={"maxmemory": "0"}),
        "writes are refused",
        severity="error",
    ),
    Case(
        "near-maxmemory",
        of_node(
            info={
                "used_memory": str(4 * GB),
                "maxmemory_policy": "allkeys-lru",
                "used_memory_rss": str(4 * GB),
            }
        ),
        of_node(info={"maxmemory_policy": "allkeys-lru"}),
        "keys are evicted",
        severity="note",
    ),
    Case(
        "evicting",
        of_node(info={"evicted_keys": "100000"}),
        of_node(info={"evicted_keys": "80000"}),
        "1.2 a second",
    ),
    Case("evicted-clients", of_node(info={"evicted_clients": "3"}), of_node(), "3 clients"),
    Case(
        "replica-buffers",
        of_node(info={"mem_clients_slaves": str(200 * MB)}),
        of_node(info={"mem_clients_slaves": str(60 * MB)}),
        "buffers of replicas take 200.0 MB",
    ),
    Case(
        "client-buffers",
        of_node(info={"mem_clients_normal": str(200 * MB)}),
        of_node(info={"mem_clients_normal": str(100 * MB)}),
        "buffers of clients",
    ),
    Case(
        "overhead",
        of_node(info={"used_memory_overhead": str(700 * MB)}),
        of_node(info={"used_memory_overhead": str(400 * MB)}),
        "of 1.0 GB are bookkeeping",
    ),
    Case(
        "machine-full",
        single(*(well_node(port=port, info={"used_memory_rss": str(5 * GB)}) for port in (1, 2, 3))),
        single(*(well_node(port=port, info={"used_memory_rss": str(4 * GB)}) for port in (1, 2, 3))),
        "take 15.0 GB of the machine's 16.0 GB",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_memory_rules(case: Case) -> None:
    assert_case(case)


@pytest.mark.parametrize(
    ("machine_gb", "typed"), [(16, "CONFIG SET maxmemory 6442450944"), (6, "MEMORY STATS")]
)
def test_limit_is_raised_only_where_the_machine_has_room(machine_gb: int, typed: str) -> None:
    memory = {"used_memory": str(int(3.8 * GB)), "total_system_memory": str(machine_gb * GB)}
    (found,) = (each for each in examine(of_node(info=memory)) if each.code == "near-maxmemory")
    assert found.commands[0].endswith(typed)
