"""What a Sentinel watches, in numbers."""

from __future__ import annotations

from tests.unit.sentinel.core.sentinel_driver import PRIMARY, REPLICAS, Driver


def grown() -> Driver:
    driver = Driver()
    driver.hello(2)
    driver.run(500)
    return driver


def test_a_healthy_primary() -> None:
    figures = grown().core.figures()
    assert (figures.in_tilt, figures.unsaved_reason) == (False, "")
    (primary,) = figures.primaries
    assert (primary.name, primary.address, primary.status) == ("g", "10.0.0.1:6379", "ok")
    assert (primary.replicas, primary.replicas_ok) == (2, 2)
    assert (primary.sentinels, primary.sentinels_ok, primary.has_quorum) == (2, 2, True)
    assert primary.quorum_text.startswith("OK 2 usable Sentinels")
    assert not primary.is_failing_over


def test_a_primary_and_a_replica_that_are_down() -> None:
    driver = grown()
    for place in (PRIMARY, REPLICAS[0]):
        driver.kill(place)
    driver.answers[b"SENTINEL is-master-down-by-addr"] = lambda place, argv: [0, b"*", 0]
    driver.run(1_500)
    (primary,) = driver.core.figures().primaries
    assert (primary.status, primary.replicas, primary.replicas_ok) == ("sdown", 2, 1)


def test_too_few_sentinels_have_no_quorum() -> None:
    driver = Driver()
    driver.run(500)
    (primary,) = driver.core.figures().primaries
    assert (primary.sentinels, primary.has_quorum) == (1, False)
    assert primary.quorum_text.startswith("NOQUORUM 1 usable Sentinels. Not enough")


def test_a_configuration_that_cannot_be_saved() -> None:
    driver = grown()
    driver.core.save_failed("No space left on device", driver.now_ms)
    assert driver.core.figures().unsaved_reason == "No space left on device"
