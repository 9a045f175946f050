"""Answers to managers that wait for a disk: which may leave, and what is to be written next.

BACKGROUND. Every answer to a manager rests on the register as it was when the answer was made. The register's
file is written beside everything else that the node does: a slow disk must not hold up heartbeats.
INVARIANTS.
- An answer leaves when a text that is at least as new as the answer is on the disk, synced.
- After a failed write the text still counts as unwritten: the answers that had waited for it are errors, and
  the next one waits for another attempt.
- At most one write is under way, and texts are written in their order; one that was overtaken is left out.
BEHAVIOUR. A text for which nobody waits is written at once, and after a failure with the next answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from garrison.base.reply import Error, encode
from garrison.node.core.effects import Promised


class RecordsQueue:
    """`add` what the core wants; `begin` a write where it names one, then `ended`; `take` answers."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._text: str | None = None
        """The newest text, if it is not on the disk and not on its way there."""
        self._is_wanted = False
        self._writing: str | None = None
        self._riding: list[Promised] = []
        """Answers for the write that is under way."""
        self._waiting: list[Promised] = []
        self._ready: list[tuple[int, bytes]] = []

    def add(self, text: str | None, promised: Sequence[Promised]) -> None:
        """The core has changed the register (`text`), or answers managers, or both."""
        if text is not None:
            self._text, self._is_wanted = text, True
        self._waiting += promised

    def begin(self) -> str | None:
        """The text that is to be written and synced now; None while there is nothing to begin."""
        if self._writing is not None or self._text is None or not (self._is_wanted or self._waiting):
            return None
        self._writing, self._text, self._is_wanted = self._text, None, False
        self._riding, self._waiting = self._waiting, []
        return self._writing

    def ended(self, error: str) -> None:
        """The write that was begun has ended; empty if the text is on the disk."""
        assert self._writing is not None, "no write is under way"
        if error and self._text is None:
            self._text = self._writing
        refusal = encode(Error(f"ERR {self._path} cannot be written, so nothing is promised: {error}"))
        self._ready += [(each.ticket, refusal if error else each.reply) for each in self._riding]
        self._writing, self._riding = None, []

    def take(self) -> list[tuple[int, bytes]]:
        """The (ticket, RESP bytes) that may leave now."""
        if self._writing is None and self._text is None:
            self._ready += [(each.ticket, each.reply) for each in self._waiting]
            self._waiting = []
        ready, self._ready = self._ready, []
        return ready
