"""A small RESP reader for tests: it keeps the kind of a reply (status or bulk, set or list)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Status(str):
    """A status line such as OK; bulk strings come as bytes."""

    __slots__ = ()


class Failure(str):
    """An error reply."""

    __slots__ = ()


class Push(list[Any]):
    """An out-of-band message of RESP3."""

    __slots__ = ()


class Verbatim(bytes):
    """A verbatim string of RESP3, without its format."""

    __slots__ = ()


class ReplySet(list[Any]):
    """A set of RESP3, in the order in which it came; equal to a list with the same members in any order."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Iterable) and sorted(map(repr, self)) == sorted(map(repr, other))

    __hash__ = None


class IncompleteError(Exception):
    """More bytes are needed."""


class Reader:
    """Feed bytes, take values."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def take(self) -> Any:
        """The next value. Raises IncompleteError."""
        value, at = _value(self._buffer, 0)
        self._buffer = self._buffer[at:]
        return value


def _line(data: bytes, at: int) -> tuple[str, int]:
    end = data.find(b"\r\n", at)
    if end < 0:
        raise IncompleteError
    return data[at:end].decode("utf-8", "surrogateescape"), end + 2


def _bulk(data: bytes, at: int, length: int) -> tuple[bytes, int]:
    if len(data) < at + length + 2:
        raise IncompleteError
    return data[at : at + length], at + length + 2


def _items(data: bytes, at: int, count: int) -> tuple[list[Any], int]:
    items = []
    for _ in range(count):
        item, at = _value(data, at)
        items.append(item)
    return items, at


def _value(data: bytes, at: int) -> tuple[Any, int]:
    text, at = _line(data, at)
    kind, rest = text[:1], text[1:]
    if kind in SCALARS:
        return SCALARS[kind](rest), at
    length = int(rest)
    if length < 0:
        return None, at
    if kind in "$=!":
        body, at = _bulk(data, at, length)
        return (body if kind == "$" else Verbatim(body[4:]) if kind == "=" else Failure(body.decode())), at
    if kind not in "*%~>|":
        raise ValueError(f"no RESP: {text!r}")
    items, at = _items(data, at, length * 2 if kind in "%|" else length)
    if kind == "%":
        return dict(zip(items[::2], items[1::2], strict=True)), at
    if kind == "|":
        return _value(data, at)
    return {"*": list, "~": ReplySet, ">": Push}[kind](items), at


SCALARS: dict[str, Any] = {
    "+": Status,
    "-": Failure,
    ":": int,
    "(": int,
    ",": float,
    "#": lambda text: text == "t",
    "_": lambda _: None,
}
