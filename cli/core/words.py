"""A line of the prompt as words; :mod:`garrison.base.words` says by which rules, which are redis-cli's.

>>> split_line(b"set greeting 'it\\\\'s'")
[b'set', b'greeting', b"it's"]
>>> split_line(b'get "greeting') is None
True
"""

from __future__ import annotations

from garrison.base.words import split_bytes

__all__ = ["BAD_LINE", "split_line", "unquote"]

BAD_LINE = "Invalid argument(s)"
"""What a line that cannot be split is answered with."""


def split_line(line: bytes) -> list[bytes] | None:
    """The words of a line, or None if its quotes do not match."""
    try:
        return split_bytes(line)
    except ValueError:
        return None


def unquote(text: bytes) -> bytes | None:
    """One argument, with quotes around it or without any; None if it is not one."""
    words = split_line(text)
    return words[0] if words is not None and len(words) == 1 else None
