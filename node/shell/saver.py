"""Saving the cluster's file beside the loop: promises at once and in order, the rest when there is time.

INVARIANTS. One thread writes, so texts reach the disk in the order in which they were handed in, and a text
that was overtaken by a younger one is not written any more. A text with a promise is synced before its `done`
is called; a text without one holds nobody up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from garrison.base import disk

Failed = Callable[[str], None]


class Saver:
    """Writes one file; `failed` is told once if that cannot be done, after which nothing more is written."""

    def __init__(self, path: str, loop: asyncio.AbstractEventLoop, failed: Failed) -> None:
        self.path = path
        self._loop = loop
        self._failed = failed
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="saver")
        self._waiting: str | None = None
        self._writing = False
        self._closed = False

    def save_now(self, text: str) -> None:
        """Write and sync here; for the start, before anything is served. Raises OSError."""
        disk.replace(self.path, text, keep_previous=True)

    def save_synced(self, text: str, done: Callable[[], None]) -> None:
        """Write and sync; `done` is called on the loop when the text survives a power cut."""
        self._waiting = None
        self._submit(text, True, done)

    def save_soon(self, text: str) -> None:
        """Write without syncing; only the youngest of several texts is written."""
        self._waiting = text
        if not self._writing:
            self._write_waiting()

    def close(self) -> None:
        """Write what waits and end the thread."""
        self._closed = True
        if self._waiting is not None:
            self._thread.submit(disk.replace, self.path, self._waiting, sync=False, keep_previous=True)
        self._thread.shutdown(wait=True)

    def _write_waiting(self) -> None:
        text, self._waiting = self._waiting, None
        self._writing = text is not None
        if text is not None:
            self._submit(text, False, self._write_waiting)

    def _submit(self, text: str, sync: bool, done: Callable[[], None]) -> None:
        def write() -> None:
            disk.replace(self.path, text, sync=sync, keep_previous=True)

        def written(future: asyncio.Future[None]) -> None:
            if self._closed:
                return
            error = future.exception()
            if error is None:
                done()
            else:
                self._closed = True
                self._failed(f"cannot save {self.path}: {error}")

        self._loop.run_in_executor(self._thread, write).add_done_callback(written)
