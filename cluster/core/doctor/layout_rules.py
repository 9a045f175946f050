"""Topology: who stands where, who answers, and whether the tables of a cluster hold.

What ``garrison cluster check`` finds is found here by the same code (:mod:`garrison.cluster.core.check`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from garrison.cluster.core.check import Severity
from garrison.cluster.core.cluster_state import ClusterState
from garrison.cluster.core.doctor.printable import counted, listed, shell_line
from garrison.cluster.core.doctor.readings import LOOPBACK, Kind, NodeReading, Reading, host_of
from garrison.cluster.core.doctor.rule import Found, Rule, at
from garrison.cluster.core.topology import Node

PRIMARIES_MIN = 3
UNEVEN_FACTOR = 1.25
ZONE_SETTING = "availability-zone"
CLUSTER_ONLY: frozenset[Kind] = frozenset({"cluster"})
CHECKED: Mapping[str, tuple[Severity, str, str]] = {
    "uncovered": (
        "error",
        "slots without an owner",
        "Every command for a key of these slots fails; with full coverage required, every command does.",
    ),
    "disagreement": (
        "error",
        "nodes see different owners of slots",
        "Clients that ask the wrong node are sent in a circle.",
    ),
    "open": (
        "error",
        "slots whose migration has begun and not ended",
        "Commands with several keys fail there, and each key costs a second question.",
    ),
    "multiple-owners": (
        "error",
        "slots that two primaries claim",
        "Writes go to either one, and those to the loser are lost when the claim is settled.",
    ),
    "epoch-collision": (
        "warning",
        "two primaries with one configuration epoch",
        "Until they settle it, a slot that both claim has no rule for who wins.",
    ),
    "failing": (
        "error",
        "a node that we reach and its peers do not",
        "The cluster replaces it, or has no majority to do so, although it runs.",
    ),
    "data-lost": (
        "error",
        "an owner that was started without its data",
        "It serves these slots to nobody, so that the emptiness is not copied.",
    ),
    "no-lease": (
        "error",
        "a primary without its write lease",
        "It acknowledges no writes.",
    ),
    "stray-keys": (
        "warning",
        "keys on a node that does not own their slots",
        "No client finds them, and they take memory.",
    ),
    "down": (
        "error",
        "`cluster_state` is not ok",
        "The node answers CLUSTERDOWN.",
    ),
    "unknown-node": (
        "warning",
        "a node that another does not know",
        "It does not count its votes, nor send clients there.",
    ),
    "placement": (
        "warning",
        "a replica on the host of its primary",
        "One machine takes both with it, and the slots have no copy left.",
    ),
}
"""The codes of ``check`` that are taken over: severity, what it finds, why it matters."""
LEFT_TO_RULES = frozenset({"unreachable", "replica-link", "no-replica"})
"""The codes of ``check`` for which there are rules here that also hold without a cluster."""


def _checked(code: str) -> Callable[[Reading], Iterable[Found]]:
    def find(reading: Reading) -> Iterator[Found]:
        for finding in reading.checked:
            if finding.code == code:
                verb = "fix" if code in ("uncovered", "open", "multiple-owners", "stray-keys") else "check"
                command = shell_line("garrison", "cluster", verb, reading.entry)
                yield Found(finding.message, finding.advice, (command,), severity=finding.severity)

    return find


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


def _serving(state: ClusterState) -> list[Node]:
    return [node for node in state.primaries if state.slots_of.get(node.id)]


def _members(reading: Reading) -> ClusterState:
    return reading.state if reading.state is not None else ClusterState({})


def _few_primaries(reading: Reading) -> Iterator[Found]:
    serving = _serving(_members(reading))
    if 0 < len(serving) < PRIMARIES_MIN:
        yield Found(
            f"{len(serving)} primaries own slots: when one fails, the rest is not a majority",
            "have at least three, on three hosts",
            (
                shell_line("garrison", "cluster", "add-node", "NEW-HOST:PORT", reading.entry),
                shell_line("garrison", "cluster", "rebalance", reading.entry, "--use-empty"),
            ),
            {"primaries": len(serving)},
        )


def _even_voters(reading: Reading) -> Iterator[Found]:
    count = len(_serving(_members(reading)))
    if count >= PRIMARIES_MIN and count % 2 == 0:
        yield Found(
            f"{count} primaries vote: an even number survives no more failures than {count - 1}, "
            "and two halves have no majority",
            "add one shard, or remove one",
            (
                shell_line("garrison", "cluster", "add-node", "NEW-HOST:PORT", reading.entry),
                shell_line("garrison", "cluster", "rebalance", reading.entry, "--use-empty"),
            ),
            {"voters": count, "majority": count // 2 + 1},
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
    bare = [node for node in _serving(state) if not state.replicas_of(node.id)]
    if bare:
        slots = sum(len(state.slots_of[node.id]) for node in bare)
        yield Found(
            f"{listed([node.label for node in bare])} {'has' if len(bare) == 1 else 'have'} no replica",
            "add one on another host",
            (shell_line("garrison", "cluster", "add-node", "NEW-HOST:PORT", reading.entry, "--replica"),),
            {"primaries": len(bare), "slots": slots},
        )


def _uneven_slots(reading: Reading) -> Iterator[Found]:
    state = _members(reading)
    counts = {node.label: len(state.slots_of[node.id]) for node in _serving(state)}
    mean = sum(counts.values()) / max(len(counts), 1)
    if len(counts) > 1 and max(counts.values()) > UNEVEN_FACTOR * mean:
        most = max(counts, key=lambda label: counts[label])
        yield Found(
            f"{most} owns {counts[most]} slots, the mean is {mean:.0f}",
            "share them evenly, unless the weights are meant so",
            (shell_line("garrison", "cluster", "rebalance", reading.entry, "--dry-run"),),
            {"slots_max": counts[most], "slots_mean": mean},
        )


def _handshakes(reading: Reading) -> Iterator[Found]:
    state = _members(reading)
    strange = {
        node.label
        for view in state.views.values()
        for node in view.nodes.values()
        if "handshake" in node.flags
    }
    if strange:
        yield Found(
            f"still shaking hands with {listed(sorted(strange))}",
            "open the bus port (the client port + 10000) both ways, or use the address that the nodes reach",
            (at(reading.answering[0], "CLUSTER", "NODES"),) if reading.answering else (),
            {"nodes": len(strange)},
        )


def _failed_kept(reading: Reading) -> Iterator[Found]:
    state = _members(reading)
    seen = Counter(
        (node.id, node.label)
        for view in state.views.values()
        for node in view.nodes.values()
        if {"fail", "noaddr"} & node.flags and node.id not in state.views
    )
    for (node_id, label), count in seen.items():
        if not state.slots_of.get(node_id):
            yield Found(
                f"{label} has failed, owns nothing, and {count} nodes still remember it",
                "start it again, or let all nodes forget it",
                (shell_line("garrison", "cluster", "del-node", reading.entry, node_id),),
                {"remembered_by": count},
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
    serving = _serving(_members(reading))
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
    replicas = _members(reading).replicas_of(primary.id)
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
    state, zones = _members(reading), _zones(reading)
    if len(set(zones.values())) < 2:
        return
    for primary in _serving(state):
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
    *(
        Rule(code, severity, "topology", finds, why, (), whole=_checked(code), kinds=CLUSTER_ONLY)
        for code, (severity, finds, why) in CHECKED.items()
    ),
    Rule(
        "few-primaries",
        "warning",
        "topology",
        "fewer than three primaries own slots",
        "Failovers are decided by a majority of the primaries; of two, the one that is left is none.",
        (),
        whole=_few_primaries,
        kinds=CLUSTER_ONLY,
    ),
    Rule(
        "even-voters",
        "note",
        "topology",
        "an even number of primaries votes",
        "A network that breaks into two equal halves leaves neither with a majority.",
        (),
        whole=_even_voters,
        kinds=CLUSTER_ONLY,
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
        "uneven-slots",
        "note",
        "topology",
        "a primary owns 25 % more slots than the mean",
        "It reaches its limits first, and the cluster is as fast as its busiest node.",
        (),
        whole=_uneven_slots,
        kinds=CLUSTER_ONLY,
    ),
    Rule(
        "handshake",
        "warning",
        "topology",
        "nodes that shake hands without end",
        "They never become members: mostly a closed bus port, or an address that only the operator reaches.",
        (),
        whole=_handshakes,
        kinds=CLUSTER_ONLY,
    ),
    Rule(
        "failed-kept",
        "warning",
        "topology",
        "a failed node without slots that was not forgotten",
        "Clients and nodes go on trying it, and it may come back with an old address.",
        (),
        whole=_failed_kept,
        kinds=CLUSTER_ONLY,
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
        kinds=CLUSTER_ONLY,
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
        kinds=CLUSTER_ONLY,
    ),
    Rule(
        "nobody-fails-over",
        "note",
        "topology",
        "a primary with replicas outside a cluster, and no Sentinel is connected",
        "When it fails, writes fail until a person promotes a replica.",
        ("clients", "info:role"),
        whole=_nobody_fails_over,
        kinds=frozenset({"single"}),
    ),
)
