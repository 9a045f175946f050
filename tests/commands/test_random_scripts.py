"""A few hundred random scripts against a real Redis 7.0; see `random_scripts.py`."""

from __future__ import annotations

import pytest

from tests.commands.random_scripts import compare
from tests.commands.wire import Peers


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_scripts_give_what_redis_gives(peers: Peers, seed: int) -> None:
    compare(peers, seed, 150)
