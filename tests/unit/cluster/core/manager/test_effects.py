"""What the manager's core wants done."""

from garrison.cluster.core.manager.effects import Effects, ReadRecords


def test_effects_are_false_when_nothing_is_to_be_done() -> None:
    assert not Effects()
    assert Effects(asks=[ReadRecords("a")])
