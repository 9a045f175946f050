"""SENTINEL MASTER, REPLICAS, SENTINELS and INFO: Redis's fields in its order."""

from __future__ import annotations

from tests.unit.sentinel.core.sentinel_driver import PRIMARY, REPLICAS, Driver, run_id

COMMON = ["name", "ip", "port", "runid", "flags", "link-pending-commands", "link-refcount"]
PINGS = ["last-ping-sent", "last-ok-ping-reply", "last-ping-reply"]
INFO = ["info-refresh", "role-reported", "role-reported-time"]
OF_PRIMARY = [
    "config-epoch", "num-slaves", "num-other-sentinels", "quorum", "failover-timeout", "parallel-syncs",
]  # fmt: skip
OF_REPLICA = [
    "master-link-down-time", "master-link-status", "master-host", "master-port", "slave-priority",
    "slave-repl-offset", "replica-announced",
]  # fmt: skip
OF_SENTINEL = ["last-hello-message", "voted-leader", "voted-leader-epoch"]


def grown() -> Driver:
    driver = Driver()
    driver.hello(2)
    driver.run(500)
    return driver


def fields(driver: Driver, *words: str) -> dict[str, str]:
    reply = driver.sentinel(*words)
    if isinstance(reply, list):
        reply = reply[0]
    assert isinstance(reply, dict)
    return reply


def test_a_primary() -> None:
    shown = fields(grown(), "MASTER", "g")
    assert list(shown) == [*COMMON, *PINGS, "down-after-milliseconds", *INFO, *OF_PRIMARY]
    assert (shown["flags"], shown["runid"], shown["num-slaves"]) == ("master", run_id(50), "2")
    assert all(isinstance(value, str) for value in shown.values())


def test_a_replica() -> None:
    shown = fields(grown(), "REPLICAS", "g")
    assert list(shown) == [*COMMON, *PINGS, "down-after-milliseconds", *INFO, *OF_REPLICA]
    assert (shown["name"], shown["flags"]) == ("10.0.0.2:6379", "slave")
    assert (shown["master-link-status"], shown["slave-repl-offset"]) == ("ok", "100")


def test_a_sentinel() -> None:
    shown = fields(grown(), "SENTINELS", "g")
    assert list(shown) == [*COMMON, *PINGS, "down-after-milliseconds", *OF_SENTINEL]
    assert (shown["name"], shown["runid"], shown["voted-leader"]) == (run_id(2), run_id(2), "?")


def test_one_that_is_down() -> None:
    driver = grown()
    driver.kill(PRIMARY)
    driver.answers[b"SENTINEL is-master-down-by-addr"] = lambda place, argv: [1, b"*", 0]
    driver.run(1_500)
    shown = fields(driver, "MASTER", "g")
    assert {"s_down", "o_down", "master", "disconnected"} <= set(shown["flags"].split(","))
    assert int(shown["s-down-time"]) >= int(shown["o-down-time"]) >= 0
    assert "master_down" in fields(driver, "SENTINELS", "g")["flags"]


def test_flags_of_a_failover() -> None:
    driver = grown()
    driver.sentinel("FAILOVER", "g")
    shown = fields(driver, "MASTER", "g")
    assert shown["flags"] == "master,failover_in_progress,force_failover"
    assert shown["failover-state"] == "wait_start"
    driver.run(1_100)
    assert fields(driver, "REPLICAS", "g")["flags"] == "slave,promoted"


def test_info_sentinel() -> None:
    driver = grown()
    lines = dict(line.split(":", 1) for line in driver.core.info_section(1, 2).splitlines())
    assert lines == {
        "sentinel_masters": "1",
        "sentinel_tilt": "0",
        "sentinel_tilt_since_seconds": "-1",
        "sentinel_running_scripts": "1",
        "sentinel_scripts_queue_length": "2",
        "sentinel_simulate_failure_flags": "0",
        "master0": "name=g,status=ok,address=10.0.0.1:6379,slaves=2,sentinels=2",
    }


def test_info_sentinel_in_tilt() -> None:
    driver = grown()
    driver.now_ms += 5_000
    driver.run(2_000)
    assert "sentinel_tilt:1\r\n" in driver.core.info_section()
    assert "sentinel_tilt_since_seconds:1\r\n" in driver.core.info_section()


def test_every_replica_is_listed() -> None:
    replicas = grown().sentinel("SLAVES", "g")
    assert isinstance(replicas, list)
    assert [each["name"] for each in replicas] == [f"{ip}:{port}" for ip, port in REPLICAS]
