"""Requests from bytes, in whatever pieces they come; anything else is refused."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.sentinel.server.requests import ProtocolError, RequestParser

MAX = 1 << 20


def all_of(parser: RequestParser, authenticated: bool = True) -> list[list[bytes]]:
    found = []
    while (request := parser.take(authenticated=authenticated)) is not None:
        found.append(request)
    return found


def parsed(data: bytes, authenticated: bool = True) -> list[list[bytes]]:
    parser = RequestParser(MAX)
    parser.feed(data)
    return all_of(parser, authenticated)


def packed(words: list[bytes]) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


requests = st.lists(st.lists(st.binary(max_size=20), min_size=1, max_size=4), max_size=4)


@given(requests, st.lists(st.integers(0, 200), max_size=6))
def test_cuts_do_not_matter(wanted: list[list[bytes]], cuts: list[int]) -> None:
    data = b"".join(map(packed, wanted))
    parser = RequestParser(MAX)
    found = []
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(data)], strict=True):
        parser.feed(data[start : max(start, end)])
        found += all_of(parser)
    assert found == wanted
    assert parser.held_bytes == 0


def test_words_on_a_line() -> None:
    assert parsed(b"PING\r\n  SET 'a b' \"\\x00\"\n\r\n") == [[b"PING"], [b"SET", b"a b", b"\0"]]


def test_empty_arrays_are_nothing() -> None:
    assert parsed(b"*-1\r\n*0\r\n*1\r\n$4\r\nPING\r\n") == [[b"PING"]]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"*x\r\n", "invalid multibulk length"),
        (b"*99999999999\r\n", "invalid multibulk length"),
        (b"*" + b"1" * 70_000, "too big mbulk count string"),
        (b"*1\r\nfoo\r\n", "expected '$', got 'f'"),
        (b"*1\r\n$x\r\n", "invalid bulk length"),
        (b"*1\r\n$-1\r\n", "invalid bulk length"),
        (b"*1\r\n$999999999999\r\n", "invalid bulk length"),
        (b"*1\r\n$" + b"1" * 70_000, "too big bulk count string"),
        (b'"open\r\n', "unbalanced quotes in request"),
        (b"A" * 70_000, "too big inline request"),
        (b"*2\r\n$2000000\r\n" + b"x" * 1_100_000, "too big request"),
        (b"*300000\r\n" + b"$1\r\nx\r\n" * 250_000, ""),
    ],
)
def test_what_is_no_request(data: bytes, reason: str) -> None:
    if not reason:  # many small words that never end: bounded only by all of them together
        parser = RequestParser(100_000)
        parser.feed(data)
        with pytest.raises(ProtocolError, match="too big request"):
            all_of(parser)
        return
    with pytest.raises(ProtocolError, match=reason.replace("$", r"\$")):
        parsed(data)


def test_who_has_not_logged_in_gets_little_room() -> None:
    assert parsed(packed([b"x"] * 10), authenticated=False) == [[b"x"] * 10]
    with pytest.raises(ProtocolError, match="unauthenticated multibulk length"):
        parsed(b"*11\r\n", authenticated=False)
    with pytest.raises(ProtocolError, match="unauthenticated bulk length"):
        parsed(b"*1\r\n$20000\r\n", authenticated=False)


@given(st.binary(max_size=300))
def test_any_bytes_give_requests_or_a_refusal(data: bytes) -> None:
    parser = RequestParser(MAX)
    parser.feed(data)
    with contextlib.suppress(ProtocolError):
        assert all(all_of(parser))
    assert parser.held_bytes <= len(data)
