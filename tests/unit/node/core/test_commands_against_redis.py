"""CLUSTER commands on a lone node: byte for byte what a real Redis answers, but for ids and times.

The engine refuses what its table of commands does not know; the rest reaches the core."""

from __future__ import annotations

import re

import pytest

from .conftest import Oracle, Whole

STRANGER = "0" * 39 + "1"
ME = "<me>"

SCRIPT = """
ADDSLOTS | ADDSLOTS x | ADDSLOTS 16384 | ADDSLOTS -1 | ADDSLOTS 1 1 | ADDSLOTS 1 | ADDSLOTS 1
DELSLOTS | DELSLOTS 2 | DELSLOTS 1 1 | DELSLOTS 1
ADDSLOTSRANGE | ADDSLOTSRANGE 1 | ADDSLOTSRANGE 1 2 3 | ADDSLOTSRANGE 5 2 | ADDSLOTSRANGE 1 5 3 6
ADDSLOTSRANGE 0 5 | ADDSLOTSRANGE 3 9 | DELSLOTSRANGE 1 2 9 | DELSLOTSRANGE 20 22 | DELSLOTSRANGE 1 2
NOPE | nope x |
MEET a | MEET a b | MEET a 1 | MEET 127.0.0.1 0 | MEET 127.0.0.1 x | MEET 127.0.0.1 1 x
MEET 127.0.0.1 70000 | MEET 127.0.0.1 7000 7001 x | MEET 127.0.0.1 60000
SETSLOT 1 | SETSLOT x STABLE | SETSLOT 1 STABLE | SETSLOT 1 FOO | SETSLOT 1 MIGRATING | SETSLOT 1 STABLE x
SETSLOT 1 MIGRATING <stranger> | SETSLOT 3 MIGRATING <stranger> | SETSLOT 3 IMPORTING <stranger>
SETSLOT 1 IMPORTING <stranger> | SETSLOT 1 NODE <stranger> | SETSLOT 1 NODE | SETSLOT 7 NODE <me>
SETSLOT 0 MIGRATING <me> | NODES | SETSLOT 0 STABLE | NODES | SETSLOT 1 IMPORTING <me> | NODES
FORGET | FORGET <stranger> | FORGET <me> | REPLICATE <stranger> | REPLICATE <me> | REPLICATE xx
REPLICAS <stranger> | SLAVES x | REPLICAS <me> | SLAVES <me>
COUNT-FAILURE-REPORTS | COUNT-FAILURE-REPORTS <stranger> | COUNT-FAILURE-REPORTS <me>
FAILOVER | FAILOVER X | FAILOVER FORCE | FAILOVER TAKEOVER | FAILOVER FORCE X
SET-CONFIG-EPOCH x | SET-CONFIG-EPOCH -1 | SET-CONFIG-EPOCH 5 | SET-CONFIG-EPOCH 6 | BUMPEPOCH | BUMPEPOCH x
SAVECONFIG | RESET X | RESET HARD X | MYID | SLOTS | SHARDS | LINKS | INFO | NODES
INFO x | NODES x | SLOTS x | HELP x | FLUSHSLOTS | NODES | RESET | NODES | RESET HARD | INFO
"""


@pytest.fixture
def solo() -> Whole:
    return Whole()


def commands() -> list[list[str]]:
    return [command.split() for line in SCRIPT.strip().splitlines() for command in line.split("|")]


def without_ids(reply: bytes) -> str:
    """The reply with ids masked, and the size, which Redis computes only two seconds after its start; without
    the lines of CLUSTER INFO that are ours."""
    reply = re.sub(rb"cluster_size:\d", b"cluster_size:n", reply)
    reply = re.sub(rb"cluster_(write_lease|data|keys_stray|bus_\w+):.*\r\n", b"", reply)
    return re.sub(r"[0-9a-f]{40}", "<id>", reply.decode()).replace(":7000@17000", ":<port>")


def compare(oracle: Oracle, solo: Whole, protocol: int) -> None:
    bus = oracle.port + 10_000
    for command in commands():
        theirs_id = oracle.call("CLUSTER", "MYID").decode().split("\r\n")[1]
        fill = {"<me>": theirs_id, "<stranger>": STRANGER}
        theirs = oracle.call("CLUSTER", *(fill.get(word, word) for word in command))
        solo.step()
        fill["<me>"] = solo.core.node_id
        ours = solo.raw(*(fill.get(word, word) for word in command), protocol=protocol)
        expected = without_ids(theirs).replace(f":{oracle.port}@{bus}", ":<port>")
        expected = expected.replace(f":{oracle.port}\r\n", ":7000\r\n")
        assert _same_length(without_ids(ours)) == _same_length(expected), command


def _same_length(reply: str) -> str:
    """Ports of another width make a text longer: its announced length is not compared."""
    return re.sub(r"^([$=])\d+", r"\1n", reply)


def test_resp2_replies_are_those_of_redis(oracle: Oracle, solo: Whole) -> None:
    compare(oracle, solo, 2)


def test_resp3_replies_are_those_of_redis(oracle: Oracle, solo: Whole) -> None:
    oracle.call("HELLO", 3)
    compare(oracle, solo, 3)


def test_help_names_each_subcommand_of_redis(oracle: Oracle, solo: Whole) -> None:
    def named(reply: bytes) -> set[str]:
        lines = reply.decode().split("\r\n")[2:-1]
        assert all(line.startswith("+") for line in lines)
        return {line[1:].split()[0] for line in lines if not line.startswith("+    ")}

    ours = named(solo.raw("HELP"))
    assert named(oracle.call("CLUSTER", "HELP")) <= ours
    assert ours >= {"MYSHARDID", "SETSLOT", "SHARDS", "HELP"}
