"""The failover of a primary: when it begins, what carries it on, and what ends it."""

from __future__ import annotations

from typing import Any

from garrison.base.reply import OK
from garrison.sentinel.core.effects import Level, ReplyError
from garrison.sentinel.core.instances import Address, State
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
QUESTION = b"SENTINEL is-master-down-by-addr"


def with_two_peers(**monitor: Any) -> Driver:
    """Peers that agree to everything."""
    driver = Driver(**monitor)
    driver.hello(2)
    driver.hello(3)
    driver.answers[QUESTION] = lambda place, argv: [1, argv[5], int(argv[4]) if argv[5] != b"*" else 0]
    driver.run(1_000)
    return driver


def obey(driver: Driver) -> None:
    """Servers that do as they are told in the transaction, from now on."""

    def obey_order(place: tuple[str, int], argv: tuple[bytes, ...]) -> bytes:
        if argv[1:] == (b"NO", b"ONE"):
            driver.info[place] = info(run_id=run_id(60))
        else:
            driver.info[place] = info_of_replica(61, master_host=argv[1].decode())
        return b"QUEUED"

    driver.answers[b"SLAVEOF"] = obey_order


def test_from_the_failure_to_the_switch() -> None:
    driver = with_two_peers()
    obey(driver)
    driver.names()
    driver.kill(PRIMARY)
    driver.run(3_000)
    names = [name for name in driver.names() if name and not name.startswith(("+vote", "-role", "+role"))]
    assert names == [
        "-cmd-link", "-pubsub-link", "+sdown", "+odown", "+new-epoch", "+try-failover", "+elected-leader",
        "+failover-state-select-slave", "+selected-slave", "+failover-state-send-slaveof-noone",
        "+failover-state-wait-promotion", "+promoted-slave", "+failover-state-reconf-slaves",
        "+slave-reconf-sent", "+slave-reconf-inprog", "+slave-reconf-done", "+failover-end", "+switch-master",
        "+slave", "+slave", "+sdown",
    ]  # fmt: skip
    assert (driver.primary.address, driver.primary.config_epoch) == (Address(*FIRST), 1)


def test_a_role_of_earlier_is_no_confirmation() -> None:
    driver = with_two_peers()
    driver.info[FIRST] = info(run_id=run_id(60), master_repl_offset=500)
    driver.answers[b"EXEC"] = lambda place, argv: None
    driver.kill(PRIMARY)
    driver.run(3_000)
    assert driver.primary.attempt.state is State.WAIT_PROMOTION
    assert driver.primary.attempt.promoted is not None
    assert driver.primary.config_epoch == 0


def test_a_replica_that_reconnects_is_told_again() -> None:
    driver = with_two_peers()
    driver.answers[b"EXEC"] = lambda place, argv: None
    driver.kill(PRIMARY)
    driver.run(2_000)
    del driver.answers[b"EXEC"]
    obey(driver)
    driver.kill(FIRST)
    driver.up.add(FIRST)
    driver.run(3_000)
    assert len(driver.sent_to(FIRST, b"EXEC")) == 2
    assert driver.primary.address == Address(*FIRST)


def test_a_refusal_ends_the_attempt_at_once() -> None:
    driver = with_two_peers()
    refuse = lambda place, argv: [ReplyError("NOPERM")] if place == FIRST else [b"OK"]  # noqa: E731
    driver.answers[b"EXEC"] = refuse
    driver.kill(PRIMARY)
    driver.run(1_500)
    assert "-failover-abort-slave-timeout" in driver.names()
    assert "refused: NOPERM" in driver.primary.attempt.ended


def test_a_newer_configuration_is_not_overwritten() -> None:
    driver = with_two_peers()
    driver.answers[b"EXEC"] = lambda place, argv: None
    driver.kill(PRIMARY)
    driver.run(2_000)
    driver.hello(2, epoch=9, names=PRIMARY, config_epoch=9)
    driver.primary.attempt.is_obeyed = True
    driver.info[FIRST] = info(run_id=run_id(60))
    driver.names()
    driver.run(400)
    assert (driver.primary.address, driver.primary.config_epoch) == (Address(*PRIMARY), 9)
    assert "-failover-abort-slave-timeout" in driver.names()
    assert "epoch 9 is newer" in driver.primary.attempt.ended


