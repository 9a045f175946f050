"""A URL shortener: short codes for long URLs, with a filter that stops guesses before they cost anything.

::

    links = await UrlShortener.open(client, "go", capacity=1_000_000)
    code = await links.shorten("https://example.com/a/long/path")
    assert await links.expand(code) == "https://example.com/a/long/path"

A code is made of the URL's own hash, so that the same URL has the same code, whoever shortens it and
however often. Two URLs with one code are told apart: the second one gets the next code.

Most requests to a public shortener are guesses of codes that were never given out. The filter answers them
with one look at a few bits, and they reach neither the links nor ``find_elsewhere``, where links that have
expired here may be kept (a database). One in a hundred gets through by mistake (``error_rate``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any

from garrison.client.client import Client
from garrison.client.commands.replies import as_text
from garrison.client.errors import RecipeError, UsageError
from garrison.client.recipes.basics import at_least, key_of, member_key, milliseconds
from garrison.client.recipes.filters import Filter, choose_filter

__all__ = ["UrlShortener"]

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_COLLISIONS_MAX = 16
_CODE_CHARACTERS_MAX = 40

FindElsewhere = Callable[[str], Awaitable[str | None]]
"""From a code to its URL, or None, where links are kept for ever."""


class UrlShortener:
    """The links of this name. Each link is a key of its own, so that they spread over a cluster."""

    def __init__(
        self,
        client: Client[Any],
        name: str,
        known_codes: Filter,
        *,
        find_elsewhere: FindElsewhere | None = None,
        code_characters: int = 7,
        url_bytes_max: int = 8_192,
    ) -> None:
        self.url_bytes_max = at_least(url_bytes_max, 1, "url_bytes_max")
        self._client = client
        self._name = name
        self._known = known_codes
        self._find_elsewhere = find_elsewhere
        self._characters = at_least(code_characters, 1, "code_characters", _CODE_CHARACTERS_MAX)

    @classmethod
    async def open(
        cls,
        client: Client[Any],
        name: str,
        *,
        capacity: int,
        error_rate: float = 0.01,
        find_elsewhere: FindElsewhere | None = None,
    ) -> UrlShortener:
        """A shortener with a filter for ``capacity`` codes, chosen by what the server has."""
        key = key_of("links", name, "codes")
        known = await choose_filter(client, key, capacity=capacity, error_rate=error_rate)
        return cls(client, name, known, find_elsewhere=find_elsewhere)

    async def shorten(self, url: str, *, keep_s: float | None = None) -> str:
        """The code of a URL, kept for ``keep_s`` from now (None: for ever)."""
        if not 1 <= len(url.encode()) <= self.url_bytes_max:
            raise UsageError(f"a URL has 1 to {self.url_bytes_max} bytes (url_bytes_max)")
        keep_ms = None if keep_s is None else milliseconds(keep_s, "keep_s")
        for attempt in range(_COLLISIONS_MAX):
            code = code_of(url, attempt, self._characters)
            # First the filter: a known code without a link does no harm, the reverse would hide the link.
            await self._known.add(code)
            if await self._put(code, url, keep_ms):
                return code
        raise RecipeError(f"{_COLLISIONS_MAX} codes for the URL are taken: make code_characters larger")

    async def expand(self, code: str) -> str | None:
        """The URL of a code; None when it was never given out, or is over."""
        if not 1 <= len(code) <= _CODE_CHARACTERS_MAX or not await self._known.may_have(code):
            return None
        url = await self._client.get(self._key(code))
        if url is not None:
            return as_text(url)
        return None if self._find_elsewhere is None else await self._find_elsewhere(code)

    async def forget(self, code: str) -> bool:
        """Delete a link; whether there was one. The filter keeps its code."""
        return await self._client.delete(self._key(code)) == 1

    async def _put(self, code: str, url: str, keep_ms: int | None) -> bool:
        """Store a link under a code unless that is another URL's."""
        key = self._key(code)
        if await self._client.set(key, url, nx=True, px=keep_ms):
            return True
        kept = await self._client.get(key)
        if kept is None or as_text(kept) != url:
            # It may have expired in between: the next code will do.
            return False
        if keep_ms is None:
            await self._client.persist(key)
        else:
            await self._client.pexpire(key, keep_ms, gt=True)
        return True

    def _key(self, code: str) -> str:
        return member_key("link", self._name, code)


def code_of(url: str, attempt: int, characters: int) -> str:
    """The code of a URL at its first (0) or a later attempt: its SHA-256 in base 62.

    >>> code_of("https://example.com/", 0, 7)
    'mPe6hed'
    """
    number = int.from_bytes(sha256(f"{attempt}:{url}".encode()).digest(), "big")
    code = ""
    for _ in range(characters):
        number, digit = divmod(number, len(_ALPHABET))
        code += _ALPHABET[digit]
    return code
