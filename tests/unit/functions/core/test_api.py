"""What a function is given: the order of reads and writes, and the decorator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from garrison.functions import CommandError, Database, OrderError, function
from garrison.functions.core.api import Command, Registry


def answering(*replies: Any) -> Database:
    def ask(commands: Sequence[Command]) -> list[Any]:
        return list(replies[: len(commands)])

    return Database(ask)


def test_reads_come_before_writes() -> None:
    db = answering(b"1", 2)
    assert db.read("GET", "k") == b"1"
    assert db.read_many(("GET", "k"), ("LLEN", "l")) == [b"1", 2]
    pending = [db.write("SET", "k", 1), db.write("INCR", "k")]
    assert [each.index for each in pending] == [0, 1]
    assert db.writes == [("SET", "k", 1), ("INCR", "k")]
    with pytest.raises(OrderError, match="reads before it writes"):
        db.read("GET", "k")
    with pytest.raises(OrderError, match="not known yet"):
        bool(pending[0])
    with pytest.raises(TypeError):
        db.write()


def test_error_reply_is_raised() -> None:
    with pytest.raises(CommandError, match="WRONGTYPE"):
        answering(CommandError("WRONGTYPE no")).read("GET", "k")


def test_decorator_registers_under_its_name() -> None:
    registry = Registry()
    Registry.current = registry
    try:

        @function
        def one(keys: list[bytes], args: list[bytes], db: Database) -> object: ...

        @function(name="Two", flags=("no-writes",), description="second")
        def other(keys: list[bytes], args: list[bytes], db: Database) -> object: ...

        with pytest.raises(ValueError, match="unknown flag 'x'"):
            function(flags=("x",))(other)
    finally:
        Registry.current = None
    assert registry.functions == {"one": one, "two": other}
