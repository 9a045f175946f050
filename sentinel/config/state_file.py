"""The configuration file as the memory of a Sentinel: rewritten whole, synced, before anything else happens.

INVARIANTS. `save` returns when the new text survives a power cut, or raises and the old text stands. The text
that is rewritten is the one that is there now, so that an edit by hand is not lost (it counts from the next
start on, unless it contradicts what is kept).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from garrison.base import disk
from garrison.base.config_text import ConfigError, read_text
from garrison.base.process import StartError
from garrison.sentinel.config.rewrite import rewrite


class StateFile:
    """The file at `path`."""

    def __init__(self, path: str) -> None:
        self.path = os.path.realpath(path)  # behind a link it is the file that is replaced, not the link

    def check(self) -> None:
        """See that we can write it. Raises StartError."""
        if not os.path.isfile(self.path):
            raise StartError(
                f"Sentinel config file {self.path} is not a file: a Sentinel keeps its state in it"
            )
        if not os.access(self.path, os.W_OK):
            raise StartError(f"Sentinel config file {self.path} is not writable: give us write permission")
        folder = os.path.dirname(self.path)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise StartError(
                f"Sentinel config file {self.path} cannot be replaced: its folder {folder} is not writable"
            )

    def save(self, state: Sequence[str], users: Sequence[str] | None, changed: Mapping[str, str]) -> None:
        """Make the file say this; who may read it stays as it is, for it holds passwords. Raises OSError."""
        mode = os.stat(self.path).st_mode & 0o777
        try:
            text = read_text(self.path)
        except ConfigError as error:
            raise OSError(0, str(error)) from None
        new = rewrite(text, state, users, changed)
        disk.replace(self.path, new, mode=mode)
