"""Commands: what takes long, and what nobody should send to a server in service."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from garrison.cluster.core.doctor.readings import NodeReading, as_number
from garrison.cluster.core.doctor.rule import Found, Rule, at
from garrison.cluster.core.words import counted

SLOW_US = 100_000
P99_US_MAX = 10_000
CALLS_MIN = 100
FAILED_FRACTION_MAX = 0.1
REFUSED_LOGINS_MIN = 100
WHOLE_VALUE = {
    "smembers": "SSCAN",
    "hgetall": "HSCAN, or HMGET of the fields that are needed",
    "hkeys": "HSCAN",
    "hvals": "HSCAN",
    "lrange": "LRANGE with bounds",
    "zrange": "ZRANGE with bounds, or ZSCAN",
    "zrevrange": "ZRANGE with bounds",
    "zrangebyscore": "ZRANGE with LIMIT",
    "xrange": "XRANGE with COUNT",
    "sort": "a sorted set that is kept in order",
    "sunion": "SUNIONSTORE on a replica, or smaller sets",
    "sinter": "SINTERCARD or smaller sets",
    "sdiff": "smaller sets",
    "del": "UNLINK",
}
WAITING = frozenset(
    [
        *("blpop", "brpop", "blmove", "blmpop", "brpoplpush", "bzpopmin", "bzpopmax", "bzmpop"),
        *("xread", "xreadgroup", "wait", "waitaof", "subscribe", "psubscribe", "ssubscribe", "monitor"),
        *("sync", "psync"),
    ]
)
"""Commands that take long because they wait."""


def _statistics(node: NodeReading, *names: str) -> tuple[float, float]:
    """Calls and microseconds of these commands."""
    calls = spent_us = 0.0
    for name, row in node.rows("cmdstat_"):
        if name in names:
            calls += as_number(row.get("calls")) or 0
            spent_us += as_number(row.get("usec")) or 0
    return calls, spent_us


def _keys_called(node: NodeReading) -> Iterator[Found]:
    calls, spent_us = _statistics(node, "keys")
    slow = [entry for entry in node.slow or () if entry.name == "keys"]
    if calls:
        longest = f", the longest {max(e.duration_us for e in slow) / 1000:.0f} ms" if slow else ""
        yield Found(
            f"KEYS was called {counted(calls, 'time')}, {spent_us / calls / 1000:.1f} ms each{longest}",
            "use SCAN in programs, and forbid KEYS",
            (at(node, "ACL", "SETUSER", "default", "-keys"), at(node, "ACL", "LOG")),
            {"calls": calls, "us_per_call": spent_us / calls},
            None if slow else "note",
        )


def _flush_called(node: NodeReading) -> Iterator[Found]:
    calls, _ = _statistics(node, "flushall", "flushdb")
    if calls:
        yield Found(
            f"FLUSHALL or FLUSHDB was called {counted(calls, 'time')}",
            "forbid it to programs",
            (at(node, "ACL", "SETUSER", "default", "-flushall", "-flushdb"),),
            {"calls": calls},
        )


def _slow_commands(node: NodeReading) -> Iterator[Found]:
    durations: dict[str, list[int]] = defaultdict(list)
    for entry in node.slow or ():
        if entry.duration_us >= SLOW_US and entry.name not in (*WHOLE_VALUE, "keys"):
            durations[entry.name].append(entry.duration_us)
    ranked = sorted(durations.items(), key=lambda item: -sum(item[1]))[:4]
    if ranked:
        told = [f"{name.upper()} {len(each)} times, up to {max(each) / 1000:.0f} ms" for name, each in ranked]
        yield Found(
            f"the slow log has commands above {SLOW_US // 1000} ms: {'; '.join(told)}",
            "look at their arguments, and split the work",
            (at(node, "SLOWLOG", "GET", "25"),),
            {name: max(each) for name, each in ranked},
        )


def _whole_values(node: NodeReading) -> Iterator[Found]:
    found = {entry.name: entry for entry in node.slow or () if entry.name in WHOLE_VALUE}
    for name, entry in sorted(found.items(), key=lambda item: -item[1].duration_us)[:4]:
        key = entry.words[1] if len(entry.words) > 1 else ""
        yield Found(
            f"{name.upper()} of a big value, {key!r}, took {entry.duration_us / 1000:.0f} ms",
            f"use {WHOLE_VALUE[name]}",
            (at(node, "MEMORY", "USAGE", key), at(node, "SLOWLOG", "GET", "25")),
            {"duration_us": entry.duration_us},
        )


def _high_p99(node: NodeReading) -> Iterator[Found]:
    calls = {name: as_number(row.get("calls")) or 0 for name, row in node.rows("cmdstat_")}
    slow = {
        name: p99
        for name, row in node.rows("latency_percentiles_usec_")
        if (p99 := as_number(row.get("p99")) or 0) > P99_US_MAX
        and calls.get(name, 0) >= CALLS_MIN
        and name not in WAITING
    }
    ranked = sorted(slow.items(), key=lambda item: -item[1])[:4]
    if ranked:
        told = [f"{name.upper()} {p99 / 1000:.0f} ms" for name, p99 in ranked]
        yield Found(
            f"one call in a hundred takes longer than {P99_US_MAX // 1000} ms: {', '.join(told)}",
            "see the slow log for their arguments",
            (at(node, "SLOWLOG", "GET", "25"), at(node, "LATENCY", "HISTOGRAM", ranked[0][0])),
            {f"{name}_p99_us": p99 for name, p99 in ranked},
        )


def _failing_commands(node: NodeReading) -> Iterator[Found]:
    for name, row in node.rows("cmdstat_"):
        calls = as_number(row.get("calls")) or 0
        failed = (as_number(row.get("failed_calls")) or 0) + (as_number(row.get("rejected_calls")) or 0)
        if failed >= CALLS_MIN and failed > FAILED_FRACTION_MAX * (calls + failed):
            yield Found(
                f"{name.upper()} was refused or failed {failed:.0f} times in {calls + failed:.0f}",
                "see which errors are counted",
                (at(node, "INFO", "errorstats"),),
                {"failed": failed, "calls": calls},
            )


def _refused_writes(node: NodeReading) -> Iterator[Found]:
    for name, row in node.rows("errorstat_"):
        count = as_number(row.get("count")) or 0
        if count and name in ("OOM", "MISCONF", "NOREPLICAS", "CLUSTERDOWN"):
            yield Found(
                f"{count:.0f} commands were answered with {name} since the start",
                "the other findings may say why; see whether it still grows",
                (at(node, "INFO", "errorstats"),),
                {"count": count},
            )


def _refused_logins(node: NodeReading) -> Iterator[Found]:
    wrong = sum(as_number(r.get("count")) or 0 for name, r in node.rows("errorstat_") if name == "WRONGPASS")
    count = max(node.figure("acl_access_denied_auth"), wrong)
    if count >= REFUSED_LOGINS_MIN:
        yield Found(
            f"{count:.0f} logins were refused",
            "see who tries: a program with an old password, or somebody who guesses",
            (at(node, "ACL", "LOG", "10"),),
            {"refused": count},
        )


COMMAND_RULES = (
    Rule(
        "keys-called",
        "warning",
        "commands",
        "KEYS was called (a note where it never was slow)",
        "It walks all keys in one go, and everybody else waits.",
        ("slow", "info:total_commands_processed"),
        node=_keys_called,
    ),
    Rule(
        "flush-called",
        "note",
        "commands",
        "FLUSHALL or FLUSHDB was called",
        "One mistaken address in a test's configuration empties the wrong server.",
        ("info:total_commands_processed",),
        node=_flush_called,
    ),
    Rule(
        "slow-commands",
        "warning",
        "commands",
        "the slow log has commands above 100 ms",
        "While one runs, no other client is served.",
        ("slow",),
        node=_slow_commands,
    ),
    Rule(
        "whole-values",
        "warning",
        "commands",
        "commands that return or free whole values are in the slow log",
        "Their time grows with the value, and nobody is served meanwhile.",
        ("slow",),
        node=_whole_values,
    ),
    Rule(
        "high-p99",
        "warning",
        "commands",
        "the 99th percentile of a command is above 10 ms",
        "Requests that need many commands meet the slow one nearly always.",
        ("info:total_commands_processed",),
        node=_high_p99,
    ),
    Rule(
        "failing-commands",
        "note",
        "commands",
        "over 10 % of a command's calls fail",
        "A program asks for something that it does not get, perhaps unnoticed.",
        ("info:total_commands_processed",),
        node=_failing_commands,
    ),
    Rule(
        "refused-writes",
        "warning",
        "commands",
        "commands were answered with OOM, MISCONF, NOREPLICAS or CLUSTERDOWN",
        "Callers lost writes, or saw errors, since the node was started.",
        ("info:total_error_replies",),
        node=_refused_writes,
    ),
    Rule(
        "refused-logins",
        "warning",
        "commands",
        "over 100 logins were refused",
        "A program is locked out, or somebody guesses passwords.",
        ("info:acl_access_denied_auth",),
        node=_refused_logins,
    ),
)
