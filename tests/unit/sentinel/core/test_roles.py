"""Servers that claim otherwise: turned back, led back, and not argued with too often."""

from __future__ import annotations

import pytest

from garrison.sentinel.core.effects import ReplyError
from garrison.sentinel.core.instances import Address
from tests.unit.sentinel.core.sentinel_driver import (
    PEERS,
    PRIMARY,
    REPLICAS,
    Driver,
    info,
    info_of_replica,
    run_id,
)

FIRST, SECOND = REPLICAS


def confirmed() -> Driver:
    """A majority names our configuration, of epoch 1."""
    driver = Driver()
    driver.run(9_000)
    for number in (2, 3):
        driver.hello(number, epoch=1, config_epoch=1)
    return driver


def orders(driver: Driver, place: tuple[str, int]) -> int:
    return len(driver.sent_to(place, b"EXEC"))


def claims(driver: Driver) -> None:
    """The first replica calls itself primary, and we have seen it."""
    driver.info[FIRST] = info(run_id=run_id(60))
    for _ in range(150):
        driver.run(100)
        if driver.primary.replicas[Address(*FIRST)].role_reported == "master":
            return
    raise AssertionError("we have not seen it")


def test_claim_that_a_majority_outlasted_is_reverted_soon() -> None:
    driver = confirmed()
    claims(driver)
    driver.run(2_100)
    driver.hello(2, epoch=1, config_epoch=1)
    driver.run(1_500)
    assert "+convert-to-slave" in driver.names()
    assert driver.sent_to(FIRST, b"SLAVEOF") == [(b"SLAVEOF", b"10.0.0.1", b"6379")] * orders(driver, FIRST)


@pytest.mark.parametrize("hello_after_ms", [None, 1_000], ids=["before the claim", "as it was made"])
def test_a_majority_that_spoke_too_early_proves_nothing(hello_after_ms: int | None) -> None:
    """The other Sentinels may have promoted this replica since, and not told us yet."""
    driver = confirmed()
    claims(driver)
    if hello_after_ms is not None:
        driver.run(hello_after_ms)
        driver.hello(2, epoch=1, config_epoch=1)
    driver.run(4_000)
    assert orders(driver, FIRST) == 0


def test_without_a_majority_the_claim_has_to_stand_for_a_while() -> None:
    driver = Driver()
    driver.run(9_000)
    driver.info[FIRST] = info(run_id=run_id(60))
    driver.run(1_500)
    stood_from = driver.now_ms
    while not orders(driver, FIRST):
        driver.run(100)
        assert driver.now_ms - stood_from < 20_000
    assert driver.now_ms - stood_from > 6_000


@pytest.mark.parametrize("reply", [ReplyError("LOADING"), [b"OK"]], ids=["refuses", "does not heed"])
def test_one_that_does_not_heed_is_told_less_and_less_often(reply: object) -> None:
    driver = confirmed()
    driver.answers[b"EXEC"] = lambda place, argv: reply
    driver.info[FIRST] = info(run_id=run_id(60))
    for _ in range(30):
        driver.hello(2, epoch=1, config_epoch=1)
        driver.run(2_000)
    assert 3 <= orders(driver, FIRST) <= 8


def test_a_node_without_a_configuration_file_has_heeded() -> None:
    driver = confirmed()
    driver.answers[b"EXEC"] = lambda place, argv: [b"OK", ReplyError("ERR without a config file"), 0, 0]
    driver.info[FIRST] = info(run_id=run_id(60))
    driver.run(12_000)
    assert orders(driver, FIRST)
    assert not any("refused" in event.text for event in driver.events)


def test_a_replica_of_somebody_else_is_led_back() -> None:
    driver = Driver(failover_timeout_ms=3_000)
    driver.run(1_000)
    driver.info[SECOND] = info_of_replica(61, master_host=FIRST[0])
    driver.run(18_000)
    assert "+fix-slave-config" in driver.names()
    assert driver.sent_to(SECOND, b"SLAVEOF") == [(b"SLAVEOF", b"10.0.0.1", b"6379")] * orders(driver, SECOND)


def test_nobody_is_led_to_a_primary_that_is_none() -> None:
    driver = Driver(quorum=3)
    driver.run(1_000)
    driver.info[PRIMARY] = info_of_replica(50, master_host="10.9.9.9")
    driver.info[FIRST] = info(run_id=run_id(60))
    driver.run(60_000)
    assert orders(driver, FIRST) == 0


def test_a_circle_is_broken_where_the_primary_should_be() -> None:
    driver = Driver()
    for number in (2, 3):
        driver.hello(number)
    driver.answers[b"SENTINEL is-master-down-by-addr"] = lambda place, argv: (
        [1, argv[5], int(argv[4]) if argv[5] != b"*" else 0]
    )
    driver.run(1_000)
    driver.info[PRIMARY] = info_of_replica(50, master_host=FIRST[0])
    for number, place in enumerate(REPLICAS):
        driver.info[place] = info_of_replica(
            60 + number, master_link_status="down", master_link_down_since_seconds=9_999
        )
    driver.run(60_000)
    assert "+convert-to-master" in driver.names()
    assert (b"SLAVEOF", b"NO", b"ONE") in driver.sent_to(PRIMARY, b"SLAVEOF")
    assert PEERS[0] in driver.up


def test_a_primary_that_was_moved_to_a_stranger_is_left_alone() -> None:
    driver = Driver()
    for number in (2, 3):
        driver.hello(number)
    driver.answers[b"SENTINEL is-master-down-by-addr"] = lambda place, argv: (
        [1, argv[5], int(argv[4]) if argv[5] != b"*" else 0]
    )
    driver.run(1_000)
    driver.info[PRIMARY] = info_of_replica(50, master_host="10.9.9.9")
    for number, place in enumerate(REPLICAS):
        driver.info[place] = info_of_replica(60 + number, slave_priority=0)
    driver.run(60_000)
    assert driver.sent_to(PRIMARY, b"SLAVEOF") == []


def test_primary_at_another_address_is_not_sent_itself() -> None:
    driver = confirmed()
    driver.info[PRIMARY] = driver.info[FIRST] = info(run_id=run_id(50), replicas=(SECOND,))
    driver.run(30_000)
    assert list(driver.primary.replicas) == [Address(*SECOND)]
    assert not driver.sent_to(FIRST, b"SLAVEOF")
    assert not any(FIRST[0] in line for line in driver.disk)
