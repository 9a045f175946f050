"""Settings that should be the same: each rule finds a difference, and is silent without one."""

from __future__ import annotations

import pytest

from garrison.cluster.core.doctor.examine import examine
from tests.unit.cluster.core.doctor.cases import (
    GB,
    Case,
    assert_case,
    cluster,
    name_of,
    of_node,
    single,
    well_node,
    well_replica,
)

CASES = [
    Case(
        "settings-differ",
        of_node(config={"maxmemory-policy": "noeviction", "appendfsync": "always"}),
        of_node(config={"save": "3600  1"}),
        "appendfsync is 'always' on 10.0.0.1:6379, 'everysec' on 10.0.0.2:6379",
    ),
    Case(
        "node-timeouts-differ",
        cluster(changes={"b": {"config": {"cluster-node-timeout": "5000"}}}),
        cluster(every={"config": {"cluster-node-timeout": "5000"}}),
        "'5000' on 10.0.0.98:7098",
    ),
    Case(
        "passwords-differ",
        of_node(password_digests=frozenset({"cd" * 32})),
        single(
            well_node(password_digests=frozenset({"cd" * 32})),
            well_replica(password_digests=frozenset({"cd" * 32})),
        ),
        "10.0.0.1:6379 than on 10.0.0.2:6379",
    ),
    Case(
        "maxmemory-of-machine",
        of_node(info={"maxmemory": str(14 * GB)}),
        of_node(info={"maxmemory": str(12 * GB)}),
        "may take 14.0 GB of the machine's 16.0 GB",
    ),
    Case(
        "maxmemory-of-machine",
        single(*(well_node(port=port, info={"maxmemory": str(9 * GB)}) for port in (1, 2))),
        single(*(well_node(port=port, info={"maxmemory": str(6 * GB)}) for port in (1, 2))),
        "18.0 GB",
        severity="error",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_agreement_rules(case: Case) -> None:
    assert_case(case)


def test_rarer_value_is_advised_to_change() -> None:
    differing = cluster(changes={"b": {"config": {"timeout": "60"}}})
    (found,) = (each for each in examine(differing) if each.code == "settings-differ")
    assert found.commands == ("garrison cli -h 10.0.0.98 -p 7098 CONFIG SET timeout 0",)
