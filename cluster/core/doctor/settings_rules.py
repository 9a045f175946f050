"""Configuration: settings of one node that are wrong or unwise by themselves."""

from __future__ import annotations

from collections.abc import Iterator

from garrison.cluster.core.doctor.readings import NodeReading
from garrison.cluster.core.doctor.rule import Found, Rule, at, set_to
from garrison.cluster.core.printable import human
from garrison.cluster.core.words import counted

KEYS_MIN = 1_000
"""Below this many keys the shape of a data set says nothing."""
CACHE_EXPIRES_FRACTION = 0.9
PERSISTENT_EXPIRES_FRACTION = 0.01
NODE_TIMEOUT_MS_MIN = 2_000
NODE_TIMEOUT_MS_MAX = 60_000
ALLKEYS_OF = {"volatile-lfu": "allkeys-lfu", "volatile-random": "allkeys-random"}


def _noeviction_cache(node: NodeReading) -> Iterator[Found]:
    keys, expires = node.key_count
    is_cache = keys >= KEYS_MIN and expires >= CACHE_EXPIRES_FRACTION * keys
    if node.figure("maxmemory") and node.info["maxmemory_policy"] == "noeviction" and is_cache:
        yield Found(
            f"{expires} of {keys} keys expire, as in a cache, but the policy is noeviction",
            "let keys that expire make room early, those that are used least first",
            set_to(node, "maxmemory-policy", "volatile-lfu"),
            {"keys": keys, "expires": expires},
        )


def _nothing_to_evict(node: NodeReading) -> Iterator[Found]:
    keys, expires = node.key_count
    policy = node.info["maxmemory_policy"]
    bare = keys >= KEYS_MIN and expires <= PERSISTENT_EXPIRES_FRACTION * keys
    if node.figure("maxmemory") and policy.startswith("volatile-") and bare:
        yield Found(
            f"the policy {policy} may evict only keys that expire, and only {expires} of {keys} do",
            "give the keys a time to live; or, only if each of them can be made again, let every key "
            "be evicted",
            set_to(node, "maxmemory-policy", ALLKEYS_OF.get(policy, "allkeys-lru")),
            {"keys": keys, "expires": expires},
        )


def _node_timeout(node: NodeReading) -> Iterator[Found]:
    value = node.setting_number("cluster-node-timeout")
    if node.info["cluster_enabled"] != "1" or NODE_TIMEOUT_MS_MIN <= value <= NODE_TIMEOUT_MS_MAX:
        return
    low = value < NODE_TIMEOUT_MS_MIN
    what = "a short stall looks like a failure" if low else "a dead primary is missed that long"
    yield Found(
        f"cluster-node-timeout is {value:.0f} ms: {what}",
        "5 to 15 seconds suit most networks",
        set_to(node, "cluster-node-timeout", "15000"),
        {"cluster-node-timeout_ms": value},
    )


def _full_coverage(node: NodeReading) -> Iterator[Found]:
    if node.info["cluster_enabled"] == "1" and node.setting("cluster-require-full-coverage") == "yes":
        yield Found(
            "cluster-require-full-coverage is on: when one shard is lost, all others refuse service too",
            "switch it off if the part of the data that is there is worth serving",
            set_to(node, "cluster-require-full-coverage", "no"),
        )


def output_limits(node: NodeReading) -> dict[str, tuple[float, float, float]]:
    """Class of clients -> (hard bytes, soft bytes, soft seconds) of client-output-buffer-limit."""
    words = node.setting("client-output-buffer-limit").split()
    limits = {}
    for name, *values in zip(words[::4], words[1::4], words[2::4], words[3::4], strict=False):
        if all(value.isdecimal() for value in values):
            hard, soft, seconds = map(float, values)
            limits["replica" if name == "slave" else name] = (hard, soft, seconds)
    return limits


