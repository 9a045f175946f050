"""Saving the cluster's file beside the loop: promises at once and in order, the rest when there is time.

INVARIANTS. Texts reach the file in the order in which they were handed in, and a text that was overtaken by a
younger one is not written any more. A text with a promise is synced before its `done` is called; another one
is only written, so that it survives the end of the process, and synced soon, by a thread of its own. A power
cut in between may leave an empty file; the one beside it that ends in `.previous` is always a synced one, as
only a file that was synced is kept under that name.

BEHAVIOUR. One thread writes, as a disk may take its time over a sync. What somebody waits for and need not be
synced is written here while that thread has nothing to do: waking it costs more than the write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from garrison.base import disk

Failed = Callable[[str], None]
SYNC_DELAY_S: Final = 1.0
"""How long what was written without a promise waits for company before it is synced."""


class Saver:
    """Writes one file; `failed` is called once if that fails, and nothing more is written then."""

    def __init__(self, path: str, loop: asyncio.AbstractEventLoop, failed: Failed) -> None:
        self.path = path
        self._loop = loop
        self._failed = failed
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="saver")
        self._syncer = ThreadPoolExecutor(1, thread_name_prefix="syncer")
        self._waiting: str | None = None
        self._closed = False
        self._writing = 0
        """How many texts the thread has."""
        self._writes = 0
        self._is_synced = True
        """Whether what was written last, or will be, is synced."""
        self._sync_is_due = False

    def save_now(self, text: str) -> None:
        """Write and sync here; for the start, before anything is served. Raises OSError."""
        disk.replace(self.path, text, keep_previous=True)

    def save(self, text: str, done: Callable[[], None], *, sync: bool) -> None:
        """Write; `done` is called on the loop when the text survives the process, with `sync` a power cut."""
        self._waiting = None
        if sync or self._writing or self._closed:
            self._write(text, sync, done)
            return
        try:
            self._replace(text, False, self._handed(False))
        except OSError as error:
            self._fail(error)
        else:
            self._sync_soon()
            done()

    def save_soon(self, text: str) -> None:
        """Write as soon as no write is under way; of several waiting texts only the latest."""
        self._waiting = text
        self._write_waiting()

    def close(self) -> None:
        """Write what waits and end the threads."""
        self._closed = True
        if self._waiting is not None:
            self._writer.submit(disk.replace, self.path, self._waiting, keep_previous=self._is_synced)
        self._writer.shutdown(wait=True)
        self._syncer.shutdown(wait=True)

    def _write_waiting(self) -> None:
        if self._waiting is not None and not self._writing:
            text, self._waiting = self._waiting, None
            self._write(text, False, _nothing)

    def _write(self, text: str, sync: bool, done: Callable[[], None]) -> None:
        keep = self._handed(sync)
        self._writing += 1

        def written() -> None:
            self._writing -= 1
            done()
            self._sync_soon()
            self._write_waiting()

        self._in(self._writer, lambda: self._replace(text, sync, keep), written)

    def _handed(self, sync: bool) -> bool:
        """A text is about to be written: whether the present file is to be kept."""
        keep, self._is_synced = self._is_synced, sync
        self._writes += 1
        return keep

    def _replace(self, text: str, sync: bool, keep: bool) -> None:
        disk.replace(self.path, text, sync=sync, keep_previous=keep)

    def _sync_soon(self) -> None:
        if not self._is_synced and not self._sync_is_due:
            self._sync_is_due = True
            self._loop.call_later(SYNC_DELAY_S, self._sync)

    def _sync(self) -> None:
        number = self._writes

        def synced() -> None:
            self._sync_is_due = False
            self._is_synced = self._is_synced or number == self._writes
            self._sync_soon()

        if not self._closed:
            self._in(self._syncer, lambda: disk.sync(self.path), synced)

    def _in(self, thread: ThreadPoolExecutor, work: Callable[[], None], done: Callable[[], None]) -> None:
        def ended(future: asyncio.Future[None]) -> None:
            if self._closed:
                return
            error = future.exception()
            if error is None:
                done()
            else:
                self._fail(error)

        self._loop.run_in_executor(thread, work).add_done_callback(ended)

    def _fail(self, error: BaseException) -> None:
        self._closed = True
        self._failed(f"cannot save {self.path}: {error}")


def _nothing() -> None:
    """Do nothing when saved: no caller waits."""
