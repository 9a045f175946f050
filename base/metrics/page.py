"""An answer of the small HTTP server, apart from it: who serves nothing need not load the server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

TEXT: Final = "text/plain; charset=utf-8"
"""The content type of pages for people."""


class Page(NamedTuple):
    """An answer; `status` is an HTTP status code."""

    status: int
    body: bytes
    content_type: str = TEXT
    headers: Sequence[tuple[str, str]] = ()


def text_page(status: int, text: str, *headers: tuple[str, str]) -> Page:
    """A page of one line for people."""
    return Page(status, f"{text}\n".encode(), headers=headers)
