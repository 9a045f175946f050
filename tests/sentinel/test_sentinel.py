"""SENTINEL and its family: what replies look like, on both makes."""

from __future__ import annotations

import time

from tests.commands.resp import Failure
from tests.commands.wire import Peers, Wire
from tests.conftest import find_free_port
from tests.sentinel.conftest import NAME, House

OF_ALL = (
    "name ip port runid flags link-pending-commands link-refcount last-ping-sent last-ok-ping-reply "
    "last-ping-reply down-after-milliseconds "
)
OF_NODES = "info-refresh role-reported role-reported-time "
OF_A_PRIMARY = (
    f"{OF_ALL}{OF_NODES}config-epoch num-slaves num-other-sentinels quorum failover-timeout parallel-syncs"
)
OF_A_REPLICA = (
    f"{OF_ALL}{OF_NODES}master-link-down-time master-link-status master-host master-port slave-priority "
    "slave-repl-offset replica-announced"
)
OF_A_SENTINEL = f"{OF_ALL}last-hello-message voted-leader voted-leader-epoch"


def names(flat: list[bytes]) -> str:
    return " ".join(word.decode() for word in flat[::2])


def flattened(reply: object) -> list[bytes]:
    if isinstance(reply, dict):
        return [item for pair in reply.items() for item in pair]
    assert isinstance(reply, list)
    return reply


def test_master(r: Wire, house: House) -> None:
    assert names(r.flat("SENTINEL", "MASTER", NAME)) == OF_A_PRIMARY
    facts = r.map("SENTINEL", "MASTER", NAME)
    assert facts[b"name"] == NAME.encode()
    assert facts[b"port"] == str(house.primary.port).encode()
    assert facts[b"flags"] == b"master"
    assert len(facts[b"runid"]) == 40
    assert (facts[b"num-slaves"], facts[b"quorum"], facts[b"role-reported"]) == (b"1", b"2", b"master")


def test_masters(r: Wire) -> None:
    (only,) = r("SENTINEL", "MASTERS")
    assert names(flattened(only)) == OF_A_PRIMARY


def test_replicas(r: Wire, house: House) -> None:
    (only,) = r("SENTINEL", "REPLICAS", NAME)
    assert names(flattened(only)) == OF_A_REPLICA
    flat = flattened(only)
    facts = dict(zip(flat[::2], flat[1::2], strict=True))
    assert facts[b"name"] == f"127.0.0.1:{house.replica.port}".encode()
    assert (facts[b"flags"], facts[b"master-link-status"]) == (b"slave", b"ok")
    assert facts[b"master-port"] == str(house.primary.port).encode()
    assert (facts[b"slave-priority"], facts[b"replica-announced"]) == (b"100", b"1")
    assert [names(flattened(each)) for each in r("SENTINEL", "SLAVES", NAME)] == [OF_A_REPLICA]


def test_sentinels(r: Wire, house: House) -> None:
    if len(house.sentinels) == 1:
        assert r("SENTINEL", "SENTINELS", NAME) == []
        return
    (only,) = r("SENTINEL", "SENTINELS", NAME)
    assert names(flattened(only)) == OF_A_SENTINEL
    flat = flattened(only)
    facts = dict(zip(flat[::2], flat[1::2], strict=True))
    assert facts[b"name"] == facts[b"runid"]
    assert (facts[b"flags"], facts[b"voted-leader"], facts[b"voted-leader-epoch"]) == (
        b"sentinel",
        b"?",
        b"0",
    )


def test_is_master_down(r: Wire, house: House) -> None:
    address = ("127.0.0.1", house.primary.port)
    assert r("SENTINEL", "IS-MASTER-DOWN-BY-ADDR", *address, 0, "*") == [0, b"*", 0]


def test_info(r: Wire, house: House) -> None:
    text = bytes(r("INFO", "SENTINEL")).decode()
    lines = text.splitlines()
    assert lines[0] == "# Sentinel"
    assert [line.split(":")[0] for line in lines[1:]] == [
        "sentinel_masters",
        "sentinel_tilt",
        "sentinel_tilt_since_seconds",
        "sentinel_running_scripts",
        "sentinel_scripts_queue_length",
        "sentinel_simulate_failure_flags",
        "master0",
    ]
    where = f"127.0.0.1:{house.primary.port}"
    assert (
        lines[-1]
        == f"master0:name={NAME},status=ok,address={where},slaves=1,sentinels={len(house.sentinels)}"
    )


def test_the_sections_of_info(r: Wire) -> None:
    headings = [
        line for line in bytes(r("INFO")).decode().splitlines() if line.startswith("# ")
    ]  # fmt: skip
    assert headings == ["# Server", "# Clients", "# Stats", "# CPU", "# Sentinel"]
    both = bytes(r("INFO", "sentinel", "server")).decode()
    assert "redis_mode:sentinel" in both
    assert "# Stats" not in both


def test_info_cache(r: Wire) -> None:
    name, cached = r.flat("SENTINEL", "INFO-CACHE", NAME)
    assert name == NAME.encode()
    assert len(cached) == 2
    age_ms, text = cached[0]
    assert age_ms >= 0
    assert b"role:master" in text
    assert b"role:slave" in cached[1][1]


def test_config_get(r: Wire) -> None:
    shown = r.map("SENTINEL", "CONFIG", "GET", "*")
    for name in (b"resolve-hostnames", b"announce-hostnames"):
        assert shown[name] == b"no"
    assert shown[b"announce-port"] == b"0"


