"""The SENTINEL family: shapes of replies and texts of errors."""

from __future__ import annotations

import pytest

from garrison.base.reply import OK, Error, NullArray
from garrison.sentinel.core.instances import Address
from garrison.sentinel.core.subcommand_table import ROWS
from tests.unit.sentinel.core.sentinel_driver import (
    PEERS,
    PRIMARY,
    REPLICAS,
    Driver,
    info_of_replica,
    run_id,
)

UNKNOWN = "ERR No such master with that name"
ALLOWED = "letters, digits and the three characters .-_ only"
PROBES = [
    ("", "ERR wrong number of arguments for 'sentinel' command"),
    ("NOTHING", "ERR unknown subcommand 'NOTHING'. Try SENTINEL HELP."),
    ("MASTER", "ERR wrong number of arguments for 'sentinel|master' command"),
    ("MASTERS now", "ERR wrong number of arguments for 'sentinel|masters' command"),
    *((f"{name} other", UNKNOWN) for name in ("MASTER", "PRIMARY", "REPLICAS", "SLAVES", "SENTINELS")),
    *((f"{name} other", UNKNOWN) for name in ("FAILOVER", "REMOVE", "CKQUORUM", "STATUS")),
    ("SET other quorum 1", UNKNOWN),
    ("FAILOVER g NOW", "ERR syntax error"),
    ("MONITOR g 10.0.0.9 6379 2", "ERR Duplicate master name."),
    ("MONITOR h 10.0.0.9 6379 0", "ERR Quorum must be 1 or greater."),
    ("MONITOR h 10.0.0.9 6379 x", "ERR Invalid quorum"),
    ("MONITOR h 10.0.0.9 x 2", "ERR Invalid port"),
    ("MONITOR h 10.0.0.9 70000 2", "ERR Invalid port number."),
    ("MONITOR h nowhere 6379 2", "ERR Invalid IP address or hostname specified"),
    ("MONITOR h,i 10.0.0.9 6379 2", f"ERR Invalid master name: {ALLOWED}"),
    ("IS-MASTER-DOWN-BY-ADDR 10.0.0.1 x 0 *", "ERR value is not an integer or out of range"),
    ("SIMULATE-FAILURE crash-at-lunch", "ERR Unknown failure simulation specified"),
]


@pytest.mark.parametrize(("words", "error"), PROBES, ids=[words or "nothing" for words, _ in PROBES])
def test_errors(words: str, error: str) -> None:
    assert Driver().sentinel(*words.split()) == Error(error)


def test_help_names_every_subcommand() -> None:
    lines = Driver().sentinel("HELP")
    assert isinstance(lines, list)
    assert {row.name.upper() for row in ROWS} <= {line.split()[0] for line in lines if line[0] != " "}


def test_every_row_has_its_method() -> None:
    driver = Driver()
    for row in ROWS:
        words = ["g"] * (abs(row.arity) - 2)
        driver.sentinel(row.name, *words)  # any reply but an exception


def test_the_address_for_clients() -> None:
    driver = Driver()
    for name in ("GET-MASTER-ADDR-BY-NAME", "get-primary-addr-by-name"):
        assert driver.sentinel(name, "g") == ["10.0.0.1", "6379"]
        assert driver.sentinel(name, "h") is NullArray


def test_role_and_myid() -> None:
    driver = Driver()
    assert driver.ask("ROLE") == ["sentinel", ["g"]]
    assert driver.sentinel("MYID") == run_id(1)


def test_only_hellos_are_published() -> None:
    reply = Driver().ask("PUBLISH", "news", "text")
    assert reply == Error("ERR Only HELLO messages are accepted by Sentinel instances.")


def test_monitor_and_remove() -> None:
    driver = Driver()
    assert driver.sentinel("MONITOR", "h", "10.0.9.1", "6380", "1") == OK
    assert "sentinel monitor h 10.0.9.1 6380 1" in driver.disk
    assert driver.sentinel("REMOVE", "h") == OK
    assert not any(" h " in line for line in driver.disk)
    told = [name for name in driver.names() if name.endswith("monitor")]
    assert told == ["+monitor", "+monitor", "-monitor"]


def test_what_is_removed_is_not_looked_at_again() -> None:
    driver = Driver()
    driver.run(500)
    driver.sentinel("REMOVE", "g")
    driver.sent.clear()
    driver.run(5_000)
    assert driver.sent == []


def test_ckquorum() -> None:
    driver = Driver()
    why = "Not enough available Sentinels to reach the specified quorum for this master"
    assert driver.sentinel("CKQUORUM", "g") == Error(f"NOQUORUM 1 usable Sentinels. {why}")
    driver.hello(2)
    driver.hello(3)
    reply = driver.sentinel("CKQUORUM", "g")
    assert reply == "OK 3 usable Sentinels. Quorum and failover authorization can be reached"
    for place in PEERS:
        driver.kill(place)
    driver.run(3_000)
    reply = driver.sentinel("CKQUORUM", "g")
    assert isinstance(reply, Error)
    assert reply.endswith("Not enough available Sentinels to reach the majority and authorize a failover")


