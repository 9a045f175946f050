"""Saving the cluster's file beside the loop: promises at once and in order, the rest when there is time.

INVARIANTS. One thread writes, so texts reach the file in the order in which they were handed in, and a text
that was overtaken by a younger one is not written any more. A text with a promise is synced before its `done`
is called; another one only written, so that it survives the end of the process. It is synced behind that,
by a second thread that holds nobody up. A power cut in between may leave an empty file; the one beside it
that ends in `.previous` is always a synced one, as only a file that was synced is kept under that name.
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
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="saver")
        self._syncer = ThreadPoolExecutor(1, thread_name_prefix="syncer")
        self._waiting: str | None = None
        self._writing = False
        self._closed = False
        self._writes = 0
        self._is_synced = True
        """Whether what was handed to the writer last is synced."""
        self._syncing = False

    def save_now(self, text: str) -> None:
        """Write and sync here; for the start, before anything is served. Raises OSError."""
        disk.replace(self.path, text, keep_previous=True)

    def save(self, text: str, done: Callable[[], None], *, sync: bool) -> None:
        """Write; `done` is called on the loop when the text survives the process, with `sync` a power cut."""
        self._waiting = None
        self._write(text, sync, done)

    def save_soon(self, text: str) -> None:
        """Write when nothing is being written; only the youngest of several texts is."""
        self._waiting = text
        if not self._writing:
            self._write_waiting()

    def close(self) -> None:
        """Write what waits and end the threads."""
        self._closed = True
        if self._waiting is not None:
            self._writer.submit(disk.replace, self.path, self._waiting, keep_previous=self._is_synced)
        self._writer.shutdown(wait=True)
        self._syncer.shutdown(wait=True)

    def _write_waiting(self) -> None:
        text, self._waiting = self._waiting, None
        self._writing = text is not None
        if text is not None:
            self._write(text, False, self._write_waiting)

    def _write(self, text: str, sync: bool, done: Callable[[], None]) -> None:
        keep, self._is_synced = self._is_synced, sync
        self._writes += 1

        def written() -> None:
            done()
            self._sync()

        self._in(
            self._writer,
            lambda: disk.replace(self.path, text, sync=sync, keep_previous=keep),
            done if sync else written,
        )

    def _sync(self) -> None:
        """Sync what was written last, one sync at a time."""
        if self._is_synced or self._syncing or self._closed:
            return
        self._syncing = True
        number = self._writes

        def synced() -> None:
            self._syncing = False
            self._is_synced = self._is_synced or number == self._writes
            self._sync()

        self._in(self._syncer, lambda: disk.sync(self.path), synced)

    def _in(self, thread: ThreadPoolExecutor, work: Callable[[], None], done: Callable[[], None]) -> None:
        def ended(future: asyncio.Future[None]) -> None:
            if self._closed:
                return
            error = future.exception()
            if error is None:
                done()
            else:
                self._closed = True
                self._failed(f"cannot save {self.path}: {error}")

        self._loop.run_in_executor(thread, work).add_done_callback(ended)
