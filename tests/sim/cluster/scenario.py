"""One seed, one run with callers: the real client, the real migration, real engines, and faults of one kind.

What must survive depends on the kind (`KINDS`): without a failure every acknowledged operation, with one
failure at a time every confirmed one (WAIT 1). In the end the cluster heals, the slots that a broken move
left open are finished as `garrison cluster fix` does it, and everything is read back through the client."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from random import Random
from typing import TYPE_CHECKING

from garrison.client import Client, ClientError
from garrison.client.core import topology as client_topology
from garrison.client.settings import make_settings
from garrison.cluster.core.reshard_plan import Move
from garrison.cluster.core.topology import Address
from garrison.cluster.errors import ManagerError
from garrison.cluster.manager.admin_client import Access, AdminClient
from garrison.cluster.manager.key_by_key import KeyByKeyMigration
from garrison.cluster.manager.key_migration import MigrateOptions
from garrison.cluster.manager.reshard import ReshardRequest, fix, reshard
from garrison.cluster.manager.session import Session
from tests.sim.common.loop import SimulatedLoop

from .callers import Caller, Record
from .checks import BrokenInvariantError
from .host import CallersHost
from .simulation import Simulation
from .writer import key_of_slot

if TYPE_CHECKING:
    from .node import SimNode

SLOTS_MOVED = 6
KEYS_PER_SLOT = 4
STILL_KEYS = 30
CALLERS = 3
HEAL_MS_MAX = 60_000


@contextlib.contextmanager
def sleeping_manager(sleep_s: Callable[[], float]) -> Iterator[None]:
    """A manager that is stopped (Ctrl-Z, a suspended laptop) before each change of ownership."""
    hand_over = KeyByKeyMigration.hand_over

    async def late(migration: KeyByKeyMigration, window: Move) -> None:
        await asyncio.sleep(sleep_s())
        await hand_over(migration, window)

    KeyByKeyMigration.hand_over = late  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        KeyByKeyMigration.hand_over = hand_over  # type: ignore[method-assign]


class Scenario:
    """Draws everything from its seed; `run` raises BrokenInvariantError.

    `shortened` divides the time in which things break."""

    def __init__(self, seed: int, kind: str, *, shortened: int = 1) -> None:
        self.seed, self.kind, self.shortened = seed, kind, shortened
        self.rng = Random(seed)
        timeout_ms = (1000, 2000)[self.rng.randrange(2)]
        self.sim = Simulation(seed, nodes=6 + self.rng.randrange(2), timeout_ms=timeout_ms)
        self.timeout_ms = timeout_ms
        self.loop = SimulatedLoop(self.sim.events)
        self.loop.dialer = self.host = CallersHost(self.sim, self.loop)
        self.records: list[Record] = []
        self.callers: list[Caller] = []
        self.moved_slots = 0
        self.notes: list[str] = []

    def run(self) -> None:
        """Form, work under faults, heal, read back."""
        self.sim.form(3)
        self.sim.quiet = True
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_until_complete(self._main())
        finally:
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            self.loop.run_until_complete(asyncio.sleep(0))
            asyncio.set_event_loop(None)
            self.loop.close()

    async def _main(self) -> None:
        settings = make_settings({"call_timeout_s": 5.0 + 6 * self.timeout_ms / 1000})
        seeds = [client_topology.Address(node.address, 7000) for node in self.sim.nodes.values()]
        client: Client[bytes] = Client(settings, seeds, rng=Random(self.seed))
        await client.start()
        self._make_records()
        await self._first_writes(client)
        workers = [asyncio.ensure_future(caller.run()) for caller in self._make_callers(client)]
        try:
            await KINDS[self.kind][0](self)
            await asyncio.sleep(0.2)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        await self._heal()
        await self._read_back(client)
        await client.close()

    # Keys.

    def _make_records(self) -> None:
        moving = self.slots()
        names = [b"{%s}:%d" % (key_of_slot(slot), n) for slot in moving for n in range(KEYS_PER_SLOT)]
        names += [b"still:%d" % n for n in range(STILL_KEYS)]
        self.records = [Record(name) for name in names]

    def slots(self) -> list[int]:
        """The slots that travel: they belong to A in the beginning."""
        return list(range(100, 100 + SLOTS_MOVED))

    async def _first_writes(self, client: Client[bytes]) -> None:
        for record in self.records:
            number = record.begin(True)
            await client.call("SET", record.key, number)
            record.succeeded(number, False)

    def _make_callers(self, client: Client[bytes]) -> list[Caller]:
        shares: list[list[Record]] = [self.records[n::CALLERS] for n in range(CALLERS)]
        self.callers = [Caller(client, share, Random(self.rng.random())) for share in shares]
        return self.callers

    # What the manager does.

    def entry(self) -> Address:
        node = self.any_node()
        if node is None:
            raise ManagerError("no node runs")
        return Address(node.address, 7000)

    def session(self) -> Session:
        return Session(
            Access(timeout_s=2.0), options=MigrateOptions(2 * self.timeout_ms, keys_per_write_max=5)
        )

    async def move(self) -> None:
        """Move the slots from whoever has them to another primary, by the command that users give."""
        entry = self.entry()
        async with AdminClient(entry, Access(timeout_s=2.0)) as admin:
            state = await admin.cluster_state()
        owner = state.owners.get(self.slots()[0])
        targets = sorted(
            node.id for node in state.primaries if node.id != owner and state.slots_of.get(node.id)
        )
        if not targets:
            raise ManagerError("no other primary")
        target = targets[self.rng.randrange(len(targets))]
        slots = self.slots()
        request = ReshardRequest(target, ranges=f"{slots[0]}-{slots[-1]}")
        report = await reshard(self.session(), entry, request)
        self.moved_slots += report.slots_moved

    async def fix(self) -> bool:
        """Finish what broken moves have left; whether nothing is left any more."""
        report = await fix(self.session(), self.entry())
        return not report.repairs

    async def moves_to_and_fro(self) -> None:
        """Move again and again, whatever comes in between."""
        while True:
            try:
                await self.move()
            except (ManagerError, ClientError) as error:
                self.notes.append(f"{self.sim.now_ms}: move: {error}")
                await self._try_fix()
            await asyncio.sleep(0.05)

    async def _try_fix(self) -> None:
        try:
            await self.fix()
        except (ManagerError, ClientError) as error:
            self.notes.append(f"{self.sim.now_ms}: fix: {error}")
            await asyncio.sleep(0.2)

    # Faults.

    def any_node(self, fits: Callable[[SimNode], bool] = lambda node: True) -> SimNode | None:
        nodes = [node for node in self.sim.nodes.values() if node.up and not node.paused and fits(node)]
        return nodes[self.rng.randrange(len(nodes))] if nodes else None

    async def settled(self, limit_ms: int = HEAL_MS_MAX) -> None:
        """Wait until the cluster is whole again: one failure at a time."""
        end_ms = self.sim.now_ms + limit_ms
        while why := self.sim.checks.converged() or self.sim.checks.unsynced():
            if self.sim.now_ms > end_ms:
                raise BrokenInvariantError(f"seed {self.seed} {self.kind}: does not recover: {why}")
            await asyncio.sleep(0.1)

    async def hand_overs(self) -> None:
        """Manual failovers, one after the other."""
        while True:
            await asyncio.sleep(0.2 + self.rng.random())
            node = self.any_node(lambda node: node.core.is_replica)
            if node is not None:
                await self._call(node, "CLUSTER", "FAILOVER")

    async def _call(self, node: SimNode, *words: str) -> None:
        try:
            async with AdminClient(Address(node.address, 7000)) as admin:
                await admin.call(Address(node.address, 7000), *words)
        except ManagerError as error:
            self.notes.append(f"{self.sim.now_ms}: {error}")

    async def crashes(self, restart_ms: Callable[[], int]) -> None:
        """One process at a time dies and is started again, when all is well."""
        while True:
            await asyncio.sleep(0.1 + self.rng.random())
            node = self.any_node()
            if node is None:
                continue
            node.crash()
            await asyncio.sleep(restart_ms() / 1000)
            node.start()
            self.sim.trace(node.name, "restarts")
            await self.settled()

    async def pauses(self) -> None:
        """One process at a time is stopped for a while."""
        while True:
            await asyncio.sleep(0.1 + self.rng.random())
            node = self.any_node()
            if node is not None:
                node.pause()
                await asyncio.sleep(self.rng.random() * 3 * self.timeout_ms / 1000)
                node.resume()
                await self.settled()

    async def dropped_flows(self) -> None:
        """The connections of one machine after the other are forgotten by the network."""
        while True:
            await asyncio.sleep(0.3 + self.rng.random())
            node = self.any_node()
            if node is not None:
                self.sim.trace(node.name, "loses all its flows")
                self.sim.network.drop_flows(node.name)
                await asyncio.sleep(6)
                await self.settled()

    async def for_a_while(self, seconds: float, *works: Awaitable[None]) -> None:
        """Let things happen side by side for so long; what breaks, breaks the run."""
        tasks = [asyncio.ensure_future(work) for work in works]
        try:
            done, _ = await asyncio.wait(
                tasks, timeout=seconds / self.shortened, return_when=asyncio.FIRST_EXCEPTION
            )
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # In the end.

    async def _heal(self) -> None:
        sim = self.sim
        sim.network.heal()
        for node in sim.nodes.values():
            if not node.up:
                node.start()
            elif node.paused:
                node.resume()
        await self.settled()
        for _ in range(20):
            try:
                if await self.fix():
                    return
            except (ManagerError, ClientError) as error:
                self.notes.append(f"{sim.now_ms}: fix: {error}")
                await asyncio.sleep(1)
            await self.settled()
        raise BrokenInvariantError(f"seed {self.seed} {self.kind}: cannot be fixed: {self.notes[-1]}")

    async def _read_back(self, client: Client[bytes]) -> None:
        confirmed_only = KINDS[self.kind][1]
        wrong = []
        for record in self.records:
            value = await client.call("GET", record.key)
            wrong += [verdict] if (verdict := record.verdict(value, confirmed_only=confirmed_only)) else []
        if wrong:
            raise BrokenInvariantError(
                f"seed {self.seed} {self.kind}: {len(wrong)} lost: {'; '.join(wrong[:4])}"
            )


async def _calm(run: Scenario) -> None:
    await run.for_a_while(8, run.moves_to_and_fro(), run.hand_overs())


async def _crash(run: Scenario) -> None:
    away_ms = lambda: 2 * run.timeout_ms + run.rng.randrange(2000)  # noqa: E731
    await run.for_a_while(20, run.moves_to_and_fro(), run.crashes(away_ms))


async def _restart(run: Scenario) -> None:
    await run.for_a_while(15, run.moves_to_and_fro(), run.crashes(lambda: run.rng.randrange(1, 300)))


async def _pause(run: Scenario) -> None:
    await run.for_a_while(20, run.moves_to_and_fro(), run.pauses())


async def _flows(run: Scenario) -> None:
    await run.for_a_while(20, run.moves_to_and_fro(), run.dropped_flows())


async def _sleepy(run: Scenario) -> None:
    """The manager sleeps through failovers, between its last listing and the hand-over."""
    away_ms = lambda: 2 * run.timeout_ms  # noqa: E731
    with sleeping_manager(lambda: run.rng.random() * 4 * run.timeout_ms / 1000):
        await run.for_a_while(25, run.moves_to_and_fro(), run.crashes(away_ms))


KINDS: dict[str, tuple[Callable[[Scenario], Awaitable[None]], bool]] = {
    "calm": (_calm, False),
    "crash": (_crash, True),
    "restart": (_restart, True),
    "pause": (_pause, True),
    "flows": (_flows, True),
    "sleepy": (_sleepy, True),
}
"""Kind -> what happens, and whether only confirmed operations must survive it."""
