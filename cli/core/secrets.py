"""Which lines carry a password: those are kept in no history.

A line that cannot be split into words is judged by its beginning, as the password may stand behind a
quote that was not closed.

>>> [has_secret(line) for line in (b"auth x", b"GET auth", b"2 HELLO 3 auth default x", b'auth "x')]
[True, False, True, True]
>>> [has_secret(line) for line in (b"config set maxmemory 1", b"CONFIG SET maxmemory 1 requirepass x")]
[False, True]
"""

from __future__ import annotations

from garrison.cli.core.words import split_count, split_line

__all__ = ["has_secret"]

_WHOLE = {
    ("AUTH",),
    ("ACL", "SETUSER"),
    ("SENTINEL", "SET"),
    ("SENTINEL", "CONFIG"),
}
"""Commands whose every line is left out."""
_BY_WORD = {
    "HELLO": ("AUTH",),
    "MIGRATE": ("AUTH", "AUTH2"),
    "CONFIG": (
        *("REQUIREPASS", "MASTERAUTH", "PRIMARYAUTH", "USER"),
        *("TLS-KEY-FILE-PASS", "TLS-CLIENT-KEY-FILE-PASS"),
    ),
    "CONNECT": ("-A", "--PASS"),
}  # fmt: skip
"""Commands that carry a secret if one of these words is in them."""


def has_secret(line: bytes) -> bool:
    """Whether a line may hold a password."""
    _, typed = split_count(split_line(line) or line.split())
    words = [word.decode("utf-8", "replace").upper() for word in typed]
    if not words:
        return False
    if (words[0],) in _WHOLE or tuple(words[:2]) in _WHOLE:
        return True
    if any("://" in word and "@" in word for word in words):
        return True
    return any(word in _BY_WORD.get(words[0], ()) for word in words[1:])