def test_config_set_and_back(r: Wire) -> None:
    assert r("SENTINEL", "CONFIG", "SET", "announce-hostnames", "yes") == "OK"
    assert r.map("SENTINEL", "CONFIG", "GET", "announce-hostnames") == {b"announce-hostnames": b"yes"}
    assert r("SENTINEL", "CONFIG", "SET", "announce-hostnames", "no") == "OK"


def test_debug(r: Wire) -> None:
    shown = r.map("SENTINEL", "DEBUG")
    assert (shown[b"INFO-PERIOD"], shown[b"PING-PERIOD"]) == (b"10000", b"1000")
    assert r("SENTINEL", "DEBUG", "info-period", "9000", "ASK-PERIOD", "900") == "OK"
    assert r.map("SENTINEL", "DEBUG")[b"INFO-PERIOD"] == b"9000"
    assert r("SENTINEL", "DEBUG", "info-period", "10000", "ASK-PERIOD", "1000") == "OK"


def test_set(r: Wire) -> None:
    assert r("SENTINEL", "SET", NAME, "parallel-syncs", "3", "quorum", "1") == "OK"
    facts = r.map("SENTINEL", "MASTER", NAME)
    assert (facts[b"parallel-syncs"], facts[b"quorum"]) == (b"3", b"1")
    assert r("SENTINEL", "SET", NAME, "parallel-syncs", "1", "quorum", "2") == "OK"


def test_monitor_and_remove_are_events(r: Wire) -> None:
    port = find_free_port()
    listening = r.another(2)
    listening("PSUBSCRIBE", "?monitor")
    assert r("SENTINEL", "MONITOR", "short-lived", "127.0.0.1", port, 1) == "OK"
    about = f"master short-lived 127.0.0.1 {port}".encode()
    assert listening.read() == [b"pmessage", b"?monitor", b"+monitor", about + b" quorum 1"]
    assert r("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "short-lived") == [b"127.0.0.1", str(port).encode()]
    assert (
        r("SENTINEL", "CKQUORUM", "short-lived")
        == "OK 1 usable Sentinels. Quorum and failover authorization can be reached"
    )
    assert r("SENTINEL", "REMOVE", "short-lived") == "OK"
    assert listening.read() == [b"pmessage", b"?monitor", b"-monitor", about]


def test_events_of_a_primary_that_is_not_there(r: Wire) -> None:
    """+sdown, +odown and the attempt to fail over come in the order that clients know."""
    port = find_free_port()
    listening = r.another(2)
    listening("PSUBSCRIBE", "*")
    r("SENTINEL", "MONITOR", "gone", "127.0.0.1", port, 1)
    r("SENTINEL", "SET", "gone", "down-after-milliseconds", 100)
    about = f"master gone 127.0.0.1 {port}".encode()
    received: list[tuple[bytes, bytes]] = []
    deadline = time.monotonic() + 15
    while not any(name == b"-failover-abort-no-good-slave" for name, _ in received):
        assert time.monotonic() < deadline, received
        _, _, name, text = listening.read()
        if b" gone " in text or name in (b"+new-epoch", b"+vote-for-leader"):
            received.append((name, text))
    assert r("SENTINEL", "REMOVE", "gone") == "OK"
    # The hello of the other Sentinel may bring an epoch of its own at any time.
    own_epoch = dict(received)[b"+vote-for-leader"].split()[1]
    received = [(name, text) for name, text in received if name != b"+new-epoch" or text == own_epoch]
    expected = "+monitor +set +sdown +odown +new-epoch +try-failover +vote-for-leader +elected-leader "
    expected += "+failover-state-select-slave -failover-abort-no-good-slave"
    assert b" ".join(name for name, _ in received).decode() == expected
    texts = dict(received)
    assert texts[b"+set"] == about + b" down-after-milliseconds 100"
    assert texts[b"+sdown"] == about
    assert texts[b"+odown"] == about + b" #quorum 1/1"


def test_too_few_for_a_quorum(r: Wire) -> None:
    r("SENTINEL", "SET", NAME, "quorum", "9")
    reply = r("SENTINEL", "CKQUORUM", NAME)
    r("SENTINEL", "SET", NAME, "quorum", "2")
    assert isinstance(reply, Failure)
    assert str(reply).startswith("NOQUORUM 2 usable Sentinels. Not enough available Sentinels to reach the")


def test_a_failover_without_a_good_replica(r: Wire) -> None:
    port = find_free_port()
    r("SENTINEL", "MONITOR", "alone", "127.0.0.1", port, 1)
    assert r.error("SENTINEL", "FAILOVER", "alone") == "NOGOODSLAVE No suitable replica to promote"
    assert r("SENTINEL", "REMOVE", "alone") == "OK"


def test_myid(r: Wire) -> None:
    assert len(r("SENTINEL", "MYID")) == 40


def test_a_hello_by_publish(r: Wire) -> None:
    assert r("PUBLISH", "__sentinel__:hello", "no hello at all") == 1


def test_the_states_agree(peers: Peers) -> None:
    """What both know of the same servers is the same."""
    for words in (("MASTER",), ("REPLICAS",)):
        both = [wire("SENTINEL", *words, NAME) for wire in (peers.redis, peers.garrison)]
        facts = [flattened(reply[0] if words == ("REPLICAS",) else reply) for reply in both]
        known = [dict(zip(flat[::2], flat[1::2], strict=True)) for flat in facts]
        for name in (
            b"name",
            b"ip",
            b"port",
            b"runid",
            b"flags",
            b"role-reported",
            b"down-after-milliseconds",
        ):
            assert known[0][name] == known[1][name]
