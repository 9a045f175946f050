"""S_DOWN and O_DOWN: silence, claims, pauses of our own, slow servers."""

from __future__ import annotations

import pytest

from garrison.sentinel.core.effects import ReplyError
from tests.unit.sentinel.core.sentinel_driver import PEERS, PRIMARY, STEP_MS, Driver, info, run_id

QUESTION = b"SENTINEL is-master-down-by-addr"


def silent(driver: Driver, place: tuple[str, int] = PRIMARY) -> None:
    driver.answers[b"PING"] = lambda at, argv: None if at == place else b"PONG"


def ms_until(driver: Driver, event: str, limit_ms: int = 30_000) -> int:
    begin_ms = driver.now_ms
    driver.names()
    while event not in driver.names():
        assert driver.now_ms - begin_ms < limit_ms, f"no {event} in {limit_ms} ms"
        driver.run(STEP_MS)
    return driver.now_ms - begin_ms


def test_silence_makes_down_after_down_after() -> None:
    driver = Driver(down_after_ms=2_000)
    driver.run(1_000)
    silent(driver)
    assert 2_000 <= ms_until(driver, "+sdown") <= 2_700


@pytest.mark.parametrize("reply", [b"PONG", ReplyError("LOADING x"), ReplyError("MASTERDOWN x")])
def test_valid_replies(reply: object) -> None:
    driver = Driver()
    driver.answers[b"PING"] = lambda place, argv: reply
    driver.run(5_000)
    assert "+sdown" not in driver.names()


@pytest.mark.parametrize("reply", [b"OK", ReplyError("NOAUTH x"), ReplyError("ERR x"), 1, [b"PONG"]])
def test_other_replies_are_as_good_as_none(reply: object) -> None:
    driver = Driver()
    driver.answers[b"PING"] = lambda place, argv: reply
    driver.run(5_000)
    assert "+sdown" in driver.names()


def test_it_is_up_again_with_its_first_reply() -> None:
    driver = Driver()
    driver.run(1_000)
    driver.kill(PRIMARY)
    driver.run(3_000)
    driver.up.add(PRIMARY)
    assert ms_until(driver, "-sdown") <= 400


def test_a_pause_of_ours_says_nothing_about_others() -> None:
    driver = Driver()
    driver.run(1_000)
    driver.names()
    driver.now_ms += 1_900
    driver.run(1_000)
    assert not {"+sdown", "+tilt"} & set(driver.names())
    driver.now_ms += 2_100
    driver.run(1_000)
    assert driver.names() == ["+tilt"]


def test_in_tilt_nobody_is_told_that_it_is_down() -> None:
    driver = Driver()
    driver.run(1_000)
    driver.kill(PRIMARY)
    driver.run(3_000)
    question = ("IS-MASTER-DOWN-BY-ADDR", PRIMARY[0], str(PRIMARY[1]), "0", "*")
    assert driver.sentinel(*question) == [1, "*", 0]
    driver.now_ms += 5_000
    driver.run(100)
    assert driver.sentinel(*question) == [0, "*", 0]


@pytest.mark.parametrize("jump_ms", [-3_600_000, -1])
def test_a_clock_that_goes_back_does_not_stop_us(jump_ms: int) -> None:
    driver = Driver()
    driver.run(1_000)
    driver.now_ms += jump_ms - STEP_MS
    driver.run(200)
    assert "+tilt" in driver.names()
    assert driver.core.next_deadline_ms() <= driver.now_ms + 100
    driver.run(31_000)
    assert "-tilt" in driver.names()
    silent(driver)
    assert ms_until(driver, "+sdown") < 2_000


def test_a_slow_server_is_given_what_its_round_trips_allow() -> None:
    driver = Driver(down_after_ms=500)
    driver.run(1_000)
    link = driver.primary.link
    link.round_trip_ms, link.round_trip_spread_ms = 100.0, 25.0
    silent(driver)
    assert 700 <= ms_until(driver, "+sdown") <= 1_000


def test_but_no_more_than_twice_down_after() -> None:
    driver = Driver(down_after_ms=500)
    driver.run(1_000)
    driver.primary.link.round_trip_ms = 60_000.0
    silent(driver)
    assert 1_000 <= ms_until(driver, "+sdown") <= 1_400


def test_a_primary_that_calls_itself_replica_for_long() -> None:
    driver = Driver()
    driver.run(1_000)
    driver.info[PRIMARY] = info("slave", master_host="10.9.9.9", master_port=1)
    assert 20_000 < ms_until(driver, "+sdown", 60_000) < 35_000


def test_loading_for_too_long_after_a_restart() -> None:
    driver = Driver(reboot_down_after_ms=3_000)
    driver.run(1_000)
    driver.answers[b"PING"] = lambda place, argv: ReplyError("LOADING x") if place == PRIMARY else b"PONG"
    driver.info[PRIMARY] = info(run_id=run_id(51))
    driver.run(11_000)
    assert driver.primary.is_down or ms_until(driver, "+sdown") <= 4_000
    driver.answers.clear()
    driver.run(1_000)
    assert not driver.primary.is_down


def test_a_quorum_makes_it_odown_and_its_answers_grow_old() -> None:
    driver = Driver(quorum=3)
    driver.hello(2)
    driver.hello(3)
    driver.answers[QUESTION] = lambda place, argv: [1, b"*", 0] if place == PEERS[0] else [0, b"*", 0]
    driver.run(1_000)
    driver.kill(PRIMARY)
    driver.run(2_000)
    assert "+odown" not in driver.names()
    driver.answers[QUESTION] = lambda place, argv: [1, b"*", 0]
    driver.run(2_000)
    assert "+odown" in driver.names()
    driver.kill(PEERS[0])
    driver.run(8_000)
    assert "-odown" in driver.names()


@pytest.mark.parametrize("reply", [None, b"x", [1], [1, b"*"], [b"1", b"*", 0], [1, 2, 3], ReplyError("ERR")])
def test_strange_answers_count_for_nothing(reply: object) -> None:
    driver = Driver()
    driver.hello(2)
    driver.answers[QUESTION] = lambda place, argv: reply
    driver.run(1_000)
    driver.kill(PRIMARY)
    driver.run(3_000)
    assert "+odown" not in driver.names()
