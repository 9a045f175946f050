"""The command table: against a real server's COMMAND, COMMAND GETKEYS, and its own rules."""

from __future__ import annotations

from typing import Any

import pytest

from garrison.client import open_connection
from garrison.client.core.commands import Retry, command, find_command, known_commands
from garrison.client.core.resp import Arg
from garrison.client.errors import ReplyError, UsageError

# A call for each way in which keys are found; the real server must find the same keys.
CALLS = [
    "GET k",
    "MGET a b c",
    "MSET a 1 b 2",
    "MSETNX a 1 b 2",
    "LCS a b",
    "BITOP AND d a b",
    "OBJECT ENCODING k",
    "MEMORY USAGE k SAMPLES 5",
    "RENAME a b",
    "BLPOP a b 0",
    "BZPOPMIN a b c 0",
    "BLMOVE a b LEFT RIGHT 0",
    "LMPOP 2 a b LEFT",
    "BLMPOP 0 2 a b LEFT",
    "BZMPOP 0 1 a MIN",
    "ZMPOP 1 a MIN",
    "SINTERCARD 2 a b LIMIT 1",
    "ZUNION 2 a b WEIGHTS 1 2",
    "ZUNIONSTORE d 2 a b",
    "ZDIFFSTORE d 1 a",
    "ZRANGESTORE d a 0 1",
    "EVAL return 2 a b c",
    "FCALL_RO f 1 a",
    "XREAD COUNT 1 STREAMS a b 0 0",
    "XREADGROUP GROUP g c STREAMS a >",
    "XGROUP CREATE s g 0",
    "XINFO STREAM s",
    "GEOSEARCHSTORE d a FROMLONLAT 0 0 BYRADIUS 1 m",
    "SDIFFSTORE d a b",
    "PFMERGE d a",
    "COPY a b REPLACE",
]


@pytest.mark.parametrize("text", CALLS)
async def test_keys_are_those_that_a_real_server_finds(redis_server: Any, text: str) -> None:
    words = text.split()
    row = find_command(words)
    assert row is not None
    connection = await open_connection("127.0.0.1", redis_server.port)
    expected = await connection.call("COMMAND", "GETKEYS", *words)
    await connection.close()
    # EVAL's script is one argument, so its name is the first word only.
    assert sorted(row.keys(words[row.word_count :])) == sorted(expected)


async def test_read_class_means_readonly_for_every_keyed_command(redis_server: Any) -> None:
    connection = await open_connection("127.0.0.1", redis_server.port)
    server: dict[str, tuple[set[bytes], int]] = {}

    def learn(rows: list[Any]) -> None:
        for row in rows:
            server[row[0].decode().upper().replace("|", " ")] = (set(row[2]), row[3])
            learn(row[9])

    learn(await connection.call("COMMAND"))
    await connection.close()
    for row in known_commands():
        flags, first_key = server.get(row.name.decode(), (None, 0))
        if flags is None:
            continue  # Newer than this server.
        if row.retry is Retry.READ:
            assert b"write" not in flags, row
        if b"readonly" in flags:
            assert row.retry is Retry.READ or row.is_keyless, row
        assert not (first_key and row.is_keyless) or row.keys_at == "alone", row
    missing = [
        name for name, (_, first_key) in server.items() if first_key and find_command(name.split()) is None
    ]
    # Those that no user calls are found with COMMAND GETKEYS.
    assert sorted(missing) == ["MIGRATE", "PFDEBUG", "RESTORE-ASKING"]


def test_an_option_can_make_a_command_one_that_is_not_repeated() -> None:
    assert command("SET").retry_of(["k", "v"]) is Retry.STATE
    assert command("SET").retry_of(["nx", "get", "EX", 5]) is Retry.STATE
    assert command("SET").retry_of(["k", "v", "nx"]) is Retry.ONCE
    assert command("SET").retry_of(["k", "v", "PX", 5, b"GET"]) is Retry.ONCE
    assert command("ZADD").retry_of(["k", "INCR", 1, "m"]) is Retry.ONCE


def test_missing_keys_are_reported() -> None:
    cases: tuple[list[Arg], ...] = (
        ["GET"],
        ["EVAL", "return 1", 3, "a"],
        ["EVAL", "return 1", "many", "a"],
        ["EVAL", "return 1", -1, "a"],
        ["ZUNION", 0, "a"],
        ["XREAD", "COUNT", 1],
    )
    for words in cases:
        row = find_command(words)
        assert row is not None
        with pytest.raises(UsageError, match="holds no key"):
            row.keys(words[1:])
    with pytest.raises(UsageError, match="empty command"):
        find_command([])


def test_a_script_may_have_no_keys() -> None:
    assert command("EVAL").keys(["return 1", 0, "argument"]) == []
    assert command("FCALL_RO").keys(["f", "2", "a", "b", "c"]) == [b"a", b"b"]


def test_unknown_commands_and_subcommands_are_not_in_the_table() -> None:
    assert find_command(["NO.SUCH"]) is None
    assert find_command(["OBJECT", "HELP"]) is None
    assert find_command([b"\xff"]) is None


def test_blocking_is_told_from_the_call() -> None:
    def blocks(*words: str) -> bool:
        row = find_command(words)
        assert row is not None
        return row.blocks(words[row.word_count :])

    assert blocks("BLPOP", "a", "0")
    assert blocks("XREAD", "BLOCK", "0", "STREAMS", "a", "$")
    assert not blocks("XREAD", "STREAMS", "a", "0")
    assert not blocks("LPOP", "a")


async def test_the_classes_are_true_on_a_real_server(redis_server: Any) -> None:
    """A ``state`` command leaves the same value after two executions as after one."""
    connection = await open_connection("127.0.0.1", redis_server.port)
    samples = [
        ("SET k v", "string"),
        ("SETRANGE k 3 x", "string"),
        ("MSET k v", "string"),
        ("HSET k f v", "hash"),
        ("HDEL k f", "hash"),
        ("SADD k m", "set"),
        ("ZADD k 1 m", "zset"),
        ("LSET k 0 x", "list"),
        ("PFADD k x", "string"),
        ("DEL k", "string"),
        ("PERSIST k", "string"),
    ]
    make = {
        "string": "SET k old",
        "hash": "HSET k f old g old",
        "set": "SADD k old",
        "zset": "ZADD k 9 m",
        "list": "RPUSH k a b",
    }
    for text, kind in samples:
        row = find_command(text.split())
        assert row is not None
        assert row.retry is Retry.STATE
        await connection.call("DEL", "k")
        if text != "PFADD k x":
            await connection.call(*make[kind].split())
        values = []
        for _ in range(2):
            await connection.call(*text.split())
            values.append(await connection.call("DUMP", "k"))
        assert values[0] == values[1], text
    with pytest.raises(ReplyError):
        await connection.call("NO.SUCH")
    await connection.close()
