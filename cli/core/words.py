"""A line of the prompt as words, by redis-cli's rules of quoting.

Words stand between blanks. ``"..."`` may hold blanks and the escapes ``\\n \\r \\t \\a \\b \\xHH``, and a
backslash before any other character gives that character; ``'...'`` knows only ``\\'``. A closing quote
must be followed by a blank or the end, and a quote that is not closed makes the line invalid.

>>> split_line(b"set greeting 'it\\\\'s' \\"a\\\\x41\\"")
[b'set', b'greeting', b"it's", b'aA']
>>> split_line(b'get "greeting') is None
True
>>> quote(b'caf\\xc3\\xa9 "x"\\n')
b'"caf\\\\xc3\\\\xa9 \\\\"x\\\\"\\\\n"'
"""

from __future__ import annotations

__all__ = ["BAD_LINE", "quote", "split_line", "unquote"]

BAD_LINE = "Invalid argument(s)"
"""What a line that cannot be split is answered with."""

_BLANK = b" \n\r\t\0\v\f"
_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"a": b"\a"}
_HEX = b"0123456789abcdefABCDEF"
_QUOTED = {value[0]: b"\\" + name for name, value in _ESCAPES.items()} | {0x22: b'\\"', 0x5C: b"\\\\"}
_REPRESENTATION = [
    _QUOTED.get(byte, bytes((byte,)) if 0x20 <= byte < 0x7F else b"\\x%02x" % byte) for byte in range(256)
]


def split_line(line: bytes) -> list[bytes] | None:
    """The words of a line, or None if its quotes do not match."""
    words: list[bytes] = []
    at = 0
    while True:
        while at < len(line) and line[at] in _BLANK:
            at += 1
        if at == len(line):
            return words
        found = _word(line, at)
        if found is None:
            return None
        word, at = found
        words.append(word)


def unquote(text: bytes) -> bytes | None:
    """One argument, with quotes around it or without any; None if it is not one."""
    words = split_line(text)
    return words[0] if words is not None and len(words) == 1 else None


def quote(data: bytes) -> bytes:
    """Bytes in double quotes, with escapes for all that is not printable ASCII."""
    return b'"' + b"".join([_REPRESENTATION[byte] for byte in data]) + b'"'


def _word(line: bytes, at: int) -> tuple[bytes, int] | None:
    """One word from ``at`` on, and where it ends."""
    word = bytearray()
    while at < len(line) and line[at] not in _BLANK:
        mark = line[at : at + 1]
        if mark not in (b'"', b"'"):
            word += mark
            at += 1
            continue
        found = _double_quoted(line, at + 1) if mark == b'"' else _single_quoted(line, at + 1)
        if found is None:
            return None
        text, at = found
        word += text
        if at < len(line) and line[at] not in _BLANK:
            return None
        break
    return bytes(word), at


def _double_quoted(line: bytes, at: int) -> tuple[bytes, int] | None:
    text = bytearray()
    while at < len(line):
        mark = line[at : at + 1]
        if mark == b'"':
            return bytes(text), at + 1
        if mark == b"\\" and at + 1 < len(line):
            code = line[at + 2 : at + 4]
            if line[at + 1 : at + 2] == b"x" and len(code) == 2 and all(digit in _HEX for digit in code):
                text.append(int(code, 16))
                at += 4
                continue
            escaped = line[at + 1 : at + 2]
            text += _ESCAPES.get(escaped, escaped)
            at += 2
            continue
        text += mark
        at += 1
    return None


def _single_quoted(line: bytes, at: int) -> tuple[bytes, int] | None:
    text = bytearray()
    while at < len(line):
        if line[at : at + 2] == b"\\'":
            text += b"'"
            at += 2
        elif line[at : at + 1] == b"'":
            return bytes(text), at + 1
        else:
            text += line[at : at + 1]
            at += 1
    return None
