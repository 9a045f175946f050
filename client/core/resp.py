"""How a command looks on the wire: an array of bulk strings, in RESP2 and RESP3 alike.

Encoding is on the path of every call, so the usual small arguments take two table look-ups: the
``$length`` headers up to :data:`_HEADER_TABLE_SIZE` are made once, and a command's own bytes
(``*2\\r\\n$3\\r\\nGET\\r\\n``) once per number of arguments (:class:`Command` in ``commands.py``).
Parsing is hiredis's work.

>>> encode_command("SET", "key", 42)
b'*3\\r\\n$3\\r\\nSET\\r\\n$3\\r\\nkey\\r\\n$2\\r\\n42\\r\\n'
"""

from __future__ import annotations

from collections.abc import Sequence

from garrison.client.errors import UsageError

__all__ = ["Arg", "Key", "command_prefix", "encode_args", "encode_command", "to_bytes"]

Key = bytes | str
"""A key: bytes as they are, or str, sent as UTF-8."""

Arg = bytes | str | int | float | bytearray | memoryview
"""Anything that can be sent as an argument; numbers are sent as decimal text."""

_HEADER_TABLE_SIZE = 1024
_HEADERS = [b"$%d\r\n" % length for length in range(_HEADER_TABLE_SIZE)]


def to_bytes(value: Arg) -> bytes:
    """Return the bytes that an argument is sent as.

    ``bool`` is refused: whether it should be ``1`` or ``True`` is the caller's decision.
    """
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError:
            # A reply that was not UTF-8 is decoded with surrogateescape; so it travels back unchanged.
            return value.encode("utf-8", "surrogateescape")
    if isinstance(value, bool):
        raise UsageError(
            f"cannot send the bool {value!r}: pass 0/1 or a str, so that the stored text is clear"
        )
    if isinstance(value, int):
        return b"%d" % value
    if isinstance(value, float):
        return repr(float(value)).encode()
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    raise UsageError(f"cannot send a {type(value).__name__} as argument: pass bytes, str, int or float")


def encode_args(args: Sequence[Arg]) -> bytes:
    """Encode arguments as bulk strings, one after the other, without the array header."""
    parts: list[bytes] = []
    for arg in args:
        data = to_bytes(arg)
        size = len(data)
        parts += (_HEADERS[size] if size < _HEADER_TABLE_SIZE else b"$%d\r\n" % size, data, b"\r\n")
    return b"".join(parts)


def command_prefix(name: bytes, arg_count: int) -> bytes:
    """Encode everything of a command but its ``arg_count`` arguments.

    A name of several words (``b"CLUSTER SLOTS"``) is sent as several bulk strings.
    """
    words = name.split()
    return b"*%d\r\n" % (len(words) + arg_count) + encode_args(words)


def encode_command(name: str | bytes, *args: Arg) -> bytes:
    """Encode a whole command, ready to be written."""
    raw = name if isinstance(name, bytes) else name.encode()
    return command_prefix(raw, len(args)) + encode_args(args)
