"""Filters that know what was never added: by the server's Bloom filters, or by bits of a string.

:class:`BloomFilter` uses the commands ``BF.*`` of Garrison, Redis 8 and Valkey with its module; it grows.
:class:`BitmapFilter` uses SETBIT and GETBIT, which every Redis has, hashes in this process, and has a fixed
capacity: beyond it, false positives become more frequent. :func:`choose_filter` takes the first where the
server has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from math import ceil, log
from typing import Any, Protocol

from garrison.client.client import Client
from garrison.client.errors import ReplyError, UsageError
from garrison.client.recipes.basics import at_least

__all__ = ["BitmapFilter", "BloomFilter", "Filter", "choose_filter"]

_BITS_MAX = 2**32
"""A string of 512 MB, the largest that a server takes."""


class Filter(Protocol):
    """What a filter can do."""

    async def add(self, value: str) -> None:
        """Remember a value."""

    async def may_have(self, value: str) -> bool:
        """Whether a value may have been added; False is certain."""


class BloomFilter:
    """A Bloom filter of the server under this key, made when it is first added to."""

    def __init__(self, client: Client[Any], key: str, *, capacity: int, error_rate: float) -> None:
        self._client = client
        self._key = key
        self._capacity, self._error_rate = _checked(capacity, error_rate)

    async def add(self, value: str) -> None:
        try:
            await self._client.bf_insert(self._key, [value], capacity=self._capacity, error=self._error_rate)
        except ReplyError as error:
            raise _explained(error) from error

    async def may_have(self, value: str) -> bool:
        try:
            return await self._client.bf_exists(self._key, value)
        except ReplyError as error:
            raise _explained(error) from error


class BitmapFilter:
    """A Bloom filter in a string under this key: ``capacity`` values have ``error_rate`` false positives.

    A value has ``k`` bits, found by two hashes as Kirsch and Mitzenmacher describe ("Less Hashing, Same
    Performance", 2006).
    """

    def __init__(self, client: Client[Any], key: str, *, capacity: int, error_rate: float) -> None:
        capacity, error_rate = _checked(capacity, error_rate)
        self._client = client
        self._key = key
        self.bits = max(8, ceil(-capacity * log(error_rate) / log(2) ** 2))
        """The size of the string; it is allocated when the first value is added."""
        self.hashes = max(1, round(self.bits / capacity * log(2)))
        """How many bits a value sets."""
        if self.bits > _BITS_MAX:
            raise UsageError(
                f"a filter of {self.bits} bits does not fit into a string (512 MB): lower capacity"
            )

    async def add(self, value: str) -> None:
        async with self._client.pipeline() as pipe:
            for offset in self._offsets(value):
                pipe.setbit(self._key, offset, 1)

    async def may_have(self, value: str) -> bool:
        async with self._client.pipeline() as pipe:
            bits = [pipe.getbit(self._key, offset) for offset in self._offsets(value)]
        return all(bit.result() for bit in bits)

    def _offsets(self, value: str) -> Iterator[int]:
        digest = blake2b(value.encode(), digest_size=16).digest()
        first, second = int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:], "big") | 1
        return ((first + number * second) % self.bits for number in range(self.hashes))


async def choose_filter(client: Client[Any], key: str, *, capacity: int, error_rate: float) -> Filter:
    """A :class:`BloomFilter` where the server has the commands, else a :class:`BitmapFilter`.

    A key keeps the kind it was made with: after moving from one server to another, make the filter anew.
    """
    known = await client.command_info("BF.INSERT")
    kind = BitmapFilter if known in ([None], []) else BloomFilter
    return kind(client, key, capacity=capacity, error_rate=error_rate)


def _checked(capacity: int, error_rate: float) -> tuple[int, float]:
    if not 0 < error_rate < 1:
        raise UsageError(f"error_rate={error_rate!r}: give a share between 0 and 1, such as 0.01")
    return at_least(capacity, 1, "capacity"), error_rate


def _explained(error: ReplyError) -> ReplyError | UsageError:
    if "unknown command" not in str(error):
        return error
    return UsageError("this server has no Bloom filters (BF.*): use BitmapFilter, or a server that has them")
