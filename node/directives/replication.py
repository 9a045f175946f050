"""Replication."""

from __future__ import annotations

from garrison.base.list_value_types import Words
from garrison.base.value_types import LONG_MAX, AnyBytes, Choice, Directive, Integer, Memory, Text, Use, YesNo

E, C, N = Use.ENGINE, Use.CONTROL, Use.NOTHING
YES_NO = YesNo()

ROWS = (
    Directive(
        "replicaof",
        Words(2, 2, allowed="a host and a port, or no one"),
        "",
        C,
        "The primary that this node follows.",
        alias="slaveof",
        immutable=True,
    ),
    Directive("masteruser", AnyBytes(), "", E, "User with which a replica logs in."),
    Directive("masterauth", AnyBytes(), "", E, "Password with which a replica logs in.", sensitive=True),
    Directive(
        "replica-serve-stale-data",
        YES_NO,
        "yes",
        E,
        "Answer while the link to the primary is down.",
        alias="slave-serve-stale-data",
    ),
    Directive("replica-read-only", YES_NO, "yes", E, "Refuse writes on a replica.", alias="slave-read-only"),
    Directive(
        "replica-lazy-flush",
        YES_NO,
        "no",
        N,
        "Free the old data of a replica in the background.",
        alias="slave-lazy-flush",
    ),
    Directive(
        "replica-ignore-maxmemory",
        YES_NO,
        "yes",
        E,
        "Let only the primary evict.",
        alias="slave-ignore-maxmemory",
    ),
    Directive(
        "replica-ignore-disk-write-errors", YES_NO, "no", N, "Let a replica go on when its disk fails."
    ),
    Directive("replica-announced", YES_NO, "yes", E, "Show this replica to Sentinels."),
    Directive(
        "replica-announce-ip",
        Text(),
        "",
        E,
        "Address that a replica names to its primary.",
        alias="slave-announce-ip",
    ),
    Directive(
        "replica-announce-port",
        Integer(0, 65535),
        "0",
        E,
        "Port that a replica names to its primary.",
        alias="slave-announce-port",
    ),
    Directive(
        "replica-priority",
        Integer(),
        "100",
        E,
        "Rank in a Sentinel failover; 0 for never.",
        alias="slave-priority",
    ),
    Directive(
        "repl-diskless-sync", YES_NO, "yes", N, "Send a full sync without a file (Garrison always does)."
    ),
    Directive(
        "repl-diskless-sync-delay", Integer(), "5", E, "Seconds to wait for more replicas before a full sync."
    ),
    Directive("repl-diskless-sync-max-replicas", Integer(), "0", N, "Replicas at which the wait ends early."),
    Directive(
        "dual-channel-replication-enabled",
        YES_NO,
        "yes",
        E,
        "Send the snapshot of a full sync on a second connection, beside the stream.",
        alias="repl-rdb-channel",
    ),
    Directive(
        "replica-full-sync-buffer-limit",
        Memory(),
        "268435456",
        E,
        "Bytes of the stream that a replica holds during a full sync, then it stops reading; 0: no limit.",
    ),
    Directive(
        "repl-diskless-load",
        Choice("disabled", "on-empty-db", "swapdb"),
        "disabled",
        N,
        "Kept for Redis: a replica always builds a full sync aside, as with swapdb.",
    ),
    Directive(
        "repl-ping-replica-period",
        Integer(1),
        "10",
        E,
        "Seconds between pings to replicas.",
        alias="repl-ping-slave-period",
    ),
    Directive(
        "repl-timeout", Integer(1), "60", E, "Seconds of silence after which a replication link is broken."
    ),
    Directive("repl-disable-tcp-nodelay", YES_NO, "no", N, "Let the kernel join small packets to replicas."),
    Directive("repl-backlog-size", Memory(1), "1048576", E, "Bytes of the stream kept for partial resyncs."),
    Directive(
        "repl-backlog-seconds",
        Integer(0, LONG_MAX),
        "0",
        E,
        "Seconds of the stream kept for partial resyncs, where repl-backlog-size is less; 0: by size alone.",
    ),
    Directive(
        "repl-backlog-size-max",
        Memory(1),
        "268435456",
        E,
        "Most bytes that repl-backlog-seconds may keep.",
    ),
    Directive(
        "repl-digest-bytes",
        Memory(),
        "1048576",
        E,
        "Compare the stream with the primary's, a digest for so many bytes; 0: never.",
    ),
    Directive(
        "repl-backlog-ttl",
        Integer(0, LONG_MAX),
        "3600",
        E,
        "Seconds that the backlog is kept without replicas; 0 for ever.",
    ),
    Directive(
        "min-replicas-to-write",
        Integer(),
        "0",
        E,
        "Replicas in order below which writes are refused.",
        alias="min-slaves-to-write",
    ),
    Directive(
        "min-replicas-max-lag",
        Integer(),
        "10",
        E,
        "Seconds of silence after which a replica is not in order.",
        alias="min-slaves-max-lag",
    ),
    Directive(
        "propagation-error-behavior",
        Choice("ignore", "panic", "panic-on-replicas"),
        "ignore",
        N,
        "What happens when a replicated command fails.",
    ),
)