def test_reset_forgets_and_learns_anew() -> None:
    driver = Driver()
    driver.hello(2)
    driver.run(500)
    assert driver.sentinel("RESET", "x*") == 0
    assert driver.sentinel("RESET", "?") == 1
    assert driver.primary.peers == {}
    assert driver.names()[-3:] == ["+reset-master", "+slave", "+slave"]
    assert set(driver.primary.replicas) == set(REPLICAS)


def test_reset_keeps_a_configuration_that_has_its_epoch() -> None:
    driver = Driver()
    driver.run(500)
    driver.sentinel("FAILOVER", "g")
    chosen = REPLICAS[0]
    driver.run(1_100)
    driver.info[chosen] = b"role:master"
    driver.run(500)
    assert driver.primary.current_address() == Address(*chosen)
    epoch = driver.primary.config_epoch
    driver.sentinel("RESET", "g")
    assert (driver.primary.address, driver.primary.config_epoch) == (Address(*chosen), epoch)


def test_info_cache() -> None:
    driver = Driver()
    driver.kill(REPLICAS[1])
    driver.run(500)
    name, nodes = driver.sentinel("INFO-CACHE", "g", "unknown")
    assert name == "g"
    assert [text for _, text in nodes] == [driver.info[PRIMARY], driver.info[REPLICAS[0]], None]
    assert all(0 <= age_ms <= 600 for age_ms, _ in nodes)


def test_simulate_failure() -> None:
    driver = Driver()
    assert driver.sentinel("SIMULATE-FAILURE", "HELP") == ["crash-after-election", "crash-after-promotion"]
    assert driver.sentinel("SIMULATE-FAILURE", "CRASH-AFTER-ELECTION", "crash-after-promotion") == OK
    assert "sentinel_simulate_failure_flags:3\r\n" in driver.core.info_section()
    driver.run(500)
    driver.sentinel("FAILOVER", "g")
    driver.run(1_100)
    assert 99 in {step.exit_code for step in driver.effects}


def test_failover_refused() -> None:
    driver = Driver()
    assert driver.sentinel("FAILOVER", "g") == Error("NOGOODSLAVE No suitable replica to promote")
    driver.run(500)
    assert driver.sentinel("FAILOVER", "g") == OK
    assert driver.sentinel("FAILOVER", "g") == Error("INPROG Failover already in progress")


def test_coordinated_needs_the_primary() -> None:
    driver = Driver()
    driver.run(500)
    driver.kill(PRIMARY)
    reply = driver.sentinel("FAILOVER", "g", "COORDINATED")
    assert isinstance(reply, Error)
    assert reply.startswith("NOPRIMARY A coordinated failover needs a primary that can be reached")


def test_status_says_why_nothing_happens() -> None:
    driver = Driver()
    driver.run(500)
    driver.kill(PRIMARY)
    driver.run(3_000)
    status = driver.sentinel("STATUS", "g")
    assert isinstance(status, dict)
    primary = status["primaries"][0]
    assert primary["state"] == "suspected"
    why = "not failing over because 1 of 2 Sentinels hold it down (we do: no valid reply to PING"
    assert primary["reason"].startswith(why)
    assert [replica["fit"] for replica in primary["replicas"]] == [1, 1]


def test_every_ticket_has_its_reply_in_the_same_step() -> None:
    driver = Driver()
    core = driver.core
    for ticket, words in enumerate((b"MASTERS", b"NOTHING", b"MASTER", b"HELP", b"FLUSHCONFIG"), 1_000):
        core.command(ticket, [b"sentinel", words], driver.now_ms)
        assert [each for each, _ in core.take().replies] == [ticket]


def test_config_set_refuses_a_setting_named_twice() -> None:
    driver = Driver()
    reply = driver.sentinel("CONFIG", "SET", "announce-port", "1", "Announce-Port", "2")
    assert reply == Error("ERR Duplicate argument 'announce-port' to SENTINEL CONFIG SET")
    reply = driver.sentinel("CONFIG", "SET", "announce-port", "1", "announce-ip")
    assert reply == Error("ERR Missing argument 'announce-ip' value")
    assert driver.sentinel("CONFIG", "GET", "announce-port") == {"announce-port": "0"}


def test_config_set_takes_the_level_nothing() -> None:
    driver = Driver()
    assert driver.sentinel("CONFIG", "SET", "loglevel", "nothing") == OK
    assert driver.sentinel("CONFIG", "GET", "loglevel") == {"loglevel": "nothing"}


def test_replica_that_is_not_announced_is_hidden_from_clients() -> None:
    driver = Driver()
    driver.info[REPLICAS[0]] = info_of_replica(60, replica_announced=0)
    driver.run(11_000)
    replicas = driver.sentinel("REPLICAS", "g")
    assert isinstance(replicas, list)
    assert [replica["ip"] for replica in replicas] == [REPLICAS[1][0]]
    assert set(driver.primary.replicas) == set(REPLICAS), "it is watched all the same"


def test_changed_auth_pass_reconnects_at_once() -> None:
    driver = Driver()
    driver.run(500)
    driver.sent.clear()
    assert driver.sentinel("SET", "g", "auth-pass", "secret") == OK
    driver.run(100)
    logins = {place for place, argv in driver.sent if argv == (b"AUTH", b"secret")}
    assert logins == {PRIMARY, *REPLICAS}
