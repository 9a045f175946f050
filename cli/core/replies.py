"""Replies with their types, as a person is shown them, and the reader that makes them.

The client reads replies with hiredis, which gives ``OK`` and ``"OK"``, a set and an array, ``1.50`` and
``1.5`` as one and the same value. A prompt must tell them apart, so it has a reader of its own with
hiredis's two methods; a connection takes it by :meth:`garrison.client.wire.Wire.parse_with`.

==================  =============================================================
``bytes``           a bulk string
:class:`Status`     a simple string (``+OK``)
:class:`Verbatim`   text with a format, which stands in ``format``
:class:`BigNumber`  an integer beyond 64 bits, as its digits
:class:`Double`     a floating-point number, as the text that came
int, bool, None     themselves; the two nulls of RESP2 are None as well
``ReplyError``      an error, also inside an array
``list``            an array
:class:`Set`        a set, in the order that came
:class:`Map`        a map, as a list of pairs: keys may be of any type, and come twice
``Attributed``      a reply with attributes before it
==================  =============================================================

A push message is a :class:`hiredis.PushNotification`, by which the connection knows it.

>>> reader = TypedReader(incomplete=...)
>>> reader.feed(b"+OK\\r\\n$2\\r\\nOK\\r\\n%1\\r\\n+a\\r\\n,1.50\\r\\n*2\\r\\n:1\\r\\n")
>>> reader.gets(), reader.gets(), reader.gets(), reader.gets()
(Status(b'OK'), b'OK', Map([(Status(b'a'), Double(b'1.50'))]), Ellipsis)
>>> reader.feed(b":2\\r\\n")
>>> reader.gets()
[1, 2]
"""

from __future__ import annotations

from typing import Any, NamedTuple

import hiredis

from garrison.client.errors import ProtocolError, reply_error

__all__ = ["Attributed", "BigNumber", "Double", "Map", "Set", "Status", "TypedReader", "Verbatim"]

NESTING_MAX = 128
"""Arrays within arrays; beyond it the peer is taken for one that does not speak RESP."""
LINE_BYTES_MAX = 1024 * 1024
"""The longest line: a status, an error, a number, a length."""
_COMPACT_BYTES = 64 * 1024


class _Text(bytes):
    def __repr__(self) -> str:
        return f"{type(self).__name__}({bytes(self)!r})"


class Status(_Text):
    """A simple string."""


class BigNumber(_Text):
    """An integer of any size, as decimal digits."""


class Double(_Text):
    """A floating-point number, as the server has written it."""


class Verbatim(_Text):
    """Text for a person, with the three letters of its format."""

    format: bytes = b"txt"


class Set(list[Any]):
    """The members of a set."""

    def __repr__(self) -> str:
        return f"Set({super().__repr__()})"


class Map(list[tuple[Any, Any]]):
    """The pairs of a map."""

    def __repr__(self) -> str:
        return f"Map({super().__repr__()})"


class Attributed(NamedTuple):
    """A reply and the attributes that came before it."""

    attributes: Map
    reply: Any


class _Open:
    """An aggregate of which elements are still to come."""

    __slots__ = ("elements", "kind", "missing")

    def __init__(self, kind: bytes, missing: int) -> None:
        self.kind = kind
        self.missing = missing
        self.elements: list[Any] = []

    def close(self) -> Any:
        made, kind = self.elements, self.kind
        if kind == b"*":
            return made
        if kind == b"~":
            return Set(made)
        if kind == b">":
            return hiredis.PushNotification(made)
        if kind == b"|":
            return Attributed(Map(zip(made[:-1:2], made[1:-1:2], strict=True)), made[-1])
        return Map(zip(made[::2], made[1::2], strict=True))


class TypedReader:
    """Bytes in, typed replies out; what is incomplete is continued with the next bytes, not read again."""

    def __init__(self, incomplete: Any) -> None:
        self._incomplete = incomplete
        self._buffer = bytearray()
        self._at = 0
        self._open: list[_Open] = []

    def feed(self, data: bytes) -> None:
        """Take bytes that came."""
        self._buffer += data

    def gets(self) -> Any:
        """The next whole reply, or ``incomplete``. Raises :class:`ProtocolError`."""
        while True:
            value = self._next()
            if value is self._incomplete:
                if self._at > _COMPACT_BYTES or self._at == len(self._buffer):
                    del self._buffer[: self._at]
                    self._at = 0
                return value
            if isinstance(value, _Open):
                if len(self._open) >= NESTING_MAX:
                    raise ProtocolError(f"a reply is nested more than {NESTING_MAX} deep")
                self._open.append(value)
                if value.missing:
                    continue
                value = self._open.pop().close()
            while self._open:
                top = self._open[-1]
                top.elements.append(value)
                if len(top.elements) < top.missing:
                    break
                value = self._open.pop().close()
            else:
                return value

    def _next(self) -> Any:
        """One element: a value, or the beginning of an aggregate."""
        buffer, at = self._buffer, self._at
        end = buffer.find(b"\r\n", at)
        if end < 0:
            if len(buffer) - at > LINE_BYTES_MAX:
                raise ProtocolError(f"a line is longer than {LINE_BYTES_MAX} bytes")
            return self._incomplete
        kind, line = bytes(buffer[at : at + 1]), bytes(buffer[at + 1 : end])
        if kind in b"$=!":
            return self._sized(kind, _number(line), end + 2)
        self._at = end + 2
        if kind in b"*~>%|":
            return self._aggregate(kind, _number(line))
        return _scalar(kind, line)

    def _sized(self, kind: bytes, size: int, start: int) -> Any:
        """A value whose length is given before it."""
        if size < 0:
            self._at = start
            return None
        if len(self._buffer) < start + size + 2:
            return self._incomplete
        self._at = start + size + 2
        data = bytes(self._buffer[start : start + size])
        if kind == b"$":
            return data
        if kind == b"!":
            return _error(data)
        text = Verbatim(data[4:])
        text.format = data[:3]
        return text

    def _aggregate(self, kind: bytes, size: int) -> _Open | None:
        if size < 0:
            return None
        if kind in b"%|":
            size *= 2
        return _Open(kind, size + 1 if kind == b"|" else size)


def _scalar(kind: bytes, line: bytes) -> Any:
    if kind == b"+":
        return Status(line)
    if kind == b":":
        return _number(line)
    if kind == b"-":
        return _error(line)
    if kind == b"_":
        return None
    if kind == b"#":
        return line == b"t"
    if kind == b",":
        return Double(line)
    if kind == b"(":
        return BigNumber(line)
    raise ProtocolError(f"a reply begins with {kind!r}")


def _error(line: bytes) -> Exception:
    return reply_error(line.decode("utf-8", "surrogateescape"))


def _number(line: bytes) -> int:
    try:
        return int(line)
    except ValueError:
        raise ProtocolError(f"{line[:40]!r} is not a number") from None
