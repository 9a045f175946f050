"""Keys: each rule finds what it is for in a sample, and is silent just below its limit."""

from __future__ import annotations

import pytest

from garrison.cluster.core.doctor.examine import examine_fully
from garrison.cluster.core.doctor.key_rules import pattern_of
from tests.unit.cluster.core.doctor.cases import MB, Case, assert_case, keys, name_of, of_node, of_replica

CASES = [
    Case(
        "without-ttl",
        of_node(keys=keys(200) + keys(60, "user:9{}", ttl_ms=None)),
        of_node(keys=keys(200) + keys(60, "page:{}", ttl_ms=None)),
        "60 of 260 sampled keys 'user:*' never expire",
    ),
    Case(
        "big-values",
        of_node(keys=keys(1, "cart:{}", type="hash", bytes=8 * MB)),
        of_node(keys=keys(1, "cart:{}", type="hash", bytes=4 * MB)),
        "the hash 'cart:0' takes 8.0 MB",
    ),
    Case(
        "many-small-strings",
        of_node(keys=keys(200) + keys(100, "flag:{}", ttl_ms=None)),
        of_node(keys=keys(200) + keys(70, "flag:{}", ttl_ms=None)),
        "100 of 300 sampled keys are small strings 'flag:*'",
    ),
    Case("long-keys", of_node(keys=keys(200, "k" * 250 + "{}")), of_node(keys=keys(200, "k" * 150 + "{}"))),
    Case(
        "hot-keys",
        of_node(keys=keys(3, "top:{}", frequency=240)),
        of_node(keys=keys(3, "top:{}", frequency=190)),
        "3 sampled keys 'top:*'",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_key_rules(case: Case) -> None:
    assert_case(case)


@pytest.mark.parametrize(
    ("key", "pattern"),
    [
        ("user:1042:cart", "user:*:cart"),
        ("session:3fa85f64-5717-4562-b3fc-2c963f66afa6", "session:*"),
        ("page:0123456789abcdef0123", "page:*"),
        ("plain", "plain"),
    ],
)
def test_pattern_has_stars_for_what_varies(key: str, pattern: str) -> None:
    assert pattern_of(key) == pattern


def test_sample_that_was_refused_is_not_looked_at() -> None:
    codes = {(each.code, each.where) for each in examine_fully(of_node(keys=None)).not_looked_at}
    assert {(case.code, "10.0.0.1:6379") for case in CASES} == codes
    assert examine_fully(of_replica(keys=None)).not_looked_at == (), "replicas are not sampled"
