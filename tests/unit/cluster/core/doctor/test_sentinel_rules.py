"""Sentinels: each rule finds what it is for, and is silent just below its limit."""

from __future__ import annotations

import pytest

from garrison.cluster.core.doctor.readings import SentinelReading
from garrison.cluster.core.topology import Address
from tests.unit.cluster.core.doctor.cases import (
    SENTINEL_REPLICA,
    Case,
    assert_case,
    group,
    name_of,
    sentinel,
    sentinels_with,
)

SILENT = SentinelReading(Address("10.0.1.4", 26379), error="no answer in time")
GONE = {"ip": "10.0.1.9", "port": "26379", "flags": "s_down,sentinel"}
THERE = {"ip": "10.0.1.9", "port": "26379", "flags": "sentinel"}
CASES = [
    Case("sentinel-silent", group(sentinel(1), sentinel(2), SILENT), group(), "no answer in time"),
    Case("few-sentinels", sentinels_with({}, 2), sentinels_with({}, 3), "2 Sentinels watch orders"),
    Case("even-sentinels", sentinels_with({}, 4), sentinels_with({}, 5), "than 3"),
    Case(
        "quorum-above-majority",
        sentinels_with({"quorum": "3"}),
        sentinels_with({"quorum": "3"}, 5),
        "3 of 3 Sentinels, above the majority of 2",
    ),
    Case("quorum-out-of-reach", sentinels_with({"quorum": "4"}), sentinels_with({"quorum": "3"}), "is 4"),
    Case("quorum-of-one", sentinels_with({"quorum": "1"}), sentinels_with({"quorum": "1"}, 1), "one of 3"),
    Case(
        "sentinels-on-one-host",
        group(sentinel(1, host="10.0.0.1"), sentinel(2, host="10.0.0.1"), sentinel(3)),
        group(),
        "2 of 3 Sentinels are on one host, 10.0.0.1",
    ),
    Case(
        "sentinel-settings-differ",
        group(sentinel(1, primary={"down-after-milliseconds": "30000"}), sentinel(2), sentinel(3)),
        group(),
        "30000 on 10.0.1.1:26379",
    ),
    Case(
        "stale-sentinels",
        group(sentinel(1, others=[GONE]), sentinel(2), sentinel(3)),
        group(sentinel(1, others=[THERE]), sentinel(2), sentinel(3)),
        "it counts 3 Sentinels, of which 10.0.1.9:26379 is gone",
    ),
    Case(
        "sentinels-disagree",
        group(sentinel(1, primary={"ip": "10.0.0.2"}), sentinel(2), sentinel(3)),
        group(),
        "10.0.1.1:26379 names 10.0.0.2:6379",
    ),
    Case("primary-down", sentinels_with({"flags": "master,s_down"}), group(), "orders is down"),
    Case("tilt", group(sentinel(1, info={"sentinel_tilt": "1"}), sentinel(2), sentinel(3)), group()),
    Case(
        "nobody-to-promote",
        group(*(sentinel(n, replicas=[{**SENTINEL_REPLICA, "slave-priority": "0"}]) for n in (1, 2, 3))),
        group(),
        "of 1 replica none",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_sentinel_rules(case: Case) -> None:
    assert_case(case)
