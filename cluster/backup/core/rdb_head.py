"""How many keys a snapshot says it has, from its first bytes.

Behind the magic and the auxiliary fields, a snapshot names its first database and how many keys that has,
before any of them (opcodes as of RDB version 7 on, https://github.com/redis/redis/blob/7.0/src/rdb.h). What
is not understood gives no count, and no error: the count is a help for ``verify``, not a check of the file.
"""

from dataclasses import dataclass

HEAD_BYTES_MAX = 64 * 1024
MAGIC_BYTES = 9
_AUX, _RESIZE, _SELECT_DB, _EOF = 0xFA, 0xFB, 0xFE, 0xFF


@dataclass(frozen=True)
class Counts:
    """Keys of one database."""

    keys: int
    expiring: int


class _Bytes:
    """A cursor; what is behind the end raises IndexError."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = MAGIC_BYTES

    def byte(self) -> int:
        value = self.data[self.at]
        self.at += 1
        return value

    def take(self, count: int) -> bytes:
        part = self.data[self.at : self.at + count]
        if len(part) < count:
            raise IndexError
        self.at += count
        return part

    def length(self) -> int:
        first = self.byte()
        kind = first >> 6
        if kind == 0:
            return first & 0x3F
        if kind == 1:
            return (first & 0x3F) << 8 | self.byte()
        if first == 0x80:
            return int.from_bytes(self.take(4), "big")
        if first == 0x81:
            return int.from_bytes(self.take(8), "big")
        raise ValueError(f"{first:#x} is not a length")

    def skip_text(self) -> None:
        first = self.data[self.at]
        if first >> 6 == 3:  # A number in 1, 2 or 4 bytes, or compressed text, which no auxiliary field is.
            self.at += 1
            self.take({0: 1, 1: 2, 2: 4}[first & 0x3F])
        else:
            self.take(self.length())


def counts_in_head(head: bytes) -> Counts | None:
    """The keys of the first database, from the first bytes of a snapshot; None if that cannot be told."""
    if not head.startswith((b"REDIS", b"VALKEY")):
        return None
    cursor = _Bytes(head)
    try:
        while True:
            opcode = cursor.byte()
            if opcode == _AUX:
                cursor.skip_text()
                cursor.skip_text()
            elif opcode == _SELECT_DB:
                cursor.length()
            elif opcode == _RESIZE:
                return Counts(cursor.length(), cursor.length())
            else:
                return Counts(0, 0) if opcode == _EOF else None
    except (IndexError, ValueError, KeyError):
        return None
