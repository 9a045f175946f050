"""The directives that a manager may set on every node, and what each takes.

A list of what is allowed, not of what is forbidden: a directive that is not in it is a node's own (its ports,
addresses, files), a secret (passwords never belong into a document that is shown), changes who is a member of
the cluster, or cannot be changed while a node runs. A test compares names and types with the directives of a
node. The few whose type only a node knows take any text here; the node judges it.
"""

from garrison.base.list_value_types import BufferLimits
from garrison.base.value_types import (
    INT_MIN,
    LONG_MAX,
    UINT_MAX,
    ULONG_MAX,
    Choice,
    Integer,
    Memory,
    MemoryOrPercent,
    ValueType,
    YesNo,
)

_TABLE: tuple[tuple[ValueType, str], ...] = (
    (
        YesNo(),
        """
        activedefrag activerehashing aof-disable-auto-gc aof-load-truncated
        aof-rewrite-incremental-fsync aof-timestamp-enabled aof-use-rdb-preamble appendonly
        cluster-allow-pubsubshard-when-down cluster-allow-reads-when-down
        cluster-allow-replica-migration cluster-replica-no-failover cluster-require-full-coverage
        cluster-slot-stats-enabled dynamic-hz latency-tracking lazyfree-lazy-eviction
        lazyfree-lazy-expire lazyfree-lazy-server-del lazyfree-lazy-user-del lazyfree-lazy-user-flush
        no-appendfsync-on-rewrite rdbcompression repl-disable-tcp-nodelay repl-diskless-sync
        replica-ignore-maxmemory replica-lazy-flush replica-serve-stale-data stop-writes-on-bgsave-error
        """,
    ),
    (BufferLimits(), "client-output-buffer-limit"),
    (Choice("debug", "verbose", "notice", "warning"), "loglevel"),
    (Choice("disabled", "on-empty-db", "swapdb"), "repl-diskless-load"),
    (Choice("everysec", "always", "no"), "appendfsync"),
    (
        Choice(
            "volatile-lru",
            "volatile-lfu",
            "volatile-random",
            "volatile-ttl",
            "allkeys-lru",
            "allkeys-lfu",
            "allkeys-random",
            "noeviction",
        ),
        "maxmemory-policy",
    ),
    (
        Integer(),
        """
        auto-aof-rewrite-percentage cluster-migration-barrier cluster-replica-validity-factor
        lfu-decay-time lfu-log-factor list-compress-depth min-replicas-max-lag min-replicas-to-write
        repl-diskless-sync-delay repl-diskless-sync-max-replicas shutdown-timeout tcp-keepalive timeout
        """,
    ),
    (Integer(-1, LONG_MAX), "slowlog-log-slower-than"),
    (Integer(0, 100), "maxmemory-eviction-tenacity"),
    (Integer(0, 1000), "active-defrag-threshold-lower active-defrag-threshold-upper"),
    (Integer(0, 32_768), "bf-expansion-factor"),
    (
        Integer(0, LONG_MAX),
        """
        acllog-max-len busy-reply-threshold cluster-node-timeout hash-max-listpack-entries
        latency-monitor-threshold repl-backlog-ttl set-max-intset-entries set-max-listpack-entries
        slowlog-max-len stream-node-max-entries tracking-table-max-keys zset-max-listpack-entries
        """,
    ),
    (Integer(1), "maxmemory-samples repl-ping-replica-period repl-timeout"),
    (Integer(1, 1 << 30), "bf-initial-size"),
    (Integer(1, 10), "active-expire-effort"),
    (Integer(1, 3_600_000), "python-function-timeout"),
    (Integer(1, 99), "active-defrag-cycle-max active-defrag-cycle-min"),
    (Integer(1, LONG_MAX), "active-defrag-max-scan-fields"),
    (Integer(1, UINT_MAX), "maxclients"),
    (Integer(INT_MIN), "list-max-listpack-size"),
    (Integer(clamp=(1, 500)), "hz"),
    (
        Memory(),
        """
        auto-aof-rewrite-min-size cluster-link-sendbuf-limit hash-max-listpack-value
        hll-sparse-max-bytes set-max-listpack-value stream-node-max-bytes zset-max-listpack-value
        """,
    ),
    (Memory(0, ULONG_MAX), "maxmemory"),
    (Memory(1 << 20), "aof-buffer-limit client-query-buffer-limit proto-max-bulk-len"),
    (Memory(1 << 23, 1 << 40), "lua-memory-max"),
    (Memory(1), "active-defrag-ignore-bytes repl-backlog-size"),
    (MemoryOrPercent(), "maxmemory-clients"),
    (ValueType(), "bf-error-rate latency-tracking-info-percentiles notify-keyspace-events save"),
)

SETTABLE: dict[str, ValueType] = {name: kind for kind, names in _TABLE for name in names.split()}
