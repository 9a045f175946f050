"""A plain reader of append-only files of commands: which bytes are structure, and what the commands are."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Structure:
    """What a sound file consists of."""

    commands: list[list[bytes]] = field(default_factory=list)
    values: set[int] = field(default_factory=set)
    """Offsets of bytes within arguments or behind the `#` of a line: nothing protects them."""


def read_structure(content: bytes) -> Structure:
    """Take a sound file apart. Raises ValueError for another one."""
    found = Structure()
    at = 0
    while at < len(content):
        end = content.index(b"\r\n", at)
        if content[at : at + 1] == b"#":
            found.values.update(range(at + 1, end + 1))
            at = end + 2
            continue
        if content[at : at + 1] != b"*":
            raise ValueError(f"no command at offset {at}")
        arguments = []
        count, at = int(content[at + 1 : end]), end + 2
        for _ in range(count):
            end = content.index(b"\r\n", at)
            length, at = int(content[at + 1 : end]), end + 2
            arguments.append(content[at : at + length])
            found.values.update(range(at, at + length))
            at += length + 2
        found.commands.append(arguments)
    return found
