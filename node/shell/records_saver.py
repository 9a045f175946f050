"""The file of the manager register: read at the start, written beside the loop, answers behind their write.

INVARIANTS. An answer to a manager is handed on only after the text that it rests on is synced, and its name
too (`records_queue` says which may leave). A failed write is not fatal to the node: the managers that had
waited for it are told that nothing is promised.
BEHAVIOUR. One thread writes. The former file is kept under the same name with `.previous`, so that a damaged
one can be looked at; nobody but the node's user may read either.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from garrison.base import disk
from garrison.base.log import Log
from garrison.node.core.effects import Effects
from garrison.node.core.records_queue import RecordsQueue

MODE: Final = 0o600


class RecordsSaver:
    """`answer` is called on the loop with (ticket, RESP bytes) of each answer that may leave."""

    def __init__(
        self, path: str, loop: asyncio.AbstractEventLoop, log: Log, answer: Callable[[int, bytes], None]
    ) -> None:
        self.path = path
        self._loop = loop
        self._log = log
        self._answer = answer
        self._queue = RecordsQueue(path)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="records")
        self._error = ""
        self._closed = False

    def read(self) -> str | None:
        """The file's text, None if there is no file; a file that cannot be read has an empty text."""
        try:
            with open(self.path, "rb") as file:
                return file.read().decode("utf-8", "surrogateescape")
        except FileNotFoundError:
            return None
        except OSError as error:
            self._log.warning(f"Cannot read {self.path}: {error.strerror}")
            return ""

    def carry_out(self, effects: Effects) -> None:
        """Write what these effects want written, and answer what rests on it."""
        self._queue.add(effects.records, effects.promised)
        self._go_on()

    def close(self) -> None:
        """End, with the write that is under way."""
        self._closed = True
        self._writer.shutdown(wait=True)

    def _go_on(self) -> None:
        text = self._queue.begin()
        if text is not None:
            work = self._loop.run_in_executor(self._writer, self._replace, text)
            work.add_done_callback(self._written)
        for ticket, reply in self._queue.take():
            self._answer(ticket, reply)

    def _replace(self, text: str) -> None:
        disk.replace(self.path, text, keep_previous=True, mode=MODE)

    def _written(self, work: asyncio.Future[None]) -> None:
        if self._closed:
            return
        error = work.exception()
        why = "" if error is None else str(error)
        if why and why != self._error:
            self._log.warning(f"Cannot write {self.path}, so managers are promised nothing here: {why}")
        self._error = why
        self._queue.ended(why)
        self._go_on()
