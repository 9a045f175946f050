"""Configuration: each rule finds what it is for, and is silent just below its limit."""

from __future__ import annotations

from typing import Any

import pytest

from garrison.cluster.core.doctor.examine import examine
from garrison.cluster.core.doctor.readings import Reading
from garrison.cluster.core.doctor.settings_rules import output_limits
from tests.unit.cluster.core.doctor.cases import (
    Case,
    assert_case,
    cluster,
    name_of,
    of_node,
    of_replica,
    well_node,
)

LIMITS = "normal 0 0 0 slave {} 0 0 pubsub {} 0 60"


def cluster_with(name: str, value: str) -> Reading:
    return cluster(every={"config": {name: value}})


CASES = [
    Case(
        "noeviction-cache",
        of_node(info={"db0": "keys=5000,expires=4900"}),
        of_node(info={"db0": "keys=500,expires=490"}),
        "4900 of 5000 keys expire",
    ),
    Case(
        "nothing-to-evict",
        of_node(info={"maxmemory_policy": "volatile-lfu", "db0": "keys=5000,expires=3"}),
        of_node(info={"maxmemory_policy": "volatile-lfu", "db0": "keys=5000,expires=300"}),
        "only 3 of 5000",
    ),
    Case(
        "node-timeout",
        cluster_with("cluster-node-timeout", "500"),
        cluster_with("cluster-node-timeout", "2000"),
        "500 ms",
    ),
    Case(
        "node-timeout",
        cluster_with("cluster-node-timeout", "300000"),
        cluster_with("cluster-node-timeout", "60000"),
        "a dead primary",
    ),
    Case(
        "full-coverage",
        cluster_with("cluster-require-full-coverage", "yes"),
        cluster_with("cluster-require-full-coverage", "no"),
    ),
    Case(
        "pubsub-unlimited",
        of_node(config={"client-output-buffer-limit": LIMITS.format(0, 0)}),
        of_node(config={"client-output-buffer-limit": LIMITS.format(0, 1)}),
    ),
    Case(
        "replica-limit-low",
        of_node(config={"client-output-buffer-limit": LIMITS.format(1000, 1)}),
        of_node(config={"client-output-buffer-limit": LIMITS.format(0, 1)}),
        "1000 B waiting",
    ),
    Case("never-synced", of_node(config={"appendfsync": "no"}), of_node(config={"appendfsync": "always"})),
    Case(
        "min-replicas-not-met",
        of_node(config={"min-replicas-to-write": "2"}),
        of_replica(config={"min-replicas-to-write": "2"}),
        "is 2 and 1 replica in reach",
    ),
    Case(
        "no-min-replicas",
        of_node(config={"min-replicas-to-write": "0"}),
        cluster(every={"config": {"min-replicas-to-write": "0"}}),
    ),
    Case(
        "replica-writable",
        of_replica(config={"replica-read-only": "no"}),
        of_node(config={"replica-read-only": "no"}),
    ),
    Case("no-keepalive", of_node(config={"tcp-keepalive": "0"}), of_node()),
    Case("slow-log-off", of_node(config={"slowlog-log-slower-than": "-1"}), of_node()),
    Case(
        "writes-without-saves",
        of_node(config={"stop-writes-on-bgsave-error": "no"}),
        of_node(config={"stop-writes-on-bgsave-error": "no", "save": ""}),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_settings_rules(case: Case) -> None:
    assert_case(case)


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("normal 0 0 0 slave 10 5 60", {"normal": (0, 0, 0), "replica": (10, 5, 60)}),
        ("normal 0 0", {}),
        ("replica ten 5 60", {}),
        ("", {}),
    ],
)
def test_output_limits_are_read(text: str, limits: dict[str, Any]) -> None:
    assert output_limits(well_node(config={"client-output-buffer-limit": text})) == limits


def test_policy_that_is_advised_keeps_its_way_of_choosing() -> None:
    changed = of_node(info={"maxmemory_policy": "volatile-lfu", "db0": "keys=5000,expires=0"})
    (found,) = (each for each in examine(changed) if each.code == "nothing-to-evict")
    assert found.commands[0].endswith("CONFIG SET maxmemory-policy allkeys-lfu")
