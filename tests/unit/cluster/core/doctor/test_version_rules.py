"""Versions: each rule finds what it is for, and is silent without a difference."""

from __future__ import annotations

import doctest

import pytest

from garrison.cluster.core.doctor import version_rules
from tests.unit.cluster.core.doctor.cases import (
    Case,
    assert_case,
    name_of,
    of_node,
    of_redis,
    of_replica,
)

VALKEY = {"garrison_version": None, "valkey_version": "8.1.0", "redis_version": "7.2.4"}
CASES = [
    Case(
        "mixed-versions",
        of_node(info={"garrison_version": "0.2.0"}),
        of_redis(),
        "Garrison: 0.2.0 on 10.0.0.1:6379; 0.1.0 on 10.0.0.2:6379",
    ),
    Case("mixed-makes", of_replica(info=VALKEY), of_node(), "1 of Garrison, 1 of Valkey"),
    Case(
        "older-than-doctor",
        of_node(info={"garrison_version": "0.0.9"}),
        of_node(info={"garrison_version": "0.1.1"}),
        "Garrison 0.0.9",
    ),
    Case(
        "older-than-doctor",
        of_redis(info={"redis_version": "6.2.14"}),
        of_replica(info=VALKEY),
        "Redis 6.2.14",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_version_rules(case: Case) -> None:
    assert_case(case)


def test_examples_hold() -> None:
    assert doctest.testmod(version_rules).failed == 0
