"""A line of the prompt as words; :mod:`garrison.base.words` says by which rules, which are redis-cli's.

>>> split_line(b"set greeting 'it\\\\'s'")
[b'set', b'greeting', b"it's"]
>>> split_line(b'get "greeting') is None
True
"""

from __future__ import annotations

from garrison.base.words import split_bytes

__all__ = ["BAD_LINE", "split_count", "split_line", "unquote"]

BAD_LINE = "Invalid argument(s)"
"""What a line that cannot be split is answered with."""
COUNT_DIGITS_MAX = 4_000
"""Python converts hardly more; a count that is cut here is endless all the same."""


def split_line(line: bytes) -> list[bytes] | None:
    """The words of a line, or None if its quotes do not match."""
    try:
        return split_bytes(line)
    except ValueError:
        return None


def split_count(words: list[bytes]) -> tuple[int, list[bytes]]:
    """How often a command is to be sent, and the command; a number alone is a command.

    >>> split_count([b"5", b"INCR", b"k"]), split_count([b"INCR", b"k"]), split_count([b"5"])
    ((5, [b'INCR', b'k']), (1, [b'INCR', b'k']), (1, [b'5']))
    """
    if len(words) > 1 and words[0].isdigit():
        return int(words[0][:COUNT_DIGITS_MAX]), words[1:]
    return 1, words


def unquote(text: bytes) -> bytes | None:
    """One argument, with quotes around it or without any; None if it is not one."""
    words = split_line(text)
    return words[0] if words is not None and len(words) == 1 else None
