"""What was read is given as figures only where it is figures."""

from __future__ import annotations

import pytest

from garrison.cluster.core.doctor.readings import (
    HostReading,
    NodeReading,
    Reading,
    as_number,
    host_of,
    pairs_in,
)
from garrison.cluster.core.topology import Address
from tests.unit.cluster.core.doctor.cases import single, well_node


@pytest.mark.parametrize(
    ("text", "number"),
    [("12", 12.0), ("1.5", 1.5), ("", None), (None, None), ("many", None), ("nan", None), ("inf", None)],
)
def test_number_is_none_unless_it_is_one(text: str | None, number: float | None) -> None:
    assert as_number(text) == number


def test_pairs_without_an_equals_sign_are_passed_over() -> None:
    assert pairs_in("calls=1,usec,p99=3") == {"calls": "1", "p99": "3"}


def test_keys_of_all_databases_are_counted() -> None:
    node = well_node(info={"db0": "keys=5,expires=2", "db3": "keys=7,expires=1", "dbx": "keys=99"})
    assert node.key_count == (12, 3)


@pytest.mark.parametrize(
    ("need", "there"),
    [
        ("info:role", True),
        ("info:nothing", False),
        ("config:save", True),
        ("config:nothing", False),
        ("host:thp", False),
        ("clients", True),
        ("slow", False),
    ],
)
def test_needs_are_met_by_what_was_read(need: str, there: bool) -> None:
    node = NodeReading(
        Address("h", 1), info={"role": "master"}, config={"save": ""}, clients=[], host=HostReading()
    )
    assert node.has(need) is there


def test_node_without_config_meets_no_need_of_settings() -> None:
    assert not NodeReading(Address("h", 1)).has("config:save")


def test_names_of_this_machine_are_one_host() -> None:
    names = ("localhost", "127.0.0.1", "127.0.0.53", "::1")
    assert {host_of(Address(name, 1)) for name in names} == {"127.0.0.1"}
    assert host_of(Address("10.0.0.1", 1)) == "10.0.0.1"


def test_entry_is_a_node_that_answers() -> None:
    silent = NodeReading(Address("h", 1), error="gone")
    assert single(silent, well_node()).entry == "10.0.0.1:6379"
    assert single(silent).entry == "h:1"
    assert Reading("single").entry == ""
