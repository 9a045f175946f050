"""Hints and completions, from the commands that a real server describes."""

from __future__ import annotations

import socket

import pytest

from garrison.cli.core.hints import CommandDocs
from garrison.cli.core.replies import TypedReader
from tests.unit.client.servers import ServerProcess


@pytest.fixture(scope="module", params=[2, 3])
def docs(any_server: ServerProcess, request: pytest.FixtureRequest) -> CommandDocs:
    """What each server says, in both protocols."""
    reader = TypedReader(...)
    with socket.create_connection(("127.0.0.1", any_server.port)) as connection:
        connection.sendall(b"HELLO %d\r\nCOMMAND DOCS\r\n" % request.param)
        replies: list[object] = []
        while len(replies) < 2:
            reader.feed(connection.recv(1 << 20))
            while (reply := reader.gets()) is not ...:
                replies.append(reply)
    return CommandDocs(replies[1])


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("get", "key"),
        ("GET k", ""),
        ("get k k", ""),
        ("3 get ", "key"),
        ("mset a", "value [key value ...]"),
        ("mset a 1", "[key value ...]"),
        ("set k v nx ex", "seconds [GET]"),
        ("zadd z nx 1 ", "[GT | LT] [CH] [INCR] member [score member ...]"),
        ("blpop a", "[key ...] timeout"),
        (
            "sort k by x get",
            "pattern [GET pattern ...] [LIMIT offset count] [ASC | DESC] [ALPHA] [STORE destination]",
        ),
        ("zunionstore d 2 a b weights 1", "[key ...] [weight ...] [AGGREGATE SUM | MIN | MAX]"),
        ("config set a", "value [parameter value ...]"),
        ("nosuch", ""),
        ("", ""),
        ('get "open', ""),
    ],
)
def test_hint_is_what_may_follow(docs: CommandDocs, line: str, hint: str) -> None:
    assert docs.hint(line.encode()) == hint


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("hget", ["hget", "hgetall"]),
        ("HGET", ["HGET", "HGETALL"]),
        ("config s", ["set"]),
        ("CONFIG RES", ["RESETSTAT"]),
        ("set k v kee", ["keepttl"]),
        ("zadd k n", ["nx"]),
        ("help @stri", ["@string"]),
        ("help config rew", ["rewrite"]),
        ("qui", ["quit"]),
    ],
)
def test_completion_of_the_last_word(docs: CommandDocs, line: str, words: list[str]) -> None:
    found = docs.completions(line.encode())
    assert [word for word in found if word in words] == words
    assert all(word.startswith(line.split()[-1]) for word in found)


def test_a_token_is_offered_once(docs: CommandDocs) -> None:
    assert "xx" in docs.completions(b"set k v ")
    assert "xx" not in docs.completions(b"set k v xx ")


def test_help_finds_commands_subcommands_and_groups(docs: CommandDocs) -> None:
    assert [doc.syntax() for doc in docs.find(["get"])] == ["GET key"]
    assert "CONFIG REWRITE" in [doc.name for doc in docs.find(["config"])]
    assert "SETEX" in [doc.name for doc in docs.find(["@string"])]
    assert docs.find(["nosuch"]) == []


def test_nothing_is_known_before_the_server_has_said_it() -> None:
    docs = CommandDocs()
    assert (len(docs), docs.hint(b"get"), docs.completions(b"he")) == (0, "", ["help"])
