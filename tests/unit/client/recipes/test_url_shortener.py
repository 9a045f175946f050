"""The URL shortener: one code a URL, one URL a code, and guesses that cost nothing."""

from __future__ import annotations

import asyncio
import doctest
from typing import Any

import pytest

from garrison.client import Client, UsageError
from garrison.client.errors import RecipeError
from garrison.client.recipes import BitmapFilter, UrlShortener, url_shortener

URL = "https://example.com/a/long/path?with=parameters"


def test_examples() -> None:
    assert doctest.testmod(url_shortener) == (0, 1)


async def test_a_url_has_one_code(plain_client: Client[Any]) -> None:
    links = await UrlShortener.open(plain_client, "go", capacity=1000)
    codes = await asyncio.gather(*(links.shorten(URL) for _ in range(20)))
    assert len(set(codes)) == 1
    assert len(codes[0]) == 7
    assert await links.expand(codes[0]) == URL
    assert await links.expand("nothing") is None
    assert await links.expand("") is None
    assert await links.forget(codes[0]) is True
    assert await links.expand(codes[0]) is None
    assert await links.shorten(URL) == codes[0]


async def test_urls_with_one_code_are_told_apart(plain_client: Client[Any]) -> None:
    """With codes of one character, collisions are the rule."""
    known = BitmapFilter(plain_client, "f", capacity=1000, error_rate=0.01)
    links = UrlShortener(plain_client, "go", known, code_characters=1)
    codes = {f"{URL}{n}": await links.shorten(f"{URL}{n}") for n in range(20)}
    assert len(set(codes.values())) == 20
    for url, code in codes.items():
        assert await links.expand(code) == url

    async def fill() -> None:
        for number in range(200):
            await links.shorten(f"https://full.example/{number}")

    with pytest.raises(RecipeError, match="code_characters"):
        await fill()


async def test_guesses_do_not_reach_the_store_behind(plain_client: Client[Any]) -> None:
    asked: list[str] = []

    async def database(code: str) -> str | None:
        asked.append(code)
        return URL if code == expired else None

    links = await UrlShortener.open(plain_client, "go", capacity=1000, find_elsewhere=database)
    expired = await links.shorten(URL, keep_s=0.05)
    await asyncio.sleep(0.2)
    assert await links.expand(expired) == URL
    assert [await links.expand(f"guess{n}") for n in range(300)] == [None] * 300
    assert len(asked) < 20


async def test_shortening_again_keeps_a_link_longer(plain_client: Client[Any]) -> None:
    links = await UrlShortener.open(plain_client, "go", capacity=1000)
    code = await links.shorten(URL, keep_s=60)
    key = f"link:go:{code}"
    await links.shorten(URL, keep_s=600)
    assert 60_000 < await plain_client.pttl(key) <= 600_000
    await links.shorten(URL, keep_s=6)
    assert await plain_client.pttl(key) > 60_000
    await links.shorten(URL)
    assert await plain_client.pttl(key) == -1


async def test_urls_have_bounds(plain_client: Client[Any]) -> None:
    links = await UrlShortener.open(plain_client, "go", capacity=10)
    for url in ("", "https://" + "x" * 9000):
        with pytest.raises(UsageError, match="url_bytes_max"):
            await links.shorten(url)


async def test_links_are_spread_over_a_cluster(in_cluster: Client[bytes]) -> None:
    links = await UrlShortener.open(in_cluster, "go", capacity=1000)
    codes = await asyncio.gather(*(links.shorten(f"{URL}{n}") for n in range(60)))
    assert await asyncio.gather(*(links.expand(code) for code in codes)) == [f"{URL}{n}" for n in range(60)]
    assert min((await in_cluster.call_primaries("DBSIZE")).values()) > 0
