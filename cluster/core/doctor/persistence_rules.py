"""Persistence: whether what a node holds would be there after a restart."""

from __future__ import annotations

from collections.abc import Iterator

from garrison.cluster.core.doctor.readings import NodeReading, Reading
from garrison.cluster.core.doctor.rule import Found, Rule, at, set_to
from garrison.cluster.core.printable import human
from garrison.cluster.core.words import counted

OVERDUE_FACTOR = 10
OVERDUE_S_MIN = 600
DELAYED_SYNCS_PER_HOUR_MAX = 10
FORK_US_MAX = 500_000
GROWN_FACTOR = 4
GROWN_BYTES_MIN = 1024**3
DISK_FREE_FRACTION_MIN = 0.1
S_PER_HOUR = 3600


def _keeps_files(node: NodeReading) -> bool:
    return bool(node.setting("save")) or node.setting("appendonly") == "yes"


def _restart_empties_replicas(node: NodeReading) -> Iterator[Found]:
    replicas = node.figure("connected_slaves")
    if node.is_primary and replicas and not _keeps_files(node) and not node.is_garrison:
        yield Found(
            "a primary without files: if it is started again before a failover, "
            f"{counted(replicas, 'replica')} empty too",
            "switch a file on, or make sure that nothing starts it again by itself",
            set_to(node, "appendonly", "yes"),
            {"save": "off", "appendonly": "no", "replicas": replicas},
        )


def _no_files(node: NodeReading) -> Iterator[Found]:
    evicts = node.figure("maxmemory") and node.info.get("maxmemory_policy", "noeviction") != "noeviction"
    keys, _ = node.key_count
    if node.is_primary and keys and not _keeps_files(node) and not evicts:
        yield Found(
            f"{counted(keys, 'key')} and neither snapshots nor an append-only file",
            "switch the append-only file on, unless the data can be made again",
            set_to(node, "appendonly", "yes"),
            {"keys": keys, "save": "off", "appendonly": "no"},
        )


def _save_failed(node: NodeReading) -> Iterator[Found]:
    status = node.info["rdb_last_bgsave_status"]
    if status != "ok":
        yield Found(
            f"the last snapshot failed ({status})",
            "see the node's log for the reason (disk full, rights of the folder), then save again",
            (at(node, "CONFIG", "GET", "dir"), at(node, "BGSAVE")),
            {"rdb_last_bgsave_status": status},
        )


def _save_overdue(reading: Reading) -> Iterator[Found]:
    for node in reading.answering:
        age_s = reading.now_s - node.figure("rdb_last_save_time")
        changes = node.figure("rdb_changes_since_last_save")
        rules = [int(word) for word in node.setting("save").split() if word.isdecimal()]
        due_s = min(
            (s for s, least in zip(rules[::2], rules[1::2], strict=False) if changes >= least), default=0
        )
        if due_s and age_s > max(OVERDUE_FACTOR * due_s, OVERDUE_S_MIN):
            yield Found(
                f"{changes:.0f} changes are not in a snapshot for {age_s / S_PER_HOUR:.1f} hours; "
                f"the rules ask for one within {due_s} seconds",
                "save now, and see the log for why it did not",
                (at(node, "BGSAVE"), at(node, "INFO", "persistence")),
                {"age_s": age_s, "due_s": due_s, "changes": changes},
                where=node.where,
            )


def _aof_write_failed(node: NodeReading) -> Iterator[Found]:
    if node.info["aof_last_write_status"] != "ok":
        yield Found(
            "the append-only file could not be written",
            "make room on the disk, then see whether the status becomes ok",
            (at(node, "CONFIG", "GET", "dir"), at(node, "INFO", "persistence")),
            {"aof_last_write_status": node.info["aof_last_write_status"]},
        )


def _aof_rewrite_failed(node: NodeReading) -> Iterator[Found]:
    if node.info["aof_last_bgrewrite_status"] != "ok":
        yield Found(
            "the last rewrite of the append-only file failed",
            "see the log for the reason, then rewrite again",
            (at(node, "BGREWRITEAOF"),),
            {
                "aof_last_bgrewrite_status": node.info["aof_last_bgrewrite_status"],
                "failures": node.figure("aof_rewrites_consecutive_failures"),
            },
        )


def _syncs_delayed(node: NodeReading) -> Iterator[Found]:
    count = node.figure("aof_delayed_fsync")
    rate = count / max(node.uptime_s / S_PER_HOUR, 1.0)
    if rate > DELAYED_SYNCS_PER_HOUR_MAX:
        yield Found(
            f"{count:.0f} writes waited for a sync of the disk, {rate:.0f} an hour",
            "give the file a faster disk of its own",
            (at(node, "LATENCY", "HISTORY", "aof-fsync-always"), at(node, "CONFIG", "GET", "dir")),
            {"aof_delayed_fsync": count, "uptime_s": node.uptime_s},
        )


