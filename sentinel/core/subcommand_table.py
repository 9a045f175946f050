"""The subcommands of SENTINEL. Dispatch, arity and HELP come from this table."""

from __future__ import annotations

from typing import Final, NamedTuple


class Row(NamedTuple):
    """One subcommand."""

    name: str
    """Lower case."""
    arity: int
    """Words with SENTINEL itself; negative for at least so many, as in COMMAND."""
    arguments: str
    help: str
    method: str
    """Of `commands.Commands`."""


_NAME: Final = "<primary-name>"
_VALKEY: Final = "The same, in Valkey's spelling."

ROWS: Final = (
    Row("ckquorum", 3, _NAME, "Are there enough Sentinels to agree and to elect a leader?", "ckquorum"),
    Row("config", -3, "GET <option> | SET <option> <value> [...]", "Settings of this Sentinel.", "config"),
    Row("debug", -2, "[<parameter> <milliseconds> ...]", "The periods of the protocol.", "debug"),
    Row(
        "failover",
        -3,
        f"{_NAME} [COORDINATED]",
        "Fail over without agreement that it is down. COORDINATED: it hands over, and no write is lost.",
        "failover",
    ),
    Row("flushconfig", 2, "", "Write the configuration file now.", "flushconfig"),
    Row("get-master-addr-by-name", 3, _NAME, "The address of the primary, for clients.", "address"),
    Row("get-primary-addr-by-name", 3, _NAME, _VALKEY, "address"),
    Row("help", 2, "", "Print this help.", "help"),
    Row("info-cache", -3, f"{_NAME} [...]", "The last INFO of primaries and their replicas.", "info_cache"),
    Row(
        "is-master-down-by-addr",
        6,
        "<ip> <port> <epoch> <run-id | *>",
        "Asked by other Sentinels: is it down for you, and do you vote for this leader?",
        "is_down",
    ),
    Row("is-primary-down-by-addr", 6, "<ip> <port> <epoch> <run-id | *>", _VALKEY, "is_down"),
    Row("master", 3, _NAME, "What is known of a primary.", "primary"),
    Row("masters", 2, "", "What is known of all primaries.", "primaries"),
    Row("monitor", 6, "<name> <ip> <port> <quorum>", "Begin to watch a primary.", "monitor"),
    Row("myid", 2, "", "The id of this Sentinel.", "myid"),
    Row("pending-scripts", 2, "", "Scripts that run or wait.", "pending_scripts"),
    Row("primaries", 2, "", _VALKEY, "primaries"),
    Row("primary", 3, _NAME, _VALKEY, "primary"),
    Row("remove", 3, _NAME, "Stop watching a primary.", "remove"),
    Row("replicas", 3, _NAME, "What is known of a primary's replicas.", "replicas"),
    Row("reset", 3, "<pattern>", "Forget what was learned of these primaries, and learn it anew.", "reset"),
    Row("sentinels", 3, _NAME, "What is known of the other Sentinels of a primary.", "sentinels"),
    Row("set", -5, f"{_NAME} <option> <value> [...]", "Change settings of a primary.", "set"),
    Row(
        "simulate-failure",
        -3,
        "[CRASH-AFTER-ELECTION] [CRASH-AFTER-PROMOTION] [HELP]",
        "End this process at that point of the next failover.",
        "simulate_failure",
    ),
    Row("slaves", 3, _NAME, "The same as REPLICAS, in the older spelling.", "replicas"),
    Row("status", -2, "[<primary-name>]", "The whole picture, with reasons.", "status"),
)

BY_NAME: Final = {row.name: row for row in ROWS}


def help_lines() -> list[str]:
    """What SENTINEL HELP answers."""
    lines = ["SENTINEL <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"]
    for row in ROWS:
        lines += [f"{row.name.upper()} {row.arguments}".rstrip(), f"    {row.help}"]
    return lines
