"""The admin CLI against clusters of real processes: ours, and Redis 7 where it is installed.

Each test leaves the cluster healthy, with all slots covered, for the next one.
"""

import asyncio
import json
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from garrison.client import Client, connect, key_slot
from garrison.cluster.core.cluster_state import ClusterState
from garrison.cluster.core.topology import Address, Node
from garrison.cluster.local.cluster import GARRISON_NODE, LocalCluster, LocalNode
from garrison.cluster.local.ports import free_ports

KEYS = 12_000
COMMANDS = {"garrison": GARRISON_NODE, "redis": ("redis-server",)}
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]


def installed(name: str) -> bool:
    if name == "redis":
        return shutil.which("redis-server") is not None
    asked = subprocess.run([*GARRISON_NODE, "--version"], capture_output=True, timeout=60)
    return asked.returncode == 0


@dataclass
class Answer:
    exit_code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.out)
        return loaded


async def start_cli(*words: str | Address) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "garrison.cluster", *map(str, words)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def cli(*words: str | Address) -> Answer:
    process = await start_cli(*words)
    out, err = await process.communicate()
    return Answer(process.returncode or 0, out.decode(), err.decode())


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=list(COMMANDS))
async def cluster(request: pytest.FixtureRequest) -> AsyncIterator[LocalCluster]:
    if not installed(request.param):
        pytest.skip(f"{request.param} does not start here")
    async with LocalCluster(command=COMMANDS[request.param]) as running:
        async with await connect(running.url) as client:
            await client.mset({f"key:{number}": str(number) for number in range(KEYS)})
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def client(cluster: LocalCluster) -> AsyncIterator[Client[bytes]]:
    async with await connect([f"redis://{node.address}" for node in cluster.nodes]) as connected:
        yield connected


def entry(cluster: LocalCluster) -> Address:
    return cluster.nodes[0].address


async def cluster_state_of(cluster: LocalCluster) -> ClusterState:
    async with cluster.admin() as admin:
        return await admin.cluster_state()


async def primaries(cluster: LocalCluster) -> list[Node]:
    return (await cluster_state_of(cluster)).primaries


async def demand_all_keys(client: Client[bytes]) -> None:
    names = [f"key:{number}" for number in range(KEYS)]
    values = await client.mget(*names)
    wrong = [name for number, name in enumerate(names) if values[number] != str(number).encode()]
    assert not wrong, f"{len(wrong)} of {KEYS} keys are lost or wrong, such as {wrong[:5]}"


async def demand_healthy(cluster: LocalCluster) -> None:
    await cluster.wait_healthy()
    answer = await cli("check", entry(cluster), "--json")
    assert answer.exit_code == 0, answer.out + answer.err
    assert answer.document["ok"] is True
    assert answer.document["findings"] == []


class Writers:
    """A load that remembers errors."""

    def __init__(self, client: Client[bytes]) -> None:
        self.client = client
        self.errors: list[Exception] = []
        self.done = 0
        self._stopping = False
        self._tasks = [asyncio.create_task(self._write(number)) for number in range(16)]

    async def _write(self, number: int) -> None:
        turn = random.Random(number)
        while not self._stopping:
            some = turn.randrange(KEYS)
            try:
                await self.client.set(f"key:{some}", str(some))
                await self.client.get(f"key:{turn.randrange(KEYS)}")
                await self.client.mget(f"{{tag{some}}}a", f"{{tag{some}}}b")
            except Exception as error:
                self.errors.append(error)
            self.done += 1

    async def stop(self) -> None:
        self._stopping = True
        await asyncio.gather(*self._tasks)


async def test_reshard_under_load_shows_callers_no_error(
    cluster: LocalCluster, client: Client[bytes]
) -> None:
    target = (await primaries(cluster))[0]
    writers = Writers(client)
    await asyncio.sleep(0.2)
    answer = await cli("reshard", entry(cluster), "--to", target.id, "--slots", "1000", "--yes", "--json")
    await writers.stop()
    assert answer.exit_code == 0, answer.out + answer.err
    assert answer.document["slots_moved"] == 1000
    assert writers.errors == []
    assert writers.done > 100
    owned = (await cluster_state_of(cluster)).slots_of[target.id]
    assert len(owned) == len(target.slots) + 1000
    await demand_all_keys(client)
    await demand_healthy(cluster)


