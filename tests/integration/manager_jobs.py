"""Rounds of jobs on a real cluster, each while the leading manager is killed at a random moment.

    python -m tests.integration.manager_jobs --rounds 3 --kinds upgrade,scale-out,backup

Two managers, six nodes with append-only files and three spares, all under a supervisor that starts again
what has ended, and callers. After each job: it is done (and once), all slots are covered, each shard has its
copy, the nodes agree, the callers saw no error, and what they were told was written is there.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from garrison import __version__
from garrison.client import Client, connect
from garrison.cluster.core.check import check as find_problems
from garrison.cluster.core.ranges import SLOT_COUNT
from garrison.cluster.daemon.carrying import address_of
from garrison.cluster.errors import ManagerError
from garrison.cluster.local.cluster import GARRISON_NODE, LocalCluster
from garrison.cluster.manager.admin_client import AdminClient
from garrison.cluster.manager.session import settled_state
from tests.integration.managers import Caller, RunningManager, calling
from tests.integration.supervised import OTHER_RELEASE, Supervisor, add_spare, other_release, supervised

Document = dict[str, Any]
SETTINGS = {"appendonly": "yes", "cluster-manager-lease-ms-max": "3000"}
SPARES = 3
JOB_S_MAX = 150.0
KILL_AFTER_S_MAX = 6.0
KEYS = 20_000
ENDED = ("done", "failed", "stopped", "refused")


class Campaign:
    """The cluster, its managers, and what is wanted now."""

    def __init__(self, cluster: LocalCluster, supervisor: Supervisor, folder: Path, seed: int) -> None:
        self.cluster, self.supervisor, self.folder = cluster, supervisor, folder
        self.random = random.Random(seed)
        self.managers: list[RunningManager] = []
        self.spares: list[str] = []
        self.wish: Document = {}
        self.kills = 0
        self._names = itertools.count(1)

    async def start_manager(self) -> None:
        manager = RunningManager(self.cluster, f"manager-{next(self._names)}", self.folder)
        self.managers.append(await manager.__aenter__())

    async def close(self) -> None:
        for manager in self.managers:
            await manager.__aexit__(None, None, None)

    async def ask(self, method: str, path: str, document: Any = None) -> Any:
        """The answer of whoever leads, now or soon."""
        deadline, said = time.monotonic() + JOB_S_MAX, "nobody answers"
        while time.monotonic() < deadline:
            for manager in list(self.managers):
                try:
                    if not (await manager.get("/api/status"))["leads"]:
                        continue
                    answer = await manager.answer(method, path, document)
                except (httpx.HTTPError, ValueError) as error:
                    said = repr(error)
                    continue
                if answer.status_code == 200:
                    return answer.json()
                said = f"{answer.status_code} {answer.text}"
            await asyncio.sleep(0.1)
        raise AssertionError(f"{path}: {said}")

    async def kill_leader(self) -> None:
        """SIGKILL for whoever leads, and a new one in its place."""
        for manager in list(self.managers):
            try:
                leads = (await manager.get("/api/status"))["leads"]
            except (httpx.HTTPError, ValueError):
                continue
            if leads:
                self.managers.remove(manager)
                await manager.kill()
                await manager.__aexit__(None, None, None)
                self.kills += 1
                await self.start_manager()
                return

    async def apply(self, **wishes: Any) -> None:
        self.wish = {
            "mode": "act", "balance": {"enabled": False}, "spares": self.spares, "node_dead_after_s": 2,
            "harm": {"points_per_hour_max": 1_000_000}, "replicas_per_shard": 1,
        } | wishes  # fmt: skip
        await self.ask("PUT", "/api/desired", self.wish)

    async def finish(self, kind: str, known: set[str], until: Callable[[Document], bool]) -> list[Document]:
        """Kill the leader at a random moment of these jobs; they, when the picture is as wanted."""
        deadline = time.monotonic() + JOB_S_MAX
        kill_at = time.monotonic() + self.random.uniform(0, KILL_AFTER_S_MAX)
        jobs: list[Document] = []
        while time.monotonic() < deadline:
            if kill_at and time.monotonic() >= kill_at:
                kill_at = 0.0
                await self.kill_leader()
            jobs = [job for job in await self.ask("GET", "/api/jobs") if job["id"] not in known]
            has_ended = jobs and all(job["state"] in ENDED for job in jobs)
            if has_ended and not kill_at and until(await self.ask("GET", "/api/picture")):
                wrong = [job for job in jobs if job["state"] != "done"]
                assert not wrong, f"not done: {[(job['id'], job['state'], job['why']) for job in wrong]}"
                mine = [job for job in jobs if job["kind"] == kind]
                assert mine, f"no {kind}: {[(job['kind'], job['title']) for job in jobs]}"
                return mine
            await asyncio.sleep(0.1)
        status = await self.ask("GET", "/api/status")
        plan = await self.ask("GET", "/api/plan")
        said = [(j["id"], j["kind"], j["state"], j["why"] or j["waits_for"]) for j in jobs]
        raise AssertionError(f"{kind} has not ended: {said}; {status.get('why_idle')}; {plan}"[:3000])

    async def known(self) -> set[str]:
        return {job["id"] for job in await self.ask("GET", "/api/jobs")}


def serving(picture: Document) -> list[Document]:
    return [node for node in picture["nodes"] if node["role"] == "primary" and node["slot_count"]]


def is_whole(picture: Document, shards: int = 3) -> bool:
    """All slots are covered by so many shards, each with a replica in sync, and no slot is half-way."""
    followed = {node["primary_id"] for node in picture["nodes"] if node["link_up"]}
    return (
        picture["slots_covered"] == SLOT_COUNT
        and not picture["open_slots"]
        and len(serving(picture)) == shards
        and all(node["id"] in followed for node in serving(picture))
    )


# The kinds of jobs. Each leaves three shards with a replica each.


async def configure(campaign: Campaign) -> None:
    known, value = await campaign.known(), str(campaign.random.randint(100, 900))
    await campaign.apply(settings={"slowlog-max-len": value})
    jobs = await campaign.finish(
        "configure",
        known,
        lambda picture: (
            is_whole(picture)
            and {node["settings"].get("slowlog-max-len") for node in picture["nodes"]} == {value}
        ),
    )
    assert len(jobs) == 3, f"{len(jobs)} jobs configured three shards"


async def upgrade(campaign: Campaign) -> None:
    known, before = await campaign.known(), dict(campaign.supervisor.starts)
    is_other = campaign.cluster.command != GARRISON_NODE
    release = __version__ if is_other else OTHER_RELEASE
    campaign.cluster.command = GARRISON_NODE if is_other else other_release(campaign.folder)
    members = {node["address"] for node in (await campaign.ask("GET", "/api/picture"))["nodes"]}
    await campaign.apply(release=release)
    await campaign.finish(
        "upgrade",
        known,
        lambda picture: is_whole(picture) and {node["version"] for node in picture["nodes"]} == {release},
    )
    again = {
        address: count - before.get(address, 0)
        for address, count in campaign.supervisor.starts.items()
        if count - before.get(address, 0) != int(address in members)
    }
    assert not again, f"restarts that are not one: {again}"
    await campaign.apply()


async def drain(campaign: Campaign) -> None:
    known = await campaign.known()
    picture = await campaign.ask("GET", "/api/picture")
    leaving = campaign.random.choice(picture["nodes"])["address"]
    await campaign.apply(nodes={leaving: {"drain": True}})
    await campaign.finish(
        "drain",
        known,
        lambda found: is_whole(found) and leaving not in [node["address"] for node in found["nodes"]],
    )
    await note_spares(campaign)
    await campaign.apply()


async def scale_out_and_in(campaign: Campaign) -> None:
    known = await campaign.known()
    await campaign.apply(shards=4)
    jobs = await campaign.finish("scale-out", known, lambda picture: is_whole(picture, 4))
    assert len(jobs) == 1, f"{len(jobs)} jobs made one shard"
    known = await campaign.known()
    await campaign.apply(shards=3)
    jobs = await campaign.finish(
        "scale-in", known, lambda picture: is_whole(picture, 3) and len(picture["nodes"]) == 6
    )
    assert len(jobs) == 1, f"{len(jobs)} jobs dissolved one shard"
    await note_spares(campaign)
    await campaign.apply()


async def backup(campaign: Campaign) -> None:
    known = await campaign.known()
    target = campaign.folder / f"backups-{len(known)}"
    await campaign.apply(backups=[{"target": str(target), "every_s": 86_400, "prove_every_s": 86_400}])

    def is_proved(picture: Document) -> bool:
        return any(
            found["target"] == str(target) and found["proved_ms"] and found["count"] == 1
            for found in picture["backups"]
        )

    jobs = await campaign.finish("backup", known, is_proved)
    assert len(jobs) == 2, f"{len(jobs)} jobs made one backup and proved it"
    await campaign.apply()


async def undo(campaign: Campaign) -> None:
    """A person moves slots, and takes it back."""
    known = await campaign.known()
    picture = await campaign.ask("GET", "/api/picture")
    source, target = campaign.random.sample(serving(picture), 2)
    first, _, last = source["slots"].split(",")[0].partition("-")
    moved = f"{first}-{min(int(first) + 799, int(last or first))}"
    plan = await campaign.ask(
        "POST",
        "/api/reshard",
        {"moves": [{"source": source["id"], "target": target["id"], "slots": moved}]},
    )
    # A plan that a person asked for is known to the manager that made it alone.
    await campaign.ask("POST", f"/api/plan/{plan['id']}/consent")
    await campaign.finish("reshard", known, is_whole)
    known = await campaign.known()
    await campaign.ask("POST", "/api/undo")
    await campaign.finish("undo", known, is_whole)
    after = {node["id"]: node["slot_count"] for node in serving(await campaign.ask("GET", "/api/picture"))}
    assert after == {node["id"]: node["slot_count"] for node in serving(picture)}


async def replace(campaign: Campaign) -> None:
    """A replica dies for good; later its machine comes back empty, as a spare."""
    known = await campaign.known()
    picture = await campaign.ask("GET", "/api/picture")
    dead = next(node["address"] for node in picture["nodes"] if node["role"] == "replica")
    node = next(each for each in campaign.cluster.nodes if str(each.address) == dead)
    campaign.supervisor.left_alone.append(node)
    await node.kill()
    await campaign.finish(
        "replace-replica",
        known,
        lambda found: is_whole(found) and dead not in [each["address"] for each in found["nodes"]],
    )
    campaign.cluster.nodes.remove(node)
    campaign.supervisor.left_alone.clear()
    await add_spare(campaign.cluster)
    await note_spares(campaign)
    await campaign.apply()


async def note_spares(campaign: Campaign) -> None:
    """Spares are all nodes that are not members."""
    picture = await campaign.ask("GET", "/api/picture")
    members = {node["address"] for node in picture["nodes"]}
    campaign.spares = [str(n.address) for n in campaign.cluster.nodes if str(n.address) not in members]
    # New managers enter by the first nodes: one that enters by a spare sees a cluster of one.
    campaign.cluster.nodes.sort(key=lambda node: str(node.address) not in members)


KINDS = {
    "configure": configure,
    "upgrade": upgrade,
    "drain": drain,
    "scale-out": scale_out_and_in,
    "backup": backup,
    "undo": undo,
    "replace": replace,
}


async def check(campaign: Campaign, client: Client[bytes], caller: Caller) -> None:
    """What is true after every job."""
    picture = await campaign.ask("GET", "/api/picture")
    member = address_of(serving(picture)[0]["address"])
    async with AdminClient(member, campaign.cluster.access) as admin:
        state = await settled_state(admin)
    found = [str(finding) for finding in find_problems(state) if finding.severity == "error"]
    assert not found, found
    assert not caller.errors, f"{len(caller.errors)} errors at callers: {caller.errors[:3]}"
    values = await asyncio.gather(*(client.get(f"key:{number}") for number in range(0, KEYS, 40)))
    lost = [at for at, value in enumerate(values) if value != str(at * 40).encode()]
    assert not lost, f"{len(lost)} keys lost"


async def run(rounds: int, kinds: list[str], seed: int) -> int:
    """How many jobs went wrong."""
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with (
            LocalCluster(3, 1, directory=folder / "nodes", settings=SETTINGS) as cluster,
            supervised(cluster) as supervisor,
            await connect(cluster.url) as client,
        ):
            campaign = Campaign(cluster, supervisor, folder, seed)
            campaign.spares = [str((await add_spare(cluster)).address) for _ in range(SPARES)]
            async with client.pipeline() as pipeline:
                for number in range(KEYS):
                    pipeline.set(f"key:{number}", str(number))
            try:
                await campaign.start_manager()
                await campaign.start_manager()
                await campaign.apply()
                for at, kind in itertools.product(range(rounds), kinds):
                    wrong += not await one(campaign, client, at, kind)
                    if wrong:
                        break
            finally:
                await campaign.close()
    return wrong


async def one(campaign: Campaign, client: Client[bytes], at: int, kind: str) -> bool:
    """One job of a kind; whether all was well."""
    began, kills = time.monotonic(), campaign.kills
    try:
        async with calling(client) as caller:
            await KINDS[kind](campaign)
        await check(campaign, client, caller)
    except (AssertionError, ManagerError) as error:
        print(f"round {at + 1} {kind}: {error}", flush=True)
        for manager in campaign.managers:
            print(manager.log.read_text()[-4000:], flush=True)
        return False
    took_s, kills = time.monotonic() - began, campaign.kills - kills
    calls = f"{caller.calls:,} calls without an error"
    print(f"round {at + 1} {kind}: {took_s:.1f} s, {kills} managers killed, {calls}", flush=True)
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--kinds", default=",".join(KINDS), help="separated by commas")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    return asyncio.run(run(options.rounds, options.kinds.split(","), options.seed))


if __name__ == "__main__":
    sys.exit(main())
