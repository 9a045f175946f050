"""A simulated disk with nodes.conf and the manager register: what was synced survives a crash, what was only
written perhaps."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from garrison.node.shell.saver import SYNC_DELAY_S

_EPOCHS = re.compile(r"vars currentEpoch (\d+) lastVoteEpoch (\d+)")
_OWN_EPOCH = re.compile(r"myself,\S+ \S+ \d+ \d+ (\d+) ")
SLOW_SYNC_MS = 400
SYNC_DELAY_MS = round(1000 * SYNC_DELAY_S)


class RecordsDisk:
    """The file of the manager register. `slow` makes syncs take long, `failing` makes them fail."""

    def __init__(self, rng: Random, schedule: Callable[[int, Callable[[], None]], None]) -> None:
        self._rng = rng
        self._schedule = schedule
        self.synced: str | None = None
        self._under_way: str | None = None
        self.slow = self.failing = False

    def replace(self, text: str, done: Callable[[str], None]) -> None:
        """Write and sync; `done` hears what went wrong, at once or after a while."""
        self._under_way = text
        if self.slow:
            self._schedule(self._rng.randrange(1, SLOW_SYNC_MS), lambda: self._finish(text, done))
        else:
            self._finish(text, done)

    def _finish(self, text: str, done: Callable[[str], None]) -> None:
        if self._under_way is not text:
            return  # The machine went down meanwhile.
        self._under_way = None
        if self.failing:
            done("input/output error")
            return
        self.synced = text
        done("")

    def crash(self) -> None:
        """The machine goes down: a text that was not synced is there or not."""
        if self._under_way is not None and not self.failing and self._rng.random() < 0.5:
            self.synced = self._under_way
        self._under_way = None


class Disk:
    """`slow` makes syncs take long, `failing` makes the next one fail."""

    def __init__(self, rng: Random, schedule: Callable[[int, Callable[[], None]], None]) -> None:
        self._rng = rng
        self._schedule = schedule
        self.synced: str | None = None
        self.cached: str | None = None
        self.current_epoch = self.vote_epoch = self.own_epoch = 0
        self.slow = self.failing = False
        self._sync_is_due = False
        self._life = 0

    def write(self, text: str) -> None:
        """Write, and sync after a while."""
        self.cached = text
        if not self._sync_is_due:
            self._sync_is_due = True
            life = self._life
            self._schedule(SYNC_DELAY_MS, lambda: self._sync_late() if self._life == life else None)

    def _sync_late(self) -> None:
        self._sync_is_due = False
        if self.cached is not None:
            self._keep(self.cached)

    def sync(self, text: str, done: Callable[[bool], None]) -> None:
        """Write and sync; `done` hears whether that worked, at once or after a while."""
        self.cached = text
        took_ms = self._rng.randrange(SLOW_SYNC_MS) if self.slow else 0

        def finished() -> None:
            if self.failing:
                self.failing = False
                done(False)
                return
            self._keep(text)
            done(True)

        if took_ms:
            self._schedule(took_ms, finished)
        else:
            finished()

    def _keep(self, text: str) -> None:
        self.synced = text
        epochs, own = _EPOCHS.search(text), _OWN_EPOCH.search(text)
        assert epochs is not None
        assert own is not None
        self.current_epoch, self.vote_epoch = int(epochs[1]), int(epochs[2])
        self.own_epoch = int(own[1])

    def crash(self) -> None:
        """The machine goes down: what was not synced is there or not."""
        if self.cached is not None and self._rng.random() < 0.5:
            self._keep(self.cached)
        self.cached = self.synced
        self._life += 1
        self._sync_is_due = False
