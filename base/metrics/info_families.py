"""What INFO and its like say, as the metrics of the usual exporter.

Each function takes texts and values as a server replies them, so it serves a node, a Sentinel and tests with
the INFO of a real Redis. A field that nobody knows is left out; a value that is not a number is 1 if it is a
good word, 0 otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from garrison.base.metrics.exposition import Family, Kind, counter, gauge
from garrison.base.metrics.info_names import MESSAGES_BY_TYPE, METRICS, MICROSECONDS, PREFIX

Info = Mapping[str, str]
"""Fields by name; a field's value as INFO writes it."""

GOOD_WORDS: Final = frozenset({"ok", "up", "yes", "true", "online"})
IDENTITY: Final = {
    "role": "role",
    "redis_version": "redis_version",
    "redis_build_id": "redis_build_id",
    "redis_mode": "redis_mode",
    "os": "os",
    "maxmemory_policy": "maxmemory_policy",
    "tcp_port": "tcp_port",
    "run_id": "run_id",
    "process_id": "process_id",
}
"""Labels of redis_instance_info, by field."""
OF_LINK: Final = {
    "master_link_status": ("master_link_up", "Whether the link to the primary is up."),
    "master_last_io_seconds_ago": ("master_last_io_seconds_ago", "Seconds since the primary's last byte."),
    "master_sync_in_progress": ("master_sync_in_progress", "Whether a full sync is under way."),
    "slave_repl_offset": ("slave_repl_offset", "The offset that this replica has applied."),
}
"""Metrics of a replica's link, labelled with the primary; by field."""


def read_info(text: str) -> dict[str, str]:
    """The fields of an INFO text, without its headings."""
    fields: dict[str, str] = {}
    for line in text.split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            fields[name] = value
    return fields


def number(value: str) -> float:
    """The number in a field: 1 or 0 for words."""
    try:
        return int(value)
    except ValueError:
        pass
    try:
        return float(value)
    except ValueError:
        return int(value in GOOD_WORDS)


def parts(value: str) -> dict[str, str]:
    """The parts of a value such as ``calls=1,usec=2``."""
    return dict(part.partition("=")[::2] for part in value.split(","))


def families_of_fields(info: Info) -> Iterator[Family]:
    """One family for each field that has a metric of its own."""
    for field, value in info.items():
        metric = METRICS.get(field)
        if metric is not None:
            amount = number(value)
            amount = amount / 1e6 if field in MICROSECONDS else amount
            yield Family(metric.name, metric.kind, f"INFO {field}.").add(amount)
        elif field.startswith(MESSAGES_BY_TYPE):
            yield gauge(PREFIX + field, f"CLUSTER INFO {field}.", number(value))


def identity(info: Info) -> Family:
    """redis_instance_info: who this is."""
    labels = [(label, info.get(field, "")) for field, label in sorted(IDENTITY.items())]
    return gauge("redis_instance_info", "What this instance is; the value is always 1.").add(1, labels)


def replication(info: Info) -> Iterator[Family]:
    """A replica's link to its primary, and a primary's replicas."""
    if "master_host" in info and info.get("role") == "slave":
        link = [("master_host", info["master_host"]), ("master_port", info.get("master_port", ""))]
        for field, (name, help_text) in OF_LINK.items():
            if field in info:
                yield gauge(PREFIX + name, help_text).add(number(info[field]), link)
        read_only = [*link, ("read_only", info.get("slave_read_only", ""))]
        yield gauge("redis_slave_info", "Whom this replica follows; always 1.").add(1, read_only)
    offsets = gauge("redis_connected_slave_offset_bytes", "The offset that a replica has acknowledged.")
    lags = gauge("redis_connected_slave_lag_seconds", "Whole seconds since a replica's last acknowledgement.")
    for replica in replicas(info):
        labels = [(f"slave_{part}", replica.get(part, "")) for part in ("ip", "port", "state")]
        offsets.add(number(replica.get("offset", "0")), labels)
        lags.add(number(replica.get("lag", "0")), labels)
    yield from (offsets, lags)


def replicas(info: Info) -> Iterator[dict[str, str]]:
    """The lines slave0, slave1 ... of INFO replication, by their parts."""
    at = 0
    while (line := info.get(f"slave{at}")) is not None:
        yield parts(line)
        at += 1


