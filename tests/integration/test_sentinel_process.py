"""Real Sentinels over real servers: a killed primary is replaced, and comes back as a replica."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.sentinels import (
    GARRISON,
    NAME,
    REDIS,
    Bench,
    Process,
    address,
    redis_program,
    until,
    wait_until_seen,
)

needs_redis = pytest.mark.skipif(redis_program() is None, reason="no redis-server 7.0 on this machine")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    started = Bench(tmp_path)
    yield started
    started.close()


def replicated(bench: Bench, kind: str) -> list[Process]:
    """A primary and two replicas."""
    primary = bench.node(kind)
    primary.wait_until_ready()
    replicas = [bench.node(kind, primary=primary) for _ in range(2)]
    for replica in replicas:
        replica.wait_until_ready()
    return [primary, *replicas]


def is_replica_of(node: Process, port: int) -> bool:
    role = node("ROLE")
    return bool(role[0] == b"slave" and role[2] == port and role[3] == b"connected")


def fail_over(bench: Bench, nodes: list[Process], sentinels: list[Process]) -> Process:
    """Kill the primary, wait for the new one and for the old one's return; the new one."""
    old, *replicas = nodes
    old("SET", "k", "v")
    until("replicated", lambda: all(replica("GET", "k") == b"v" for replica in replicas))
    old.kill()
    for sentinel in sentinels:
        until(
            f"a new primary at {sentinel.kind}",
            lambda sentinel=sentinel: address(sentinel) != old.port,  # type: ignore[misc]
        )
    ports = {address(sentinel) for sentinel in sentinels}
    assert len(ports) == 1, "all name the same new primary"
    (new,) = [replica for replica in replicas if replica.port in ports]
    until("promoted", lambda: new("ROLE")[0] == b"master")
    assert new("GET", "k") == b"v"
    assert new("SET", "k", "w") == "OK"
    (other,) = [replica for replica in replicas if replica is not new]
    until("the other replica follows", lambda: is_replica_of(other, new.port))
    old.start()
    until("the old primary follows", lambda: is_replica_of(old, new.port))
    until("the old primary has the new data", lambda: old("GET", "k") == b"w")
    return new


QUORUMS = [
    pytest.param(REDIS, [GARRISON] * 3, id="ours-over-redis", marks=needs_redis),
    pytest.param(GARRISON, [GARRISON] * 3, id="ours-over-garrison"),
    pytest.param(REDIS, [REDIS, REDIS, GARRISON], id="two-of-redis-over-redis", marks=needs_redis),
    pytest.param(GARRISON, [REDIS, GARRISON, GARRISON], id="one-of-redis-over-garrison", marks=needs_redis),
]


@pytest.mark.parametrize(("kind", "makes"), QUORUMS)
def test_a_killed_primary_is_replaced(bench: Bench, kind: str, makes: list[str]) -> None:
    nodes = replicated(bench, kind)
    sentinels = bench.watching(nodes[0], makes)
    wait_until_seen(sentinels, replicas=2)
    fail_over(bench, nodes, sentinels)
    for sentinel in sentinels:
        until("told", lambda sentinel=sentinel: "+switch-master orders 127.0.0.1" in sentinel.text())  # type: ignore[misc]
        assert "Traceback" not in sentinel.text()


def test_redis_py_follows_a_failover(bench: Bench) -> None:
    """The Sentinel support of a library that everybody has: discovery, and the way to the new primary."""
    redis = pytest.importorskip("redis")
    from redis.sentinel import Sentinel as Discovery

    nodes = replicated(bench, GARRISON)
    sentinels = bench.watching(nodes[0], [GARRISON] * 3)
    wait_until_seen(sentinels, replicas=2)
    discovery = Discovery([("127.0.0.1", sentinel.port) for sentinel in sentinels], socket_timeout=5)
    assert discovery.discover_master(NAME) == ("127.0.0.1", nodes[0].port)
    assert {port for _, port in discovery.discover_slaves(NAME)} == {node.port for node in nodes[1:]}
    client = discovery.master_for(NAME, socket_timeout=5)
    assert client.set("before", "1")
    nodes[0].kill()

    def written() -> bool:
        try:
            return bool(client.set("after", "1"))
        except redis.exceptions.ConnectionError:
            return False
        except redis.exceptions.ReadOnlyError:
            return False

    until("written again", written)
    port = discovery.discover_master(NAME)[1]
    assert port != nodes[0].port
    (new,) = [node for node in nodes[1:] if node.port == port]
    until("the new primary has it", lambda: new("GET", "after") == b"1")
    client.close()
    for each in discovery.sentinels:
        each.close()


def test_coredis_follows_a_failover(bench: Bench) -> None:
    """Another public client's Sentinel support, over RESP3."""
    pytest.importorskip("coredis", minversion="6")
    nodes = replicated(bench, GARRISON)
    sentinels = bench.watching(nodes[0], [GARRISON] * 3)
    wait_until_seen(sentinels, replicas=2)
    assert asyncio.run(written_through_coredis(nodes, sentinels)) != nodes[0].port


async def written_through_coredis(nodes: list[Process], sentinels: list[Process]) -> int:
    """Write before and after a SIGKILL of the primary; the port of the new one."""
    from coredis import Sentinel
    from coredis.connection import TCPLocation
    from coredis.exceptions import RedisError

    places = [TCPLocation("127.0.0.1", sentinel.port) for sentinel in sentinels]
    async with Sentinel(places, stream_timeout=5, connect_timeout=5) as discovery:
        assert await discovery.discover_primary(NAME) == ("127.0.0.1", nodes[0].port)
        found = await discovery.discover_replicas(NAME)
        assert {port for _, port in found} == {node.port for node in nodes[1:]}
        async with discovery.primary_for(NAME) as client:
            assert await client.set("before", "1")
            nodes[0].kill()
            async with asyncio.timeout(60):
                while True:
                    try:
                        assert await client.set("after", "1")
                        break
                    except (RedisError, OSError, TimeoutError):
                        await asyncio.sleep(0.05)
        return int((await discovery.discover_primary(NAME))[1])
