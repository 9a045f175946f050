"""Messages of a worker that is not to be trusted."""

from __future__ import annotations

import hypothesis
import pytest
from hypothesis import strategies as st

from garrison.node.shell.python_functions.messages import Failed, MessageError, Read, packed, parse

BAD = [
    None,
    b"READ",
    [],
    [1],
    [b"READ", 1],
    [b"READ", b"2", b"GET"],
    [b"READ", b"0"],
    [b"READ", b"-1", b"x"],
    [b"READ", b"9999999999", b"x"],
    [b"DONE"],
    [b"DONE", b"0", b"x"],
    [b"DONE", b"2", b"x"],
    [b"DONE", b"2", b"x", b"y", b"z"],
    [b"DONE", b"1", b"x", b"2", b"SET"],
    [b"FAIL"],
    [b"NEWS", b"x"],
]


@pytest.mark.parametrize("message", BAD)
def test_other_messages_are_refused(message: object) -> None:
    with pytest.raises(MessageError):
        parse(message)


@hypothesis.given(st.lists(st.sampled_from([b"READ", b"DONE", b"FAIL", b"0", b"1", b"2", b"3", b"x"])))
def test_any_message_is_read_or_refused(words: list[bytes]) -> None:
    try:
        parse(words)
    except MessageError:
        pass


def test_sound_messages_are_read() -> None:
    assert parse([b"READ", b"1", b"PING"]) == Read([[b"PING"]])
    assert parse([b"FAIL", b"ERR \xff"]) == Failed("ERR \ufffd", False)
    assert packed(b"CALL", 2) == b"*2\r\n$4\r\nCALL\r\n$1\r\n2\r\n"
