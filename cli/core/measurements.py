"""The lines of ``--latency``, ``--latency-history`` and ``--stat``.

>>> latency = Latency()
>>> for seconds in (0.0004, 0.0011, 0.0021):
...     latency.add(seconds)
>>> latency.line()
'min: 0.40, max: 2.10, avg: 1.20 ms (3 samples)'
>>> latency.raw_line(" ")
'0.40 2.10 1.20 3'
"""

from __future__ import annotations

import math
from collections.abc import Mapping

__all__ = ["Latency", "StatLines", "shown_bytes"]

HEADER_EVERY_LINES = 20
_UNITS = "BKMGTPE"


class Latency:
    """Times between a PING and its PONG, in milliseconds."""

    def __init__(self) -> None:
        self.count = 0
        self._least = math.inf
        self._most = 0.0
        self._total = 0.0

    def add(self, seconds: float) -> None:
        """Count one time."""
        milliseconds = seconds * 1000
        self.count += 1
        self._least = min(self._least, milliseconds)
        self._most = max(self._most, milliseconds)
        self._total += milliseconds

    def _figures(self) -> tuple[float, float, float]:
        return (self._least, self._most, self._total / self.count) if self.count else (0.0, 0.0, 0.0)

    def line(self) -> str:
        """For a person."""
        least, most, average = self._figures()
        return f"min: {least:.2f}, max: {most:.2f}, avg: {average:.2f} ms ({self.count} samples)"

    def raw_line(self, separator: str) -> str:
        """For a program: least, most, average, count."""
        return separator.join([*(f"{figure:.2f}" for figure in self._figures()), str(self.count)])

    def document(self) -> dict[str, float]:
        """For JSON."""
        least, most, average = self._figures()
        return {"min": round(least, 3), "max": round(most, 3), "avg": round(average, 3), "count": self.count}


def shown_bytes(number: int) -> str:
    """A size in the largest unit that leaves a number of one or more before the point.

    >>> shown_bytes(900), shown_bytes(3 * 1024**2 + 500_000)
    ('900B', '3.48M')
    """
    unit = 0
    size = float(number)
    while size >= 1024 and unit < len(_UNITS) - 1:
        size /= 1024
        unit += 1
    return f"{number}B" if unit == 0 else f"{size:.2f}{_UNITS[unit]}"


class StatLines:
    """Rolling lines from one INFO after the other."""

    _FORM = "{:<11}{:<10}{:<9}{:<9}{:<23}{:<12}{}"

    def __init__(self) -> None:
        self._lines = 0
        self._last_requests: int | None = None

    def next(self, info: Mapping[str, str], seconds: float) -> list[str]:
        """The line for an INFO, and the header now and then; ``seconds`` is the time since the former one."""
        lines = []
        if self._lines % HEADER_EVERY_LINES == 0:
            header = ("keys", "mem", "clients", "blocked", "requests", "requests/s", "connections")
            lines.append(self._FORM.format(*header).rstrip())
        self._lines += 1
        requests = int(info.get("total_commands_processed", 0))
        since = requests - self._last_requests if self._last_requests is not None else 0
        self._last_requests = requests
        keys = sum(
            _keys(value) for name, value in info.items() if name.startswith("db") and name[2:].isdigit()
        )
        rate = since / seconds if seconds > 0 else 0.0
        row = (
            keys,
            shown_bytes(int(info.get("used_memory", 0))),
            info.get("connected_clients", "0"),
            info.get("blocked_clients", "0"),
            f"{requests} (+{since})",
            f"{rate:.0f}",
            info.get("total_connections_received", "0"),
        )
        return [*lines, self._FORM.format(*row).rstrip()]


def _keys(value: str) -> int:
    """Keys of one database: ``keys=5,expires=0,...``."""
    first = value.partition(",")[0].partition("=")[2]
    return int(first) if first.isdecimal() else 0
