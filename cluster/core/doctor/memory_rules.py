"""Memory: what is used, what is wasted, and how far the limits are."""

from __future__ import annotations

from collections.abc import Iterator

from garrison.cluster.core.doctor.readings import NodeReading, Reading
from garrison.cluster.core.doctor.rule import Found, Rule, at, set_to
from garrison.cluster.core.printable import human, shell_line

FRAGMENTATION_MAX = 1.5
FRAGMENTED_BYTES_MIN = 100 * 1024**2
SWAPPED_RATIO = 0.9
USED_BYTES_MIN = 100 * 1024**2
"""Shares of less memory than this say nothing."""
NEAR_LIMIT_FRACTION = 0.9
AT_LIMIT_FRACTION = 0.98
RAISED_FACTOR = 1.5
RAISED_FRACTION_MAX = 0.8
"""A limit is not raised above this part of the machine's memory."""
EVICTIONS_PER_S_MAX = 1.0
BUFFER_BYTES_MIN = 64 * 1024**2
BUFFER_FRACTION = 0.1
OVERHEAD_FRACTION = 0.5
MACHINE_FULL_FRACTION = 0.9


def _fragmented(node: NodeReading) -> Iterator[Found]:
    ratio, wasted = node.figure("mem_fragmentation_ratio"), node.figure("mem_fragmentation_bytes")
    if ratio > FRAGMENTATION_MAX and wasted > FRAGMENTED_BYTES_MIN:
        yield Found(
            f"{human(wasted)} of the process's memory hold no data (ratio {ratio:.2f})",
            "return free pages, and let the server move data together",
            (at(node, "MEMORY", "PURGE"), at(node, "CONFIG", "SET", "activedefrag", "yes")),
            {"mem_fragmentation_ratio": ratio, "mem_fragmentation_bytes": wasted},
        )


def _in_swap(node: NodeReading) -> Iterator[Found]:
    used, resident = node.figure("used_memory"), node.figure("used_memory_rss")
    if used > USED_BYTES_MIN and 0 < resident < SWAPPED_RATIO * used:
        yield Found(
            f"{human(used)} are used but only {human(resident)} are in memory: the rest is in swap",
            "make room on the machine: stop what else runs there, or move slots away",
            ("free -h", at(node, "MEMORY", "STATS")),
            {"used_memory_bytes": used, "used_memory_rss_bytes": resident},
        )


def _near_maxmemory(node: NodeReading) -> Iterator[Found]:
    limit, used = node.figure("maxmemory"), node.figure("used_memory")
    if not limit or used < NEAR_LIMIT_FRACTION * limit:
        return
    refuses = node.info.get("maxmemory_policy") == "noeviction"
    raised, machine = limit * RAISED_FACTOR, node.figure("total_system_memory")
    fits = raised < RAISED_FRACTION_MAX * machine
    then = "writes are refused" if refuses else "keys are evicted"
    yield Found(
        f"{used / limit:.0%} of maxmemory ({human(limit)}) are used; at the limit {then}",
        "raise the limit if nothing else needs the machine's memory, or add a shard and rebalance",
        set_to(node, "maxmemory", str(int(raised))) if fits else (at(node, "MEMORY", "STATS"), "free -h"),
        {"used_memory_bytes": used, "maxmemory_bytes": limit},
        "error" if refuses and used >= AT_LIMIT_FRACTION * limit else None if refuses else "note",
    )


def _evicting(node: NodeReading) -> Iterator[Found]:
    rate = node.figure("evicted_keys") / node.uptime_s
    if rate > EVICTIONS_PER_S_MAX:
        yield Found(
            f"{node.figure('evicted_keys'):.0f} keys were evicted since the start, {rate:.1f} a second",
            "if the hit rate suffers, give it more memory or shorter times to live",
            (at(node, "INFO", "stats"), at(node, "CONFIG", "GET", "maxmemory*")),
            {"evicted_keys": node.figure("evicted_keys"), "uptime_s": node.uptime_s},
        )


def _evicted_clients(node: NodeReading) -> Iterator[Found]:
    count = node.figure("evicted_clients")
    if count:
        yield Found(
            f"{count:.0f} clients were disconnected because the buffers of all were too large",
            "find the clients with large tot-mem, or raise maxmemory-clients",
            (at(node, "CLIENT", "LIST"), at(node, "CONFIG", "GET", "maxmemory-clients")),
            {"evicted_clients": count},
        )


def _buffers(node: NodeReading, name: str, whose: str, commands: tuple[str, ...]) -> Iterator[Found]:
    size, used = node.figure(name), max(node.figure("used_memory"), 1.0)
    if size > BUFFER_BYTES_MIN and size > BUFFER_FRACTION * used:
        yield Found(
            f"buffers of {whose} take {human(size)}, {size / used:.0%} of what is used",
            f"find the {whose} that read too slowly",
            commands,
            {f"{name}_bytes": size, "used_memory_bytes": used},
        )


