"""Topology: whether the tables of a cluster hold, and who votes.

What ``garrison cluster check`` finds is found here by the same code (:mod:`garrison.cluster.core.check`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from garrison.cluster.core.check import Severity
from garrison.cluster.core.cluster_state import ClusterState
from garrison.cluster.core.doctor.readings import Kind, Reading
from garrison.cluster.core.doctor.rule import Found, Rule, at
from garrison.cluster.core.printable import shell_line
from garrison.cluster.core.topology import Node
from garrison.cluster.core.words import listed

PRIMARIES_MIN = 3
UNEVEN_FACTOR = 1.25
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


def state_of(reading: Reading) -> ClusterState:
    return reading.state if reading.state is not None else ClusterState({})


def serving_primaries(state: ClusterState) -> list[Node]:
    return [node for node in state.primaries if state.slots_of.get(node.id)]


def _few_primaries(reading: Reading) -> Iterator[Found]:
    serving = serving_primaries(state_of(reading))
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
    count = len(serving_primaries(state_of(reading)))
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


def _uneven_slots(reading: Reading) -> Iterator[Found]:
    state = state_of(reading)
    counts = {node.label: len(state.slots_of[node.id]) for node in serving_primaries(state)}
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
    state = state_of(reading)
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
    state = state_of(reading)
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


MEMBER_RULES = (
    *(
        Rule(code, severity, "topology", finds, why, (), whole=_checked(code), subjects=CLUSTER_ONLY)
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
        subjects=CLUSTER_ONLY,
    ),
    Rule(
        "even-voters",
        "note",
        "topology",
        "an even number of primaries votes",
        "A network that breaks into two equal halves leaves neither with a majority.",
        (),
        whole=_even_voters,
        subjects=CLUSTER_ONLY,
    ),
    Rule(
        "uneven-slots",
        "note",
        "topology",
        "a primary owns 25 % more slots than the mean",
        "It reaches its limits first, and the cluster is as fast as its busiest node.",
        (),
        whole=_uneven_slots,
        subjects=CLUSTER_ONLY,
    ),
    Rule(
        "handshake",
        "warning",
        "topology",
        "nodes that shake hands without end",
        "They never become members: mostly a closed bus port, or an address that only the operator reaches.",
        (),
        whole=_handshakes,
        subjects=CLUSTER_ONLY,
    ),
    Rule(
        "failed-kept",
        "warning",
        "topology",
        "a failed node without slots that was not forgotten",
        "Clients and nodes go on trying it, and it may come back with an old address.",
        (),
        whole=_failed_kept,
        subjects=CLUSTER_ONLY,
    ),
)
