"""What ``--bigkeys``, ``--memkeys`` and ``--hotkeys`` have found, and how they say it.

A scan hands in each key once, with its type and its measure; :class:`KeyStatistics` keeps the largest of
each type, the sums, and nothing else, so that a scan of any length takes no memory. Of hot keys the first
:data:`HOT_KEYS_MAX` are kept.

>>> statistics = KeyStatistics(by_memory=False)
>>> statistics.add(b"queue", "list", 300)
"Biggest list   found so far 'queue' with 300 items"
>>> statistics.add(b"other", "list", 7) is None
True
>>> print(statistics.summary())
2 keys were looked at; their names take 10 bytes (5.00 on average)
<BLANKLINE>
Biggest list   found 'queue' has 300 items
<BLANKLINE>
2 lists with 307 items (100.00% of keys, 153.50 on average)
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

from garrison.base.words import quote

__all__ = ["HOT_KEYS_MAX", "SIZES", "HotKeys", "KeyStatistics"]

HOT_KEYS_MAX = 16
SIZES = {
    "string": ("STRLEN", "bytes"),
    "list": ("LLEN", "items"),
    "set": ("SCARD", "members"),
    "zset": ("ZCARD", "members"),
    "hash": ("HLEN", "fields"),
    "stream": ("XLEN", "entries"),
}
"""For each type the command that gives its size, and what that counts. Other types have no size."""


@dataclass
class _OfType:
    keys: int = 0
    total: int = 0
    biggest: int = -1
    biggest_key: bytes = b""


class KeyStatistics:
    """Sizes of keys by type: in elements, or in bytes of memory."""

    def __init__(self, *, by_memory: bool) -> None:
        self._by_memory = by_memory
        self._types: dict[str, _OfType] = {}
        self._name_bytes = 0
        self.keys = 0

    def add(self, key: bytes, type: str, size: int) -> str | None:
        """Count a key; a line to show if it is the biggest of its type so far."""
        self.keys += 1
        self._name_bytes += len(key)
        found = self._types.setdefault(type, _OfType())
        found.keys += 1
        found.total += size
        if size <= found.biggest:
            return None
        found.biggest, found.biggest_key = size, key
        return f"Biggest {type:<6} found so far {_shown(key)} with {size} {self._unit(type)}"

    def summary(self) -> str:
        """What was found, in the end."""
        average = self._name_bytes / self.keys if self.keys else 0
        lines = [
            f"{self.keys} keys were looked at; their names take {self._name_bytes} bytes "
            f"({average:.2f} on average)"
        ]
        if self._types:
            lines.append("")
        for type, found in self._types.items():
            size = f"{found.biggest} {self._unit(type)}"
            lines.append(f"Biggest {type:<6} found {_shown(found.biggest_key)} has {size}")
        if self._types:
            lines.append("")
        for type, found in self._types.items():
            share = 100 * found.keys / self.keys
            lines.append(
                f"{found.keys} {_plural(type)} with {found.total} {self._unit(type)} "
                f"({share:.2f}% of keys, {found.total / found.keys:.2f} on average)"
            )
        return "\n".join(lines)

    def _unit(self, type: str) -> str:
        return "bytes" if self._by_memory else SIZES.get(type, ("", "keys"))[1]


class HotKeys:
    """The keys with the largest frequency counters.

    >>> hot = HotKeys()
    >>> [hot.add(b"k%d" % number, number) is not None for number in (3, 1, 2)]
    [True, True, True]
    >>> hot.summary().splitlines()[-1]
    "counter 1  key 'k1'"
    """

    def __init__(self) -> None:
        self._kept: list[tuple[int, bytes]] = []
        self.keys = 0

    def add(self, key: bytes, counter: int) -> str | None:
        """Count a key; a line to show if it is among the hottest so far."""
        self.keys += 1
        if counter <= 0:
            return None
        if len(self._kept) < HOT_KEYS_MAX:
            heapq.heappush(self._kept, (counter, key))
        elif (counter, key) <= self._kept[0]:
            return None
        else:
            heapq.heapreplace(self._kept, (counter, key))
        return f"Hot key {_shown(key)} found so far with counter {counter}"

    def summary(self) -> str:
        """The hottest keys, the hottest first."""
        width = max((len(str(counter)) for counter, _ in self._kept), default=1)
        lines = [f"{self.keys} keys were looked at", ""]
        for counter, key in sorted(self._kept, reverse=True):
            lines.append(f"counter {counter:>{width}}  key {_shown(key)}")
        return "\n".join(lines)


def _plural(type: str) -> str:
    return f"{type}es" if type.endswith("sh") else f"{type}s"


def _shown(key: bytes) -> str:
    return "'" + quote(key)[1:-1].decode() + "'"
