"""How late a loop is: the time by which a timer comes later than it was set for.

The control plane answers heartbeats on its loop; what blocks it delays votes and failovers. So the lag is a
metric, and its largest value of the last moments is what counts.
"""

from __future__ import annotations

import asyncio
from typing import Final

PERIOD_S: Final = 0.25
WINDOW_S: Final = 15.0
"""The largest lag is kept for one to two windows, so that every usual scrape interval sees it."""


class LoopLag:
    """Measures one loop from `start` to `stop`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._due_s = self._window_ends_s = 0.0
        self._current_s = self._previous_s = 0.0

    @property
    def seconds(self) -> float:
        """The largest lag of the last one to two windows, the one that lasts now included."""
        now = max(0.0, self._loop.time() - self._due_s) if self._timer is not None else 0.0
        return max(self._current_s, self._previous_s, now)

    def start(self) -> None:
        self._window_ends_s = self._loop.time() + WINDOW_S
        self._arm()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        self._due_s = self._loop.time() + PERIOD_S
        self._timer = self._loop.call_at(self._due_s, self._look)

    def _look(self) -> None:
        now_s = self._loop.time()
        if now_s >= self._window_ends_s:
            self._previous_s, self._current_s = self._current_s, 0.0
            self._window_ends_s = now_s + WINDOW_S
        self._current_s = max(self._current_s, now_s - self._due_s)
        self._arm()