def _pubsub_unlimited(node: NodeReading) -> Iterator[Found]:
    hard, soft, _ = output_limits(node).get("pubsub", (1.0, 1.0, 0.0))
    if not hard and not soft:
        yield Found(
            "subscribers have no output buffer limit",
            "limit what may wait for a subscriber that does not read",
            set_to(node, "client-output-buffer-limit", "pubsub 33554432 8388608 60"),
        )


def _replica_limit_low(node: NodeReading) -> Iterator[Found]:
    hard, _, _ = output_limits(node).get("replica", (0.0, 0.0, 0.0))
    backlog = node.setting_number("repl-backlog-size")
    if 0 < hard < backlog:
        yield Found(
            f"a replica may keep {human(hard)} waiting, less than the backlog of {human(backlog)}",
            "allow replicas at least the size of the backlog",
            set_to(node, "client-output-buffer-limit", f"replica {int(backlog * 4)} {int(backlog)} 60"),
            {"limit_bytes": hard, "backlog_bytes": backlog},
        )


def _never_synced(node: NodeReading) -> Iterator[Found]:
    if node.setting("appendonly") == "yes" and node.setting("appendfsync") == "no":
        yield Found(
            "the append-only file is synced when the system pleases: up to 30 seconds of writes can be lost",
            "sync every second",
            set_to(node, "appendfsync", "everysec"),
        )


def _min_replicas_not_met(node: NodeReading) -> Iterator[Found]:
    wanted = node.setting_number("min-replicas-to-write")
    there = node.number("min_slaves_good_slaves")
    there = node.figure("connected_slaves") if there is None else there
    if node.is_primary and wanted > there:
        yield Found(
            f"min-replicas-to-write is {wanted:.0f} and {counted(there, 'replica')} in reach: writes are "
            "refused",
            "bring the replicas back, or lower the demand",
            (
                at(node, "INFO", "replication"),
                at(node, "CONFIG", "SET", "min-replicas-to-write", f"{there:.0f}"),
            ),
            {"wanted": wanted, "in_reach": there},
        )


def _no_min_replicas(node: NodeReading) -> Iterator[Found]:
    replicas = node.figure("connected_slaves")
    if node.is_primary and replicas and not node.setting_number("min-replicas-to-write"):
        yield Found(
            f"a primary with {counted(replicas, 'replica')} takes writes when it is cut off from all of them",
            "demand one replica in reach",
            set_to(node, "min-replicas-to-write", "1"),
            {"replicas": replicas},
        )


def _replica_writable(node: NodeReading) -> Iterator[Found]:
    if not node.is_primary and node.setting("replica-read-only") == "no":
        yield Found(
            "this replica takes writes of clients",
            "make it read-only",
            set_to(node, "replica-read-only", "yes"),
        )


def _no_keepalive(node: NodeReading) -> Iterator[Found]:
    if not node.setting_number("tcp-keepalive"):
        yield Found(
            "tcp-keepalive is 0: connections of clients that have vanished stay for ever",
            "let the kernel look after 5 minutes",
            set_to(node, "tcp-keepalive", "300"),
        )


def _slow_log_off(node: NodeReading) -> Iterator[Found]:
    if node.setting_number("slowlog-log-slower-than") < 0 or not node.setting_number("slowlog-max-len"):
        yield Found(
            "the slow log is off",
            "record commands above 10 ms",
            (
                at(node, "CONFIG", "SET", "slowlog-log-slower-than", "10000"),
                at(node, "CONFIG", "SET", "slowlog-max-len", "128"),
            ),
        )


def _writes_without_saves(node: NodeReading) -> Iterator[Found]:
    if node.setting("save") and node.setting("stop-writes-on-bgsave-error") == "no":
        yield Found(
            "writes go on when snapshots fail",
            "refuse writes then, so that somebody notices, unless an alert does that",
            set_to(node, "stop-writes-on-bgsave-error", "yes"),
        )


