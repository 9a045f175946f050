"""Commands: each rule finds what it is for, and is silent just below its limit."""

from __future__ import annotations

import pytest

from garrison.cluster.core.doctor.readings import SlowEntry
from tests.unit.cluster.core.doctor.cases import Case, assert_case, name_of, of_node


def row(calls: int, usec: int = 0, failed: int = 0) -> str:
    return f"calls={calls},usec={usec},usec_per_call=1.0,rejected_calls=0,failed_calls={failed}"


def slow(duration_ms: int, *words: str) -> list[SlowEntry]:
    return [SlowEntry(duration_ms * 1000, words)]


CASES = [
    Case(
        "keys-called",
        of_node(info={"cmdstat_keys": row(4, 8_000_000)}, slow=slow(2000, "KEYS", "*")),
        of_node(info={"cmdstat_scan": row(4, 8_000_000)}, slow=slow(2000, "KEYS", "*")),
        "4 times, 2000.0 ms each, the longest 2000 ms",
    ),
    Case("keys-called", of_node(info={"cmdstat_keys": row(4, 40)}), of_node(), severity="note"),
    Case("flush-called", of_node(info={"cmdstat_flushall": row(1)}), of_node(), "was called 1 time"),
    Case(
        "slow-commands",
        of_node(slow=[*slow(300, "EVALSHA", "ab"), *slow(150, "evalsha", "cd")]),
        of_node(slow=slow(90, "EVALSHA", "ab")),
        "EVALSHA 2 times, up to 300 ms",
    ),
    Case(
        "whole-values",
        of_node(slow=slow(70, "HGETALL", "cart:7")),
        of_node(slow=slow(70, "HGET", "cart:7", "a")),
        "'cart:7', took 70 ms",
    ),
    Case(
        "high-p99",
        of_node(info={"cmdstat_zadd": row(500), "latency_percentiles_usec_zadd": "p50=1,p99=20000,p99.9=3"}),
        of_node(info={"cmdstat_blpop": row(500), "latency_percentiles_usec_blpop": "p50=1,p99=20000"}),
        "ZADD 20 ms",
    ),
    Case(
        "failing-commands",
        of_node(info={"cmdstat_incr": row(800, failed=200)}),
        of_node(info={"cmdstat_incr": row(9000, failed=200)}),
        "200 times in 1000",
    ),
    Case(
        "refused-writes",
        of_node(info={"errorstat_OOM": "count=12"}),
        of_node(info={"errorstat_WRONGTYPE": "count=12"}),
        "12 commands were answered with OOM",
    ),
    Case(
        "refused-logins",
        of_node(info={"acl_access_denied_auth": "500"}),
        of_node(info={"acl_access_denied_auth": "50"}),
        "500 logins",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_command_rules(case: Case) -> None:
    assert_case(case)
