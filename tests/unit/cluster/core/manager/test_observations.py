"""What has been seen lasting."""

from garrison.cluster.core.manager.observations import Observations


def test_condition_that_does_not_hold_has_held_for_no_time() -> None:
    seen = Observations({"failed:a": 1000})
    assert seen.held_ms("failed:a", 4000) == 3000
    assert seen.held_ms("failed:b", 4000) == 0
    assert seen.held_ms("failed:a", 500) == 0
