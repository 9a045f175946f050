"""Settings that should be the same: each rule finds a difference, and is silent without one."""

from __future__ import annotations

import pytest

from garrison.cluster.core.doctor.examine import examine
from garrison.cluster.core.doctor.readings import Reading
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
    Case("no-maxmemory", of_node(info={"maxmemory": "0"}), of_node(), "the machine has 16.0 GB"),
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


def typed_for(reading: Reading, code: str) -> list[str]:
    return [command for each in examine(reading) if each.code == code for command in each.commands]


def test_nodes_of_a_host_share_its_memory() -> None:
    """Six tenths of the machine, for both together."""
    two = single(*(well_node(port=port, info={"maxmemory": "0"}) for port in (1, 2)))
    limits = [each.split()[-1] for each in typed_for(two, "no-maxmemory") if "SET" in each]
    assert limits == [str(int(16 * GB * 0.6 / 2))] * 2


def test_no_limit_below_what_is_used_is_advised() -> None:
    full = {"maxmemory": "0", "used_memory": str(14 * GB)}
    assert "SET" not in " ".join(typed_for(of_node(info=full), "no-maxmemory"))
    promised = {"maxmemory": str(15 * GB), "used_memory": str(14 * GB)}
    assert typed_for(of_node(info=promised), "maxmemory-of-machine") == ["free -h"]