def test_an_election_ends_when_the_primary_is_back() -> None:
    driver = with_two_peers()
    driver.answers[QUESTION] = lambda place, argv: [1, b"*", 0]
    driver.kill(PRIMARY)
    driver.run(2_000)
    assert driver.primary.attempt.state is State.WAIT_START
    driver.up.add(PRIMARY)
    driver.run(1_500)
    assert driver.state is State.NONE
    assert "the primary is back" in driver.primary.attempt.ended


def test_who_gives_up_for_another_leaves_it_to_him() -> None:
    driver = with_two_peers()
    driver.answers[QUESTION] = lambda place, argv: [1, b"*", 0]
    driver.kill(PRIMARY)
    driver.run(2_000)
    assert driver.primary.attempt.state is State.WAIT_START
    driver.sentinel("IS-MASTER-DOWN-BY-ADDR", PRIMARY[0], str(PRIMARY[1]), "2", run_id(2))
    driver.answers[QUESTION] = lambda place, argv: [1, run_id(2).encode(), 2]
    driver.names()
    driver.run(4_000)
    names = driver.names()
    assert "-failover-abort-not-elected" in names
    assert "+try-failover" not in names


def test_votes_after_a_pause_of_ours_are_too_late() -> None:
    driver = with_two_peers()
    driver.answers[QUESTION] = lambda place, argv: [1, b"*", 0]
    driver.kill(PRIMARY)
    driver.run(2_000)
    driver.core.context.tunables.tilt_trigger = 60_000
    epoch = driver.primary.attempt.epoch
    for number in (2, 3):
        peer = driver.primary.peers[run_id(number)]
        peer.vote, peer.vote_epoch = run_id(1), epoch
    driver.now_ms += 11_000
    driver.core.tick(driver.now_ms)
    driver.carry_out()
    assert "+elected-leader" not in driver.names()


def test_who_knows_no_replica_leaves_the_others_a_second() -> None:
    driver = with_two_peers()
    for number, place in enumerate(REPLICAS):
        driver.info[place] = info_of_replica(60 + number, slave_priority=0)
    driver.run(11_000)
    driver.kill(PRIMARY)
    driver.run(1_800)
    assert driver.primary.is_odown
    assert "+try-failover" not in driver.names()
    driver.run(1_000)
    assert {"+try-failover", "-failover-abort-no-good-slave"} <= set(driver.names())


def test_a_leader_that_is_gone_is_not_waited_for() -> None:
    driver = with_two_peers(failover_timeout_ms=180_000)
    driver.sentinel("IS-MASTER-DOWN-BY-ADDR", PRIMARY[0], str(PRIMARY[1]), "1", run_id(2))
    driver.kill(PRIMARY)
    driver.kill(PEERS[0])
    driver.run(4_000)
    assert "+try-failover" in driver.names()


def test_a_leader_that_does_nothing_is_not_waited_for_long() -> None:
    driver = with_two_peers(failover_timeout_ms=180_000)
    driver.kill(PRIMARY)
    driver.sentinel("IS-MASTER-DOWN-BY-ADDR", PRIMARY[0], str(PRIMARY[1]), "1", run_id(2))
    driver.run(9_000)
    assert "+try-failover" not in driver.names()
    driver.run(5_000)
    assert "+try-failover" in driver.names()


def test_the_newest_offset_decides() -> None:
    driver = with_two_peers(down_after_ms=5_000)
    driver.kill(PRIMARY)
    driver.run(3_000)
    driver.info[SECOND] = info_of_replica(61, slave_repl_offset=101)
    driver.run(3_000)
    assert driver.primary.attempt.promoted is driver.primary.replicas[Address(*SECOND)]


