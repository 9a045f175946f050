"""A line as words, by the rules of quoting of configuration files and of redis-cli's prompt.

Words stand between blanks. ``"..."`` may hold blanks and the escapes ``\\n \\r \\t \\a \\b \\xHH``, and a
backslash before any other character gives that character; ``'...'`` knows only ``\\'``. A closing quote
must be followed by a blank or the end.

>>> split_bytes(b"set greeting 'it\\\\'s' \\"a\\\\x41\\"")
[b'set', b'greeting', b"it's", b'aA']
>>> split_bytes(b'get "greeting')
Traceback (most recent call last):
...
ValueError: a quote stays open
>>> quote(b'caf\\xc3\\xa9 "x"\\n')
b'"caf\\\\xc3\\\\xa9 \\\\"x\\\\"\\\\n"'
"""

from __future__ import annotations

_BLANKS = b" \n\r\t\v\f\0"
_ESCAPES = {ord("n"): 10, ord("r"): 13, ord("t"): 9, ord("b"): 8, ord("a"): 7}
_QUOTED = {value: b"\\%c" % letter for letter, value in _ESCAPES.items()} | {0x22: b'\\"', 0x5C: b"\\\\"}
_REPRESENTATION = [
    _QUOTED.get(byte, b"%c" % byte if 0x20 <= byte < 0x7F else b"\\x%02x" % byte) for byte in range(256)
]


def split_bytes(line: bytes) -> list[bytes]:
    """The words of a line. Raises ValueError where a quote stays open or text follows one directly."""
    words: list[bytes] = []
    at = 0
    while True:
        while at < len(line) and line[at] in _BLANKS:
            at += 1
        if at == len(line):
            return words
        word, at = _word(line, at)
        words.append(word)


def quote(data: bytes) -> bytes:
    """Bytes in double quotes, with escapes for all that is not printable ASCII."""
    return b'"' + b"".join([_REPRESENTATION[byte] for byte in data]) + b'"'


def _word(raw: bytes, at: int) -> tuple[bytes, int]:
    out = bytearray()
    while at < len(raw) and raw[at] not in _BLANKS:
        if raw[at] in b"\"'":
            at = _quoted(raw, at, out)
            if at < len(raw) and raw[at] not in _BLANKS:
                raise ValueError("a blank must follow a closing quote")
            break
        out.append(raw[at])
        at += 1
    return bytes(out), at


def _quoted(raw: bytes, at: int, out: bytearray) -> int:
    """Append what stands in the quotes that open at `at`; the place after them."""
    quote = raw[at]
    at += 1
    while at < len(raw) and raw[at] != quote:
        if raw[at] == ord("\\") and at + 1 < len(raw):
            taken = _escape(raw, at, quote, out)
            if taken:
                at += taken
                continue
        out.append(raw[at])
        at += 1
    if at >= len(raw):
        raise ValueError("a quote stays open")
    return at + 1


def _escape(raw: bytes, at: int, quote: int, out: bytearray) -> int:
    """Append what the escape at `at` stands for; how many bytes it takes, 0 if it is not an escape."""
    following = raw[at + 1]
    if quote == ord("'"):
        if following != quote:
            return 0
        out.append(quote)
        return 2
    if following == ord("x"):
        digits = raw[at + 2 : at + 4]
        if len(digits) == 2 and all(digit in b"0123456789abcdefABCDEF" for digit in digits):
            out.append(int(digits, 16))
            return 4
    out.append(_ESCAPES.get(following, following))
    return 2
