"""Clients: how many, how idle, and whose replies pile up."""

from __future__ import annotations

from collections.abc import Iterator

from garrison.cluster.core.doctor.readings import Fields, NodeReading, as_number
from garrison.cluster.core.doctor.rule import Found, Rule, at, set_to
from garrison.cluster.core.doctor.settings_rules import output_limits
from garrison.cluster.core.printable import human
from garrison.cluster.core.words import counted

NEAR_FRACTION = 0.8
AT_FRACTION = 0.95
IDLE_CLIENTS_MIN = 1_000
IDLE_S = 3_600
UNNAMED_CLIENTS_MIN = 10
UNNAMED_FRACTION = 0.5
BLOCKED_CLIENTS_MIN = 1_000
BUFFER_FRACTION = 0.5
BUFFERS_TOLD_MAX = 3
BUFFER_BYTES_MIN = 32 * 1024**2
CONNECTIONS_PER_S_MIN = 10.0
COMMANDS_PER_CONNECTION_MIN = 3.0
OLD_PROTOCOL_FRACTION = 0.5


def _is_program(client: Fields) -> bool:
    """Neither a replica, nor a primary's stream, nor a Sentinel."""
    flags = client.get("flags", "")
    return not set(flags) & set("SM") and not client.get("name", "").startswith("sentinel-")


def _near_maxclients(node: NodeReading) -> Iterator[Found]:
    there, limit = node.figure("connected_clients"), node.figure("maxclients")
    if limit and there >= NEAR_FRACTION * limit:
        yield Found(
            f"{there:.0f} of {limit:.0f} possible clients are connected",
            "use pools of bounded size, or raise the limit (and the limit of open files)",
            (at(node, "CLIENT", "LIST"), at(node, "CONFIG", "SET", "maxclients", f"{limit * 2:.0f}")),
            {"connected_clients": there, "maxclients": limit},
            "error" if there >= AT_FRACTION * limit else None,
        )


def _rejected(node: NodeReading) -> Iterator[Found]:
    count = node.figure("rejected_connections")
    if count:
        yield Found(
            f"{counted(count, 'connection')} refused because maxclients was reached",
            "raise maxclients, or find who opens so many",
            (at(node, "CLIENT", "LIST"), at(node, "CONFIG", "GET", "maxclients")),
            {"rejected_connections": count},
        )


def _idle(node: NodeReading) -> Iterator[Found]:
    idle = [c for c in node.clients or () if _is_program(c) and (as_number(c.get("idle")) or 0) > IDLE_S]
    if len(idle) >= IDLE_CLIENTS_MIN and not node.setting_number("timeout"):
        yield Found(
            f"{len(idle)} clients have said nothing for over an hour, and timeout is 0",
            "close idle clients, unless they are subscribers only",
            set_to(node, "timeout", "3600"),
            {"idle_clients": len(idle)},
        )


def _unnamed(node: NodeReading) -> Iterator[Found]:
    programs = [client for client in node.clients or () if _is_program(client)]
    unnamed = [c for c in programs if not c.get("name") and not c.get("lib-name")]
    if len(unnamed) >= UNNAMED_CLIENTS_MIN and len(unnamed) > UNNAMED_FRACTION * len(programs):
        yield Found(
            f"{len(unnamed)} of {len(programs)} clients have not said who they are",
            "let each program give its name when it connects: client_name=, or CLIENT SETNAME",
            (at(node, "CLIENT", "LIST"),),
            {"unnamed": len(unnamed), "clients": len(programs)},
        )


def _blocked(node: NodeReading) -> Iterator[Found]:
    count = node.figure("blocked_clients")
    if count >= BLOCKED_CLIENTS_MIN:
        yield Found(
            f"{count:.0f} clients wait in a blocking command",
            "see whether those who should feed them are alive",
            (at(node, "CLIENT", "LIST"),),
            {"blocked_clients": count},
        )


def _class_of(client: Fields) -> str:
    flags = client.get("flags", "")
    if "S" in flags:
        return "replica"
    return "pubsub" if "P" in flags else "normal"


def _buffer_near_limit(node: NodeReading) -> Iterator[Found]:
    limits = output_limits(node)
    found = 0
    for client in sorted(node.clients or (), key=lambda client: -(as_number(client.get("omem")) or 0)):
        size = as_number(client.get("omem")) or 0
        hard, soft, _ = limits.get(_class_of(client), (0.0, 0.0, 0.0))
        limit = min((each for each in (hard, soft) if each), default=0.0)
        if size > (BUFFER_FRACTION * limit if limit else BUFFER_BYTES_MIN):
            name = client.get("name") or client.get("lib-name") or "without a name"
            of = f"of the {human(limit)} after which it is dropped" if limit else "without any limit"
            yield Found(
                f"the client {client.get('addr', '?')} ({name}) has {human(size)} of replies waiting, {of}",
                "see what it asked for last (cmd=) and why it does not read",
                (at(node, "CLIENT", "LIST", "ID", client.get("id", "0")),),
                {"omem_bytes": size, "limit_bytes": limit},
            )
            found += 1
            if found == BUFFERS_TOLD_MAX:
                break


