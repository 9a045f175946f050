"""Two processes of one name are two managers."""

from __future__ import annotations

import random

import pytest

from garrison.cluster.core.manager.effects import AskLease, ReadRecords, StoreRecords
from garrison.cluster.core.manager.manager_core import ManagerCore
from garrison.cluster.core.manager.manager_names import address_in, manager_id, shown_name
from garrison.cluster.core.manager.manager_settings import ManagerSettings
from garrison.cluster.core.topology import Address
from tests.sim.manager.model import Register

from .core_bench import UNIX_MS, Bench

PLACE = Address("10.0.0.1", 7380)


def test_people_read_name_and_address() -> None:
    id = manager_id("shop", PLACE, "0f3a9c11")
    assert id == "shop#0f3a9c11@10.0.0.1:7380"
    assert (shown_name(id), address_in(id)) == ("shop@10.0.0.1:7380", "10.0.0.1:7380")
    assert (shown_name("command-1"), address_in("command-1")) == ("command-1", "")


@pytest.mark.parametrize("name", ["", "a b", "a@b", "a#b", "ü", "x" * 60])
def test_name_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        manager_id(name, PLACE, "0f3a9c11")


class Two:
    """Two cores before the registers of three nodes."""

    def __init__(self, *ids: str) -> None:
        self.now_ms = 1_000
        self.ids = ids
        self.registers = {node: Register(epoch=3) for node in "abc"}
        self.bench = Bench()
        self.cores = [
            ManagerCore(ManagerSettings(id=id), random.Random(seed), self.now_ms, UNIX_MS)
            for seed, id in enumerate(ids)
        ]

    def run(self, duration_ms: int) -> int:
        """Let time pass; the largest number of managers that led at once."""
        most = 0
        for _ in range(duration_ms // 100):
            self.now_ms += 100
            self.bench.now_ms = self.now_ms
            for id, core in zip(self.ids, self.cores, strict=True):
                core.observed(self.bench.picture(), self.now_ms)
                self._answer(id, core)
            most = max(most, sum(core.leads for core in self.cores))
        return most

    def _answer(self, id: str, core: ManagerCore) -> None:
        while effects := core.take():
            for ask in effects.asks:
                register, node, now = self.registers[ask.node_id], ask.node_id, self.now_ms
                if isinstance(ask, AskLease):
                    core.lease_answered(
                        node, register.lease(id, ask.epoch, ask.ttl_ms, now, counts=True), now
                    )
                elif isinstance(ask, ReadRecords):
                    core.records_read(node, register.read(now, counts=True), now)
                elif isinstance(ask, StoreRecords):
                    error = register.store(id, ask.epoch, ask.version, ask.content, now, counts=True)
                    core.records_stored(node, error, now)


def test_processes_of_one_name_never_share_a_lease() -> None:
    two = Two(manager_id("m", PLACE, "00000001"), manager_id("m", PLACE, "00000002"))
    assert two.run(60_000) == 1
    leader = next(core for core in two.cores if core.leads)
    other = next(core for core in two.cores if core is not leader)
    assert other.leader == leader.leader
    assert "m@10.0.0.1:7380 leads" in other.why_idle


def test_processes_of_one_id_would_share_it() -> None:
    """What the id guards against; when this fails, the guard is not what keeps them apart."""
    two = Two("m@10.0.0.1:7380", "m@10.0.0.1:7380")
    assert two.run(60_000) == 2
