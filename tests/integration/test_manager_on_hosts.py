"""Two managers and twelve nodes, each on a host of its own: cuts, kills and sleep in the middle of a job.

A writer goes on all the time. Whatever becomes of the manager that leads, the other one finishes the job, no
slot is left half-way, and no caller sees an error.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from garrison.client import Client, ClientError, connect
from garrison.cluster.core.cluster_state import ClusterState
from garrison.cluster.core.creation import plan_creation
from garrison.cluster.core.topology import Address
from garrison.cluster.daemon.manager_calls import RemoteManager
from garrison.cluster.errors import ManagerError
from garrison.cluster.manager.admin_client import Access, AdminClient
from garrison.cluster.manager.form import form
from tests.integration.group_on_hosts import GARRISON, NODE_PORT, Server, run, until
from tests.integration.namespaces import Host, Network, network, reason_to_skip

MANAGER_PORT = 7380
LEASE_MS = 4_000
TOKEN = "token-of-this-test"
SHARDS, REPLICAS = 4, 2
KEYS = 400
JOB_S_MAX = 120.0
LIGHT = 0.5
"""The weight of a primary that shall give slots away: so many are left to it."""
LIGHT_SLOTS = 2_341
pytestmark = pytest.mark.timeout(400)


class Manager:
    """A manager on a host of its own."""

    def __init__(self, host: Host, entries: list[Server], folder: Path) -> None:
        folder.mkdir()
        self.host, self.log = host, folder / "log"
        token = folder / "token"
        token.write_text(f"test {TOKEN}\n")
        self._command = host.command(
            *GARRISON, "manager", "run", *(f"{entry.address}:{entry.port}" for entry in entries),
            "--listen", f"{host.address}:{MANAGER_PORT}", "--token-file", str(token), "--id", host.namespace,
            "--lease-ms", str(LEASE_MS),
        )  # fmt: skip
        self._remote = RemoteManager(f"http://{host.address}:{MANAGER_PORT}", TOKEN, None, 5.0)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = run(self._command, self.log)

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        """The document that it answers with. Raises ManagerError."""
        content = b"" if body is None else json.dumps(body).encode()
        return (await self._remote.call(method, path, content)).document()

    async def leads(self) -> bool:
        with contextlib.suppress(ManagerError):
            return bool((await self.ask("GET", "/api/status"))["leads"])
        return False

    async def open_jobs(self) -> list[Any]:
        jobs = await self.ask("GET", "/api/jobs")
        return [job for job in jobs if job["state"] in ("planned", "waiting", "running")]


class Writer:
    """A client that writes numbers to some keys, and what came of it."""

    def __init__(self, client: Client[bytes]) -> None:
        self._client = client
        self.acknowledged: dict[str, int] = {}
        self.errors: list[str] = []
        self._task = asyncio.create_task(self._write())

    async def _write(self) -> None:
        number = 0
        while True:
            number += 1
            key = f"key:{number % KEYS}"
            try:
                await self._client.set(key, str(number))
                self.acknowledged[key] = number
            except ClientError as error:
                self.errors.append(f"{key}: {error}")
            await asyncio.sleep(0.002)

    async def stop(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def lost(self) -> list[str]:
        """Keys whose value is older than what was acknowledged."""
        keys = sorted(self.acknowledged)
        values = await self._client.mget(*keys)
        return [
            key for key, value in zip(keys, values, strict=True) if int(value or 0) < self.acknowledged[key]
        ]


class Cluster:
    """The hosts and what runs on them."""

    def __init__(self, net: Network, nodes: list[Server], managers: list[Manager]) -> None:
        self.net, self.nodes, self.managers = net, nodes, managers

    async def leader(self) -> Manager:
        async def found() -> Manager | None:
            leading = [each for each in self.managers if await each.leads()]
            assert len(leading) < 2, [each.host.namespace for each in leading]
            return leading[0] if leading else None

        leading: Manager = await until(found, "a manager leads")
        return leading

    def other(self, manager: Manager) -> Manager:
        return next(each for each in self.managers if each is not manager)

    async def apply(self, manager: Manager, weights: dict[str, float]) -> None:
        wish = {
            "mode": "act",
            "nodes": {node_id: {"weight": weight} for node_id, weight in weights.items()},
            "harm": {"points_per_hour_max": 10_000},
        }
        await until(lambda: applied(manager, wish), "the wish is stored")

    async def state(self) -> ClusterState:
        async with AdminClient(Address(self.nodes[-1].address, NODE_PORT), Access()) as admin:
            return await admin.cluster_state()

    async def slots_of(self, node_id: str) -> int:
        state = await self.state()
        assert len(state.owners) == 16384
        return len(state.slots_of.get(node_id, ()))

    async def has_between(self, node_id: str, least: int, most: int) -> bool:
        return least <= await self.slots_of(node_id) <= most

    async def is_done(self, manager: Manager) -> bool:
        """Whether no slot is open, and this manager, which leads, has nothing left to do."""
        state = await self.state()
        assert not state.open_slots, f"{len(state.open_slots)} slots are open"
        assert await manager.leads(), f"{manager.host.namespace} does not lead"
        jobs = await manager.open_jobs()
        assert not jobs, [(job["id"], job["state"], job["waits_for"], job["why"]) for job in jobs]
        return True


async def applied(manager: Manager, wish: dict[str, Any]) -> bool:
    with contextlib.suppress(ManagerError):
        await manager.ask("PUT", "/api/desired", wish)
        return True
    return False


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    reason = reason_to_skip()
    if reason:
        pytest.skip(reason)
    lines = ["cluster-enabled yes", "cluster-node-timeout 2000", "repl-diskless-sync-delay 0", 'save ""']
    with network() as net:
        hosts = [net.add(f"node{number}") for number in range(1, SHARDS * (REPLICAS + 1) + 1)]
        nodes = [Server(host, NODE_PORT, tmp_path / host.namespace, "node", lines) for host in hosts]
        places = [net.add(f"m{number}") for number in (1, 2)]
        managers = [Manager(host, nodes, tmp_path / host.namespace) for host in places]
        try:
            for node in nodes:
                node.start()
            for node in nodes:
                await until(lambda node=node: node("PING"), "it answers")  # type: ignore[misc]
            addresses = [Address(node.address, node.port) for node in nodes]
            await form(plan_creation(addresses, REPLICAS), Access(), lambda text: None)
            for manager in managers:
                manager.start()
            yield Cluster(net, nodes, managers)
        finally:
            for node in nodes:
                node.kill()
            for manager in managers:
                manager.kill()


async def test_job_goes_on_whatever_becomes_of_the_leader(cluster: Cluster) -> None:
    async with await connect([f"redis://{node.address}:{NODE_PORT}" for node in cluster.nodes]) as client:
        writer = Writer(client)
        leader = await cluster.leader()
        light = (await cluster.state()).primaries[0].id
        shard = await cluster.slots_of(light)

        # Cut off from all nodes in the middle of the job, it stops, and the other goes on.
        await cluster.apply(leader, {light: LIGHT})
        await until(lambda: cluster.has_between(light, LIGHT_SLOTS + 1, shard - 100), "the job is under way")
        cluster.net.cut([leader.host], [*(node.host for node in cluster.nodes), cluster.other(leader).host])
        await until(cluster.other(leader).leads, "the other leads")
        assert not await leader.leads()
        leader = cluster.other(leader)
        await until(lambda: cluster.has_between(light, 0, LIGHT_SLOTS), "it gave its slots away")
        await until(lambda: cluster.is_done(leader), "the job is done", JOB_S_MAX)
        cluster.net.heal()

        # Killed in the middle of the way back.
        await cluster.apply(leader, {light: 1.0})
        await until(lambda: cluster.has_between(light, LIGHT_SLOTS + 1, shard - 100), "the job is under way")
        leader.kill()
        await until(cluster.other(leader).leads, "the other leads")
        other = cluster.other(leader)
        await until(lambda: cluster.is_done(other), "the job is done", JOB_S_MAX)
        leader.start()
        leader = other

        # It sleeps through its lease, and wakes up as one that does not lead.
        await cluster.apply(leader, {light: LIGHT})
        await until(lambda: cluster.has_between(light, LIGHT_SLOTS + 1, shard - 100), "the job is under way")
        leader.signal(signal.SIGSTOP)
        await until(cluster.other(leader).leads, "the other leads")
        leader.signal(signal.SIGCONT)
        await until(lambda: cluster.is_done(cluster.other(leader)), "the job is done", JOB_S_MAX)
        assert not await leader.leads()

        await writer.stop()
        assert not writer.errors, writer.errors[:3]
        assert not await writer.lost()
