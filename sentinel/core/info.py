"""Read the reply to INFO: the few fields that a Sentinel goes by.

A reply is some 200 lines and comes from thousands of servers, so lines are found, not all split. Nothing
in it is trusted to be there or to be a number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from garrison.sentinel.core.instances import UNKNOWN, Address, is_host

REPLICAS_MAX: Final = 1_000
"""Replicas that are taken from one reply; a longer list is cut."""

_FIELD: Final = re.compile(
    rb"^(run_id|uptime_in_seconds|loading|role|master_host|master_port|master_link_status|"
    rb"master_link_down_since_seconds|master_sync_refused|slave_priority|slave_repl_offset|replica_announced|"
    rb"master_replid|master_repl_offset|master_failover_state):([^\r\n]*)",
    re.MULTILINE,
)
_REPLICA: Final = re.compile(rb"^slave\d+:([^\r\n]*)", re.MULTILINE)
_DATABASE: Final = re.compile(rb"^db\d+:keys=(\d+)", re.MULTILINE)


@dataclass(slots=True)
class Report:
    """A server's INFO, as far as a Sentinel needs it."""

    run_id: str = ""
    uptime_ms: int = 0
    """How long the process has run, in whole seconds; 0 where it does not say."""
    loading: bool = False
    """Its data are still read from disk: the keys are not all there."""
    role: str = ""
    """`master`, `slave`, or empty where the reply does not say."""
    follows: Address = UNKNOWN
    link_up: bool = False
    link_down_ms: int = 0
    history: str = ""
    """The identity of its replication history (`master_replid`)."""
    refuses: str = ""
    """The history of its primary that a replica refuses to take; `?` where it does not name it."""
    priority: int = 100
    offset: int = 0
    announced: bool = True
    keys: int = 0
    hands_over: bool = False
    """It is in the middle of a FAILOVER."""
    replicas: list[Address] = field(default_factory=list)


def read(text: bytes) -> Report:
    """The report in a reply to INFO."""
    values = {name.decode(): _text(value) for name, value in _FIELD.findall(text)}
    is_replica = values.get("role") == "slave"
    report = Report(
        run_id=values.get("run_id", "")[:40],
        uptime_ms=1000 * max(0, _number(values.get("uptime_in_seconds"), 0)),
        loading=values.get("loading", "0") not in ("", "0"),
        history=values.get("master_replid", "")[:40],
        role=values.get("role", "") if values.get("role") in ("master", "slave") else "",
        priority=_number(values.get("slave_priority"), 100),
        offset=_number(values.get("slave_repl_offset" if is_replica else "master_repl_offset"), 0),
        announced=values.get("replica_announced", "1") != "0",
        keys=sum(_number(count.decode(), 0) for count in _DATABASE.findall(text)),
        hands_over=values.get("master_failover_state", "no-failover") != "no-failover",
    )
    if is_replica:
        report.follows = Address(values.get("master_host", "?"), _number(values.get("master_port"), 0))
        report.link_up = values.get("master_link_status") == "up"
        report.link_down_ms = 1000 * max(0, _number(values.get("master_link_down_since_seconds"), 0))
        report.refuses = _refused(values.get("master_sync_refused", ""))
    else:
        report.replicas = list(_replicas(text))
    return report


def _refused(text: str) -> str:
    """The history that `master_sync_refused` names: `younger-history,replid=...,offset=...,keys=...`."""
    words = text.split(",")
    if words[0] != "younger-history":
        return ""
    named = (word.removeprefix("replid=") for word in words if word.startswith("replid="))
    return next(named, "")[:40] or "?"


def _replicas(text: bytes) -> list[Address]:
    found = []
    for line in _REPLICA.findall(text)[:REPLICAS_MAX]:
        values = dict(part.split("=", 1) for part in _text(line).split(",") if "=" in part)
        port = _number(values.get("port"), 0)
        if is_host(values.get("ip", "")) and 0 < port < 65536:
            found.append(Address(values["ip"], port))
    return found


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace").strip()


def _number(text: str | None, otherwise: int) -> int:
    if text is None or len(text) > 20:
        return otherwise
    try:
        return int(text)
    except ValueError:
        return otherwise
