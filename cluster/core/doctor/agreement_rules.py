"""Configuration: what nodes have in common: settings that should be the same, and the memory of a machine."""

from __future__ import annotations

from collections.abc import Iterator

from garrison.cluster.core.doctor.readings import NodeReading, Reading
from garrison.cluster.core.doctor.rule import Found, Rule, at, set_to
from garrison.cluster.core.printable import human
from garrison.cluster.core.words import listed

COMPARED = (
    *("maxmemory", "maxmemory-policy", "appendonly", "appendfsync", "save", "repl-backlog-size"),
    *("min-replicas-to-write", "min-replicas-max-lag", "cluster-require-full-coverage", "tcp-keepalive"),
    *("timeout", "maxclients", "client-output-buffer-limit", "notify-keyspace-events", "databases"),
    *("proto-max-bulk-len", "hash-max-listpack-entries", "zset-max-listpack-entries", "activedefrag"),
    *(
        "lazyfree-lazy-eviction",
        "replica-serve-stale-data",
        "replica-read-only",
        "stop-writes-on-bgsave-error",
    ),
    *("protected-mode", "cluster-allow-reads-when-down", "tls-replication", "tls-cluster"),
)
"""Settings for which a failover to another node should make no difference."""
MEMORY_SHARE = 0.6
"""How much of a machine the advice gives to maxmemory: the rest is for buffers, snapshots and the system."""
MACHINE_FRACTION_WARNING = 0.8
MACHINE_FRACTION_ERROR = 1.0
COMMANDS_MAX = 6


def _by_value(nodes: list[NodeReading], name: str) -> dict[str, list[NodeReading]]:
    found: dict[str, list[NodeReading]] = {}
    for node in nodes:
        if node.config is not None and name in node.config:
            found.setdefault(" ".join(node.config[name].split()), []).append(node)
    return found


def _differing(reading: Reading, name: str) -> Iterator[Found]:
    values = _by_value(reading.answering, name)
    if len(values) < 2:
        return
    ranked = sorted(values.items(), key=lambda item: -len(item[1]))
    (common, most), others = ranked[0], ranked[1:]
    told = [f"'{value}' on {listed([n.where for n in nodes], 3)}" for value, nodes in ranked]
    commands = [at(node, "CONFIG", "SET", name, common) for _, nodes in others for node in nodes]
    yield Found(
        f"{name} is {listed(told, 4)}",
        f"choose one value; most ({len(most)}) have '{common}'",
        tuple(commands[:COMMANDS_MAX]),
        {value or "(empty)": len(nodes) for value, nodes in ranked},
    )


def _settings_differ(reading: Reading) -> Iterator[Found]:
    for name in COMPARED:
        yield from _differing(reading, name)


def _node_timeouts_differ(reading: Reading) -> Iterator[Found]:
    yield from _differing(reading, "cluster-node-timeout")


def _passwords_differ(reading: Reading) -> Iterator[Found]:
    """The passwords are compared and never shown."""
    by_login: dict[frozenset[str], list[NodeReading]] = {}
    for node in reading.answering:
        by_login.setdefault(node.password_digests or frozenset(), []).append(node)
    if len(by_login) > 1:
        groups = [listed([node.where for node in nodes], 3) for nodes in by_login.values()]
        yield Found(
            f"the default user has other passwords on {' than on '.join(groups[:4])}",
            "set one password, in masterauth and requirepass, on all",
            tuple(
                at(node, "CONFIG", "SET", "requirepass", "LONG-PASSWORD")
                for nodes in list(by_login.values())[1:]
                for node in nodes[:3]
            ),
            {"different_logins": len(by_login)},
        )


def _share_of(nodes: list[NodeReading]) -> int:
    """The maxmemory in bytes for each of a host's nodes; 0 where the machine's memory is not known."""
    machine = min((node.figure("total_system_memory") for node in nodes), default=0.0)
    return int(machine * MEMORY_SHARE / max(len(nodes), 1))


def _no_maxmemory(reading: Reading) -> Iterator[Found]:
    for nodes in reading.by_host.values():
        share = _share_of(nodes)
        for node in nodes:
            used, total = node.figure("used_memory"), node.figure("total_system_memory")
            if node.figure("maxmemory"):
                continue
            fits = share > used
            yield Found(
                f"maxmemory is not set; {human(used)} are used"
                + (f"; the machine has {human(total)}" if total else ""),
                "set a limit that leaves room for buffers, snapshots, the system and the host's other nodes"
                if fits
                else "move data away first: a limit below what is used refuses writes or evicts keys",
                set_to(node, "maxmemory", str(share)) if fits else (at(node, "INFO", "memory"), "free -h"),
                {"maxmemory_bytes": 0, "used_memory_bytes": used, "machine_bytes": total},
                where=node.where,
            )


def _memory_of_machine(reading: Reading) -> Iterator[Found]:
    for host, nodes in reading.by_host.items():
        machine = min((node.figure("total_system_memory") for node in nodes), default=0.0)
        promised = sum(node.figure("maxmemory") for node in nodes)
        if not machine or promised <= MACHINE_FRACTION_WARNING * machine:
            continue
        share = _share_of(nodes)
        # A limit below what a node uses would evict keys, or refuse writes, at once.
        commands = [
            at(node, "CONFIG", "SET", "maxmemory", str(share))
            for node in nodes
            if node.figure("used_memory") < share < node.figure("maxmemory")
        ]
        yield Found(
            f"the nodes on {host} may take {human(promised)} of the machine's {human(machine)}",
            "leave room for buffers, fragmentation, snapshots and the system; nodes that use more than their "
            "share belong on another machine",
            tuple(commands[:COMMANDS_MAX]) or ("free -h",),
            {"maxmemory_bytes": promised, "machine_bytes": machine, "nodes": len(nodes)},
            "error" if promised > MACHINE_FRACTION_ERROR * machine else None,
            where=nodes[0].where if len(nodes) == 1 else "",
        )


AGREEMENT_RULES = (
    Rule(
        "no-maxmemory",
        "warning",
        "configuration",
        "`maxmemory` is 0",
        "Without a limit the data grows until the kernel kills the process, or the machine swaps.",
        ("info:maxmemory", "info:used_memory"),
        whole=_no_maxmemory,
    ),
    Rule(
        "settings-differ",
        "warning",
        "configuration",
        "a setting that a failover should not change differs between the nodes",
        "After a failover the new primary behaves in another way than the old one did.",
        (f"config:{COMPARED[0]}",),
        whole=_settings_differ,
    ),
    Rule(
        "node-timeouts-differ",
        "warning",
        "configuration",
        "`cluster-node-timeout` differs between the nodes",
        "Nodes then disagree about who has failed, and a failover waits for the slowest of a majority.",
        ("config:cluster-node-timeout",),
        whole=_node_timeouts_differ,
        subjects=frozenset({"cluster"}),
    ),
    Rule(
        "passwords-differ",
        "error",
        "configuration",
        "the default user's passwords differ between the nodes",
        "After a failover, clients and replicas that log in with the old password are locked out.",
        ("password_digests",),
        whole=_passwords_differ,
    ),
    Rule(
        "maxmemory-of-machine",
        "warning",
        "configuration",
        "`maxmemory` of a host's nodes together is above 80 % of its memory (an error above 100 %)",
        "The kernel runs out of memory before the limit is reached, and then kills a process of its choice.",
        ("info:maxmemory", "info:total_system_memory"),
        whole=_memory_of_machine,
    ),
)
