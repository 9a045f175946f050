"""How replies are shown: for a person, raw for a pipe, as CSV and as JSON.

``standard`` and ``raw`` are redis-cli's to the byte (``tests/unit/cli/core/test_formats.py`` asks the
real one), and ``csv`` too. JSON is always valid here: an error is ``{"error": "..."}``, bytes that are
not UTF-8 are written as ``\\\\xHH``, and infinities are strings.

>>> print(standard([1, b"a", [Status(b"OK"), None], Map([(b"k", Double(b"1.5"))])]).decode(), end="")
1) (integer) 1
2) "a"
3) 1) OK
   2) (nil)
4) 1# "k" => (double) 1.5
>>> raw([1, [b"a", None], b"z"])
b'1\\na\\n\\nz\\n'
>>> csv([1, b'say "hi"', None])
b'1,"say \\\\"hi\\\\"",NULL\\n'
>>> as_json(Map([(b"k", [1, True, Double(b"1.50")])]))
b'{"k":[1,true,1.5]}\\n'
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from enum import Enum
from typing import Any

import hiredis

from garrison.base.words import quote
from garrison.cli.core.replies import Attributed, BigNumber, Double, Map, Set, Status, Verbatim
from garrison.client.core.resp import to_bytes
from garrison.client.errors import ReplyError

__all__ = ["COLOURS", "Format", "Formatter", "as_json", "csv", "is_text_command", "raw", "standard"]

Paint = Callable[[str, bytes], bytes]
"""Gives text the colour of what it is, by a name of :data:`COLOURS`."""

_TEXT_COMMANDS = frozenset(
    [
        *("INFO", "LOLWUT", "CLUSTER INFO", "CLUSTER NODES", "CLIENT LIST", "CLIENT INFO"),
        *("MEMORY DOCTOR", "MEMORY MALLOC-STATS", "LATENCY DOCTOR", "LATENCY GRAPH"),
        *("DEBUG HTSTATS", "DEBUG HTSTATS-KEY", "DEBUG CLIENT-EVICTION", "PROXY INFO"),
    ]
)
_MARKS = {list: b")", Set: b"~", Map: b"#", hiredis.PushNotification: b")"}
_EMPTY = {
    list: b"(empty array)",
    Set: b"(empty set)",
    Map: b"(empty hash)",
    hiredis.PushNotification: b"(empty push)",
}
COLOURS = {
    "error": b"31",
    "status": b"32",
    "number": b"36",
    "string": b"33",
    "nil": b"90",
    "place": b"90",
    "push": b"35",
}
"""The numbers that a terminal knows colours by (ECMA-48, SGR)."""


class Format(Enum):
    """The forms of output."""

    STANDARD = "standard"
    RAW = "raw"
    CSV = "csv"
    JSON = "json"
    QUOTED_JSON = "quoted-json"

    @property
    def is_json(self) -> bool:
        """Whether it is one of the forms of JSON."""
        return self in (Format.JSON, Format.QUOTED_JSON)


def is_text_command(words: list[bytes]) -> bool:
    """Whether the reply of a command is text for a person, which is shown as it is in every form."""
    name = b" ".join(words[:2]).decode("utf-8", "replace").upper()
    return name in _TEXT_COMMANDS or name.partition(" ")[0] in _TEXT_COMMANDS


class Formatter:
    """The form that the user has chosen."""

    def __init__(
        self, form: Format, *, colour: bool = False, between: bytes = b"\n", after: bytes = b"\n"
    ) -> None:
        self.form = form
        self._between = between
        self._after = after
        self._paint = _colour if colour else _plain

    def show(self, reply: Any, *, is_text: bool = False) -> bytes:
        """A reply as it is written to the output, end of line included."""
        if is_text and isinstance(reply, bytes):
            return raw(reply, after=b"" if not reply or reply.endswith(b"\n") else b"\n")
        if self.form is Format.STANDARD:
            return standard(reply, self._paint)
        if self.form is Format.RAW:
            return raw(reply, self._between, self._after)
        if self.form is Format.CSV:
            return csv(reply)
        return as_json(reply, ascii_only=self.form is Format.QUOTED_JSON)


def _plain(kind: str, text: bytes) -> bytes:
    return text


def _colour(kind: str, text: bytes) -> bytes:
    return b"\x1b[" + COLOURS[kind] + b"m" + text + b"\x1b[0m"


# ---- for a person ------------------------------------------------------------------------------


def standard(reply: Any, paint: Paint = _plain) -> bytes:
    """The form for a terminal: types are told apart, strings are quoted, arrays numbered and indented."""
    parts: list[bytes] = []
    _standard(reply, b"", paint, parts.append)
    return b"".join(parts)


def _standard(reply: Any, prefix: bytes, paint: Paint, write: Callable[[bytes], None]) -> None:
    if isinstance(reply, Attributed):
        write(paint("place", b"(attributes)") + b"\n" + prefix)
        _standard(reply.attributes, prefix, paint, write)
        write(prefix)
        _standard(reply.reply, prefix, paint, write)
        return
    if not isinstance(reply, list):
        write(_scalar(reply, paint) + b"\n")
        return
    kind = type(reply)
    if not reply:
        write(paint("nil", _EMPTY[kind]) + b"\n")
        return
    width = len(str(len(reply)))
    deeper = prefix + b" " * (width + 2)
    for number, element in enumerate(reply, 1):
        place = b"%*d" % (width, number) + _MARKS[kind]
        colour = "push" if kind is hiredis.PushNotification else "place"
        write((prefix if number > 1 else b"") + paint(colour, place) + b" ")
        if kind is Map:
            _pair(element, deeper, paint, write)
        else:
            _standard(element, deeper, paint, write)


def _pair(pair: tuple[Any, Any], prefix: bytes, paint: Paint, write: Callable[[bytes], None]) -> None:
    key, value = pair
    shown: list[bytes] = []
    _standard(key, prefix, paint, shown.append)
    write(b"".join(shown)[:-1] + b" => ")
    if _takes_lines(value):
        write(b"\n" + prefix)
    _standard(value, prefix, paint, write)


def _takes_lines(value: Any) -> bool:
    """Whether a value begins on a line of its own: one with a single element in it stays beside its key."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0][1] if isinstance(value, Map) else value[0]
    return isinstance(value, list) and len(value) > 1


