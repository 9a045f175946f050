"""What the parts of a Sentinel share: names of hosts, and what strangers can make of them."""

from __future__ import annotations

import pytest

from garrison.sentinel.core import context as context_module
from garrison.sentinel.core.context import RESOLVE_PERIOD_MS
from garrison.sentinel.core.effects import Resolve
from garrison.sentinel.core.settings import Monitor, SentinelSettings
from tests.unit.sentinel.core.sentinel_driver import Driver, run_id


def with_names() -> Driver:
    monitor = Monitor("g", "node-1", 6379, 2, 1_000, 10_000)
    return Driver(SentinelSettings(my_id=run_id(1), resolve_hostnames=True, monitors=[monitor]))


def asked(driver: Driver) -> set[str]:
    """The names that were looked up so far."""
    return {each.host for step in driver.effects for each in step.wire if isinstance(each, Resolve)}


def ask_about(driver: Driver, host: str) -> None:
    assert driver.sentinel("IS-MASTER-DOWN-BY-ADDR", host, "6379", "0", "*") == [0, "*", 0]


def test_strangers_cannot_make_us_remember_names_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context_module, "NAMES_MAX", 10)
    driver = with_names()
    for number in range(50):
        ask_about(driver, f"stranger-{number}")
    assert len(asked(driver)) == 10
    assert "node-1" in asked(driver)


def test_names_that_nobody_asks_for_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context_module, "NAMES_MAX", 10)
    driver = with_names()
    for number in range(50):
        ask_about(driver, f"stranger-{number}")
    driver.run(3 * RESOLVE_PERIOD_MS)
    ask_about(driver, "node-9")
    assert "node-9" in asked(driver)
    driver.effects.clear()
    driver.run(2 * RESOLVE_PERIOD_MS)
    assert asked(driver) == {"node-1"}


def test_what_is_no_name_is_not_looked_up() -> None:
    driver = with_names()
    ask_about(driver, "no name at all")
    ask_about(driver, "x" * 10_000)
    assert asked(driver) == {"node-1"}
