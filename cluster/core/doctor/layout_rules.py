"""Topology: which nodes answer, where they stand, and whether copies stand elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from garrison.cluster.core.cluster_state import ClusterState
from garrison.cluster.core.doctor.member_rules import CLUSTER_ONLY, PRIMARIES_MIN, serving_primaries, state_of
from garrison.cluster.core.doctor.readings import LOOPBACK, NodeReading, Reading, host_of
from garrison.cluster.core.doctor.rule import Found, Rule, at
from garrison.cluster.core.printable import shell_line
from garrison.cluster.core.topology import Node
from garrison.cluster.core.words import counted, listed

ZONE_SETTING = "availability-zone"


def _unreachable(reading: Reading) -> Iterator[Found]:
    for node in reading.nodes:
        if node.error:
            serves = _slots_at(reading.state, node)
            lost = f"; it owns {counted(serves, 'slot')}" if serves else ""
            yield Found(
                f"does not answer: {node.error}{lost}",
                "start it, or see whether a firewall is between",
                (at(node, "PING"),),
                {"slots": serves},
                None if serves or reading.kind != "cluster" else "warning",
                where=node.where,
            )


def _slots_at(state: ClusterState | None, node: NodeReading) -> int:
    if state is None:
        return 0
    return sum(
        len(state.slots_of.get(each.id, ())) for each in state.nodes.values() if each.address == node.address
    )


def _no_replica(reading: Reading) -> Iterator[Found]:
    state = reading.state
    if state is None:
        for node in reading.answering:
            if node.is_primary and not node.figure("connected_slaves") and len(reading.nodes) > 1:
                yield Found(
                    "this primary has no replica in reach",
                    "start one, or see why it is away",
                    (at(node, "INFO", "replication"),),
                    where=node.where,
                )
        return
    bare = [node for node in serving_primaries(state) if not state.replicas_of(node.id)]
    if bare:
        slots = sum(len(state.slots_of[node.id]) for node in bare)
        yield Found(
            f"{listed([node.label for node in bare])} {'has' if len(bare) == 1 else 'have'} no replica",
            "add one on another host",
            (shell_line("garrison", "cluster", "add-node", "NEW-HOST:PORT", reading.entry, "--replica"),),
            {"primaries": len(bare), "slots": slots},
        )


def _hosts(reading: Reading) -> Counter[str]:
    return Counter(host_of(node.address) for node in reading.nodes)


def _one_host(reading: Reading) -> Iterator[Found]:
    hosts = _hosts(reading)
    if len(hosts) == 1 and len(reading.nodes) > 1:
        (host,) = hosts
        local = host in LOOPBACK
        yield Found(
            f"all {len(reading.nodes)} nodes are on one host, {host}"
            + (": good for development only" if local else ""),
            "spread them over at least three hosts",
            (shell_line("garrison", "cluster", "add-node", "NEW-HOST:PORT", reading.entry, "--replica"),)
            if reading.kind == "cluster"
            else (shell_line("garrison", "node", "--replicaof", host, str(reading.nodes[0].address.port)),),
            {"nodes": len(reading.nodes), "hosts": 1},
        )


def _majority_on_one(reading: Reading) -> Iterator[Found]:
    serving = serving_primaries(state_of(reading))
    hosts = Counter(node.address.host for node in serving)
    if len(_hosts(reading)) < 2 or len(serving) < PRIMARIES_MIN:
        return
    host, count = hosts.most_common(1)[0]
    if count > len(serving) // 2:
        replica = next((n for p in serving if p.address.host == host for n in _elsewhere(reading, p)), None)
        command = (
            (
                shell_line(
                    "garrison",
                    "cli",
                    "-h",
                    replica.address.host,
                    "-p",
                    str(replica.address.port),
                    "CLUSTER",
                    "FAILOVER",
                ),
            )
            if replica
            else ()
        )
        yield Found(
            f"{count} of {len(serving)} voting primaries are on the host {host}",
            "let replicas on other hosts take over",
            command
            or (shell_line("garrison", "cluster", "add-node", "NEW-HOST:PORT", reading.entry, "--replica"),),
            {"primaries_on_host": count, "primaries": len(serving)},
        )


def _elsewhere(reading: Reading, primary: Node) -> list[Node]:
    """The replicas of a primary on other hosts."""
    replicas = state_of(reading).replicas_of(primary.id)
    return [node for node in replicas if node.address.host != primary.address.host]


def _zones(reading: Reading) -> dict[str, str]:
    """Address -> zone, of the nodes that say."""
    return {node.where: zone for node in reading.answering if (zone := node.setting(ZONE_SETTING))}


def _one_zone(reading: Reading) -> Iterator[Found]:
    zones = _zones(reading)
    if len(zones) > 1 and len(set(zones.values())) == 1:
        yield Found(
            f"all {len(zones)} nodes that name a zone are in {next(iter(zones.values()))}",
            "place replicas in another zone",
            (shell_line("garrison", "cluster", "add-node", "NEW-HOST:PORT", reading.entry, "--replica"),),
            {"nodes": len(zones), "zones": 1},
        )


def _shard_in_one_zone(reading: Reading) -> Iterator[Found]:
    state, zones = state_of(reading), _zones(reading)
    if len(set(zones.values())) < 2:
        return
    for primary in serving_primaries(state):
        shard = [primary, *state.replicas_of(primary.id)]
        named = {zones.get(str(node.address)) for node in shard}
        if len(shard) > 1 and len(named) == 1 and None not in named:
            yield Found(
                f"the shard of {primary.label} is in the zone {named.pop()} with all its replicas",
                "give it a replica in another zone",
                (
                    shell_line(
                        "garrison",
                        "cluster",
                        "add-node",
                        "NEW-HOST:PORT",
                        reading.entry,
                        "--primary",
                        primary.id,
                    ),
                ),
            )


def _nobody_fails_over(reading: Reading) -> Iterator[Found]:
    for node in reading.answering:
        names = [client.get("name", "") for client in node.clients or ()]
        watched = any(name.startswith("sentinel-") for name in names)
        if node.is_primary and node.replica_rows and not watched:
            yield Found(
                f"a primary with {counted(len(node.replica_rows), 'replica')}, and no Sentinel is connected",
                "run three Sentinels on three hosts",
                (
                    shell_line(
                        "garrison",
                        "sentinel",
                        "--sentinel",
                        "monitor",
                        "mymaster",
                        node.address.host,
                        str(node.address.port),
                        "2",
                    ),
                ),
                where=node.where,
            )


LAYOUT_RULES = (
    Rule(
        "unreachable",
        "error",
        "topology",
        "a node does not answer (a warning for one of a cluster without slots)",
        "It serves nobody, and nothing else is known about it.",
        (),
        whole=_unreachable,
    ),
    Rule(
        "no-replica",
        "warning",
        "topology",
        "a primary without a replica",
        "When its machine is lost, so is its part of the data.",
        (),
        whole=_no_replica,
    ),
    Rule(
        "one-host",
        "warning",
        "topology",
        "all nodes are on one host",
        "Copies on one machine fail with it, all together.",
        (),
        whole=_one_host,
    ),
    Rule(
        "majority-on-one-host",
        "warning",
        "topology",
        "a majority of the primaries is on one host",
        "When that host fails, nobody may elect successors, although replicas are there.",
        (),
        whole=_majority_on_one,
        subjects=CLUSTER_ONLY,
    ),
    Rule(
        "one-zone",
        "warning",
        "topology",
        "all nodes that name a zone (`availability-zone`) name the same",
        "The zone's power or network takes everything.",
        (f"config:{ZONE_SETTING}",),
        whole=_one_zone,
    ),
    Rule(
        "shard-in-one-zone",
        "warning",
        "topology",
        "a shard is in one zone although there are more",
        "Its slots are lost for as long as the zone is.",
        (f"config:{ZONE_SETTING}",),
        whole=_shard_in_one_zone,
        subjects=CLUSTER_ONLY,
    ),
    Rule(
        "nobody-fails-over",
        "note",
        "topology",
        "a primary with replicas outside a cluster, and no Sentinel is connected",
        "When it fails, writes fail until a person promotes a replica.",
        ("clients", "info:role"),
        whole=_nobody_fails_over,
        subjects=frozenset({"single"}),
    ),
)
