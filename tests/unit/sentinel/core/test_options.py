"""SENTINEL SET, SENTINEL CONFIG and SENTINEL DEBUG: what is taken, what is refused, and all or nothing."""

from __future__ import annotations

import dataclasses

import pytest

from garrison.base.log import LEVELS
from garrison.base.reply import OK, Error
from garrison.sentinel.core.options import LOG_LEVELS, PRIMARY_OPTIONS, SETTINGS, number
from garrison.sentinel.core.settings import Monitor, SentinelSettings, Tunables
from tests.unit.sentinel.core.sentinel_driver import Driver

MISSING = "ERR Unknown option or number of arguments for SENTINEL SET"
SETS = {
    "down-after-milliseconds": ("5000", "down_after_ms", 5000),
    "failover-timeout": ("6000", "failover_timeout_ms", 6000),
    "parallel-syncs": ("3", "parallel_syncs", 3),
    "auth-pass": ("secret", "auth_pass", "secret"),
    "auth-user": ("user", "auth_user", "user"),
    "quorum": ("4", "quorum", 4),
    "master-reboot-down-after-period": ("0", "reboot_down_after_ms", 0),
    "primary-reboot-down-after-period": ("70", "reboot_down_after_ms", 70),
    "notification-script": ("/n.sh", "notification_script", "/n.sh"),
    "client-reconfig-script": ("/c.sh", "client_reconfig_script", "/c.sh"),
}


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0), ("12", 12), ("", -1), ("-1", -1), ("1e3", -1), (" 1", -1), ("9" * 11, -1)]
)
def test_numbers(text: str, value: int) -> None:
    assert number(text) == value


@pytest.mark.parametrize("name", SETS)
def test_each_option_is_set_saved_and_told(name: str) -> None:
    value, field, wanted = SETS[name]
    driver = Driver()
    driver.core.context.settings.deny_scripts_reconfig = False
    assert driver.sentinel("SET", "g", name.upper(), value) == OK
    assert getattr(driver.primary.monitor, field) == wanted
    told = [event.text for event in driver.events if event.name == "+set"]
    shown = "******" if name == "auth-pass" else value
    assert told == [f"master g 10.0.0.1 6379 {name} {shown}"]
    assert any(value in line for line in driver.disk) or not wanted


def test_every_option_has_its_test() -> None:
    assert {*SETS, "rename-command"} == set(PRIMARY_OPTIONS)


def test_a_command_is_renamed_and_renamed_back() -> None:
    driver = Driver()
    driver.sentinel("SET", "g", "rename-command", "config", "guarded")
    assert driver.primary.monitor.renamed == {"CONFIG": "guarded"}
    driver.sentinel("SET", "g", "rename-command", "CONFIG", "config")
    assert driver.primary.monitor.renamed == {}


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("quorum", "0"), "ERR Invalid argument '0' for SENTINEL SET 'quorum'"),
        (("Quorum", "x"), "ERR Invalid argument 'x' for SENTINEL SET 'Quorum'"),
        (("parallel-syncs", str(2**31)), f"ERR Invalid argument '{2**31}' for SENTINEL SET 'parallel-syncs'"),
        (("rename-command", "a"), f"{MISSING} 'rename-command'"),
        (("rename-command", "", "a"), "ERR Invalid argument '' for SENTINEL SET 'rename-command'"),
        (("colour", "red"), f"{MISSING} 'colour'"),
        (("quorum", "2", "x"), f"{MISSING} 'x'"),
    ],
)
def test_what_is_refused(words: tuple[str, ...], error: str) -> None:
    driver = Driver()
    assert driver.sentinel("SET", "g", *words) == Error(error)
    assert driver.primary.monitor.quorum == 2


def test_a_set_with_one_wrong_option_changes_nothing() -> None:
    driver = Driver()
    assert isinstance(driver.sentinel("SET", "g", "quorum", "1", "parallel-syncs", "0"), Error)
    assert driver.primary.monitor.quorum == 2


def test_scripts_are_denied_by_default() -> None:
    reply = Driver().sentinel("SET", "g", "notification-script", "/n.sh")
    assert isinstance(reply, Error)
    assert reply.startswith("ERR Reconfiguration of scripts path is denied for security reasons.")


def test_unrunnable_script_is_refused_at_once() -> None:
    settings = SentinelSettings(deny_scripts_reconfig=False, can_run=lambda path: path == "/good")
    settings.monitors = [Monitor("g", "10.0.0.1", 6379, 2, 1_000, 10_000)]
    driver = Driver(settings)
    for name, what in (
        ("notification-script", "Notification"),
        ("client-reconfig-script", "Client reconfiguration"),
    ):
        assert driver.sentinel("SET", "g", name, "/bad") == Error(
            f"ERR {what} script seems non existing or non executable"
        )
        assert driver.sentinel("SET", "g", name, "/good") == OK
        assert driver.sentinel("SET", "g", name, "") == OK


def test_the_levels_of_the_log_are_those_that_there_are() -> None:
    assert tuple(LEVELS) == LOG_LEVELS


@pytest.mark.parametrize("name", SETTINGS)
def test_each_setting_is_set_and_read(name: str) -> None:
    value = {"announce-port": "7", "loglevel": "debug"}.get(name, "yes")
    driver = Driver()
    assert driver.sentinel("CONFIG", "SET", name, value) == OK
    assert driver.sentinel("CONFIG", "GET", name.upper()) == {name: value}


def test_settings_by_pattern() -> None:
    assert set(Driver().sentinel("CONFIG", "GET", "announce-*", "loglevel")) == {
        "announce-hostnames",
        "announce-ip",
        "announce-port",
        "loglevel",
    }


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("SET", "colour", "red"), "ERR Invalid argument 'colour' to SENTINEL CONFIG SET"),
        (("SET", "announce-port", "x"), "ERR Invalid value 'x' to SENTINEL CONFIG SET 'announce-port'"),
        (("SET", "loglevel", "loud"), "ERR Invalid value 'loud' to SENTINEL CONFIG SET 'loglevel'"),
    ],
)
def test_settings_that_are_refused(words: tuple[str, ...], error: str) -> None:
    assert Driver().sentinel("CONFIG", *words) == Error(error)


@pytest.mark.parametrize("words", [("SET", "loglevel"), ("GET",), ("DROP", "x", "y"), ("SET", "a", "b", "c")])
def test_config_is_get_or_set(words: tuple[str, ...]) -> None:
    reply = Driver().sentinel("CONFIG", *words)
    assert isinstance(reply, Error)


def test_the_level_of_the_log_is_the_shells_business() -> None:
    driver = Driver()
    driver.sentinel("CONFIG", "SET", "loglevel", "WARNING")
    assert {name: level for step in driver.effects for name, level in step.configured.items()} == {
        "loglevel": "warning"
    }


def test_debug_shows_and_sets_every_period() -> None:
    driver = Driver()
    names = {field.name.replace("_", "-").upper() for field in dataclasses.fields(Tunables)}
    shown = driver.sentinel("DEBUG")
    assert isinstance(shown, dict)
    assert set(shown) == names
    for name in names:
        assert driver.sentinel("DEBUG", name.lower(), "77") == OK
    assert driver.sentinel("DEBUG") == dict.fromkeys(shown, "77")


def test_debug_refuses_the_unknown_and_takes_all_or_nothing() -> None:
    driver = Driver()
    before = driver.sentinel("DEBUG")
    for words in ("colour 1", "ping-period", "ping-period 0", "ping-period 5 colour 1"):
        assert isinstance(driver.sentinel("DEBUG", *words.split()), Error)
    assert driver.sentinel("DEBUG") == before
