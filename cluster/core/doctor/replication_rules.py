"""Replication: whether the copies are copies."""

from __future__ import annotations

from collections.abc import Iterator

from garrison.cluster.core.doctor.readings import NodeReading, as_number
from garrison.cluster.core.doctor.rule import Found, Rule, at, set_to
from garrison.cluster.core.printable import human

LAG_S_MAX = 10
BACKLOG_S_MIN = 60
BYTES_PER_KB = 1024
FULL_SYNCS_PER_HOUR_MAX = 1.0
FULL_SYNCS_MIN = 3
S_PER_HOUR = 3600


def _link_down(node: NodeReading) -> Iterator[Found]:
    if node.is_primary or node.info["master_link_status"] == "up":
        return
    syncing = node.info.get("master_sync_in_progress") == "1"
    since_s = node.figure("master_link_down_since_seconds")
    primary = f"{node.info.get('master_host', '?')}:{node.info.get('master_port', '?')}"
    yield Found(
        f"its link to the primary {primary} is down since {max(since_s, 0):.0f} s"
        + ("; a full sync is under way" if syncing else ""),
        "see the replica's log; check masterauth, the network, and whether the primary answers",
        (at(node, "INFO", "replication"), at(node, "CONFIG", "GET", "masteruser")),
        {"down_since_s": since_s},
        "warning" if syncing else None,
    )


def _lag(node: NodeReading) -> Iterator[Found]:
    for row in node.replica_rows if node.is_primary else ():
        lag_s = as_number(row.get("lag")) or 0
        behind = node.figure("master_repl_offset") - (as_number(row.get("offset")) or 0)
        name = f"{row['ip']}:{row.get('port', '?')}"
        lost = behind > (node.number("repl_backlog_size") or float("inf"))
        if row.get("state") == "online" and (lag_s > LAG_S_MAX or lost):
            yield Found(
                f"the replica {name} is {human(behind)} behind, and was last heard {lag_s:.0f} s ago",
                "see what slows it: network, disk, or a slow command there",
                (at(node, "INFO", "replication"), at(node, "CLIENT", "LIST", "TYPE", "replica")),
                {"lag_s": lag_s, "behind_bytes": behind},
                "error" if lost else None,
            )


def _backlog_small(node: NodeReading) -> Iterator[Found]:
    replicas, size = node.figure("connected_slaves"), node.figure("repl_backlog_size")
    rate = node.figure("instantaneous_output_repl_kbps") * BYTES_PER_KB / max(replicas, 1.0)
    if node.is_primary and replicas and size < rate * BACKLOG_S_MIN:
        yield Found(
            f"the backlog of {human(size)} holds {size / rate:.0f} s of the {human(rate)} written a second",
            "let it hold some minutes",
            set_to(node, "repl-backlog-size", str(int(rate * BACKLOG_S_MIN * 5))),
            {"backlog_bytes": size, "written_bytes_per_s": rate},
        )


def _full_syncs(node: NodeReading) -> Iterator[Found]:
    count, replicas = node.figure("sync_full"), node.figure("connected_slaves")
    rate = count / (node.uptime_s / S_PER_HOUR)
    if node.is_primary and count > max(FULL_SYNCS_MIN, 2 * replicas) and rate > FULL_SYNCS_PER_HOUR_MAX:
        yield Found(
            f"{count:.0f} full syncs since the start, {rate:.1f} an hour",
            "enlarge the backlog and the replicas' output buffer limit",
            (
                at(node, "CONFIG", "GET", "repl-backlog-size"),
                at(
                    node, "CONFIG", "SET", "repl-backlog-size", str(int(node.figure("repl_backlog_size") * 8))
                ),
            ),
            {"sync_full": count, "sync_partial_err": node.figure("sync_partial_err")},
        )


REPLICATION_RULES = (
    Rule(
        "link-down",
        "error",
        "replication",
        "a replica has no link to its primary (a warning during a full sync)",
        "It is not a copy any more: a failover to it loses what was written since.",
        ("info:role", "info:master_link_status"),
        node=_link_down,
    ),
    Rule(
        "lag",
        "warning",
        "replication",
        "a replica was not heard for 10 s, or is further behind than the backlog reaches (an error)",
        "Reads there are stale, and a failover to it loses the difference.",
        ("info:role", "info:master_repl_offset"),
        node=_lag,
    ),
    Rule(
        "backlog-small",
        "warning",
        "replication",
        "the backlog holds less than a minute of what is written",
        "A replica that is away for longer needs all data again instead of the difference.",
        (
            "info:role",
            "info:connected_slaves",
            "info:repl_backlog_size",
            "info:instantaneous_output_repl_kbps",
        ),
        node=_backlog_small,
    ),
    Rule(
        "full-syncs",
        "warning",
        "replication",
        "more than one full sync an hour",
        "Each one reads and sends all data, and the replica serves nothing, or old data, meanwhile.",
        ("info:role", "info:sync_full", "info:connected_slaves", "info:uptime_in_seconds"),
        node=_full_syncs,
    ),
)
