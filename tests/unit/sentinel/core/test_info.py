"""INFO: what is read of it, and that nothing in it is trusted to be there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.sentinel.core.info import REPLICAS_MAX, Report, read
from garrison.sentinel.core.instances import UNKNOWN, Address
from tests.unit.sentinel.core.sentinel_driver import REPLICAS, info, info_of_replica, run_id

FIELDS = (
    "run_id", "role", "master_host", "master_port", "master_link_status", "slave_priority", "slave0", "db0",
    "master_link_down_since_seconds", "slave_repl_offset", "master_repl_offset", "replica_announced",
    "uptime_in_seconds", "loading", "master_replid", "master_sync_refused",
)  # fmt: skip


def test_a_primary() -> None:
    report = read(info(run_id=run_id(5), master_repl_offset=7, replicas=REPLICAS, db0="keys=3,expires=0"))
    assert (report.role, report.run_id, report.offset, report.keys) == ("master", run_id(5), 7, 3)
    assert report.replicas == [Address(*place) for place in REPLICAS]


def test_a_replica() -> None:
    text = info_of_replica(6, slave_repl_offset=9, slave_priority=10, replica_announced=0)
    report = read(text)
    assert (report.role, report.offset, report.priority, report.announced) == ("slave", 9, 10, False)
    assert (report.follows, report.link_up, report.link_down_ms) == (Address("10.0.0.1", 6379), True, 0)


def test_a_replica_without_its_primary() -> None:
    report = read(info("slave", master_link_status="down", master_link_down_since_seconds=4))
    assert (report.link_up, report.link_down_ms, report.follows) == (False, 4_000, Address("?", 0))


@pytest.mark.parametrize(
    ("text", "refuses"),
    [
        (f"younger-history,replid={'a' * 40},offset=1,keys=0", "a" * 40),
        ("younger-history", "?"),
        ("younger-history,replid=,keys=0", "?"),
        ("another-reason,replid=aa", ""),
        ("", ""),
    ],
)
def test_what_a_replica_refuses(text: str, refuses: str) -> None:
    report = read(info("slave", master_link_status="down", master_sync_refused=text))
    assert report.refuses == refuses


def test_the_life_of_a_process() -> None:
    report = read(info(uptime_in_seconds=7, loading=1, master_replid="c" * 40))
    assert (report.uptime_ms, report.loading, report.history) == (7_000, True, "c" * 40)
    assert not read(info(loading=0)).loading


def test_nothing_is_there() -> None:
    assert read(b"") == Report()
    assert read(b"role:king\r\n").role == ""
    assert read(b"").follows == UNKNOWN


def test_numbers_that_are_none() -> None:
    report = read(info("slave", slave_priority="high", slave_repl_offset="9" * 5_000, master_port=""))
    assert (report.priority, report.offset, report.follows.port) == (100, 0, 0)


def test_keys_of_absurd_length() -> None:
    assert read(b"db0:keys=" + b"9" * 10_000).keys >= 0


def test_a_long_list_of_replicas_is_cut() -> None:
    places = tuple(("10.0.0.9", port) for port in range(1, REPLICAS_MAX + 500))
    assert len(read(info(replicas=places)).replicas) == REPLICAS_MAX


def test_replicas_at_impossible_ports() -> None:
    assert not read(
        b"role:master\r\nslave0:ip=a,port=0\r\nslave1:ip=,port=1\r\nslave2:port=70000,ip=b"
    ).replicas


def test_replicas_at_hosts_that_would_spoil_our_file() -> None:
    lines = (b"role:master", b"slave0:ip=1 2,port=1", b'slave1:ip=",port=1', b"slave2:ip=a\x0bb,port=1")
    assert not read(b"\r\n".join(lines)).replicas


@given(st.binary(max_size=500))
def test_garbage_is_no_error(text: bytes) -> None:
    read(text)


@given(st.lists(st.tuples(st.sampled_from(FIELDS), st.binary(max_size=40))))
def test_garbage_in_fields_is_no_error(fields: list[tuple[str, bytes]]) -> None:
    read(b"\r\n".join(name.encode() + b":" + value for name, value in fields))
