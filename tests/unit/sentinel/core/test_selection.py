"""Which replica is promoted: each reason_against, and the ranking."""

from __future__ import annotations

import pytest

from garrison.sentinel.core import selection
from garrison.sentinel.core.effects import ReplyError
from garrison.sentinel.core.instances import Address
from tests.unit.sentinel.core.sentinel_driver import PRIMARY, REPLICAS, Driver, info_of_replica

FIRST, SECOND = REPLICAS


def grown(driver: Driver, ms: int = 1_000) -> Driver:
    driver.run(ms)
    assert len(driver.primary.replicas) == 2
    return driver


def objections(driver: Driver) -> dict[tuple[str, int], str]:
    return {
        (v.replica.address.host, v.replica.address.port): v.reason_against
        for v in selection.judge(driver.core.context, driver.primary)
    }


def chosen(driver: Driver) -> Address | None:
    found = selection.choose(driver.core.context, driver.primary)
    return None if found is None else found.address


def test_both_are_fit_and_the_smaller_run_id_decides() -> None:
    driver = grown(Driver())
    assert objections(driver) == {FIRST: "", SECOND: ""}
    assert chosen(driver) == Address(*FIRST)


@pytest.mark.parametrize(
    ("first", "second", "better"),
    [
        ({"slave_priority": 10}, {"slave_priority": 9, "slave_repl_offset": 1}, SECOND),
        ({"slave_repl_offset": 5}, {"slave_repl_offset": 6}, SECOND),
        ({"slave_repl_offset": 6}, {"slave_repl_offset": 6}, FIRST),
        ({"run_id": "", "slave_repl_offset": 5}, {"slave_repl_offset": 5}, SECOND),
        ({"slave_priority": 0}, {"slave_repl_offset": 1}, SECOND),
    ],
)
def test_ranking(first: dict[str, object], second: dict[str, object], better: tuple[str, int]) -> None:
    driver = Driver()
    driver.info[FIRST], driver.info[SECOND] = info_of_replica(60, **first), info_of_replica(61, **second)
    assert chosen(grown(driver)) == Address(*better)


def test_priority_0_is_never_promoted() -> None:
    driver = Driver()
    for number, place in enumerate(REPLICAS):
        driver.info[place] = info_of_replica(60 + number, slave_priority=0)
    grown(driver)
    assert chosen(driver) is None
    assert set(objections(driver).values()) == {"its replica-priority is 0"}


def test_one_that_is_down() -> None:
    driver = grown(Driver())
    driver.kill(FIRST)
    assert objections(driver)[FIRST] == "not connected to it"
    driver.run(2_500)
    assert objections(driver)[FIRST].startswith("it is down itself (no valid reply to PING for")
    assert chosen(driver) == Address(*SECOND)


def test_one_that_answers_ping_late() -> None:
    driver = grown(Driver(down_after_ms=30_000))
    driver.answers[b"PING"] = lambda place, argv: None if place == FIRST else b"PONG"
    driver.run(7_000)
    assert "its last reply to PING is" in objections(driver)[FIRST]


def test_one_that_does_not_answer_info() -> None:
    driver = Driver()
    driver.info[FIRST] = b""
    driver.answers[b"INFO"] = lambda place, argv: None if place == FIRST else driver.info[place]
    grown(driver)
    assert objections(driver)[FIRST] == "it has not answered INFO yet"


def test_one_whose_info_is_old() -> None:
    driver = grown(Driver())
    driver.answers[b"INFO"] = lambda place, argv: ReplyError("ERR") if place == FIRST else driver.info[place]
    driver.run(31_000)
    assert "its last INFO is" in objections(driver)[FIRST]


def test_one_that_was_cut_off_for_long() -> None:
    driver = Driver()
    driver.info[FIRST] = info_of_replica(60, master_link_status="down", master_link_down_since_seconds=11)
    grown(driver)
    assert objections(driver)[FIRST].startswith(
        "it was cut off from its primary for 11000 ms, more than 10000"
    )


def test_the_time_that_the_primary_is_down_is_allowed_for() -> None:
    driver = grown(Driver(quorum=5))
    driver.kill(PRIMARY)
    driver.run(5_000)
    driver.info[FIRST] = info_of_replica(60, master_link_status="down", master_link_down_since_seconds=12)
    driver.run(2_000)
    assert objections(driver)[FIRST] == ""


def test_time_the_primary_spent_as_a_replica_is_allowed_for() -> None:
    """Restarted with an old role it takes no writes: nothing is lost, even where they follow each other."""
    driver = grown(Driver())
    driver.info[PRIMARY] = info_of_replica(
        60,
        run_id="p" * 40,
        uptime_in_seconds=55,
        master_link_status="down",
        master_link_down_since_seconds=55,
    )
    for replica in (FIRST, SECOND):
        driver.info[replica] = info_of_replica(
            60, master_link_status="down", master_link_down_since_seconds=60
        )
    driver.run(12_000)
    assert objections(driver)[FIRST].startswith("it was cut off"), "not down yet"
    driver.run(30_000)
    assert driver.primary.is_down
    assert set(objections(driver).values()) == {""}


def test_one_that_has_never_been_in_sync() -> None:
    driver = Driver()
    driver.info[FIRST] = info_of_replica(60, slave_repl_offset=0)
    grown(driver)
    assert objections(driver)[FIRST] == "it has never been in sync"