def _replica_buffers(node: NodeReading) -> Iterator[Found]:
    yield from _buffers(
        node, "mem_clients_slaves", "replicas", (at(node, "CLIENT", "LIST", "TYPE", "replica"),)
    )


def _client_buffers(node: NodeReading) -> Iterator[Found]:
    yield from _buffers(node, "mem_clients_normal", "clients", (at(node, "CLIENT", "LIST"),))


def _overhead(node: NodeReading) -> Iterator[Found]:
    used = node.figure("used_memory")
    overhead = node.figure("used_memory_overhead") - node.figure("used_memory_startup")
    if used > USED_BYTES_MIN and overhead > OVERHEAD_FRACTION * used:
        yield Found(
            f"{human(overhead)} of {human(used)} are bookkeeping and buffers, not data",
            "see what it is; many small keys may be better as fields of hashes",
            (at(node, "MEMORY", "STATS"),),
            {"overhead_bytes": overhead, "used_memory_bytes": used},
        )


def _machine_full(reading: Reading) -> Iterator[Found]:
    for host, nodes in reading.by_host.items():
        machine = min((node.figure("total_system_memory") for node in nodes), default=0)
        resident = sum(node.figure("used_memory_rss") for node in nodes)
        if machine and resident > MACHINE_FULL_FRACTION * machine:
            yield Found(
                f"the nodes on {host} take {human(resident)} of the machine's {human(machine)}",
                "move a node or slots to another machine",
                (shell_line("garrison", "cluster", "rebalance", nodes[0].where, "--dry-run"),)
                if reading.kind == "cluster"
                else (at(nodes[0], "MEMORY", "STATS"),),
                {"used_memory_rss_bytes": resident, "machine_bytes": machine},
            )


MEMORY_RULES = (
    Rule(
        "fragmented",
        "warning",
        "memory",
        "more than half again of what the data needs, and over 100 MB, is held by the process",
        "Memory that holds nothing is not there for data, and counts for the kernel's limit.",
        ("info:mem_fragmentation_ratio", "info:mem_fragmentation_bytes"),
        node=_fragmented,
    ),
    Rule(
        "in-swap",
        "error",
        "memory",
        "less memory is resident than is used",
        "Each touch of a page in swap stops the node for milliseconds; heartbeats are missed, "
        "failovers follow.",
        ("info:used_memory", "info:used_memory_rss"),
        node=_in_swap,
    ),
    Rule(
        "near-maxmemory",
        "warning",
        "memory",
        "over 90 % of `maxmemory` are used (an error from 98 % with `noeviction`, a note where keys "
        "are evicted)",
        "At the limit writes fail, or keys go that somebody may still want.",
        ("info:maxmemory", "info:used_memory"),
        node=_near_maxmemory,
    ),
    Rule(
        "evicting",
        "note",
        "memory",
        "more than one key a second is evicted",
        "A cache that evicts what is still asked for sends the load to what is behind it.",
        ("info:evicted_keys", "info:uptime_in_seconds"),
        node=_evicting,
    ),
    Rule(
        "evicted-clients",
        "warning",
        "memory",
        "clients were disconnected by `maxmemory-clients`",
        "Their callers saw a lost connection in the middle of a command.",
        ("info:evicted_clients",),
        node=_evicted_clients,
    ),
    Rule(
        "replica-buffers",
        "warning",
        "memory",
        "buffers of replicas take over 64 MB and 10 % of the memory",
        "A replica that is too slow costs memory here, then is dropped and needs a full sync.",
        ("info:mem_clients_slaves", "info:used_memory"),
        node=_replica_buffers,
    ),
    Rule(
        "client-buffers",
        "warning",
        "memory",
        "buffers of clients take over 64 MB and 10 % of the memory",
        "They take the room of data, and a burst of large replies can use up the rest.",
        ("info:mem_clients_normal", "info:used_memory"),
        node=_client_buffers,
    ),
    Rule(
        "overhead",
        "note",
        "memory",
        "over half of the memory is not data",
        "The same memory could hold twice the data.",
        ("info:used_memory_overhead", "info:used_memory_startup", "info:used_memory"),
        node=_overhead,
    ),
    Rule(
        "machine-full",
        "error",
        "memory",
        "the nodes of a host take over 90 % of its memory",
        "The kernel will soon kill a process, and the largest is the most likely one.",
        ("info:used_memory_rss", "info:total_system_memory"),
        whole=_machine_full,
    ),
)
