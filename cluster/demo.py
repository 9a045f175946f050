"""The main job on real traffic: ``make demo``, ``garrison demo``, ``python -m garrison.cluster.demo``.

Three primaries and three replicas on loopback, a load through the client library, one primary killed with
SIGKILL and its replica elected, 1,000 slots moved under that load, and a table of what the callers saw.
The exit code is 0 only if everything the table promises holds.
"""

import asyncio
import shlex
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from garrison.client import Client
    from garrison.cluster.core.topology import Address
    from garrison.cluster.demo_load import Load, Losses
    from garrison.cluster.local import LocalCluster, LocalNode
    from garrison.cluster.manager.progress import Meter

NODE_TIMEOUT_MS = 1000
GAP_S_MAX = NODE_TIMEOUT_MS / 1000 + 1.5
SLOTS_MOVED = 1000
STEADY_S = 3.0
AFTER_S = 1.0
TASKS_PER_SHARD = 16
FILLED_KEYS = 100_000
FAILOVER_TIMEOUT_S = 20.0
DEMO_TIMEOUT_S = 120.0
POLL_INTERVAL_S = 0.02

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@dataclass
class Result:
    """What the table is made of."""

    seconds: float = 0.0
    elected_s: float = 0.0
    steady_per_s: float = 0.0
    meter: "Meter | None" = None
    losses: "Losses | None" = None
    findings: list[str] = field(default_factory=list)
    killed: "Address | None" = None


class Story:
    """Prints one line for each thing that happens, with the time since the start."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def tell(self, text: str) -> None:
        print(f"{time.monotonic() - self._started:6.2f} s  {text}", flush=True)


@app.command()
def demo(
    node_command: Annotated[
        str, typer.Option(help="What starts one node, instead of this Garrison's own.", hidden=True)
    ] = "",
) -> None:
    """Start six nodes, write, kill a primary, move 1,000 slots, and show what the callers saw."""
    from garrison.cluster.errors import ManagerError
    from garrison.cluster.local import GARRISON_NODE, LocalCluster

    cluster = LocalCluster(
        command=shlex.split(node_command) or GARRISON_NODE,
        settings={"cluster-node-timeout": str(NODE_TIMEOUT_MS)},
    )
    try:
        passed = _run(cluster)
    except ManagerError as error:
        print(f"garrison demo: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    raise typer.Exit(0 if passed else 1)


def _run(cluster: "LocalCluster") -> bool:
    import uvloop

    from garrison.cluster.errors import ManagerError

    async def guarded() -> bool:
        task = asyncio.current_task()
        assert task is not None
        # Without this a SIGTERM would end the demo and leave six nodes behind.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        try:
            async with asyncio.timeout(DEMO_TIMEOUT_S):
                return await _tell_the_story(cluster)
        except TimeoutError:
            raise ManagerError(f"not over after {DEMO_TIMEOUT_S:.0f} s, so it was stopped") from None
        finally:
            await cluster.stop()

    return uvloop.run(guarded())


async def _tell_the_story(cluster: "LocalCluster") -> bool:
    from garrison.client import connect
    from garrison.cluster.demo_load import Load

    story, result = Story(), Result()
    started = time.monotonic()
    survey = await cluster.start()
    story.tell(f"6 nodes serve all 16,384 slots ({cluster.url}, cluster-node-timeout {NODE_TIMEOUT_MS} ms)")
    async with await connect([f"redis://{node.address}" for node in cluster.nodes]) as client:
        await _fill(client)
        shards = {node.address: survey.slots_of[node.id] for node in survey.primaries}
        load = Load(client, shards, TASKS_PER_SHARD)
        load.start()
        story.tell(f"{FILLED_KEYS:,} keys written; {TASKS_PER_SHARD * len(shards)} tasks keep writing")
        await asyncio.sleep(STEADY_S)
        result.steady_per_s = load.written / STEADY_S
        story.tell(f"{result.steady_per_s:,.0f} acknowledged writes a second")
        await _kill_a_primary(cluster, story, result)
        await asyncio.sleep(AFTER_S)
        await _reshard(cluster, story, result)
        await asyncio.sleep(AFTER_S)
        await load.stop()
        result.losses = await load.read_back()
        story.tell(f"load stopped, {result.losses.keys:,} keys read back")
    await _check(cluster, result)
    result.seconds = time.monotonic() - started
    return _show(load, result)


async def _fill(client: "Client[bytes]") -> None:
    for first in range(0, FILLED_KEYS, 1000):
        await client.mset({f"filled:{number}": "x" * 32 for number in range(first, first + 1000)})


async def _kill_a_primary(cluster: "LocalCluster", story: Story, result: Result) -> None:
    """SIGKILL a primary, wait until its replica serves, start the dead node again as the new replica."""
    from garrison.cluster.manager.form import unready

    async with cluster.fleet() as fleet:
        survey = await fleet.survey()
        victim = survey.primaries[1]
        heir = survey.replicas_of(victim.id)[0]
        await cluster.node(victim.address).kill()
        killed_at = time.monotonic()
        story.tell(f"SIGKILL for the primary {victim.address} with {len(survey.slots_of[victim.id]):,} slots")
        result.killed = victim.address

        async def not_elected() -> str:
            return "" if (await fleet.view(heir.address)).myself.is_primary else "its replica was not elected"

        await _until_no(not_elected, cluster.node(heir.address))
        result.elected_s = time.monotonic() - killed_at
        story.tell(f"its replica {heir.address} was elected {result.elected_s:.2f} s later")
        await cluster.restart(cluster.node(victim.address))

        async def not_in_step() -> str:
            return unready(await fleet.survey(), len(cluster.nodes), 3)

        await _until_no(not_in_step, cluster.node(victim.address))
        story.tell(f"{victim.address} is back as its replica, in step")


async def _until_no(problem: Callable[[], Awaitable[str]], node: "LocalNode") -> None:
    """Wait until there is no problem any more; a node's log says why there still is one."""
    from garrison.cluster.errors import ManagerError

    deadline = time.monotonic() + FAILOVER_TIMEOUT_S
    while text := await problem():
        if time.monotonic() > deadline:
            log = f"the log of {node.address} ends:\n{node.last_words()}"
            raise ManagerError(f"after {FAILOVER_TIMEOUT_S:.0f} s: {text}; {log}")
        await asyncio.sleep(POLL_INTERVAL_S)


