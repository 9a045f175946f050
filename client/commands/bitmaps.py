"""Bitmaps: the bits and small integers in a string."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, Literal, TypeVar

from garrison.client.commands.base import CommandSet, Reply, T
from garrison.client.core.commands import command
from garrison.client.core.resp import Arg, Key
from garrison.client.errors import UsageError

__all__ = ["BitField", "BitmapCommands"]

Overflow = Literal["WRAP", "SAT", "FAIL"]
BitUnit = Literal["BYTE", "BIT"]
Sent = TypeVar("Sent", covariant=True)

_BITCOUNT = command("BITCOUNT")
_BITFIELD = command("BITFIELD")
_BITFIELD_RO = command("BITFIELD_RO")
_BITOP = command("BITOP")
_BITPOS = command("BITPOS")
_GETBIT = command("GETBIT")
_SETBIT = command("SETBIT")


class BitField(Generic[Sent]):
    """Operations on the integers in one string, carried out together by :meth:`execute`.

    An integer is named by its type, ``"u8"`` or ``"i16"``, and by its offset in bits, or as ``"#2"`` in
    multiples of its width::

        await client.bitfield("counters").incrby("u8", 0, 1).get("u8", "#1").execute()     # [1, 0]
    """

    def __init__(self, send: Callable[[Sequence[Arg]], Sent], default_overflow: Overflow | None) -> None:
        self._send = send
        self._default_overflow = self._overflow = default_overflow or "WRAP"
        self._words: list[Arg] = []
        if default_overflow is not None:
            self._words += ["OVERFLOW", default_overflow]

    def get(self, fmt: str, offset: int | str) -> BitField[Sent]:
        """Read an integer."""
        self._words += ["GET", fmt, offset]
        return self

    def set(self, fmt: str, offset: int | str, value: int) -> BitField[Sent]:
        """Write an integer; its old value."""
        self._words += ["SET", fmt, offset, value]
        return self

    def incrby(
        self, fmt: str, offset: int | str, increment: int, overflow: Overflow | None = None
    ) -> BitField[Sent]:
        """Add to an integer; its new value, or None where ``FAIL`` kept it from overflowing."""
        if overflow is not None:
            self.overflow(overflow)
        self._words += ["INCRBY", fmt, offset, increment]
        return self

    def overflow(self, overflow: Overflow) -> BitField[Sent]:
        """What happens to the following ones that are too big: WRAP around, SATurate, or FAIL."""
        if overflow != self._overflow:
            self._overflow = overflow
            self._words += ["OVERFLOW", overflow]
        return self

    def execute(self) -> Sent:
        """Carry the operations out; one number for each of them."""
        if not self._words:
            raise UsageError("no operations: call get, set or incrby first")
        return self._send(self._words)


class BitmapCommands(CommandSet[T]):
    """The commands on bits. Offsets count from 0, the most significant bit of the first byte."""

    def getbit(self, key: Key, offset: int) -> Reply[int]:
        """One bit."""
        return self._keyed(_GETBIT, (key, offset))

    def setbit(self, key: Key, offset: int, value: int) -> Reply[int]:
        """Set one bit; the old one."""
        return self._keyed(_SETBIT, (key, offset, int(value)))

    def bitcount(
        self, key: Key, start: int | None = None, end: int | None = None, mode: BitUnit | None = None
    ) -> Reply[int]:
        """How many bits are set, in all or in the bytes (``mode="BIT"``: bits) ``start`` to ``end``."""
        return self._keyed(_BITCOUNT, (key, *_range(start, end, mode)))

    def bitpos(
        self,
        key: Key,
        bit: int,
        start: int | None = None,
        end: int | None = None,
        mode: BitUnit | None = None,
    ) -> Reply[int]:
        """Where the first bit of this value is; -1 if there is none."""
        args: tuple[Arg, ...] = (key, bit)
        if start is not None and end is None:
            args += (start,)
        else:
            args += _range(start, end, mode)
        return self._keyed(_BITPOS, args)

    def bitop(
        self,
        operation: Literal["AND", "OR", "XOR", "NOT", "DIFF", "DIFF1", "ANDOR", "ONE"],
        dest: Key,
        *keys: Key,
    ) -> Reply[int]:
        """Combine strings bit by bit into ``dest``, all keys in one slot; the length in bytes."""
        return self._routed(_BITOP, (operation, dest, *keys))

    def bitfield(
        self, key: Key, default_overflow: Overflow | None = None
    ) -> BitField[Reply[list[int | None]]]:
        """Begin operations on the integers in a string; see :class:`BitField`."""

        def send(words: Sequence[Arg]) -> Any:
            return self._keyed(_BITFIELD, (key, *words))

        return BitField(send, default_overflow)

    def bitfield_ro(
        self, key: Key, encoding: str, offset: int | str, items: Sequence[tuple[str, int | str]] = ()
    ) -> Reply[list[int]]:
        """Read an integer, and those of further (encoding, offset) pairs."""
        words = [word for fmt, at in ((encoding, offset), *items) for word in ("GET", fmt, at)]
        return self._keyed(_BITFIELD_RO, (key, *words))


def _range(start: int | None, end: int | None, mode: BitUnit | None) -> tuple[Arg, ...]:
    if start is None and end is None and mode is None:
        return ()
    if start is None or end is None:
        raise UsageError("a range needs both its ends: give start and end")
    return (start, end) if mode is None else (start, end, mode)
