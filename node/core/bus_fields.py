"""Fields of bus frames that come from outside: ids and texts, checked before anybody uses them."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_ID: Final = re.compile(rb"[0-9a-f]{40}\Z")
ADDRESS: Final = re.compile(rb"[0-9A-Za-z.:%_-]*\Z")
NAME: Final = re.compile(rb"[0-9A-Za-z._-]*\Z")


class BadFrameError(Exception):
    """A frame that breaks the protocol. `reason` is a short word for the counter."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


@lru_cache(maxsize=8192)
def node_id(raw: bytes) -> str:
    """The id that 40 bytes spell. Raises BadFrameError."""
    if not _ID.match(raw):
        raise BadFrameError("node-id", f"{raw[:12]!r}... is not 40 hexadecimal digits")
    return raw.decode("ascii")


@lru_cache(maxsize=8192)
def text(raw: bytes, allowed: re.Pattern[bytes], what: str) -> str:
    """The text up to the first zero byte. Raises BadFrameError for characters that are not `allowed`."""
    value = raw.partition(b"\0")[0]
    if not allowed.match(value):
        raise BadFrameError(what, f"{value[:60]!r} has characters that are not allowed there")
    return value.decode("ascii")
