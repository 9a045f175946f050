"""Simulated time: a queue of actions, carried out in the order of their time and then of their entry."""

from __future__ import annotations

import heapq
from collections.abc import Callable

Action = Callable[[], None]


class Events:
    """`now_ms` moves only when an action is carried out or when `advance` says so."""

    def __init__(self) -> None:
        self.now_ms = 0
        self._queue: list[tuple[int, int, Action]] = []
        self._sequence = 0

    def schedule(self, delay_ms: int, action: Action) -> None:
        """Carry `action` out in `delay_ms`."""
        self._sequence += 1
        heapq.heappush(self._queue, (self.now_ms + delay_ms, self._sequence, action))

    def step(self, limit_ms: int) -> bool:
        """Carry out the next action, if it is due by `limit_ms`; else let the time be that. Whether one was
        due."""
        if not self._queue or self._queue[0][0] > limit_ms:
            self.now_ms = max(self.now_ms, limit_ms)
            return False
        self.now_ms, _, action = heapq.heappop(self._queue)
        action()
        return True

    def run(self, duration_ms: int) -> None:
        """Let time pass."""
        end_ms = self.now_ms + duration_ms
        while self.step(end_ms):
            pass
