"""What other Sentinels say about a primary counts only while we hold it down ourselves."""

from __future__ import annotations

from garrison.sentinel.core.effects import Send
from tests.unit.sentinel.core.sentinel_driver import PRIMARY, REPLICAS, Driver, Place

QUESTION = b"SENTINEL is-master-down-by-addr"
YES = [1, b"*", 0]


def watching() -> Driver:
    driver = Driver(quorum=3)
    for number in (2, 3):
        driver.hello(number)
    driver.run(2_000)
    return driver


def held_down_by(driver: Driver) -> int:
    return sum(peer.holds_down for peer in driver.primary.peers.values())


def questions(driver: Driver) -> list[Send]:
    sent = [effect for effects in driver.effects for effect in effects.wire if isinstance(effect, Send)]
    return [effect for effect in sent if b" ".join(effect.argv[:2]) == QUESTION]


def test_answer_about_former_primary_is_ignored_for_new_one() -> None:
    driver = watching()
    driver.kill(PRIMARY)

    def no_answer_from_peers(place: Place, argv: tuple[bytes, ...]) -> object:
        return b"PONG" if place in REPLICAS else None

    driver.answers[b"PING"] = no_answer_from_peers
    driver.answers[QUESTION] = no_answer_from_peers
    while not driver.primary.is_down:
        driver.run(50)
    late = questions(driver)
    driver.core.answered(late[0].link_id, late[0].token, YES, driver.now_ms)
    assert held_down_by(driver) == 1
    driver.hello(2, epoch=1, names=REPLICAS[0], config_epoch=1)
    assert driver.primary.address == REPLICAS[0]
    driver.core.answered(late[1].link_id, late[1].token, YES, driver.now_ms)
    assert held_down_by(driver) == 0


def test_a_primary_that_is_up_again_is_held_down_by_nobody() -> None:
    driver = watching()
    driver.answers[QUESTION] = lambda place, argv: YES
    driver.kill(PRIMARY)
    driver.run(1_500)
    assert held_down_by(driver) == 2
    driver.up.add(PRIMARY)
    driver.run(1_500)
    assert not driver.primary.is_down
    assert held_down_by(driver) == 0