async def _reshard(cluster: "LocalCluster", story: Story, result: Result) -> None:
    from garrison.cluster.core.moves import plan_reshard
    from garrison.cluster.manager.mover import Mover
    from garrison.cluster.manager.progress import Silent

    async with cluster.fleet() as fleet:
        survey = await fleet.survey()
        target = survey.primaries[0]
        moves = plan_reshard(survey.slots_of, SLOTS_MOVED, target.id)
        addresses = {node.id: node.address for node in survey.primaries}
        sizes = {node_id: facts.bytes_per_key for node_id, facts in survey.facts.items()}
        story.tell(f"moving {SLOTS_MOVED:,} slots to {target.address} under the load")
        mover = Mover(fleet, addresses, Silent(), bytes_per_key=sizes)
        started = time.monotonic()
        await mover.run(moves)
        result.meter = mover.meter
        elapsed = time.monotonic() - started
    story.tell(
        f"{mover.meter.slots_moved:,} slots with {mover.meter.keys_moved:,} keys moved in {elapsed:.2f} s"
    )


async def _check(cluster: "LocalCluster", result: Result) -> None:
    from garrison.cluster.core.check import check

    await cluster.wait_healthy()
    async with cluster.fleet() as fleet:
        # Everything is on one host here, so placement says nothing.
        result.findings = [f"{f.severity}: {f.message}" for f in check(await fleet.survey())]


def _show(load: "Load", result: Result) -> bool:
    """Print the table; return whether all that it promises holds."""
    from rich.table import Table

    from garrison.cluster.render import make_console

    assert result.losses is not None
    assert result.meter is not None
    killed = next(shard for shard in load.shards if shard.primary == result.killed)
    others = [shard for shard in load.shards if shard is not killed]
    rows = [
        ("acknowledged writes", f"{load.written:,}", "", None),
        ("errors seen by the callers", str(load.error_count), "0", not load.error_count),
        (
            "longest time without a successful write, killed shard",
            f"{killed.longest_gap_s:.2f} s",
            f"<= {GAP_S_MAX:.1f} s",
            killed.longest_gap_s <= GAP_S_MAX,
        ),
        ("  the same, other shards", f"{max(s.longest_gap_s for s in others):.2f} s", "", None),
        (
            "slots moved under load",
            f"{result.meter.slots_moved:,}",
            f"{SLOTS_MOVED:,}",
            result.meter.slots_moved == SLOTS_MOVED,
        ),
        (
            "keys lost of those confirmed by a replica (WAIT 1)",
            f"{result.losses.confirmed} of {result.losses.keys:,}",
            "0",
            not result.losses.confirmed,
        ),
        ("keys lost of those acknowledged by the primary alone", str(result.losses.plain), "", None),
        (
            "problems found by the check at the end",
            str(len(result.findings)),
            "0",
            not result.findings,
        ),
    ]
    table = Table("", "measured", "promised", "", box=None, pad_edge=False)
    for text, measured, promised, holds in rows:
        verdict = "" if holds is None else "[green]holds[/]" if holds else "[red]BROKEN[/]"
        table.add_row(text, measured, promised, verdict)
    console = make_console()
    console.print()
    console.print(table)
    if result.losses.plain:
        console.print(
            "Replication is asynchronous: a write that the killed primary acknowledged in its last moment "
            "may not have reached its replica. To be sure, ask with WAIT, as for the confirmed ones."
        )
    for text in [*load.first_errors[:5], *result.findings[:5]]:
        console.print(f"  {text}", style="red", markup=False)
    passed = all(holds is not False for *_, holds in rows)
    console.print(f"\n{'[green]passed[/]' if passed else '[red]failed[/]'} in {result.seconds:.1f} s")
    return passed


def main(arguments: Sequence[str] | None = None) -> int:
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        app(words, prog_name="garrison demo")
    except SystemExit as leave:
        return leave.code if isinstance(leave.code, int) else int(leave.code is not None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
