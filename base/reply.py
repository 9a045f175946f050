"""Encode Python values as RESP replies, for the commands that the control plane answers.

One value tree serves both protocols: what RESP2 has no type for is written the way Redis
downgrades it (a map becomes a flat array, a boolean an integer, a double a bulk string, null a
null bulk string).

    >>> encode({"slots": [0, 5460]}, 2)
    b'*2\\r\\n$5\\r\\nslots\\r\\n*2\\r\\n:0\\r\\n:5460\\r\\n'
    >>> encode({"slots": [0, 5460]}, 3)
    b'%1\\r\\n$5\\r\\nslots\\r\\n*2\\r\\n:0\\r\\n:5460\\r\\n'
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final


class Simple(str):
    """A status line such as OK."""

    __slots__ = ()


class Error(str):
    """An error reply; the first word is its code, as in ``ERR Unknown node``."""

    __slots__ = ()


class Verbatim(str):
    """A text meant for people: a verbatim string in RESP3, a bulk string in RESP2."""

    __slots__ = ()


class Raw(bytes):
    """Bytes that are RESP already."""

    __slots__ = ()


class NullArray:
    """The array that is not there: ``*-1`` in RESP2, null in RESP3."""


OK: Final = Simple("OK")


def encode(value: object, protocol: int = 2) -> bytes:
    """The RESP form of `value`; `protocol` is 2 or 3. Raises TypeError for a type that has none."""
    return b"".join(pieces_of(value, protocol))


def pieces_of(value: object, protocol: int) -> list[bytes]:
    """The RESP form of `value` as it is put together: each `Raw` within it is a piece, the same object."""
    out: list[bytes] = []
    _write(out.append, value, protocol)
    return out


def _line(text: str) -> bytes:
    """One line of text: line ends inside it would break the framing, so they become spaces."""
    return text.replace("\r", " ").replace("\n", " ").encode("utf-8", "surrogateescape")


def _bulk(put: Callable[[bytes], None], value: bytes) -> None:
    put(b"$%d\r\n%b\r\n" % (len(value), value))


def _write(put: Callable[[bytes], None], value: Any, protocol: int) -> None:
    kind = type(value)
    if kind is str:
        _bulk(put, value.encode("utf-8", "surrogateescape"))
    elif kind is int:
        put(b":%d\r\n" % value)
    elif kind is list or kind is tuple:
        put(b"*%d\r\n" % len(value))
        for item in value:
            _write(put, item, protocol)
    elif kind is bytes or kind is bytearray:
        _bulk(put, bytes(value))
    elif kind is dict:
        put(b"%%%d\r\n" % len(value) if protocol >= 3 else b"*%d\r\n" % (2 * len(value)))
        for key, item in value.items():
            _write(put, key, protocol)
            _write(put, item, protocol)
    else:
        _write_rare(put, value, protocol)


def _write_rare(put: Callable[[bytes], None], value: Any, protocol: int) -> None:
    if value is None:
        put(b"_\r\n" if protocol >= 3 else b"$-1\r\n")
    elif isinstance(value, Raw):
        put(value)
    elif isinstance(value, Simple):
        put(b"+%b\r\n" % _line(value))
    elif isinstance(value, Error):
        put(b"-%b\r\n" % _line(value))
    elif isinstance(value, Verbatim):
        text = value.encode("utf-8", "surrogateescape")
        if protocol >= 3:
            put(b"=%d\r\ntxt:%b\r\n" % (len(text) + 4, text))
        else:
            _bulk(put, text)
    elif isinstance(value, bool):
        put((b"#t\r\n" if value else b"#f\r\n") if protocol >= 3 else b":%d\r\n" % value)
    elif isinstance(value, float):
        text = _double(value)
        if protocol >= 3:
            put(b",%b\r\n" % text)
        else:
            _bulk(put, text)
    elif isinstance(value, set | frozenset):
        put((b"~%d\r\n" if protocol >= 3 else b"*%d\r\n") % len(value))
        for item in value:
            _write(put, item, protocol)
    elif value is NullArray or isinstance(value, NullArray):
        put(b"_\r\n" if protocol >= 3 else b"*-1\r\n")
    else:
        raise TypeError(f"{type(value).__name__} has no RESP form")


def _double(value: float) -> bytes:
    if value != value:
        return b"nan"
    if value in (float("inf"), float("-inf")):
        return b"inf" if value > 0 else b"-inf"
    return b"%d" % value if value == int(value) and abs(value) < 1e17 else repr(value).encode()