async def test_killed_reshard_keeps_every_key_and_next_one_finishes(
    cluster: LocalCluster, client: Client[bytes]
) -> None:
    moment = random.Random(7)
    opened = kills = 0
    while kills < 6 or (not opened and kills < 40):
        kills += 1
        target = min(await primaries(cluster), key=lambda node: len(node.slots))
        words = ("reshard", entry(cluster), "--to", target.id, "--slots", "3000", "--yes")
        process = await start_cli(*words)
        await _until_moving(cluster, process, target)
        await asyncio.sleep(moment.uniform(0, 0.15))
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.communicate()
        opened += len((await cluster_state_of(cluster)).open_slots)
        await demand_all_keys(client)
    target = (await primaries(cluster))[1]
    answer = await cli("reshard", entry(cluster), "--to", target.id, "--slots", "10", "--yes", "--json")
    assert answer.exit_code == 0, answer.out + answer.err
    assert opened, "no run was killed between two steps: the test saw nothing"
    await demand_all_keys(client)
    await demand_healthy(cluster)


async def _until_moving(cluster: LocalCluster, process: asyncio.subprocess.Process, target: Node) -> None:
    async with cluster.admin() as admin:
        while process.returncode is None:
            mine = (await admin.view(target.address)).myself
            if mine.importing or mine.slots != target.slots:
                return
            await asyncio.sleep(0.002)


async def test_ctrl_c_stops_at_a_slot_boundary_and_says_how_to_go_on(
    cluster: LocalCluster, client: Client[bytes]
) -> None:
    target = min(await primaries(cluster), key=lambda node: len(node.slots))
    process = await start_cli("reshard", entry(cluster), "--to", target.id, "--slots", "5000", "--yes")
    await _until_moving(cluster, process, target)
    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()
    assert process.returncode == 4, err
    assert "run the same command again with --slots" in err.decode()
    state = await cluster_state_of(cluster)
    assert state.open_slots == ()
    moved = len(state.slots_of[target.id]) - len(target.slots)
    assert 0 < moved < 5000
    await demand_all_keys(client)


async def test_a_stored_plan_is_resumed_after_a_stop(
    cluster: LocalCluster, client: Client[bytes], tmp_path: Path
) -> None:
    target = min(await primaries(cluster), key=lambda node: len(node.slots))
    plan = tmp_path / "plan.json"
    words = ("reshard", entry(cluster), "--to", target.id, "--slots", "5000", "--save-plan", str(plan))
    process = await start_cli(*words, "--yes")
    await _until_moving(cluster, process, target)
    process.send_signal(signal.SIGTERM)
    _, err = await process.communicate()
    assert process.returncode == 4, err
    assert f"--plan {plan}" in err.decode()
    resumed = await cli("reshard", entry(cluster), "--plan", str(plan), "--yes", "--json")
    assert resumed.exit_code == 0, resumed.out + resumed.err
    assert 0 < resumed.document["slots_moved"] < 5000
    assert len((await cluster_state_of(cluster)).slots_of[target.id]) == len(target.slots) + 5000
    again = await cli("reshard", entry(cluster), "--plan", str(plan), "--yes", "--json")
    assert again.document["moves"] == []
    await demand_all_keys(client)


async def test_rebalance_evens_the_slots_out(cluster: LocalCluster) -> None:
    answer = await cli("rebalance", entry(cluster), "--cluster-threshold", "0", "--json", "--yes")
    assert answer.exit_code == 0, answer.out + answer.err
    sizes = sorted(len(slots) for slots in (await cluster_state_of(cluster)).slots_of.values())
    assert sizes == [5461, 5461, 5462]
    again = await cli("rebalance", entry(cluster), "--json")
    assert again.document["moves"] == []


