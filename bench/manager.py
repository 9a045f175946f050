"""How long the cluster manager takes to plan, and what it costs while it leads.

    python bench/manager.py plan              # 1,000 nodes, five rounds a case
    python bench/manager.py plan --nodes 5000
    python bench/manager.py cost             # a leading manager of 100 simulated nodes, for 60 s

The cluster is on paper: shards of three nodes, each slot with keys and load, some replicas failed, some hosts
crowded, three shards hot. The worst case asks for everything at once: weights, settings, a release, backups.
Reading the picture, the conditions and the plan are measured apart.

`cost` starts the nodes in one process and `garrison manager run` in another, which leads, plans every five
seconds in the mode act, and follows load by slot. With `--followers` further managers follow it."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from top import cpu_s, resident_mb

from garrison.cluster.core.manager.conditions import Conditions
from garrison.cluster.core.manager.desired import BackupWish, Balance, DesiredState, NodeWish
from garrison.cluster.core.manager.jobs import Records
from garrison.cluster.core.manager.picture import NodeLoad, NodePicture, NodeState, Picture, SlotLoad
from garrison.cluster.core.manager.planner import make_plan
from garrison.cluster.core.ranges import SLOT_COUNT

NOW_MS = 1_800_000_000_000
SHARD_NODES = 3
SPARES = 20
FAILED = 8
HOT = 3
HOT_CASES = ("relieve hot shards", "everything at once")
STEP_MS = 20_000


def cluster(nodes: int, *, is_hot: bool) -> Picture:
    """A picture of so many nodes."""
    shards = nodes // SHARD_NODES
    hot = SLOT_COUNT * HOT // shards if is_hot else 0
    cpu = [slot * 104_729 % 1000 / (25_000 if slot < hot else 200_000) for slot in range(SLOT_COUNT)]
    keys = [slot * 7919 % 1000 for slot in range(SLOT_COUNT)]
    found = []
    for index in range(shards * SHARD_NODES):
        shard = index % shards
        first, after = shard * SLOT_COUNT // shards, (shard + 1) * SLOT_COUNT // shards
        is_primary = index < shards
        has_failed = shards <= index < shards + FAILED
        host = f"10.0.{(index % 250)}.1" if index % 40 else f"10.0.{(shard % 250)}.1"
        found.append(
            NodePicture(
                id=f"{index:040x}",
                address=f"10.{index // 250}.{index % 250}.1:7000",
                role="primary" if is_primary else "replica",
                primary_id=None if is_primary else f"{shard:040x}",
                state=NodeState.FAILED if has_failed else NodeState.OK,
                host=host,
                zone=f"z{index % 3}",
                slots=f"{first}-{after - 1}" if is_primary else "",
                slot_count=after - first if is_primary else 0,
                keys=sum(keys[first:after]),
                version="1.0",
                link_up=None if is_primary else not has_failed,
                settings={"appendonly": "no"},
                load=NodeLoad(
                    cpu_fraction=sum(cpu[first:after]),
                    ops_per_s=1000.0,
                    memory_bytes=sum(keys[first:after]) * 100,
                    memory_max_bytes=10**9,
                ),
                as_of_ms=NOW_MS,
            )
        )
    loads = [SlotLoad(slot=slot, keys=keys[slot], cpu_fraction=cpu[slot]) for slot in range(SLOT_COUNT)]
    return Picture(at_ms=NOW_MS, nodes=tuple(found), slots_covered=SLOT_COUNT, slot_load=tuple(loads))


def cases(picture: Picture) -> dict[str, DesiredState]:
    """What is asked for."""
    spares = tuple(f"10.99.0.{index}:7000" for index in range(SPARES))
    weights = {node.address: NodeWish(weight=1 + index % 2) for index, node in enumerate(picture.nodes)}
    shards = len(picture.nodes) // SHARD_NODES
    return {
        "nothing to do but dead replicas": DesiredState(spares=spares),
        "rebalance by keys": DesiredState(nodes=weights, balance=Balance(by="keys")),
        "rebalance by load": DesiredState(nodes=weights, balance=Balance(by="load")),
        "relieve hot shards": DesiredState(balance=Balance(enabled=False), node_dead_after_s=1e6),
        "five shards more": DesiredState(spares=spares, shards=shards + 5, node_dead_after_s=1e6),
        "everything at once": DesiredState(
            nodes=weights,
            spares=spares,
            balance=Balance(by="load"),
            settings={"appendonly": "yes"},
            release="2.0",
            backups=(BackupWish(target="/backups"),),
        ),
    }


def seconds(call: Callable[[], object], rounds: int) -> float:
    """The median of some runs, as CPU time: the planner waits for nothing, and the machine may be shared."""
    taken = []
    for _ in range(rounds):
        begun = time.process_time()
        call()
        taken.append(time.process_time() - begun)
    return statistics.median(taken)


def plan(nodes: int, rounds: int) -> None:
    cool, hot = cluster(nodes, is_hot=False), cluster(nodes, is_hot=True)
    picture = cool
    text = picture.model_dump_json()
    read_s = seconds(lambda: Picture.model_validate_json(text), rounds)
    print(f"{len(picture.nodes)} nodes; the picture is read in {read_s * 1000:.0f} ms ({len(text):,} bytes)")
    for name, desired in cases(picture).items():
        picture = hot if name in HOT_CASES else cool
        conditions = Conditions()
        for step in range(8):
            conditions.feed(desired, picture.model_copy(update={"at_ms": NOW_MS - (8 - step) * STEP_MS}))
        feed_s = seconds(lambda c=conditions, d=desired, p=picture: c.feed(d, p), rounds)  # type: ignore[misc]
        seen = conditions.observations
        plan_s = seconds(
            lambda d=desired, p=picture, s=seen: make_plan(d, p, Records(), NOW_MS, s),  # type: ignore[misc]
            rounds,
        )
        made = make_plan(desired, picture, Records(), NOW_MS, seen)
        kinds = ", ".join(sorted({job.kind.value for job in made.jobs})) or "none"
        timed = f"{plan_s * 1000:.0f} ms, conditions {feed_s * 1000:.1f} ms"
        print(f"{name}: {timed}; {len(made.jobs)} jobs ({kinds})")


FIRST_PORT = 27380
WISH = {"mode": "act", "balance": {"by": "load", "threshold_percent": 100}, "spares": ["127.0.0.1:1"]}


def ask(port: int, method: str, path: str, document: object = None) -> Any:
    """A JSON answer of a manager."""
    body = None if document is None else json.dumps(document).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, headers, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def cost(nodes: int, seconds: float, followers: int) -> None:
    servers = Path(__file__).with_name("managed_nodes.py")
    processes = [subprocess.Popen([sys.executable, servers, str(nodes)], stdout=subprocess.PIPE, text=True)]
    assert processes[0].stdout is not None
    entry = processes[0].stdout.readline().strip()
    ports = [FIRST_PORT + at for at in range(1 + followers)]
    try:
        for port in ports:
            words = ["run", entry, "--listen", f"127.0.0.1:{port}", "--id", f"m{port}"]
            command = [sys.executable, "-m", "garrison", "manager", *words]
            manager = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            processes.append(manager)
            assert manager.stdout is not None
            manager.stdout.readline()
            while port == FIRST_PORT and not ask(port, "GET", "/api/status")["leads"]:
                time.sleep(0.2)
        ask(FIRST_PORT, "PUT", "/api/desired", WISH)
        time.sleep(15)
        managers = processes[1:]
        before = [cpu_s(each.pid) for each in managers]
        time.sleep(seconds)
        status = ask(FIRST_PORT, "GET", "/api/status")
        for each, spent in zip(managers, before, strict=True):
            share, role = (cpu_s(each.pid) - spent) / seconds, "leads" if each is managers[0] else "follows"
            print(f"{role}: {share:.1%} of a core, {resident_mb(each.pid):.0f} MB; {nodes} nodes")
        print(f"why it does nothing: {status['why_idle'] or 'nothing is to be done'}")
    finally:
        for process in reversed(processes):
            process.kill()
            process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    planning = commands.add_parser("plan", help="plans of a large cluster")
    planning.add_argument("--nodes", type=int, default=1000)
    planning.add_argument("--rounds", type=int, default=5)
    leading = commands.add_parser("cost", help="CPU and memory of a manager that leads")
    leading.add_argument("--nodes", type=int, default=100)
    leading.add_argument("--seconds", type=float, default=60.0)
    leading.add_argument("--followers", type=int, default=0)
    options = parser.parse_args()
    if options.command == "plan":
        plan(options.nodes, options.rounds)
    else:
        cost(options.nodes, options.seconds, options.followers)


if __name__ == "__main__":
    main()
