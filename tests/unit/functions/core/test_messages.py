"""Messages of a worker, read by the node's side."""

from __future__ import annotations

import hiredis
import pytest

from garrison.functions.core import messages
from garrison.node.shell.python_functions.messages import Done, Failed, Read, parse


def received(message: bytes) -> object:
    reader = hiredis.Reader()
    reader.feed(message)
    return reader.gets()


def test_node_reads_what_a_worker_writes() -> None:
    commands = [("GET", b"\xff"), ("SET", "k", 1.5)]
    words = [[b"GET", b"\xff"], [b"SET", b"k", b"1.5"]]
    flat = tuple(messages.flat(commands))
    assert parse(received(messages.packed(messages.READ, *flat))) == Read(words)
    done = messages.packed(messages.DONE, 2, b"*1\r\n", b"", 1, *flat)
    assert parse(received(done)) == Done(words, [b"*1\r\n", b""], [1])
    assert parse(received(messages.packed(messages.DONE, 1, b"+OK\r\n"))) == Done([], [b"+OK\r\n"], [])
    leaving = messages.packed(messages.FAIL, "ERR x", messages.LEAVING)
    assert parse(received(leaving)) == Failed("ERR x", True)


@pytest.mark.parametrize("word", [None, True, object(), bytearray(1)])
def test_arguments_of_other_types_are_refused(word: object) -> None:
    with pytest.raises(TypeError, match="an argument of a command is"):
        list(messages.flat([("SET", word)]))  # type: ignore[list-item]