async def test_fix_closes_finishes_and_assigns(cluster: LocalCluster, client: Client[bytes]) -> None:
    a, b, c = await primaries(cluster)
    held = sorted({key_slot(f"key:{number}") for number in range(KEYS)} & a.slots)
    one, two, three, four = held[:4]
    async with cluster.admin() as admin:
        # Marked on the target alone, without keys; on the source alone; on both, with one key over.
        await admin.call(b.address, "CLUSTER", "SETSLOT", one, "IMPORTING", a.id)
        await admin.call(a.address, "CLUSTER", "SETSLOT", two, "MIGRATING", c.id)
        await admin.call(b.address, "CLUSTER", "SETSLOT", three, "IMPORTING", a.id)
        await admin.call(a.address, "CLUSTER", "SETSLOT", three, "MIGRATING", b.id)
        key = (await admin.call(a.address, "CLUSTER", "GETKEYSINSLOT", three, 1))[0]
        await admin.call(a.address, "MIGRATE", b.address.host, b.address.port, key, 0, 1000)
        # Keys on both sides and the source's mark lost, as after a failover of the source.
        await admin.call(b.address, "CLUSTER", "SETSLOT", four, "IMPORTING", a.id)
        await admin.call(a.address, "CLUSTER", "SETSLOT", four, "MIGRATING", b.id)
        key = (await admin.call(a.address, "CLUSTER", "GETKEYSINSLOT", four, 1))[0]
        await admin.call(a.address, "MIGRATE", b.address.host, b.address.port, key, 0, 1000)
        await admin.call(a.address, "CLUSTER", "SETSLOT", four, "STABLE")
    sick = await cli("check", entry(cluster), "--json")
    assert sick.exit_code == 1
    assert {finding["code"] for finding in sick.document["findings"]} == {"open"}
    plan = await cli("fix", entry(cluster), "--dry-run", "--json")
    assert [r["action"] for r in plan.document["repairs"]] == ["close", "finish", "finish"]
    answer = await cli("fix", entry(cluster), "--json")
    assert answer.exit_code == 0, answer.out + answer.err
    owners = (await cluster_state_of(cluster)).owners
    assert [owners[slot] for slot in (one, two, three, four)] == [a.id, c.id, b.id, b.id]
    await demand_all_keys(client)
    await demand_healthy(cluster)


async def test_fix_gives_slots_without_owner_to_a_primary(cluster: LocalCluster) -> None:
    async with cluster.admin() as admin:
        state = await admin.cluster_state()
        empty = _empty_slot()
        for node in state.nodes.values():
            if node.is_primary:
                await admin.call(node.address, "CLUSTER", "DELSLOTS", empty)
    answer = await cli("fix", entry(cluster))
    assert answer.exit_code == 0, answer.out + answer.err
    assert f"assign slots {empty}" in answer.out
    await demand_healthy(cluster)


def _empty_slot() -> int:
    used = {key_slot(f"key:{number}") for number in range(KEYS)}
    return next(slot for slot in range(16384) if slot not in used)


async def test_a_node_joins_takes_its_share_and_leaves(cluster: LocalCluster, client: Client[bytes]) -> None:
    ports = free_ports(2)
    new, spare = (LocalNode(Address("127.0.0.1", port), cluster.directory / f"new-{port}") for port in ports)
    try:
        for node in (new, spare):
            await cluster.restart(node)
        joined = await cli("add-node", new.address, entry(cluster), "--json")
        assert joined.exit_code == 0, joined.out + joined.err
        new_id = joined.document["node_id"]
        replica = await cli(
            "add-node", spare.address, entry(cluster), "--cluster-slave", "--cluster-master-id", new_id
        )
        assert replica.exit_code == 0, replica.out + replica.err
        shared = await cli("rebalance", entry(cluster), "--cluster-use-empty-masters", "--yes")
        assert shared.exit_code == 0, shared.out + shared.err
        assert len((await cluster_state_of(cluster)).slots_of[new_id]) == 4096
        await demand_all_keys(client)
        await demand_healthy(cluster)
        refused = await cli("del-node", entry(cluster), new_id)
        assert refused.exit_code == 1
        assert "--drain" in refused.err
        for name in (str(spare.address), new_id):
            left = await cli("del-node", entry(cluster), name, "--drain")
            assert left.exit_code == 0, left.out + left.err
        assert len((await cluster_state_of(cluster)).nodes) == 6
        await demand_all_keys(client)
        await demand_healthy(cluster)
    finally:
        await new.stop()
        await spare.stop()


