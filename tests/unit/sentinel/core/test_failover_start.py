"""Who has voted for another Sentinel, and says so to a former primary that asks."""

from __future__ import annotations

from garrison.sentinel.core.effects import ReplyError
from tests.unit.sentinel.core.sentinel_driver import PEERS, PRIMARY, REPLICAS, Driver, info, run_id


def with_two_peers() -> Driver:
    driver = Driver()
    driver.hello(2)
    driver.hello(3)
    driver.run(1_000)
    return driver


def flags(driver: Driver) -> set[str]:
    fields = driver.sentinel("MASTER", "g")
    assert isinstance(fields, dict)
    return set(fields["flags"].split(","))


def vote_for(driver: Driver, number: int, epoch: int) -> None:
    driver.sentinel("IS-MASTER-DOWN-BY-ADDR", PRIMARY[0], str(PRIMARY[1]), str(epoch), run_id(number))


def test_voter_expects_failover_until_its_end_is_known() -> None:
    driver = with_two_peers()
    assert "failover_expected" not in flags(driver)
    vote_for(driver, 2, 1)
    assert "failover_expected" in flags(driver)
    driver.hello(2, epoch=1, names=REPLICAS[0], config_epoch=1)
    assert "failover_expected" not in flags(driver)


def test_a_failover_that_never_comes_is_not_expected_for_ever() -> None:
    driver = with_two_peers()
    vote_for(driver, 2, 1)
    driver.run(10_000)
    assert "failover_expected" in flags(driver)
    driver.run(3_000)
    assert "failover_expected" not in flags(driver)


def test_a_leader_that_is_gone_may_have_promoted_before() -> None:
    driver = with_two_peers()
    driver.info[REPLICAS[0]] = info(run_id=run_id(60))
    driver.answers[b"SLAVEOF"] = lambda place, argv: ReplyError("ERR no")
    driver.run(11_000)
    vote_for(driver, 2, 1)
    driver.kill(PEERS[0])
    driver.run(5_000)
    assert "failover_expected" in flags(driver)