def _scalar(reply: Any, paint: Paint) -> bytes:
    if reply is None:
        return paint("nil", b"(nil)")
    if isinstance(reply, bool):
        return paint("number", b"(true)" if reply else b"(false)")
    if isinstance(reply, int):
        return paint("number", b"(integer) %d" % reply)
    if isinstance(reply, Double):
        return paint("number", b"(double) " + reply)
    if isinstance(reply, BigNumber):
        return paint("number", b"(big number) " + reply)
    if isinstance(reply, Status):
        return paint("status", reply)
    if isinstance(reply, Verbatim):
        return bytes(reply)
    if isinstance(reply, ReplyError):
        return paint("error", b"(error) " + _line(reply))
    return paint("string", quote(reply))


# ---- raw ---------------------------------------------------------------------------------------


def raw(reply: Any, between: bytes = b"\n", after: bytes = b"\n") -> bytes:
    """The form for a pipe: values alone, ``between`` elements and ``after`` the whole."""
    return _raw(reply, between) + after


def _raw(reply: Any, between: bytes) -> bytes:
    if isinstance(reply, Attributed):
        return _raw(reply.reply, between)
    if isinstance(reply, Map):
        return between.join([_raw(key, between) + b" " + _raw(value, between) for key, value in reply])
    if isinstance(reply, list):
        return between.join([_raw(element, between) for element in reply])
    if reply is None:
        return b""
    if isinstance(reply, bool):
        return b"(true)" if reply else b"(false)"
    if isinstance(reply, ReplyError):
        return _line(reply) + b"\n"
    return bytes(reply) if isinstance(reply, bytes) else b"%d" % reply


def _line(error: ReplyError) -> bytes:
    return to_bytes(str(error))


# ---- for programs ------------------------------------------------------------------------------


def csv(reply: Any) -> bytes:
    """One line of values with commas between; aggregates are laid flat."""
    return _csv(reply) + b"\n"


def _csv(reply: Any) -> bytes:
    if isinstance(reply, Attributed):
        return _csv(reply.reply)
    if isinstance(reply, Map):
        return b",".join([_csv(key) + b"," + _csv(value) for key, value in reply])
    if isinstance(reply, list):
        return b",".join([_csv(element) for element in reply])
    if reply is None:
        return b"NULL"
    if isinstance(reply, bool):
        return b"true" if reply else b"false"
    if isinstance(reply, ReplyError):
        return b"ERROR," + quote(_line(reply))
    if isinstance(reply, Double | BigNumber):
        return bytes(reply)
    return quote(reply) if isinstance(reply, bytes) else b"%d" % reply


def as_json(reply: Any, *, ascii_only: bool = False) -> bytes:
    """One line of JSON. Pairs keep their order; a key that is not a string is written as one."""
    return _json(reply, ascii_only).encode() + b"\n"


def _json(reply: Any, ascii_only: bool) -> str:
    if isinstance(reply, Attributed):
        return _json(reply.reply, ascii_only)
    if isinstance(reply, Map):
        pairs = [f"{_json_key(key, ascii_only)}:{_json(value, ascii_only)}" for key, value in reply]
        return "{" + ",".join(pairs) + "}"
    if isinstance(reply, list):
        return "[" + ",".join([_json(element, ascii_only) for element in reply]) + "]"
    if isinstance(reply, ReplyError):
        return "{" + f'"error":{_json_text(_line(reply), ascii_only)}' + "}"
    if isinstance(reply, Double):
        number = float(reply)
        return _json_number(number) if math.isfinite(number) else _json_text(reply, ascii_only)
    if isinstance(reply, BigNumber):
        return reply.decode()
    if isinstance(reply, bytes):
        return _json_text(reply, ascii_only)
    return json.dumps(reply)


def _json_key(key: Any, ascii_only: bool) -> str:
    text = _json(key, ascii_only)
    return text if text.startswith('"') else json.dumps(text, ensure_ascii=ascii_only)


def _json_text(data: bytes, ascii_only: bool) -> str:
    return json.dumps(data.decode("utf-8", "backslashreplace"), ensure_ascii=ascii_only)


def _json_number(number: float) -> str:
    return f"{number:.0f}" if number.is_integer() and abs(number) < 2**53 else repr(number)