def test_after_a_coordinated_failover_a_restart_does_not_undo_it() -> None:
    driver = with_two_peers()
    driver.sentinel("FAILOVER", "g", "COORDINATED")
    driver.run(100)
    driver.info[FIRST] = info(run_id=run_id(60))
    driver.info[PRIMARY] = info_of_replica(50, master_host=FIRST[0])
    driver.run(300)
    for place in (PRIMARY, FIRST):
        assert (b"CONFIG", b"REWRITE") in driver.sent_to(place, b"CONFIG")
    assert driver.sent_to(PRIMARY, b"FAILOVER") == [
        (b"FAILOVER", b"TO", b"10.0.0.2", b"6379", b"TIMEOUT", b"5000")
    ]


def test_a_coordinated_failover_in_vain_is_called_off() -> None:
    driver = with_two_peers()
    driver.sentinel("FAILOVER", "g", "COORDINATED")
    driver.run(7_000)
    assert driver.sent_to(PRIMARY, b"FAILOVER")[-1] == (b"FAILOVER", b"ABORT")
    assert driver.primary.attempt.state is State.NONE


def test_a_switch_leaves_nothing_of_the_former_servers() -> None:
    driver = with_two_peers()
    obey(driver)
    driver.kill(PRIMARY)
    driver.run(3_000)
    connected = {id(link) for _, link in driver.core.context._connections.values()}
    known = {id(member.link) for member in driver.core.context.all_instances()}
    assert connected <= known


def test_forced_failover_with_more_votes_wins_epoch() -> None:
    driver = with_two_peers()
    driver.answers[QUESTION] = lambda place, argv: [0, run_id(3).encode(), int(argv[4])]
    assert driver.sentinel("FAILOVER", "g") == OK
    driver.run(2_000)
    assert "-failover-abort-not-elected" in driver.names()
    assert not driver.sent_to(FIRST, b"SLAVEOF")


def test_a_forced_failover_goes_on_where_nobody_answers() -> None:
    driver = with_two_peers()
    for place in PEERS:
        driver.kill(place)
    assert driver.sentinel("FAILOVER", "g") == OK
    driver.run(2_000)
    assert driver.sent_to(FIRST, b"SLAVEOF")


def test_the_notification_script_hears_of_every_warning() -> None:
    driver = with_two_peers(notification_script="/notify", client_reconfig_script="/reconfig")
    obey(driver)
    driver.effects.clear()
    driver.kill(PRIMARY)
    driver.run(3_000)
    scripts = [script for step in driver.effects for script in step.scripts]
    told = [script.arguments for script in scripts if script.path == "/notify"]
    assert told == [
        (event.name, event.text)
        for step in driver.effects
        for event in step.events
        if event.name and event.level is Level.WARNING
    ]
    assert ("+switch-master", "g 10.0.0.1 6379 10.0.0.2 6379") in told
    assert [script.arguments for script in scripts if script.path == "/reconfig"] == [
        ("g", "leader", "start", "10.0.0.1", "6379", "10.0.0.2", "6379")
    ]


def test_decision_before_a_long_pause_is_not_sent_after_it() -> None:
    """Another Sentinel may have promoted another replica meanwhile."""
    driver = with_two_peers()
    driver.answers[b"EXEC"] = lambda place, argv: None
    driver.kill(PRIMARY)
    driver.run(2_000)
    assert driver.primary.attempt.state is State.WAIT_PROMOTION
    assert len(driver.sent_to(FIRST, b"SLAVEOF")) == 1
    driver.now_ms += 60_000
    driver.run(100)
    assert "+tilt" in driver.names()
    driver.kill(FIRST)
    driver.up.add(FIRST)
    driver.answers[QUESTION] = lambda place, argv: [0, b"*", 0]
    driver.run(32_000)
    names = driver.names()
    assert "-tilt" in names
    assert "-failover-abort-slave-timeout" in names
    assert len(driver.sent_to(FIRST, b"SLAVEOF")) == 1
