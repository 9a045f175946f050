"""Votes: one per primary and epoch, saved before it is said, and counted once."""

from __future__ import annotations

from garrison.base.reply import Error
from garrison.sentinel.core.settings import Monitor, SentinelSettings
from tests.unit.sentinel.core.sentinel_driver import PEERS, PRIMARY, Driver, run_id

A, B = run_id(10), run_id(11)
HOST, PORT = PRIMARY[0], str(PRIMARY[1])


def asked(driver: Driver, epoch: int, candidate: str, host: str = HOST) -> object:
    return driver.sentinel("IS-MASTER-DOWN-BY-ADDR", host, PORT, str(epoch), candidate)


def two_primaries() -> Driver:
    monitors = [
        Monitor(name, host, 6379, 2, 1_000, 10_000) for name, host in (("g", HOST), ("h", "10.0.9.1"))
    ]
    return Driver(SentinelSettings(my_id=run_id(1), monitors=monitors))


def test_the_first_come_gets_it() -> None:
    driver = Driver()
    assert asked(driver, 3, A) == [0, A, 3]
    assert asked(driver, 3, B) == [0, A, 3]
    assert asked(driver, 2, B) == [0, A, 3]
    assert asked(driver, 4, B) == [0, B, 4]


def test_who_only_asks_gets_no_vote() -> None:
    driver = Driver()
    assert asked(driver, 3, "*") == [0, "*", 0]
    assert driver.core.context.epoch == 0


def test_the_vote_is_saved_in_the_step_that_says_it() -> None:
    driver = Driver()
    asked(driver, 3, A)
    step = next(effects for effects in driver.effects if effects.replies)
    assert step.persist is not None
    assert {"sentinel current-epoch 3", "sentinel leader-epoch g 3"} <= set(step.persist)


def test_after_a_restart_no_second_vote_is_given() -> None:
    monitor = Monitor("g", *PRIMARY, 2, 1_000, 10_000, leader_epoch=3)
    driver = Driver(SentinelSettings(my_id=run_id(1), current_epoch=3, monitors=[monitor]))
    assert asked(driver, 3, B) == [0, "*", 3]
    assert asked(driver, 4, B) == [0, B, 4]


def test_an_election_of_another_primary_takes_no_vote_away() -> None:
    driver = two_primaries()
    assert asked(driver, 7, A) == [0, A, 7]
    assert asked(driver, 5, B, "10.0.9.1") == [0, B, 5]
    assert driver.core.context.epoch == 7


def test_no_vote_for_an_epoch_that_has_its_configuration() -> None:
    driver = Driver()
    driver.hello(2, epoch=5, names=PRIMARY, config_epoch=5)
    assert asked(driver, 5, A) == [0, "*", 0]
    assert asked(driver, 6, A) == [0, A, 6]


def test_a_primary_that_nobody_watches() -> None:
    assert asked(Driver(), 3, A, "10.9.9.9") == [0, "*", 0]


def test_what_is_no_question() -> None:
    driver = Driver()
    for epoch, candidate in (("x", A), ("-1", A), (str(2**63), A), ("1", "me")):
        assert isinstance(driver.sentinel("IS-MASTER-DOWN-BY-ADDR", HOST, PORT, epoch, candidate), Error)


def test_after_monitor_an_older_promise_is_not_given_again() -> None:
    driver = Driver()
    asked(driver, 3, A)
    driver.sentinel("REMOVE", "g")
    driver.sentinel("MONITOR", "g", HOST, PORT, "2")
    assert asked(driver, 3, B) == [0, "*", 3]


def test_a_majority_and_the_quorum_elect() -> None:
    driver = Driver(quorum=2)
    driver.hello(2)
    driver.hello(3)
    driver.answers[b"SENTINEL is-master-down-by-addr"] = lambda place, argv: (
        [1, argv[5], int(argv[4])] if place == PEERS[0] else [1, A.encode(), int(argv[4])]
    )
    driver.run(500)
    driver.kill(PRIMARY)
    driver.run(1_500)
    assert {"+odown", "+elected-leader", "+selected-slave"} <= set(driver.names())


def test_one_vote_of_five_elects_nobody_and_a_new_epoch_is_tried() -> None:
    driver = Driver(quorum=1)
    driver.hello(2)
    driver.hello(3)
    driver.answers[b"SENTINEL is-master-down-by-addr"] = lambda place, argv: [1, A.encode(), int(argv[4])]
    driver.run(500)
    driver.kill(PRIMARY)
    driver.run(5_000)
    names = driver.names()
    assert names.count("-failover-abort-not-elected") >= 2
    assert "+elected-leader" not in names


def test_the_epoch_that_is_asked_for_is_the_one_that_we_run_in() -> None:
    driver = Driver(quorum=1)
    driver.hello(2)
    driver.hello(3)
    driver.answers[b"SENTINEL is-master-down-by-addr"] = lambda place, argv: [1, b"*", 0]
    driver.run(500)
    driver.kill(PRIMARY)
    driver.run(1_500)
    driver.hello(2, epoch=40)
    driver.sent.clear()
    driver.run(1_000)
    asked_epochs = {argv[4] for argv in driver.sent_to(PEERS[0], b"SENTINEL") if argv[1] != b"MYID"}
    assert asked_epochs == {b"1"}
