"""The same body of tests against `garrison sentinel` and Redis 7.0's Sentinel, in RESP2 and in RESP3.

Both watch one primary with one replica and know each other; quorum 2. `r` is a connection to one of them: a
test with it runs four times. `peers.same(...)` runs a command on both and demands the same reply. The tools
are those of tests/commands.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.wire import Peers, Server, Wire
from tests.integration.sentinels import GARRISON, REDIS, Bench, Process, redis_program, sees, until

NAME = "orders"


class House:
    """What runs for all tests of this folder."""

    def __init__(self, folder: Path) -> None:
        self.bench = Bench(folder)
        kind = REDIS if redis_program() else GARRISON
        self.primary = self.bench.node(kind)
        self.primary.wait_until_ready()
        self.replica = self.bench.node(kind, primary=self.primary)
        self.replica.wait_until_ready()
        makes = [GARRISON, REDIS] if redis_program() else [GARRISON]
        sentinels = self.bench.watching(self.primary, makes)
        self.sentinels = {sentinel.kind: sentinel for sentinel in sentinels}
        for sentinel in sentinels:
            until("seen", lambda sentinel=sentinel: sees(sentinel, 1, len(makes) - 1))  # type: ignore[misc]

    def wire(self, make: str, protocol: int) -> Wire:
        return wire(self.sentinels[make], protocol)


def wire(sentinel: Process, protocol: int) -> Wire:
    return Wire(Server(sentinel.kind, sentinel.port, sentinel.process, sentinel.log), protocol)


@pytest.fixture(scope="session")
def house() -> Iterator[House]:
    folder = Path(tempfile.mkdtemp(prefix="garrison-sentinels-"))
    built = House(folder)
    yield built
    built.bench.close()
    shutil.rmtree(folder, ignore_errors=True)


needs_redis = pytest.mark.skipif(redis_program() is None, reason="no redis-server 7.0 on this machine")


@pytest.fixture(
    params=[
        pytest.param(
            (make, protocol), id=f"{make}-resp{protocol}", marks=needs_redis if make == REDIS else ()
        )
        for make in (REDIS, GARRISON)
        for protocol in (2, 3)
    ]
)
def r(request: pytest.FixtureRequest, house: House) -> Iterator[Wire]:
    """A connection to one of the Sentinels in one of the protocols."""
    connection = house.wire(*request.param)
    yield connection
    connection.close_all()


@pytest.fixture(params=[2, 3], ids=["resp2", "resp3"])
def peers(request: pytest.FixtureRequest, house: House) -> Iterator[Peers]:
    """A connection to each Sentinel, for comparing reply by reply."""
    if redis_program() is None:
        pytest.skip("no redis-server 7.0 on this machine")
    pair = Peers(*(house.wire(make, request.param) for make in (REDIS, GARRISON)))
    yield pair
    pair.close()
