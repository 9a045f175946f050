"""The command lines of rules go to the node that they are about."""

from __future__ import annotations

from garrison.cluster.core.doctor.rule import at, set_to
from tests.unit.cluster.core.doctor.cases import well_node


def test_command_goes_to_the_node() -> None:
    assert at(well_node("10.1.1.1", 7001), "PING") == "garrison cli -h 10.1.1.1 -p 7001 PING"


def test_setting_is_changed_and_kept() -> None:
    assert set_to(well_node(), "save", "3600 1") == (
        "garrison cli -h 10.0.0.1 -p 6379 CONFIG SET save '3600 1'",
        "garrison cli -h 10.0.0.1 -p 6379 CONFIG REWRITE",
    )