async def test_import_brings_the_keys_of_a_standalone_server(
    cluster: LocalCluster, client: Client[bytes]
) -> None:
    (port,) = free_ports(1)
    server = LocalNode(Address("127.0.0.1", port), cluster.directory / "standalone")
    names = [f"imported:{number}" for number in range(3000)]
    try:
        await server.start(cluster.command, cluster.settings | {"cluster-enabled": "no"})
        await cluster.wait_ready(server)
        async with await connect(f"redis://{server.address}") as source:
            await source.mset({name: name for name in names})
        words = ("import", entry(cluster), "--cluster-from", server.address)
        copied = await cli(*words, "--cluster-copy", "--json")
        assert copied.exit_code == 0, copied.out + copied.err
        assert copied.document["keys"] == 3000
        assert copied.document["types"] == {"string": 3000}
        # All but one have the copy's value, so they are moved as if the copy had never been.
        await client.set(names[0], "another value")
        refused = await cli(*words)
        assert refused.exit_code == 1
        assert f"key {names[0].encode()!r} (string) exists" in refused.err
        left = await cli(*words, "--skip-existing", "--json")
        assert left.exit_code == 0, left.out + left.err
        assert [each["key"] for each in left.document["left"]] == names[:1]
        moved = await cli(*words, "--replace")
        assert moved.exit_code == 0, moved.out + moved.err
        assert await client.mget(*names) == [name.encode() for name in names]
        async with await connect(f"redis://{server.address}") as source:
            assert await source.exists(*names) == 0
        await client.delete(*names)
    finally:
        await server.stop()


async def test_backup_saves_files_that_a_server_reads(cluster: LocalCluster, tmp_path: Path) -> None:
    answer = await cli("backup", entry(cluster), str(tmp_path / "saved"), "--json")
    assert answer.exit_code == 0, answer.out + answer.err
    layout = json.loads((tmp_path / "saved" / "cluster.json").read_text())
    assert sum(node["slot_count"] for node in layout["nodes"]) == 16384
    files = [file["path"] for file in answer.document["files"]]
    assert len(files) == 3
    if shutil.which("redis-check-rdb") is None:
        return
    for file in files:
        checked = subprocess.run(["redis-check-rdb", file], capture_output=True, text=True)
        assert "RDB looks OK" in checked.stdout, checked.stdout


async def test_call_and_set_timeout_reach_every_node(cluster: LocalCluster) -> None:
    answer = await cli("--json", "call", entry(cluster), "PING", "--cluster-only-masters")
    assert [each["reply"] for each in answer.document["replies"]] == ["PONG"] * 3
    answer = await cli("--json", "set-timeout", entry(cluster), "1500")
    assert answer.exit_code == 0, answer.out + answer.err
    asked = await cli("--json", "call", entry(cluster), "CONFIG", "GET", "cluster-node-timeout")
    assert [each["reply"][1] for each in asked.document["replies"]] == ["1500"] * 6
    refused = await cli("call", entry(cluster), "NO-SUCH-COMMAND")
    assert refused.exit_code == 1


@pytest.mark.parametrize(
    ("words", "exit_code", "message"),
    [
        (("check", "127.0.0.1:1"), 3, "connect to 127.0.0.1:1"),
        (("reshard", "ENTRY", "--to", "nobody", "--slots", "5", "--yes"), 2, "is not a node of this cluster"),
        (("reshard", "ENTRY", "--to", "ENTRY", "--slots", "5", "--from", "ENTRY"), 2, "also a source"),
        (("reshard", "ENTRY", "--to", "ENTRY", "--slots", "5"), 2, "add --yes"),
        (("reshard", "ENTRY", "--to", "ENTRY", "--ranges", "9-5", "--yes"), 2, "must rise"),
        (("rebalance", "ENTRY", "--weight", "ENTRY=-1"), 2, "negative"),
        (("create", "ENTRY", "ENTRY", "ENTRY", "--yes"), 2, "more than once"),
        (("rebalance", "ENTRY", "--weight", "ENTRY=2"), 2, "add --yes"),
        (("add-node", "ENTRY", "ENTRY"), 1, "is a member of this cluster already, as a primary with"),
        (("backup", "ENTRY", "/"), 2, "--overwrite"),
        (("import", "ENTRY", "--from", "ENTRY"), 1, "is itself a cluster node"),
        (("reshard", "ENTRY", "--plan", "/dev/null", "--yes"), 2, "is not a reshard plan"),
        (("reshard", "ENTRY", "--plan", "plan.json", "--slots", "5"), 2, "says already what moves"),
        (("check", "nonsense"), 2, "host:port"),
        (
            ("check", "redis://ENTRY", "--address-map", "ENTRY=127.0.0.1:1"),
            3,
            "cannot connect to 127.0.0.1:1",
        ),
    ],
)
async def test_refusals_say_what_to_do(
    cluster: LocalCluster, words: Sequence[str], exit_code: int, message: str
) -> None:
    spelled = [word.replace("ENTRY", str(entry(cluster))) for word in words]
    answer = await cli(*spelled)
    assert answer.exit_code == exit_code, answer.out + answer.err
    assert message in answer.err
    assert "Traceback" not in answer.err
