"""What a Sentinel keeps in its file is what the shell reads back from it."""

from __future__ import annotations

import sys

from garrison.base.config_text import lines_of
from garrison.base.reply import Error
from garrison.sentinel.config.lines import read_lines
from garrison.sentinel.core.settings import Monitor, SentinelSettings
from tests.unit.sentinel.core.sentinel_driver import PRIMARY, REPLICAS, Driver, info, run_id


def read_back(lines: tuple[str, ...]) -> SentinelSettings:
    settings = SentinelSettings()
    read_lines(lines_of("\n".join(lines), "sentinel.conf"), settings, "/")
    return settings


def test_everything_comes_back() -> None:
    sentinels = [("10.1.0.2", 26379, run_id(2)), ("10.1.0.3", 0, run_id(3))]
    monitor = Monitor(
        "g", *PRIMARY, 3, 1_234, 5_678, 2, "user", 'pass "word" \\ #é', sys.executable, sys.executable, 90,
        {"CONFIG": "guarded", "SLAVEOF": "x"}, config_epoch=4, leader_epoch=5,
        known_replicas=list(REPLICAS), known_sentinels=sentinels,
    )  # fmt: skip
    settings = SentinelSettings(
        my_id=run_id(1), current_epoch=6, announce_ip="10.1.0.1", announce_port=7,
        deny_scripts_reconfig=False, resolve_hostnames=True, announce_hostnames=True,
        sentinel_user="me", sentinel_pass="two words", monitors=[monitor],
    )  # fmt: skip
    back = read_back(Driver(settings).disk)
    assert back.monitors == [monitor]
    settings.monitors = back.monitors
    assert back == settings


def test_defaults_are_left_out_and_come_back() -> None:
    monitor = Monitor("g", *PRIMARY, 2, 30_000, 180_000)
    lines = Driver(SentinelSettings(my_id=run_id(1), monitors=[monitor])).disk
    assert [line.split()[1] for line in lines[:2]] == ["myid", "monitor"]
    assert not any("parallel-syncs" in line or "down-after" in line for line in lines)
    back = read_back(lines).monitors[0]
    back.known_replicas.clear()
    assert back == monitor


def test_what_is_learned_is_there_after_a_restart() -> None:
    driver = Driver()
    driver.run(500)
    driver.hello(2, epoch=5, names=REPLICAS[0], config_epoch=5)
    driver.run(500)
    again = Driver(read_back(driver.disk))
    assert again.core.context.epoch == 5
    assert again.primary.config_epoch == 5
    assert again.primary.address == REPLICAS[0]
    assert set(again.primary.replicas) == {PRIMARY, REPLICAS[1]}
    assert set(again.primary.peers) == {run_id(2)}
    assert again.disk == driver.disk


def test_a_new_id_is_drawn_and_saved_where_there_is_none() -> None:
    driver = Driver(SentinelSettings())
    assert len(driver.core.my_id) == 40
    assert read_back(driver.disk).my_id == driver.core.my_id


def test_names_that_we_may_not_resolve_never_come_into_the_file() -> None:
    driver = Driver(known_sentinels=[("10.1.0.3", 26379, run_id(3))])
    driver.info[PRIMARY] = info(run_id=run_id(50), replicas=(("node-2", 6379), ("300.0.0.1", 6379)))
    driver.run(500)
    driver.hello_of(run_id(2), ("sentinel-2", 26379))
    driver.hello_of(run_id(3), ("10.1.0.3", 26379), names=("node-2", 6379), config_epoch=5)
    assert isinstance(driver.sentinel("MONITOR", "h", "300.0.0.1", "6379", "2"), Error)
    driver.sentinel("FLUSHCONFIG")
    back = read_back(driver.disk).monitors
    assert [(each.name, each.host, each.known_replicas) for each in back] == [("g", PRIMARY[0], [])]
    assert [run for _, _, run in back[0].known_sentinels] == [run_id(3)]


def test_a_name_of_two_words_comes_back() -> None:
    monitor = Monitor("two words", *PRIMARY, 2, 1_000, 10_000, known_replicas=list(REPLICAS))
    assert read_back(Driver(SentinelSettings(monitors=[monitor])).disk).monitors == [monitor]
