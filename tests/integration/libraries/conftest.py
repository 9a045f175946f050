"""Servers for the libraries: one node, a primary under a Sentinel, and a cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import redis

from tests.integration.sentinels import NAME, Bench
from tests.unit.client.servers import running_cluster, running_server

SERVER = os.environ.get("LIBRARIES_SERVER", "garrison")
"""``redis`` runs the same bodies against a real Redis: whether a failure is ours."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Warnings of a library are for its authors."""
    for item in items:
        if item.path.parent.name == "libraries":
            item.add_marker(pytest.mark.filterwarnings("ignore"))


@pytest.fixture(scope="session")
def node_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with running_server(SERVER, tmp_path_factory.mktemp("libraries")) as server:
        yield server.port


@pytest.fixture
def client(node_port: int) -> Iterator[redis.Redis]:
    """A redis-py client of an empty node without scripts."""
    with redis.Redis(port=node_port, decode_responses=True) as client:
        client.flushall()
        client.script_flush()
        yield client


@pytest.fixture
def url(client: redis.Redis, node_port: int) -> str:
    """The address of an empty node."""
    return f"redis://127.0.0.1:{node_port}/0"


@pytest.fixture(scope="session")
def sentinel_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a Sentinel that watches a primary named ``orders``."""
    bench = Bench(tmp_path_factory.mktemp("sentinel"))
    try:
        primary = bench.node(SERVER)
        primary.wait_until_ready()
        yield bench.watching(primary, [SERVER], quorum=1)[0].port
    finally:
        bench.close()


@pytest.fixture
def sentinel(sentinel_port: int) -> Iterator[redis.Sentinel]:
    """redis-py's Sentinel client; the primary is empty."""
    sentinel = redis.Sentinel([("127.0.0.1", sentinel_port)])
    primary = sentinel.master_for(NAME)
    primary.flushall()
    primary.script_flush()
    yield sentinel
    primary.close()
    for each in sentinel.sentinels:
        each.close()


@pytest.fixture(scope="session")
def cluster_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of one of three primaries that share the slots."""
    folder = tmp_path_factory.mktemp("cluster")
    with running_cluster(SERVER, folder, node_timeout_ms=15_000, replicas=0) as nodes:
        yield nodes[0].port


@pytest.fixture
def cluster(cluster_port: int) -> Iterator[redis.RedisCluster]:
    """redis-py's client of an empty cluster."""
    with redis.RedisCluster("127.0.0.1", cluster_port) as client:
        client.flushall()
        client.script_flush()
        yield client
