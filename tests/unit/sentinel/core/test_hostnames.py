"""Hosts by name: looked up anew, the same server as their address, and told as somebody wants it."""

from __future__ import annotations

from garrison.sentinel.core.effects import Resolve
from garrison.sentinel.core.instances import Address
from garrison.sentinel.core.settings import Monitor, SentinelSettings
from tests.unit.sentinel.core.sentinel_driver import PRIMARY, REPLICAS, Driver, info, info_of_replica, run_id


def named(announce_hostnames: bool = False, address: str = PRIMARY[0]) -> Driver:
    settings = SentinelSettings(
        my_id=run_id(1), resolve_hostnames=True, announce_hostnames=announce_hostnames, announce_ip="10.1.0.1"
    )
    settings.monitors = [Monitor("g", "db.example", 6379, 2, 1_000, 10_000)]
    driver = Driver(settings, hosts={"db.example": address})
    driver.run(1_000)
    return driver


def test_a_name_is_connected_to_and_shown_as_its_address() -> None:
    driver = named()
    assert driver.primary.info_ms
    assert driver.sentinel("GET-MASTER-ADDR-BY-NAME", "g") == ["10.0.0.1", "6379"]


def test_or_by_name_if_that_is_wanted() -> None:
    assert named(True).sentinel("GET-MASTER-ADDR-BY-NAME", "g") == ["db.example", "6379"]


def test_a_hello_that_names_the_address_names_the_same_server() -> None:
    driver = named()
    driver.names()
    driver.hello(2, epoch=4, names=PRIMARY, config_epoch=4)
    assert driver.primary.config_epoch == 4
    assert "+switch-master" not in driver.names()


def test_another_sentinel_asks_by_address() -> None:
    driver = named()
    question = ("IS-MASTER-DOWN-BY-ADDR", PRIMARY[0], str(PRIMARY[1]), "3", run_id(9))
    assert driver.sentinel(*question) == [0, run_id(9), 3]


def test_a_name_that_is_not_known_yet_is_looked_up_until_it_is() -> None:
    driver = named(address="")
    assert not driver.primary.info_ms
    driver.hosts["db.example"] = PRIMARY[0]
    driver.run(12_000)
    assert driver.primary.info_ms


def test_replicas_follow_the_name_if_names_are_announced() -> None:
    driver = named(True)
    driver.info[REPLICAS[0]] = info_of_replica(60, master_host="10.9.9.9")
    driver.primary.monitor.failover_timeout_ms = 2_000
    driver.run(30_000)
    assert driver.sent_to(REPLICAS[0], b"SLAVEOF")[0] == (b"SLAVEOF", b"db.example", b"6379")


def test_primary_never_follows_itself_by_another_name() -> None:
    driver = named()
    driver.info[PRIMARY] = info(run_id=run_id(50), replicas=(PRIMARY, *REPLICAS))
    driver.run(11_000)
    assert set(driver.primary.replicas) == {Address(*place) for place in REPLICAS}


def test_name_reusing_a_gone_address_is_another_server() -> None:
    driver = named(True)
    driver.hosts["other.example"] = REPLICAS[0][0]
    driver.hello(2, names=("other.example", 6379))
    driver.run(1_000)
    driver.kill(PRIMARY)
    del driver.hosts["db.example"]
    driver.hosts["other.example"] = PRIMARY[0]
    driver.run(12_000)
    driver.hello(2, names=("other.example", 6379))  # it is looked up again
    driver.hello(2, epoch=1, names=("other.example", 6379), config_epoch=1)
    assert driver.primary.address == Address("other.example", 6379)


def test_two_names_of_one_server_stay_that() -> None:
    driver = named(True)
    driver.hosts["alias.example"] = PRIMARY[0]
    for _ in range(3):
        driver.hello(2, names=("alias.example", 6379))
        driver.run(12_000)
    lookups = [each for effects in driver.effects for each in effects.wire if isinstance(each, Resolve)]
    assert len(lookups) < 20
    driver.hello(2, epoch=1, names=("alias.example", 6379), config_epoch=1)
    assert driver.primary.address == Address("db.example", 6379)
    assert driver.primary.config_epoch == 1


def test_unresolved_names_of_one_primary_do_not_conflict() -> None:
    driver = named(address="")
    driver.hello(2, epoch=1, names=("db.example", PRIMARY[1]), config_epoch=1)
    driver.hello(2, epoch=1, names=PRIMARY, config_epoch=1)
    assert driver.primary.config_epoch == 1
    assert "+switch-master" not in driver.names()
