"""The node's side of the messages that ``functions/core/messages.py`` describes.

What comes from a worker is checked: a library may have got hold of its process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import hiredis

BYTES_MAX = 64 << 20
"""Longest message of a worker; a worker that sends more is ended."""


class MessageError(ValueError):
    """A worker has sent something else than a message."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker takes calls."""


Message: TypeAlias = "Ready | Read | Done | Failed"


@dataclass(frozen=True, slots=True)
class Read:
    """Commands that a function reads with."""

    commands: list[list[bytes]]


@dataclass(frozen=True, slots=True)
class Done:
    """A function has returned: its writes, and the reply in pieces."""

    commands: list[list[bytes]]
    pieces: list[bytes]
    holes: list[int]


@dataclass(frozen=True, slots=True)
class Failed:
    """A function, or the loading of its library, has failed."""

    text: str
    is_leaving: bool
    """Whether the worker takes no further call."""


def packed(*words: bytes | int) -> bytes:
    """One message to a worker."""
    # Its stub describes a tuple of one word.
    return bytes(hiredis.pack_command(words))  # type: ignore[arg-type]


def parse(message: object) -> Message:
    """One message of a worker. Raises MessageError."""
    if not isinstance(message, list) or not message or not all(type(word) is bytes for word in message):
        raise MessageError("not a list of byte strings")
    kind = message[0]
    if kind == b"READY" and len(message) == 1:
        return Ready()
    if kind == b"READ":
        return Read(_commands(message, 1))
    if kind == b"DONE" and len(message) > 2:
        count = _number(message[1])
        behind = 1 + 2 * count
        if count < 1 or behind > len(message):
            raise MessageError("a reply in too few pieces")
        holes = [_number(word) for word in message[2 + count : behind]]
        return Done(_commands(message, behind), message[2 : 2 + count], holes)
    if kind == b"FAIL" and len(message) in (2, 3):
        return Failed(message[1].decode("utf-8", "replace"), message[2:] == [b"LEAVING"])
    raise MessageError(f"a message of the unknown kind {kind[:20]!r}")


def _number(word: bytes) -> int:
    if not word.isdigit() or len(word) > 9:
        raise MessageError(f"{word[:20]!r} is not a number")
    return int(word)


def _commands(message: list[bytes], start: int) -> list[list[bytes]]:
    commands = []
    while start < len(message):
        words = _number(message[start])
        end = start + 1 + words
        if not words or end > len(message):
            raise MessageError("a command in too few words")
        commands.append(message[start + 1 : end])
        start = end
    return commands
