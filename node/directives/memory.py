"""Memory: limits, eviction, encodings of the data types."""

from __future__ import annotations

from garrison.base.list_value_types import BufferLimits
from garrison.base.value_types import (
    INT_MIN,
    LONG_MAX,
    ULONG_MAX,
    Choice,
    Directive,
    Integer,
    Memory,
    MemoryOrPercent,
    Use,
    YesNo,
)

E, N, A = Use.ENGINE, Use.NOTHING, Use.NEEDLESS
YES_NO = YesNo()

ROWS = (
    Directive("maxmemory", Memory(0, ULONG_MAX), "0", E, "Most memory for data; 0 for no limit."),
    Directive(
        "maxmemory-policy",
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
        "noeviction",
        E,
        "What is evicted at maxmemory.",
    ),
    Directive("maxmemory-samples", Integer(1), "5", E, "Keys that an eviction compares (64 at most)."),
    Directive(
        "maxmemory-eviction-tenacity",
        Integer(0, 100),
        "10",
        E,
        "Time for one eviction: 50 us for each step up to 10, then 15 % more; 100 for no limit.",
    ),
    Directive("maxmemory-clients", MemoryOrPercent(), "0", E, "Most memory for all clients; 0 for no limit."),
    Directive(
        "client-query-buffer-limit",
        Memory(1 << 20),
        "1073741824",
        E,
        "Most bytes of one client's unfinished request.",
    ),
    Directive(
        "client-output-buffer-limit",
        BufferLimits(),
        "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        E,
        "Most bytes of unread replies, by class of client.",
    ),
    Directive("proto-max-bulk-len", Memory(1 << 20), "536870912", E, "Most bytes of one argument."),
    Directive("lfu-log-factor", Integer(), "10", E, "How fast the access counter saturates."),
    Directive("lfu-decay-time", Integer(), "1", E, "Minutes after which the access counter fades."),
    Directive(
        "activerehashing",
        YES_NO,
        "yes",
        A,
        "Grow tables in idle time as well (Garrison always grows bucket by bucket).",
    ),
    Directive("active-expire-effort", Integer(1, 10), "1", N, "Effort of active expiry."),
    Directive(
        "lazyfree-lazy-eviction", YES_NO, "no", A, "Free in the background: eviction (large values always)."
    ),
    Directive(
        "lazyfree-lazy-expire", YES_NO, "no", A, "Free in the background: expire (large values always)."
    ),
    Directive(
        "lazyfree-lazy-server-del",
        YES_NO,
        "no",
        A,
        "Free in the background: server-del (large values always).",
    ),
    Directive(
        "lazyfree-lazy-user-del", YES_NO, "no", A, "Free in the background: user-del (large values always)."
    ),
    Directive("lazyfree-lazy-user-flush", YES_NO, "no", A, "Free in the background: user-flush (always)."),
    Directive("jemalloc-bg-thread", YES_NO, "yes", N, "A background thread of the allocator."),
    Directive("activedefrag", YES_NO, "no", E, "Move data together in idle time."),
    Directive("active-defrag-ignore-bytes", Memory(1), "104857600", E, "Waste below which nothing is moved."),
    Directive(
        "active-defrag-threshold-lower",
        Integer(0, 1000),
        "10",
        E,
        "Percentage of waste from which data is moved.",
    ),
    Directive(
        "active-defrag-threshold-upper",
        Integer(0, 1000),
        "100",
        E,
        "Percentage of waste of the greatest effort.",
    ),
    Directive("active-defrag-cycle-min", Integer(1, 99), "1", E, "Least share of the processor for moving."),
    Directive(
        "active-defrag-cycle-max", Integer(1, 99), "25", E, "Greatest share of the processor for moving."
    ),
    Directive(
        "active-defrag-max-scan-fields",
        Integer(1, LONG_MAX),
        "1000",
        N,
        "Fields of a collection that one step visits.",
    ),
    Directive(
        "hash-max-listpack-entries",
        Integer(0, LONG_MAX),
        "512",
        E,
        "Fields up to which a hash is packed.",
        alias="hash-max-ziplist-entries",
    ),
    Directive(
        "hash-max-listpack-value",
        Memory(),
        "64",
        E,
        "Bytes of a field or value up to which a hash is packed.",
        alias="hash-max-ziplist-value",
    ),
    Directive(
        "list-max-listpack-size",
        Integer(INT_MIN),
        "-2",
        E,
        "Size of a node of a list: entries, or -1 to -5 for 4 to 64 kb.",
        alias="list-max-ziplist-size",
    ),
    Directive(
        "list-compress-depth", Integer(), "0", N, "Nodes at each end of a list that stay uncompressed."
    ),
    Directive(
        "set-max-intset-entries",
        Integer(0, LONG_MAX),
        "512",
        E,
        "Members up to which a set of integers is packed.",
    ),
    Directive(
        "set-max-listpack-entries", Integer(0, LONG_MAX), "128", E, "Members up to which a set is packed."
    ),
    Directive("set-max-listpack-value", Memory(), "64", E, "Bytes of a member up to which a set is packed."),
    Directive(
        "zset-max-listpack-entries",
        Integer(0, LONG_MAX),
        "128",
        E,
        "Members up to which a sorted set is packed.",
        alias="zset-max-ziplist-entries",
    ),
    Directive(
        "zset-max-listpack-value",
        Memory(),
        "64",
        E,
        "Bytes of a member up to which a sorted set is packed.",
        alias="zset-max-ziplist-value",
    ),
    Directive("hll-sparse-max-bytes", Memory(), "3000", E, "Bytes up to which a HyperLogLog is sparse."),
    Directive("stream-node-max-bytes", Memory(), "4096", E, "Bytes of a node of a stream."),
    Directive("stream-node-max-entries", Integer(0, LONG_MAX), "100", E, "Entries of a node of a stream."),
)
