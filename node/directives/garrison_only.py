"""Directives that Redis 7 does not have: our own limits, Redis 8's bf-*, Valkey's availability-zone."""

from __future__ import annotations

from garrison.base.value_types import Directive, Integer, Memory, Text, Use, YesNo
from garrison.node.directives.lists import Rate

C, E = Use.CONTROL, Use.ENGINE

ROWS = (
    Directive(
        "availability-zone",
        Text(pattern=r"[^\x00-\x1f\x7f]{1,128}", refusal="a name of up to 128 printable characters"),
        "",
        C,
        "Where this node stands, for clients and managers; INFO and HELLO tell it, as Valkey's do.",
    ),
    Directive(
        "aof-buffer-limit",
        Memory(1024 * 1024),
        "268435456",
        E,
        "Bytes of commands that may wait for a slow disk before writes are refused.",
    ),
    Directive("bf-error-rate", Rate(), "0.01", E, "Error rate of a Bloom filter that nobody has reserved."),
    Directive("bf-initial-size", Integer(1, 1 << 30), "100", E, "Elements it takes before it grows."),
    Directive("bf-expansion-factor", Integer(0, 32_768), "2", E, "By how much it grows; 0: not at all."),
    Directive(
        "cluster-bus-frame-bytes-max",
        Memory(4096, 1 << 30),
        "1048576",
        C,
        "Longest frame that the bus accepts.",
    ),
    Directive("cluster-bus-links-max", Integer(16), "4096", C, "Most incoming bus links."),
    Directive(
        "cluster-bus-control-queue-bytes-max",
        Memory(65536),
        "16777216",
        C,
        "Most bytes of control frames that wait on one bus link before it is dropped.",
    ),
    Directive(
        "cluster-bus-pubsub-queue-bytes-max",
        Memory(65536),
        "33554432",
        C,
        "Most bytes of published messages that wait on one bus link; newer ones are dropped and counted.",
    ),
    Directive(
        "cluster-bus-connect-timeout-ms",
        Integer(10),
        "5000",
        C,
        "Milliseconds after which an attempt to connect to a bus is given up.",
    ),
    Directive(
        "cluster-serve-empty",
        YesNo(),
        "no",
        C,
        "Let an owner of slots that starts without their data serve them empty, as a cache may; 'no' waits "
        "for a replica with the data to take its place.",
    ),
    Directive(
        "cluster-migration-ack-timeout-ms",
        Integer(1, 3_600_000),
        "2000",
        E,
        "Milliseconds that the move of a key waits for the replicas of either side to acknowledge it.",
    ),
    Directive(
        "shutdown-hand-over",
        YesNo(),
        "yes",
        C,
        "Let a primary that goes down give its role to a replica first, in a cluster and under Sentinels.",
    ),
    Directive(
        "replica-accept-younger-history",
        YesNo(),
        "no",
        E,
        "Let a replica give up its data for a primary that came back with a younger and smaller history; "
        "'no' keeps the data, and the link down, until REPLICAOF is given again.",
    ),
    Directive(
        "lua-memory-max",
        Memory(8 << 20, 1 << 40),
        "268435456",
        E,
        "Most bytes that the interpreter of scripts, and that of functions, may each hold.",
    ),
    Directive(
        "python-functions",
        YesNo(),
        "no",
        Use.BOTH,
        "Let libraries in Python be loaded and called. They run in processes of their own, as this user: "
        "for trusted authors.",
    ),
    Directive(
        "python-function-calls-max",
        Integer(1, 1_000_000),
        "1024",
        E,
        "Most calls of functions in Python that may run or wait at once; more are answered BUSY.",
    ),
    Directive(
        "python-function-workers", Integer(1, 256), "4", C, "Processes in which functions in Python run."
    ),
    Directive(
        "python-function-timeout",
        Integer(1, 3_600_000),
        "5000",
        C,
        "Milliseconds that a call of a function in Python may run, its repetitions included.",
    ),
    Directive(
        "python-function-memory-max",
        Memory(64 << 20, 1 << 40),
        "268435456",
        C,
        "Most bytes of address space of a process in which functions in Python run.",
    ),
    Directive(
        "python-function-retries-max",
        Integer(0, 10_000),
        "100",
        C,
        "How often a call begins again because another client has changed what it had read.",
    ),
)
