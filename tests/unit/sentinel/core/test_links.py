"""Connections: who is told which password, and what is done about those that fall silent."""

from __future__ import annotations

from garrison.sentinel.core.effects import ReplyError
from garrison.sentinel.core.settings import Monitor, SentinelSettings
from tests.unit.sentinel.core.sentinel_driver import PEERS, PRIMARY, REPLICAS, Driver, run_id


def driver_with(settings: SentinelSettings, **monitor: str) -> Driver:
    settings.my_id = run_id(1)
    settings.monitors = [Monitor("g", *PRIMARY, 2, 1_000, 10_000, **monitor)]  # type: ignore[arg-type]
    driver = Driver(settings)
    driver.hello(2)
    driver.run(500)
    return driver


def test_servers_and_sentinels_have_passwords_of_their_own() -> None:
    settings = SentinelSettings(sentinel_user="me", sentinel_pass="theirs")
    driver = driver_with(settings, auth_user="watcher", auth_pass="ours")
    for place in (PRIMARY, *REPLICAS):
        assert set(driver.sent_to(place, b"AUTH")) == {(b"AUTH", b"watcher", b"ours")}
    assert driver.sent_to(PEERS[0], b"AUTH") == [(b"AUTH", b"me", b"theirs")]


def test_the_password_comes_first() -> None:
    driver = driver_with(SentinelSettings(), auth_pass="ours")
    first = next(argv for place, argv in driver.sent if place == PRIMARY)
    assert first == (b"AUTH", b"ours")


def test_sentinels_share_requirepass_where_nothing_else_is_said() -> None:
    driver = driver_with(SentinelSettings(requirepass="shared"))
    assert driver.sent_to(PEERS[0], b"AUTH") == [(b"AUTH", b"shared")]
    assert driver.sent_to(PRIMARY, b"AUTH") == []


def test_a_wrong_password_is_told() -> None:
    settings = SentinelSettings(my_id=run_id(1))
    settings.monitors = [Monitor("g", *PRIMARY, 2, 1_000, 10_000, auth_pass="wrong")]
    driver = Driver(settings)
    driver.answers[b"AUTH"] = lambda place, argv: ReplyError("WRONGPASS x")
    driver.run(1_000)
    assert any("authentication failed: WRONGPASS x" in event.text for event in driver.events)


def test_new_credentials_make_new_connections() -> None:
    driver = driver_with(SentinelSettings(), auth_pass="old")
    driver.sent.clear()
    driver.sentinel("SET", "g", "auth-pass", "new")
    driver.run(500)
    assert set(driver.sent_to(PRIMARY, b"AUTH")) == {(b"AUTH", b"new")}


def test_a_silent_connection_is_replaced() -> None:
    driver = driver_with(SentinelSettings())
    driver.run(20_000)
    driver.answers[b"PING"] = lambda place, argv: None if place == PRIMARY else b"PONG"
    driver.sent.clear()
    driver.run(3_000)
    assert driver.sent_to(PRIMARY, b"CLIENT")
    assert driver.primary.is_down


def test_commands_without_replies_do_not_pile_up() -> None:
    driver = driver_with(SentinelSettings())
    driver.core.context.tunables.min_link_reconnect_period = 10_000_000
    for name in (b"PING", b"INFO", b"PUBLISH"):
        driver.answers[name] = lambda place, argv: None
    driver.primary.monitor.down_after_ms = 1_000_000
    driver.run(600_000)
    assert len(driver.primary.link.command.waiting) <= 103


def test_renamed_commands_are_called_by_their_names() -> None:
    settings = SentinelSettings(my_id=run_id(1))
    settings.monitors = [Monitor("g", *PRIMARY, 2, 1_000, 10_000, renamed={"PING": "KNOCK"})]
    driver = Driver(settings)
    driver.hello(2)
    driver.run(500)
    assert driver.sent_to(PRIMARY, b"KNOCK")
    assert driver.sent_to(REPLICAS[0], b"KNOCK")
    assert driver.sent_to(PEERS[0], b"PING")


def test_replies_of_connections_given_up_are_nobodys() -> None:
    driver = driver_with(SentinelSettings())
    driver.core.answered(999, 1, b"PONG", driver.now_ms)
    driver.core.link_up(999, "10.1.0.1", driver.now_ms)
    driver.core.link_down(999, driver.now_ms)
    driver.core.message(999, b"__sentinel__:hello", b"x", driver.now_ms)
    assert not driver.core.take().wire
