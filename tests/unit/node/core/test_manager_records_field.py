"""Several managers, three shards of two nodes, restarts, failovers, bad disks; a model says who leads."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from .manager_field import LEASE_MS_MAX, MAJORITY, SHARDS, Machine, Manager, is_error

NAMES = ("m1", "m2", "m3")
FATES = ("ok", "ok", "ok", "error", "crash")
TTLS_MS = (3000, LEASE_MS_MAX, 5 * LEASE_MS_MAX)
STEPS_MS = (1, 400, 3000, LEASE_MS_MAX - 1, LEASE_MS_MAX + 1001)
STEPS = 150
RUNS = 100


class Field:
    """The model: a manager leads while a majority of its grants last; what a majority stored is kept."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.now_ms = 1
        self.machines = [
            (Machine(2 * n, n, is_primary=True), Machine(2 * n + 1, n, is_primary=False))
            for n in range(SHARDS)
        ]
        self.primary = [0] * SHARDS
        self.config_epoch = SHARDS
        self.managers = {name: Manager(name) for name in NAMES}
        self.newest = {machine.node_id: 0 for pair in self.machines for machine in pair}
        self.acknowledged = (0, 0)
        self.led = 0
        """How often a manager has become the leader."""
        self.contents: dict[tuple[int, int], bytes] = {}
        self.pass_time(2 * LEASE_MS_MAX)

    def primaries(self) -> list[Machine]:
        return [pair[at] for pair, at in zip(self.machines, self.primary, strict=True)]

    def note(self, machine: Machine, reply: Any) -> None:
        """An answer has left: the node may never name an older epoch again."""
        if isinstance(reply, dict):
            assert reply["epoch"] >= self.newest[machine.node_id]
            self.newest[machine.node_id] = reply["epoch"]

    def pass_time(self, ms: int) -> None:
        self.now_ms += ms
        for pair in self.machines:
            for machine in pair:
                machine.context.pass_time(self.now_ms)
                machine.register.look()
                machine.write(machine.register.news(), "ok")

    def ask_for_the_lease(self, name: str, asked: set[int], ttl_ms: int, fate: str) -> None:
        """Of one node the answer may have the drawn fate; a manager asks the stale primary of a shard too."""
        manager = self.managers[name]
        leads = manager.leads(self.now_ms)
        if not leads:
            manager.stands_anew()
        for shard in sorted(asked):
            for machine in self.machines[shard]:
                manager.asked(machine, self.now_ms, ttl_ms, fate)
                fate = "ok"
        self.led += manager.leads(self.now_ms) and not leads

    def give_back(self, name: str) -> None:
        manager = self.managers[name]
        manager.grants = {}
        for machine in self.primaries():
            machine.ask(self.now_ms, "RELEASE", name, max(manager.epoch, 1))

    def store_as_leader(self, name: str, asked: set[int], fate: str) -> None:
        manager = self.managers[name]
        if not manager.leads(self.now_ms):
            return
        found = self.read()
        if found is None:
            return
        version = found[1] + 1
        if found[0] > manager.epoch:
            return  # A newer manager has been: this one has to stand anew.
        content = f"{name} {version} {self.now_ms}".encode()
        content = self.contents.setdefault((manager.epoch, version), content)
        done = 0
        for shard in sorted(asked):
            machine = self.primaries()[shard]
            words = ("STORE", name, manager.epoch, version, content)
            done += machine.ask(self.now_ms, *words, fate=fate) == "OK"
            fate = "ok"
        if done >= MAJORITY:
            self.acknowledged = (manager.epoch, version)

    def read(self) -> tuple[int, int] | None:
        """The newest records, if enough nodes vote for that."""
        replies = [machine.ask(self.now_ms, "READ") for machine in self.primaries()]
        for machine, reply in zip(self.primaries(), replies, strict=True):
            self.note(machine, reply)
        good = [each for each in replies if isinstance(each, dict)]
        votes = sum(each["votes"] for each in good)
        if votes < MAJORITY and len(good) < SHARDS:
            return None
        return max((each["written-epoch"], each["version"]) for each in good)

    def wake_up_and_store(self, name: str, shard: int) -> None:
        """A manager that slept sends what it had meant to store."""
        manager = self.managers[name]
        if manager.led and manager.led < manager.epoch:
            machine = self.primaries()[shard]
            version = machine.stored()[1] + 1
            content = self.contents.setdefault((manager.led, version), b"late")
            machine.ask(self.now_ms, "STORE", name, manager.led, version, content)

    def restart(self, shard: int, standby: bool) -> None:
        at = self.primary[shard]
        self.machines[shard][1 - at if standby else at].start(self.now_ms)

    def fail_over(self, shard: int, told: bool) -> None:
        former = self.primaries()[shard]
        former.lease.held = False
        self.primary[shard] = 1 - self.primary[shard]
        self.config_epoch += 1
        if self.primaries()[shard].is_primary:
            self.primaries()[shard].demote(self.now_ms)  # Only a replica stands for election.
        self.primaries()[shard].promote(self.now_ms, self.config_epoch)
        if told:
            former.demote(self.now_ms)

    def lose_the_file(self, shard: int) -> None:
        """At most one at a time: two are a majority."""
        broken = [m for m in self.primaries() if m.register._is_lost or m.register._is_behind]
        machine = self.primaries()[shard]
        if not broken and machine.saved:
            machine.saved = machine.saved[:-1] + "#"
            machine.start(self.now_ms)
            assert is_error(
                machine.ask(self.now_ms, "READ"), "ERR the records of this node are lost: the-file"
            )
            self.newest[machine.node_id] = 0

    def at_most_one_leads(self) -> None:
        leaders = [manager.name for manager in self.managers.values() if manager.leads(self.now_ms)]
        assert len(leaders) <= 1, leaders

    def acknowledged_records_are_read(self) -> None:
        """No majority of nodes that vote lacks what was acknowledged."""
        lacking = 0
        for machine in self.primaries():
            reply = machine.ask(self.now_ms, "READ")
            self.note(machine, reply)
            if isinstance(reply, dict) and reply["votes"]:
                stored = (reply["written-epoch"], reply["version"])
                lacking += stored < self.acknowledged
                assert reply["content"] == self.contents.get(stored, b"")
        assert lacking < MAJORITY, f"{lacking} nodes lack {self.acknowledged}"

    def some_shards(self) -> set[int]:
        return set(self.rng.sample(range(SHARDS), self.rng.randint(MAJORITY, SHARDS)))

    def step(self) -> None:
        """Something happens, and the invariants are looked at."""
        rng = self.rng
        name, shard, fate = rng.choice(NAMES), rng.randrange(SHARDS), rng.choice(FATES)
        choice = rng.randrange(16)
        if choice < 4:
            self.pass_time(rng.choice(STEPS_MS))
        elif choice < 7:
            self.ask_for_the_lease(name, self.some_shards(), rng.choice(TTLS_MS), fate)
        elif choice < 9:
            self.ask_for_the_lease(name, self.some_shards(), LEASE_MS_MAX, "ok")
            self.store_as_leader(name, self.some_shards(), "ok")
        elif choice == 9:
            self.store_as_leader(name, self.some_shards(), fate)
        elif choice == 10:
            self.wake_up_and_store(name, shard)
        elif choice == 11:
            self.restart(shard, standby=rng.random() < 0.3)
        elif choice < 14:
            self.fail_over(shard, told=rng.random() < 0.5)
        elif choice == 14 and rng.random() < 0.3:
            self.give_back(name)
        elif rng.random() < 0.3:
            self.lose_the_file(shard)
        self.at_most_one_leads()
        self.acknowledged_records_are_read()


@pytest.mark.parametrize("first", range(0, RUNS, 20))
def test_one_leader_and_no_lost_records(first: int) -> None:
    led = stored = 0
    for seed in range(first, first + 20):
        field = Field(seed)
        for number in range(STEPS):
            try:
                field.step()
            except AssertionError as error:
                raise AssertionError(f"seed {seed}, step {number}: {error}") from None
        led += field.led
        stored += field.acknowledged > (0, 0)
    assert led > 100
    assert stored == 20
