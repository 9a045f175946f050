"""A manager that only watches."""

from __future__ import annotations

import pytest

from garrison.cluster.core.manager.picture import Picture
from garrison.cluster.core.manager.requests import Pause, RequestError
from garrison.cluster.daemon.watching_core import WHY, WatchingCore


def test_it_asks_for_nothing_and_refuses_everything() -> None:
    core = WatchingCore()
    core.tick(1)
    core.observed(Picture(at_ms=1), 1)
    assert not core.take()
    core.request(Pause("ann", 3), 1)
    assert core.take().answers == [(3, WHY)]
    assert not core.leads
    with pytest.raises(RequestError):
        core.offer_reshard([], 1)
