"""One table of the CLUSTER subcommands that the control plane answers: arity, help, category.

CLUSTER HELP, the check of the number of arguments and the dispatch all read it. The subcommands
that need only the keyspace (KEYSLOT, COUNTKEYSINSLOT, GETKEYSINSLOT) stand here for HELP alone.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Subcommand(NamedTuple):
    """One row. Arity counts CLUSTER and the subcommand; negative means at least that many."""

    name: str
    arity: int
    usage: str
    help: tuple[str, ...]


TABLE: Final = (
    Subcommand("ADDSLOTS", -3, "<slot> [<slot> ...]", ("Make this node the owner of unassigned slots.",)),
    Subcommand(
        "ADDSLOTSRANGE", -4, "<start slot> <end slot> [<start slot> <end slot> ...]",
        ("Make this node the owner of whole ranges of unassigned slots.",),
    ),
    Subcommand("BUMPEPOCH", 2, "", ("Give this node the largest config epoch of the cluster.",)),
    Subcommand(
        "COUNT-FAILURE-REPORTS", 3, "<node-id>", ("How many primaries report <node-id> as unreachable.",)
    ),
    Subcommand("COUNTKEYSINSLOT", 3, "<slot>", ("How many keys this node has in <slot>.",)),
    Subcommand("DELSLOTS", -3, "<slot> [<slot> ...]", ("Forget who owns the slots, on this node.",)),
    Subcommand(
        "DELSLOTSRANGE", -4, "<start slot> <end slot> [<start slot> <end slot> ...]",
        ("Forget who owns whole ranges of slots, on this node.",),
    ),
    Subcommand(
        "FAILOVER", -2, "[FORCE|TAKEOVER]",
        (
            "Make this replica the primary of its shard. FORCE does not wait for the",
            "present primary, TAKEOVER does not ask the other primaries either.",
        ),
    ),
    Subcommand("FORGET", 3, "<node-id>", ("Take a node out of this node's table, and bar it for a minute.",)),
    Subcommand("GETKEYSINSLOT", 4, "<slot> <count>", ("Names of up to <count> keys in <slot>.",)),
    Subcommand("FLUSHSLOTS", 2, "", ("Give up all slots of this node, which must have no keys.",)),
    Subcommand("INFO", 2, "", ("State, sizes, epochs and message counts.",)),
    Subcommand("KEYSLOT", 3, "<key>", ("The hash slot of <key>.",)),
    Subcommand("MEET", -4, "<ip> <port> [<bus-port>]", ("Introduce this node to another one.",)),
    Subcommand("MYID", 2, "", ("The id of this node.",)),
    Subcommand("MYSHARDID", 2, "", ("The id of the shard that this node belongs to.",)),
    Subcommand(
        "NODES", 2, "",
        (
            "The node table, one line a node:",
            "<id> <ip:port> <flags> <master> <pings> <pongs> <epoch> <link> <slot> ...",
        ),
    ),
    Subcommand("REPLICATE", 3, "<node-id>", ("Make this node a replica of <node-id>.",)),
    Subcommand(
        "RESET", -2, "[HARD|SOFT]",
        ("Leave the cluster (SOFT, the default), and get a new id and epoch 0 too (HARD).",),
    ),
    Subcommand("SET-CONFIG-EPOCH", 3, "<epoch>", ("Set the config epoch of a node that is still alone.",)),
    Subcommand("SERVE-EMPTY", 2, "", ("Serve the slots of this node although their data is lost.",)),
    Subcommand(
        "SETSLOT", -4, "<slot> (IMPORTING <node-id>|MIGRATING <node-id>|STABLE|NODE <node-id>)",
        ("Change what this node believes about a slot.",),
    ),
    Subcommand("REPLICAS", 3, "<node-id>", ("The replicas of <node-id>, as lines of NODES.",)),
    Subcommand("SLAVES", 3, "<node-id>", ("The old name of REPLICAS.",)),
    Subcommand("SAVECONFIG", 2, "", ("Write nodes.conf now and sync it.",)),
    Subcommand(
        "SLOTS", 2, "",
        ("Ranges of slots with the nodes that serve them:", "start, end, primary, replicas."),
    ),
    Subcommand("SHARDS", 2, "", ("The shards: their slot ranges and their nodes.",)),
    Subcommand("LINKS", 2, "", ("The links of the cluster bus, a map each.",)),
    Subcommand("HELP", 2, "", ("This text.",)),
)  # fmt: skip

BY_NAME: Final = {row.name: row for row in TABLE}


def help_lines() -> list[str]:
    """CLUSTER HELP in Redis's shape: a heading, then usage and indented text of each."""
    lines = ["CLUSTER <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"]
    for row in TABLE:
        lines.append(f"{row.name} {row.usage}".rstrip())
        lines += [f"    {text}" for text in row.help]
    return lines


def arity_fits(row: Subcommand, argc: int) -> bool:
    """Whether a command line of `argc` words is long enough, and not too long."""
    return argc == row.arity if row.arity > 0 else argc >= -row.arity
