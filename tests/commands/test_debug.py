"""DEBUG and LATENCY, as the peers' own suites use them."""

from __future__ import annotations

import time

import pytest

from tests.commands.wire import Peers, Wire, packed


@pytest.mark.parametrize(
    "words",
    [
        "DEBUG SDSLEN h",
        "DEBUG SDSLEN nokey",
        "DEBUG LISTPACK h",
        "DEBUG LISTPACK k",
        "DEBUG LISTPACK nokey",
        "DEBUG QUICKLIST l",
        "DEBUG QUICKLIST l 1",
        "DEBUG QUICKLIST h",
        "DEBUG HTSTATS 99",
        "DEBUG HTSTATS a",
        "DEBUG HTSTATS-KEY h",
        "DEBUG CLIENT-EVICTION",
        "DEBUG QUICKLIST-PACKED-THRESHOLD 100b",
        "DEBUG QUICKLIST-PACKED-THRESHOLD 0",
        "DEBUG QUICKLIST-PACKED-THRESHOLD 5gb",
        "DEBUG QUICKLIST-PACKED-THRESHOLD a",
        "DEBUG PAUSE-CRON 0",
        "DEBUG DROP-CLUSTER-PACKET-FILTER 1",
        "DEBUG DROP-CLUSTER-PACKET-FILTER -1",
        "DEBUG DROP-CLUSTER-PACKET-FILTER a",
        "DEBUG CLUSTERLINK KILL all 123",
        "DEBUG REPLYBUFFER PEAK-RESET-TIME 100",
        "DEBUG REPLYBUFFER PEAK-RESET-TIME abc",
        "DEBUG REPLYBUFFER PEAK-RESET-TIME RESET",
        "DEBUG REPLYBUFFER RESIZING 1",
        "DEBUG REPLYBUFFER x y",
        "DEBUG REPLICATE SET a b",
        "DEBUG LEAK abc",
        "DEBUG SET-SKIP-CHECKSUM-VALIDATION 0",
        "DEBUG OBJECT k more",
        "DEBUG ERROR text",
        "DEBUG POPULATE 3 p 2",
        "DEBUG DIGEST",
        "DEBUG PROTOCOL double",
        "DEBUG PROTOCOL false",
        "DEBUG PROTOCOL nothing",
    ],
)
def test_the_same_replies(peers: Peers, words: str) -> None:
    for command in ("SET k v", "HSET h f v", "RPUSH l a b c"):
        peers.same(*command.split())
    peers.same(*words.split())


def test_attributes_are_the_same_bytes(peers: Peers) -> None:
    read = []
    for peer in (peers.redis, peers.garrison):
        peer.raw(packed(("DEBUG", "PROTOCOL", "attrib")) + packed(("QUIT",)))
        read.append(peer.read_bytes())
    assert read[0] == read[1]


def test_reload_keeps_the_data(r: Wire) -> None:
    script = "SET s v EX 100|RPUSH l a b 1|HSET h f v|SADD t 1 2|ZADD z 1 a|XADD x 1-1 f v"
    for line in script.split("|"):
        r(*line.split())
    before = r("DEBUG", "DIGEST")
    assert r("DEBUG", "RELOAD") == "OK"
    assert r("DEBUG", "DIGEST") == before
    assert r("DBSIZE") == 6


def test_sleep_counts_as_a_command(r: Wire) -> None:
    r("LATENCY", "RESET")
    r("CONFIG", "SET", "latency-monitor-threshold", "20", "slowlog-log-slower-than", "20000")
    r("SLOWLOG", "RESET")
    began = int(time.time())
    r("DEBUG", "SLEEP", "0.03")
    r("CONFIG", "SET", "latency-monitor-threshold", "0", "slowlog-log-slower-than", "10000")
    [[event, at, last, worst]] = r("LATENCY", "LATEST")
    assert event == b"command"
    assert began <= at <= began + 20
    assert 30 <= last == worst
    assert [entry[3] for entry in r("SLOWLOG", "GET")] == [[b"DEBUG", b"SLEEP", b"0.03"]]
    graph = str(bytes(r("LATENCY", "GRAPH", "command")), "utf-8").splitlines()
    assert graph[0] == f"command - high {last} ms, low {last} ms (all time high {last} ms)"
    assert graph[1:6] == ["-" * 80, " ", " ", " ", "_"]
    assert r("LATENCY", "RESET", "command") == 1
    assert r("LATENCY", "RESET", "command") == 0


def test_histograms_can_be_switched_off(r: Wire) -> None:
    r("CONFIG", "RESETSTAT")
    r("CONFIG", "SET", "latency-tracking", "no")
    r("SET", "k", "v")
    assert b"usec_set" not in bytes(r("INFO", "latencystats"))
    r("CONFIG", "SET", "latency-tracking", "yes")
    r("GET", "k")
    r("CONFIG", "GET", "hz")
    found = r.map("LATENCY", "HISTOGRAM", "set", "get", "config|get", "nothing")
    assert sorted(found) == [b"config|get", b"get"]


def test_percentiles_of_info_are_those_asked_for(r: Wire) -> None:
    r("CONFIG", "RESETSTAT")
    r("SET", "k", "v")
    r("CONFIG", "SET", "latency-tracking-info-percentiles", "12.5 100")
    text = bytes(r("INFO", "latencystats"))
    r("CONFIG", "SET", "latency-tracking-info-percentiles", "")
    without = bytes(r("INFO", "latencystats"))
    r("CONFIG", "SET", "latency-tracking-info-percentiles", "50 99 99.9")
    line = next(line for line in text.split(b"\r\n") if b"usec_set:" in line)
    assert line.startswith(b"latency_percentiles_usec_set:p12.5=")
    assert b",p100=" in line
    assert b"latency_percentiles_usec_set:\r\n" in without


def test_scan_counts_expired_keys_out(r: Wire) -> None:
    r("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    r.many(("SET", "k", "v"), ("SET", "gone", "v", "PX", "1"))
    time.sleep(0.005)
    assert r("DBSIZE") == 2
    assert r("SCAN", "0", "COUNT", "100") == [b"0", [b"k"]]
    assert r("DBSIZE") == 1
    r("DEBUG", "SET-ACTIVE-EXPIRE", "1")
