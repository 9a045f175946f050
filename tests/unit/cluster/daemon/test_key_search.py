"""A search walks in bounds and ranks what it finds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import pytest

from garrison.client import ReplyError
from garrison.cluster.core.manager.status import KeySearch
from garrison.cluster.core.topology import Address
from garrison.cluster.daemon import key_search
from garrison.cluster.daemon.desk import NotPossibleError
from garrison.cluster.manager.admin_client import Access

PLACE = Address("h", 1)


class Keys:
    """A node with keys `0` to `n-1`; the size of a key is its number."""

    def __init__(self, count: int, *, is_lfu: bool = True) -> None:
        self.count = count
        self.is_lfu = is_lfu
        self.scans = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        """Nothing is open."""

    async def call(self, address: Address, *words: Any) -> Any:
        self.scans += 1
        first = int(words[1])
        last = min(self.count, first + words[3])
        keys = [str(number).encode() for number in range(first, last)]
        return [b"0" if last == self.count else str(last).encode(), keys]

    async def call_many(self, address: Address, commands: Sequence[Any], lane: int = 0) -> list[Any]:
        if commands[0][0] == "TYPE":
            return [b"string" for _ in commands]
        if commands[0][0] == "OBJECT" and not self.is_lfu:
            return [ReplyError("ERR An LFU maxmemory policy is not selected") for _ in commands]
        return [int(command[2]) for command in commands]


def node(monkeypatch: pytest.MonkeyPatch, keys: Keys) -> Keys:
    monkeypatch.setattr(key_search, "AdminClient", lambda address, access: keys)
    return keys


async def test_biggest_keys_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    node(monkeypatch, Keys(1_200))
    found = await key_search.search_keys(Access(), PLACE, KeySearch(node="n"))
    assert [(key.key, key.bytes) for key in found[:2]] == [("1199", 1199), ("1198", 1198)]
    assert len(found) == key_search.KEYS_FOUND_MAX


async def test_walk_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = node(monkeypatch, Keys(10**9))
    monkeypatch.setattr(key_search, "KEYS_WALKED_MAX", 2_000)
    await key_search.search_keys(Access(), PLACE, KeySearch(node="n"))
    assert keys.scans == 4


async def test_hot_keys_need_a_policy_that_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    node(monkeypatch, Keys(10, is_lfu=False))
    with pytest.raises(NotPossibleError, match="lfu"):
        await key_search.search_keys(Access(), PLACE, KeySearch(node="n", what="hot"))