def _aof_grown(node: NodeReading) -> Iterator[Found]:
    size, base = node.figure("aof_current_size"), max(node.figure("aof_base_size"), 1.0)
    if size > GROWN_BYTES_MIN and size > GROWN_FACTOR * base:
        yield Found(
            f"the append-only file has grown to {human(size)} from {human(base)}",
            "rewrite it, and let the server do so when it has doubled",
            (at(node, "BGREWRITEAOF"), at(node, "CONFIG", "SET", "auto-aof-rewrite-percentage", "100")),
            {"aof_current_size_bytes": size, "aof_base_size_bytes": base},
        )


def _slow_fork(node: NodeReading) -> Iterator[Found]:
    took_us = node.figure("latest_fork_usec")
    if took_us > FORK_US_MAX:
        yield Found(
            f"the last fork for a snapshot stopped the node for {took_us / 1000:.0f} ms",
            "spread the data over more nodes, or let replicas only keep files; Garrison does not fork",
            (at(node, "INFO", "stats"),),
            {"latest_fork_us": took_us},
        )


def _disk_full(node: NodeReading) -> Iterator[Found]:
    host = node.host
    if host is None or host.disk_free_fraction is None or not _keeps_files(node):
        return
    free = host.disk_free_bytes or 0
    if host.disk_free_fraction < DISK_FREE_FRACTION_MIN or free < node.figure("used_memory"):
        yield Found(
            f"the disk under its folder has {human(free)} left ({host.disk_free_fraction:.0%}); "
            f"the data in memory is {human(node.figure('used_memory'))}",
            "make room: a rewrite needs the old file and the new one",
            (at(node, "CONFIG", "GET", "dir"), "df -h"),
            {"free_bytes": free, "free_fraction": host.disk_free_fraction},
        )


PERSISTENCE_RULES = (
    Rule(
        "restart-empties-replicas",
        "error",
        "persistence",
        "`save` and `appendonly` are off on a primary with replicas (not Garrison, whose nodes guard "
        "against it)",
        "A supervisor starts it again within a second, empty, and its replicas copy the emptiness: "
        "all is lost.",
        ("info:role", "info:connected_slaves", "config:save", "config:appendonly"),
        node=_restart_empties_replicas,
    ),
    Rule(
        "no-files",
        "warning",
        "persistence",
        "a primary with keys has neither snapshots nor an append-only file, and is not a cache",
        "A power cut of all machines at once loses everything.",
        ("info:role", "config:save", "config:appendonly"),
        node=_no_files,
    ),
    Rule(
        "save-failed",
        "error",
        "persistence",
        "the last snapshot failed",
        "After a crash the data is as old as the last good snapshot, and with "
        "stop-writes-on-bgsave-error writes "
        "are refused now.",
        ("info:rdb_last_bgsave_status",),
        node=_save_failed,
    ),
    Rule(
        "save-overdue",
        "warning",
        "persistence",
        "the last snapshot is ten times as old as the `save` rules allow",
        "What changed since then exists in memory only.",
        ("info:rdb_last_save_time", "info:rdb_changes_since_last_save", "config:save"),
        whole=_save_overdue,
    ),
    Rule(
        "aof-write-failed",
        "error",
        "persistence",
        "the append-only file could not be written",
        "Writes are refused, or acknowledged and not on disk.",
        ("info:aof_last_write_status",),
        node=_aof_write_failed,
    ),
    Rule(
        "aof-rewrite-failed",
        "error",
        "persistence",
        "the last rewrite of the append-only file failed",
        "The file grows until the disk is full, and the next start takes longer every day.",
        ("info:aof_last_bgrewrite_status",),
        node=_aof_rewrite_failed,
    ),
    Rule(
        "syncs-delayed",
        "warning",
        "persistence",
        "more than ten writes an hour waited for a sync of the disk",
        "Clients feel each of them as a stall, and a crash loses more than a second.",
        ("info:aof_delayed_fsync", "info:uptime_in_seconds"),
        node=_syncs_delayed,
    ),
    Rule(
        "aof-grown",
        "warning",
        "persistence",
        "the append-only file is above 1 GB and four times its base",
        "A start reads all of it before it serves.",
        ("info:aof_current_size", "info:aof_base_size"),
        node=_aof_grown,
    ),
    Rule(
        "slow-fork",
        "warning",
        "persistence",
        "the last fork took over 0.5 s",
        "Nobody is served meanwhile, and long ones look like a failure to the others.",
        ("info:latest_fork_usec",),
        node=_slow_fork,
    ),
    Rule(
        "disk-full",
        "error",
        "persistence",
        "less than 10 % of the disk is free, or less than the data needs",
        "The next snapshot or rewrite fails, and then writes are refused.",
        ("host:disk_free_fraction", "config:save", "config:appendonly", "info:used_memory"),
        node=_disk_full,
    ),
)
