"""The engine's table of commands is the one source: what others repeat of it is compared with its dump."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import hiredis
import pytest

from garrison.client.core.commands import Retry, find_command
from garrison.node._engine import BareEngine
from garrison.node.border import Command as HandedUp
from garrison.node.core.cluster_core import ClusterCore
from garrison.node.core.settings import ClusterSettings
from garrison.sentinel.server import command_table as sentinel

WALL_MS = 1_700_000_000_000
NOT_OF_A_CLIENT = {"bf.debug", "migrate", "pfdebug", "restore-asking"}
"""Commands with keys that only nodes, managers and tests send; `call_node` sends them unseen."""
OTHERWISE_AT_A_SENTINEL = {
    # Redis 7.0, which our Sentinel matches, and 7.2, which our node matches, differ here.
    "command|getkeys",
    "command|getkeysandflags",
}


@dataclass(frozen=True)
class Row:
    """One command of the engine as COMMAND describes it."""

    name: str
    arity: int
    flags: frozenset[str]
    first_key: int
    categories: frozenset[str]


class Engine:
    """An engine and a client of it."""

    def __init__(self) -> None:
        self._engine = BareEngine({"cluster-enabled": "yes"}, 1, WALL_MS, 1000)
        self._key = self._engine.open("127.0.0.1:50000")

    def say(self, *words: str) -> tuple[object, list[HandedUp]]:
        """The reply, and what is handed to the control plane."""
        argv = [word.encode() for word in words]
        data = b"*%d\r\n" % len(argv) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in argv)
        self._engine.begin_turn(WALL_MS, 1000)
        self._engine.receive(self._key, data)
        _, outputs, _, events = self._engine.end_turn(False, 1000)
        reader = hiredis.Reader(encoding="utf-8")
        for _, data, _ in outputs:
            reader.feed(data)
        return reader.gets(), [event for event in events if isinstance(event, HandedUp)]


def rows_of(rows: list[list[Any]]) -> Iterator[Row]:
    for name, arity, flags, first_key, _, _, categories, _, _, subcommands in rows:
        marks = frozenset(category.removeprefix("@") for category in categories)
        yield Row(name, arity, frozenset(flags), first_key, marks)
        yield from rows_of(subcommands)


@pytest.fixture(scope="module")
def table() -> dict[str, Row]:
    rows: Any = Engine().say("COMMAND")[0]
    return {row.name: row for row in rows_of(rows)}


def words_of(row: Row, argument: str = "1") -> list[str]:
    """The shortest command line that the arity allows."""
    words = row.name.split("|")
    return words + [argument] * (abs(row.arity) - len(words))


def test_dump_of_the_engine_is_whole(table: dict[str, Row]) -> None:
    assert {"get", "cluster|setslot", "client|no-evict", "publish"} <= table.keys()
    assert "readonly" in table["get"].flags
    assert "write" in table["set"].flags
    assert table["cluster|setslot"].arity == -4


def test_core_answers_each_cluster_command_it_is_handed(table: dict[str, Row]) -> None:
    handed_up = {
        row.name.partition("|")[2].upper()
        for row in table.values()
        if row.name.startswith("cluster|") and Engine().say(*words_of(row))[1]
    }
    settings = ClusterSettings(port=7000)
    core = ClusterCore(settings, Random(1), saved=None, now_ms=1000, wall_ms=WALL_MS)
    assert handed_up == core.cluster_commands
    assert "HELP" not in handed_up


def test_client_knows_every_command_with_keys(table: dict[str, Row]) -> None:
    unknown = {row.name for row in table.values() if row.first_key and find_command(words_of(row)) is None}
    assert unknown == NOT_OF_A_CLIENT


def test_client_finds_the_keys_where_the_engine_does(table: dict[str, Row]) -> None:
    engine, compared = Engine(), 0
    for row in table.values():
        command = find_command(words_of(row))
        if command is None or command.keys_at == "alone":
            continue
        for more in range(4):
            words = words_of(row) + ["1"] * more
            expected, _ = engine.say("COMMAND", "GETKEYS", *words)
            if isinstance(expected, list):
                args = [f"{word}" for word in words[command.word_count :]]
                marked = [word if word != "1" else f"arg{at}" for at, word in enumerate(args)]
                if "no_mandatory_keys" in row.flags:
                    marked[1] = str(min(1, len(args) - 2))  # The number of keys, behind the script.
                keys, _ = engine.say("COMMAND", "GETKEYS", *words[: command.word_count], *marked)
                if isinstance(keys, list):
                    assert [key.decode() for key in command.keys(marked)] == keys, words
                    compared += 1
    assert compared > 100


def test_client_repeats_only_what_changes_nothing(table: dict[str, Row]) -> None:
    for row in table.values():
        command = find_command(words_of(row))
        if command is None:
            continue
        if "write" in row.flags:
            assert command.retry is not Retry.READ, row.name
        if "readonly" in row.flags and row.first_key:
            assert command.retry is Retry.READ, row.name


def sentinel_commands(commands: dict[str, sentinel.Command]) -> Iterator[sentinel.Command]:
    for command in commands.values():
        yield command
        yield from sentinel_commands(command.subcommands)


def test_sentinel_describes_shared_commands_alike(table: dict[str, Row]) -> None:
    different, compared = set(), 0
    for ours in sentinel_commands(sentinel.COMMANDS):
        row = table.get(ours.name)
        if row is not None:
            compared += 1
            facts = (ours.arity, frozenset(ours.flags), frozenset(ours.categories))
            if facts != (row.arity, row.flags, row.categories):
                different.add(ours.name)
    assert different == OTHERWISE_AT_A_SENTINEL
    assert compared > 40
