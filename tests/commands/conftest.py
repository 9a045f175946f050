"""The same body of tests against a Garrison node and a real Redis 7.0, in RESP2 and in RESP3.

Write a test with the fixture `r`, a connection; it runs four times (two servers, two protocols), each time on
empty databases. What a test asserts is thereby what Redis does, and that we do the same:

    def test_append(r: Wire) -> None:
        assert r("APPEND", "k", "ab") == 2
        assert r("GET", "k") == b"ab"

Replies are Python values: bytes, int, list, dict (RESP3 maps), float, bool, None, and by kind
(tests.commands.resp) `Status` for +OK (a str), `Failure` for errors (a str), `ReplySet`, `Push` and
`Verbatim`. `r.flat(...)` makes a map of either protocol a flat list, `r.map(...)` a dict; `r.error(...)`
expects an error and returns its text. `r.protocol` is 2 or 3; `r.is_garrison` says which server it is: use it
only for differences that docs/compatibility.md names. `r.another()` opens a second connection.

`peers` compares instead: `peers.same("GET", "k")` runs a command on both servers and demands the same reply.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.commands.wire import Peers, Server, Wire, start_garrison, start_redis_7_0

SERVERS = ("redis", "garrison")


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server | str]]:
    """Both servers, or for each the reason why it is not there."""
    running: dict[str, Server | str] = {
        "redis": start_redis_7_0(tmp_path_factory.mktemp("redis")),
        "garrison": start_garrison(tmp_path_factory.mktemp("garrison")),
    }
    yield running
    for server in running.values():
        if isinstance(server, Server):
            server.stop()


@pytest.fixture
def own_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    """A server of each kind that no other test has used: a replica changes what INFO says for ever."""
    started = {
        "redis": start_redis_7_0(tmp_path_factory.mktemp("redis")),
        "garrison": start_garrison(tmp_path_factory.mktemp("garrison")),
    }
    running = {name: server for name, server in started.items() if isinstance(server, Server)}
    try:
        for server in started.values():
            if isinstance(server, str):
                pytest.skip(server)
        yield running
    finally:
        for server in running.values():
            server.stop()


def _server(servers: dict[str, Server | str], name: str) -> Server:
    server = servers[name]
    if isinstance(server, str):
        pytest.skip(server)
    return server


@pytest.fixture(params=[f"{name}-resp{protocol}" for name in SERVERS for protocol in (2, 3)])
def r(request: pytest.FixtureRequest, servers: dict[str, Server | str]) -> Iterator[Wire]:
    """A connection to one of the servers in one of the protocols, on empty databases."""
    name, protocol = request.param.split("-resp")
    wire = Wire(_server(servers, name), int(protocol))
    wire("FLUSHALL")
    wire.until_alone()
    yield wire
    wire.close_all()


@pytest.fixture(params=[2, 3], ids=["resp2", "resp3"])
def peers(request: pytest.FixtureRequest, servers: dict[str, Server | str]) -> Iterator[Peers]:
    """A connection to each server, for comparing reply by reply."""
    pair = Peers(*(Wire(_server(servers, name), request.param) for name in SERVERS))
    for wire in (pair.redis, pair.garrison):
        wire("FLUSHALL")
        wire.until_alone()
    yield pair
    pair.close()
