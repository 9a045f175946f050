"""A little of the campaign in `differential.py`: random commands of all types on shared keys."""

from __future__ import annotations

import pytest

from tests.commands.differential import SMALL, Pair
from tests.commands.wire import Peers

COMMANDS = 1200


@pytest.mark.parametrize("seed", range(3))
def test_random_commands_of_all_types(peers: Peers, seed: int) -> None:
    wires = {"redis": peers.redis, "garrison": peers.garrison}
    before = {name: wire.map("CONFIG", "GET", *SMALL) for name, wire in wires.items()}
    pair = Pair(wires, {})
    try:
        pair.run(seed + 10 * peers.redis.protocol, COMMANDS)
    finally:
        for name, wire in wires.items():
            wire("CONFIG", "SET", "notify-keyspace-events", "", *(w for p in before[name].items() for w in p))