def commands(info: Info) -> Iterator[Family]:
    """What commands have cost and how long they took, by command; errors by code."""
    calls = counter("redis_commands_total", "Calls by command.")
    seconds = counter("redis_commands_duration_seconds_total", "Seconds spent by command.")
    rejected = counter("redis_commands_rejected_calls_total", "Calls refused before they ran, by command.")
    failed = counter("redis_commands_failed_calls_total", "Calls that ended in an error, by command.")
    latencies = Family("redis_latency_percentiles_usec", Kind.SUMMARY, "Microseconds that a command took.")
    errors = counter("redis_errors_total", "Error replies by code.")
    spent: dict[str, tuple[float, float]] = {}
    for field, value in info.items():
        kind, _, name = field.partition("_")
        if kind == "cmdstat":
            stats = parts(value)
            labels = (("cmd", name),)
            spent[name] = number(stats.get("calls", "0")), number(stats.get("usec", "0"))
            calls.add(spent[name][0], labels)
            seconds.add(spent[name][1] / 1e6, labels)
            rejected.add(number(stats.get("rejected_calls", "0")), labels)
            failed.add(number(stats.get("failed_calls", "0")), labels)
        elif kind == "errorstat":
            errors.add(number(parts(value).get("count", "0")), (("err", name),))
        elif field.startswith("latency_percentiles_usec_"):
            name = field.removeprefix("latency_percentiles_usec_")
            for quantile, amount in parts(value).items():
                latencies.add(number(amount), (("cmd", name), ("quantile", quantile.removeprefix("p"))))
            count, usec = spent.get(name, (0, 0))
            latencies.add(usec, (("cmd", name),), "_sum").add(count, (("cmd", name),), "_count")
    yield from (calls, seconds, rejected, failed, errors, latencies)


def databases(info: Info, count: int) -> Iterator[Family]:
    """Keys by database, the empty ones of `count` too."""
    keys = gauge("redis_db_keys", "Keys by database.")
    expiring = gauge("redis_db_keys_expiring", "Keys with an expiry, by database.")
    ttl = gauge("redis_db_avg_ttl_seconds", "Mean time to live of those, by database.")
    for at in range(count):
        line = info.get(f"db{at}")
        stats = parts(line) if line else {}
        labels = (("db", f"db{at}"),)
        keys.add(number(stats.get("keys", "0")), labels)
        expiring.add(number(stats.get("expires", "0")), labels)
        if "avg_ttl" in stats:
            ttl.add(number(stats["avg_ttl"]) / 1000, labels)
    yield from (keys, expiring, ttl)


def slow_log(length: int, entries: Sequence[Sequence[object]]) -> Iterator[Family]:
    """The length of the slow log and its newest entry: [id, unix time, microseconds, ...]."""
    newest = entries[0] if entries else (0, 0, 0)
    yield gauge("redis_slowlog_length", "Entries in the slow log.", length)
    yield gauge("redis_slowlog_last_id", "The id of the newest slow command.", float(str(newest[0])))
    seconds = float(str(newest[2])) / 1e6
    yield gauge("redis_last_slow_execution_duration_seconds", "What that command took.", seconds)


def latency_spikes(events: Iterable[Sequence[object]]) -> Iterator[Family]:
    """LATENCY LATEST: [name, unix time, milliseconds, ...] for each event."""
    last = gauge("redis_latency_spike_last", "When an event was last slow, in seconds since 1970.")
    took = gauge("redis_latency_spike_duration_seconds", "What it then took.")
    for name, at_s, took_ms, *_ in events:
        text = name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
        labels = (("event_name", text),)
        last.add(float(str(at_s)), labels)
        took.add(float(str(took_ms)) / 1000, labels)
    yield from (last, took)


def settings(values: Mapping[str, str]) -> Iterator[Family]:
    """The settings that the exporter always shows; memory in bytes."""
    for name in ("maxmemory", "maxclients", "io-threads"):
        metric = f"redis_config_{name.replace('-', '_')}"
        yield gauge(metric, f"The directive {name}.", number(values[name]))


def start_time(info: Info, now_s: int) -> Iterator[Family]:
    """When the process started; `now_s` is in seconds since 1970."""
    started_s = now_s - int(number(info.get("uptime_in_seconds", "0")))
    yield gauge("redis_start_time_seconds", "When the process started, in seconds since 1970.", started_s)
