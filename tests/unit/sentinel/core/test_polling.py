"""What is sent all the time, and what becomes of it at a server that answers nothing."""

from __future__ import annotations

import pytest

from garrison.sentinel.core.context import PENDING_COMMANDS_MAX
from garrison.sentinel.core.instances import Instance, Peer
from garrison.sentinel.core.settings import Monitor, SentinelSettings
from tests.unit.sentinel.core.sentinel_driver import PEERS, Driver, run_id

PRIMARIES = 150


def test_stopped_shared_sentinel_costs_no_more_than_running_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = [(*PEERS[0], run_id(2))]
    monitors = [
        Monitor(f"p{number}", "10.0.0.9", 1 + number, 2, 30_000, 60_000, known_sentinels=known)
        for number in range(PRIMARIES)
    ]
    driver = Driver(SentinelSettings(my_id=run_id(1), announce_ip="10.1.0.1", monitors=monitors))
    for name in (b"CLIENT", b"SENTINEL", b"PING", b"PUBLISH"):
        driver.answers[name] = lambda place, argv: None
    driver.run(5_000)
    peer = next(iter(driver.core.context.primaries["p0"].peers.values()))
    assert len(peer.link.command.waiting) == PENDING_COMMANDS_MAX
    count = 0
    poll = driver.core._polling.poll

    def counted(instance: Instance) -> None:
        nonlocal count
        count += isinstance(instance, Peer)
        poll(instance)

    monkeypatch.setattr(driver.core._polling, "poll", counted)
    driver.run(3_000)
    assert PRIMARIES <= count <= 6 * PRIMARIES
