"""Every command of the peers that our engine has, has a typed method, or a reason why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from garrison.client import Client, Pipeline
from garrison.client.commands.typed import TypedCommands
from tests.unit.house.test_command_facts import Engine, rows_of

OTHER_NAMES = {
    "DEL": "delete",
    "SCAN": "scan_iter",
    "CLIENT KILL": "client_kill_filter",
    **dict.fromkeys(["WATCH", "UNWATCH", "MULTI", "EXEC", "DISCARD"], "transaction"),
    "UNSUBSCRIBE": "subscribe",
    "PUNSUBSCRIBE": "psubscribe",
    "SUNSUBSCRIBE": "ssubscribe",
}
CONNECTION = "about one connection, which callers share: client.dedicated(), or an option of connect()"
ADMINISTRATION = "changes a cluster or stops a server: `garrison cluster`, or call_node"
BETWEEN_NODES = "spoken by nodes and tools, not by programs"
WITHOUT_METHOD = {
    **dict.fromkeys(
        [
            *("AUTH", "HELLO", "SELECT", "QUIT", "RESET", "ASKING", "READONLY", "READWRITE", "MONITOR"),
            *("CLIENT CACHING", "CLIENT GETNAME", "CLIENT GETREDIR", "CLIENT ID", "CLIENT INFO"),
            *("CLIENT NO-EVICT", "CLIENT NO-TOUCH", "CLIENT REPLY", "CLIENT SETINFO", "CLIENT SETNAME"),
            *("CLIENT TRACKING", "CLIENT TRACKINGINFO", "CLIENT UNBLOCK"),
        ],
        CONNECTION,
    ),
    "WAIT": "counts what its own connection has written: write and wait in client.dedicated()",
    "WAITAOF": "counts what its own connection has written: write and wait in client.dedicated()",
    **dict.fromkeys(
        [
            *("CLUSTER ADDSLOTS", "CLUSTER ADDSLOTSRANGE", "CLUSTER BUMPEPOCH", "CLUSTER DELSLOTS"),
            *("CLUSTER COUNT-FAILURE-REPORTS", "CLUSTER DELSLOTSRANGE", "CLUSTER FAILOVER", "CLUSTER FORGET"),
            *("CLUSTER FLUSHSLOTS", "CLUSTER LINKS", "CLUSTER MEET", "CLUSTER MYID", "CLUSTER MYSHARDID"),
            *("CLUSTER REPLICAS", "CLUSTER REPLICATE", "CLUSTER RESET", "CLUSTER SAVECONFIG"),
            *(
                "CLUSTER SET-CONFIG-EPOCH",
                "CLUSTER SETSLOT",
                "CLUSTER SLAVES",
                "CLUSTER SLOT-STATS",
                "DEBUG",
                "FAILOVER",
                "MIGRATE",
            ),
            *("REPLICAOF", "SLAVEOF", "SHUTDOWN", "MODULE LIST", "MODULE LOAD", "MODULE LOADEX"),
            *("MODULE UNLOAD", "DEBUG"),
        ],
        ADMINISTRATION,
    ),
    "SCRIPT DEBUG": "not offered by our server; redis-cli --ldb speaks it",
    **dict.fromkeys(["PSYNC", "SYNC", "REPLCONF", "RESTORE-ASKING", "PFDEBUG", "PFSELFTEST"], BETWEEN_NODES),
}


def in_both_peers() -> list[str]:
    """The commands that Redis 8 and Valkey 9 share, as their own tables list them."""
    return (Path(__file__).parent / "commands_of_both_peers.txt").read_text().splitlines()


def in_engine() -> set[str]:
    rows: Any = Engine().say("COMMAND")[0]
    return {row.name.replace("|", " ").upper() for row in rows_of(rows)}


def method_of(command: str) -> str:
    return OTHER_NAMES.get(command, command.lower().replace(" ", "_").replace(".", "_").replace("-", "_"))


def needs_a_method(command: str) -> bool:
    """Not the containers, the helps, nor ACL, which another piece of work will type."""
    containers = {name.split()[0] for name in in_both_peers() if " " in name} - {"COMMAND"}
    return command not in containers and not command.endswith(" HELP") and not command.startswith("ACL ")


def test_every_shared_command_has_a_typed_method() -> None:
    wanted = [name for name in in_both_peers() if name in in_engine() and needs_a_method(name)]
    assert len(wanted) > 300
    without = {name for name in wanted if not hasattr(Client, method_of(name))}
    assert without - WITHOUT_METHOD.keys() == set()


def test_exceptions_are_still_exceptions() -> None:
    have = {name for name in WITHOUT_METHOD if hasattr(Client, method_of(name))}
    assert have == set()
    assert WITHOUT_METHOD.keys() - set(in_both_peers()) == set()


def test_pipeline_has_what_it_can_queue() -> None:
    shared = {name for name in dir(TypedCommands) if not name.startswith("_")}
    assert len(shared) > 180
    assert shared <= set(dir(Pipeline))
    waits = {"blpop", "brpop", "blmove", "brpoplpush", "blmpop", "bzpopmin", "bzpopmax", "bzmpop"}
    assert waits <= set(dir(Client))
    assert waits & set(dir(Pipeline)) == set()
