"""The memory limit: what is evicted under each policy, what is refused, and who hears of it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator

import pytest

from tests.commands.resp import Failure
from tests.commands.wire import Server, Wire, start_garrison, start_redis

VALUE = "x" * 200
KEYS = 2_000
ROOM_BYTES = 200_000

VOLATILE = ("volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl")
ALL_KEYS = ("allkeys-lru", "allkeys-lfu", "allkeys-random")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server | str]]:
    """Servers of these tests alone: what others have left in memory would make limits mean little."""
    program = shutil.which("redis-server")
    servers: dict[str, Server | str] = {
        "redis": start_redis(program, tmp_path_factory.mktemp("redis")) if program else "no redis-server",
        "garrison": start_garrison(tmp_path_factory.mktemp("garrison")),
    }
    yield servers
    for server in servers.values():
        if isinstance(server, Server):
            server.stop()


@pytest.fixture(params=[("redis", 2), ("redis", 3), ("garrison", 2), ("garrison", 3)], ids=str)
def limited(request: pytest.FixtureRequest, own: dict[str, Server | str]) -> Iterator[Wire]:
    """A server whose limit is put back."""
    name, protocol = request.param
    server = own[name]
    if isinstance(server, str):
        pytest.skip(server)
    wire = Wire(server, protocol)
    wire("FLUSHALL")
    yield wire
    wire.close_all()
    last = Wire(server)
    last("CONFIG", "SET", "maxmemory", "0", "maxmemory-policy", "noeviction", "notify-keyspace-events", "")
    last("FLUSHALL")
    last.close()


def figure(r: Wire, section: str, name: str) -> int:
    text = r("INFO", section)
    data = text.decode() if isinstance(text, bytes) else str(text)
    (line,) = [line for line in data.splitlines() if line.startswith(name + ":")]
    return int(line.partition(":")[2])


def give_room(r: Wire, policy: str) -> int:
    limit = figure(r, "memory", "used_memory") + ROOM_BYTES
    r("CONFIG", "SET", "maxmemory", limit, "maxmemory-policy", policy, "maxmemory-samples", "10")
    return limit


@pytest.mark.parametrize("policy", [*ALL_KEYS, *VOLATILE])
def test_limit_holds(limited: Wire, policy: str) -> None:
    limit = give_room(limited, policy)
    before = figure(limited, "stats", "evicted_keys")
    for number in range(KEYS):
        words = ("SET", f"key:{number}", VALUE, "EX", "1000")
        assert limited(*words) == "OK"
    assert 100 < limited("DBSIZE") < KEYS
    assert figure(limited, "memory", "used_memory") < limit + 50_000
    # The reply of INFO takes memory too, and may cost a few keys more.
    evicted = figure(limited, "stats", "evicted_keys") - before
    assert evicted == pytest.approx(KEYS - limited("DBSIZE"), abs=30)


@pytest.mark.parametrize("policy", VOLATILE)
def test_keys_without_expiry_stay_under_volatile_policies(limited: Wire, policy: str) -> None:
    give_room(limited, policy)
    for number in range(150):
        limited("SET", f"kept:{number}", VALUE)
    for number in range(KEYS):
        limited("SET", f"key:{number}", VALUE, "EX", "1000")
    assert limited("EXISTS", *[f"kept:{number}" for number in range(150)]) == 150


@pytest.mark.parametrize("policy", ["noeviction", "volatile-lru"])
def test_data_is_refused_when_nothing_may_be_evicted(limited: Wire, policy: str) -> None:
    give_room(limited, policy)
    replies = [limited("SET", f"key:{number}", VALUE) for number in range(KEYS)]
    refused = [reply for reply in replies if isinstance(reply, Failure)]
    assert refused
    assert refused[0] == "OOM command not allowed when used memory > 'maxmemory'."
    assert limited("GET", "key:0") == VALUE.encode()
    assert limited("DEL", "key:0") == 1


def test_least_recently_used_keys_go_first(limited: Wire) -> None:
    for number in range(300):
        limited("SET", f"old:{number}", VALUE)
    time.sleep(2.1)
    for number in range(300):
        limited("SET", f"new:{number}", VALUE)
    give_room(limited, "allkeys-lru")
    limit = figure(limited, "memory", "used_memory") - 60_000
    limited("CONFIG", "SET", "maxmemory", limit)
    limited("SET", "one", "more")
    deadline = time.monotonic() + 5
    while figure(limited, "memory", "used_memory") > limit and time.monotonic() < deadline:
        limited("SET", "one", "more")
    assert limited("EXISTS", *[f"new:{number}" for number in range(300)]) >= 290
    assert limited("EXISTS", *[f"old:{number}" for number in range(300)]) < 200


def test_keys_that_expire_soonest_go_first(limited: Wire) -> None:
    for number in range(200):
        limited("SET", f"soon:{number}", VALUE, "EX", 1000 + number)
        limited("SET", f"late:{number}", VALUE, "EX", 500_000 + number)
    give_room(limited, "volatile-ttl")
    before = figure(limited, "stats", "evicted_keys")
    limited("CONFIG", "SET", "maxmemory", figure(limited, "memory", "used_memory") - 30_000)
    deadline = time.monotonic() + 5
    while figure(limited, "stats", "evicted_keys") - before < 50 and time.monotonic() < deadline:
        limited("SET", "one", "more", "EX", "900000")
    assert limited("EXISTS", *[f"late:{number}" for number in range(200)]) >= 195
    assert limited("EXISTS", *[f"soon:{number}" for number in range(200)]) < 190


def test_eviction_is_announced(limited: Wire) -> None:
    limited("CONFIG", "SET", "notify-keyspace-events", "Ee")
    listener = limited.another()
    listener("SUBSCRIBE", "__keyevent@0__:evicted")
    give_room(limited, "allkeys-random")
    for number in range(KEYS):
        limited("SET", f"key:{number}", VALUE)
    message = listener.read()
    assert list(message)[:2] == [b"message", b"__keyevent@0__:evicted"]
    assert list(message)[2].startswith(b"key:")


def test_transaction_is_refused_whole(limited: Wire) -> None:
    limited("MULTI")
    limited("SET", "k", VALUE)
    limited.another()("CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", "1")
    assert limited.error("EXEC").startswith("EXECABORT")


def test_reads_go_on_at_the_limit(limited: Wire) -> None:
    limited("SET", "k", "v")
    limited("CONFIG", "SET", "maxmemory", "1", "maxmemory-policy", "noeviction")
    assert limited("GET", "k") == b"v"
    assert limited.error("SET", "k", "w").startswith("OOM")
    assert limited("EXPIRE", "k", "100") == 1