def _dropped_for_buffers(node: NodeReading) -> Iterator[Found]:
    count = node.figure("client_output_buffer_limit_disconnections")
    if count:
        yield Found(
            f"{count:.0f} clients were dropped because their replies piled up",
            "see the log for who it was; ask for less at once, or read faster",
            (at(node, "CONFIG", "GET", "client-output-buffer-limit"),),
            {"dropped": count},
        )


def _monitored(node: NodeReading) -> Iterator[Found]:
    count = sum("O" in client.get("flags", "") for client in node.clients or ())
    if count:
        yield Found(
            f"{counted(count, 'client')} in MONITOR",
            "end it when it is not needed any more",
            (at(node, "CLIENT", "LIST"),),
            {"monitors": count},
        )


def _reconnects(node: NodeReading) -> Iterator[Found]:
    opened, commands = node.figure("total_connections_received"), node.figure("total_commands_processed")
    rate = opened / node.uptime_s
    if rate > CONNECTIONS_PER_S_MIN and commands < COMMANDS_PER_CONNECTION_MIN * opened:
        yield Found(
            f"{rate:.0f} connections a second are opened, for {commands / opened:.1f} commands each",
            "keep connections in a pool",
            (at(node, "CLIENT", "LIST"),),
            {"connections_per_s": rate, "commands_per_connection": commands / opened},
        )


def _old_protocol(node: NodeReading) -> Iterator[Found]:
    libraries = [c for c in node.clients or () if _is_program(c) and c.get("resp") in ("2", "3")]
    old = [client for client in libraries if client["resp"] == "2"]
    if len(old) >= UNNAMED_CLIENTS_MIN and len(old) > OLD_PROTOCOL_FRACTION * len(libraries):
        yield Found(
            f"{len(old)} of {len(libraries)} clients speak RESP2",
            "ask for RESP3 (protocol=3) where the library has it",
            (at(node, "CLIENT", "LIST"),),
            {"resp2": len(old), "clients": len(libraries)},
        )


CLIENT_RULES = (
    Rule(
        "near-maxclients",
        "warning",
        "clients",
        "over 80 % of `maxclients` are connected (an error from 95 %)",
        "The next one is refused, and so is the operator who wants to look.",
        ("info:connected_clients", "info:maxclients"),
        node=_near_maxclients,
    ),
    Rule(
        "rejected-connections",
        "warning",
        "clients",
        "connections were refused because `maxclients` was reached",
        "Programs that start, or come back, found no place.",
        ("info:rejected_connections",),
        node=_rejected,
    ),
    Rule(
        "idle-clients",
        "note",
        "clients",
        "over 1,000 clients are idle for an hour, and `timeout` is 0",
        "Forgotten connections take descriptors and memory, and hide a leak.",
        ("clients", "config:timeout"),
        node=_idle,
    ),
    Rule(
        "unnamed-clients",
        "note",
        "clients",
        "most clients have no name and no library name",
        "When one misbehaves, nothing says which program it is.",
        ("clients",),
        node=_unnamed,
    ),
    Rule(
        "blocked-clients",
        "note",
        "clients",
        "over 1,000 clients are blocked",
        "Queues that nobody fills any more look like this.",
        ("info:blocked_clients",),
        node=_blocked,
    ),
    Rule(
        "buffer-near-limit",
        "warning",
        "clients",
        "a client's replies take half of its limit, or 32 MB without one",
        "At the limit it is dropped; without one the memory of the node is the limit.",
        ("clients", "config:client-output-buffer-limit"),
        node=_buffer_near_limit,
    ),
    Rule(
        "dropped-for-buffers",
        "warning",
        "clients",
        "clients were dropped by `client-output-buffer-limit`",
        "Subscribers lost messages, replicas had to sync again.",
        ("info:client_output_buffer_limit_disconnections",),
        node=_dropped_for_buffers,
    ),
    Rule(
        "monitored",
        "warning",
        "clients",
        "a client runs MONITOR",
        "It gets a copy of every command, which can halve the throughput, and sees all data.",
        ("clients",),
        node=_monitored,
    ),
    Rule(
        "reconnects",
        "warning",
        "clients",
        "over 10 connections a second with fewer than 3 commands each",
        "Opening a connection costs more than the commands that it is for.",
        ("info:total_connections_received", "info:total_commands_processed", "info:uptime_in_seconds"),
        node=_reconnects,
    ),
    Rule(
        "old-protocol",
        "note",
        "clients",
        "most clients speak RESP2",
        "Client-side caching without a second connection, and typed replies, need RESP3.",
        ("clients",),
        node=_old_protocol,
    ),
)