SETTINGS_RULES = (
    Rule(
        "noeviction-cache",
        "warning",
        "configuration",
        "policy `noeviction` where nearly all keys expire",
        "A full cache then answers writes with OOM instead of dropping what nobody reads.",
        ("info:maxmemory", "info:maxmemory_policy"),
        node=_noeviction_cache,
    ),
    Rule(
        "nothing-to-evict",
        "warning",
        "configuration",
        "a `volatile-*` policy where hardly a key expires",
        "Such a policy finds nothing to evict, and at the limit writes fail with OOM.",
        ("info:maxmemory", "info:maxmemory_policy"),
        node=_nothing_to_evict,
    ),
    Rule(
        "node-timeout",
        "warning",
        "configuration",
        "`cluster-node-timeout` below 2 s or above 60 s",
        "It decides when a silent primary is replaced: too short fails over for nothing, too long "
        "leaves slots "
        "without service.",
        ("info:cluster_enabled", "config:cluster-node-timeout"),
        node=_node_timeout,
        subjects=frozenset({"cluster"}),
    ),
    Rule(
        "full-coverage",
        "note",
        "configuration",
        "`cluster-require-full-coverage yes`",
        "One lost shard becomes an outage of all of them.",
        ("info:cluster_enabled", "config:cluster-require-full-coverage"),
        node=_full_coverage,
        subjects=frozenset({"cluster"}),
    ),
    Rule(
        "pubsub-unlimited",
        "warning",
        "configuration",
        "`client-output-buffer-limit pubsub 0 0 ...`",
        "Messages for one subscriber that does not read pile up until memory is full.",
        ("config:client-output-buffer-limit",),
        node=_pubsub_unlimited,
    ),
    Rule(
        "replica-limit-low",
        "warning",
        "configuration",
        "the replicas' output buffer limit is below the backlog",
        "A replica that falls behind is dropped, starts a full sync, falls behind again, and so on "
        "without end.",
        ("config:client-output-buffer-limit", "config:repl-backlog-size"),
        node=_replica_limit_low,
    ),
    Rule(
        "never-synced",
        "warning",
        "configuration",
        "`appendonly yes` with `appendfsync no`",
        "Who switches the append-only file on expects to lose a second, not half a minute.",
        ("config:appendonly", "config:appendfsync"),
        node=_never_synced,
    ),
    Rule(
        "min-replicas-not-met",
        "error",
        "configuration",
        "`min-replicas-to-write` is above the number of replicas in reach",
        "Every write is answered with NOREPLICAS.",
        ("info:role", "info:connected_slaves", "config:min-replicas-to-write"),
        node=_min_replicas_not_met,
    ),
    Rule(
        "no-min-replicas",
        "note",
        "configuration",
        "`min-replicas-to-write 0` on a primary with replicas, without cluster mode",
        "What is written to a primary that is cut off is lost when the others choose a new one.",
        ("info:role", "info:connected_slaves", "config:min-replicas-to-write"),
        node=_no_min_replicas,
        subjects=frozenset({"sentinel", "single"}),
    ),
    Rule(
        "replica-writable",
        "warning",
        "configuration",
        "`replica-read-only no`",
        "What is written there exists nowhere else, differs from the primary, and goes at the next "
        "full sync.",
        ("info:role", "config:replica-read-only"),
        node=_replica_writable,
    ),
    Rule(
        "no-keepalive",
        "warning",
        "configuration",
        "`tcp-keepalive 0`",
        "Vanished clients keep descriptors and buffers until `maxclients` is reached.",
        ("config:tcp-keepalive",),
        node=_no_keepalive,
    ),
    Rule(
        "slow-log-off",
        "note",
        "configuration",
        "the slow log is off",
        "When something is slow at night, there is no record of what it was.",
        ("config:slowlog-log-slower-than", "config:slowlog-max-len"),
        node=_slow_log_off,
    ),
    Rule(
        "writes-without-saves",
        "warning",
        "configuration",
        "`stop-writes-on-bgsave-error no`",
        "A full disk goes unnoticed, and the snapshot on it is older every day.",
        ("config:save", "config:stop-writes-on-bgsave-error"),
        node=_writes_without_saves,
    ),
)
