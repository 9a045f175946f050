"""Splitting lines: the real redis-cli sends the same words."""

from __future__ import annotations

import shutil
from random import Random

import pytest

from garrison.base.words import quote
from garrison.cli.core.words import BAD_LINE, split_count, split_line, unquote
from tests.unit.cli.conftest import ScriptedServer, redis_cli


def test_random_lines_are_split_as_by_redis_cli(scripted: ScriptedServer) -> None:
    if shutil.which("redis-cli") is None:
        pytest.skip("redis-cli is not installed: this test needs the real one")
    random = Random(5)
    lines = [
        bytes(random.choice(b"""ab 'x"\\n4""") for _ in range(random.randint(1, 12))) for _ in range(400)
    ]
    _, output, _ = redis_cli("-p", scripted.port, stdin=b"".join(b"echo %b\n" % line for line in lines))
    split = [split_line(b"echo " + line) for line in lines]
    sent = [command for command in scripted.commands if command[0] == b"echo"]
    assert sent == [words for words in split if words is not None]
    assert output.decode().count(BAD_LINE) == split.count(None)


def test_count_of_many_digits_is_read() -> None:
    times, words = split_count([b"9" * 10_000, b"PING"])
    assert times > 10**100
    assert words == [b"PING"]


def test_quoted_bytes_are_read_back() -> None:
    everything = bytes(range(256))
    assert unquote(quote(everything)) == everything
    assert unquote(b"plain") == b"plain"
    assert unquote(b"two words") is None
    assert unquote(b'"open') is None
