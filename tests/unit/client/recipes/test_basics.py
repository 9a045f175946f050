"""Names, bounds, and the numbers that only grow."""

from __future__ import annotations

import doctest
from typing import Any

import pytest

from garrison.client import Client, UsageError, key_slot
from garrison.client.recipes import basics
from garrison.client.recipes.basics import FENCE, at_least, key_of, member_key, milliseconds


def test_examples() -> None:
    assert doctest.testmod(basics) == (0, 3)


@pytest.mark.parametrize("name", ["invoice:7", "a{b}c", "{x}", "ends}"])
def test_keys_of_one_name_share_a_slot(name: str) -> None:
    assert key_slot(key_of("lock", name).encode()) == key_slot(key_of("lock", name, "fence").encode())


@pytest.mark.parametrize("name", ["", "}x"])
def test_a_name_without_a_tag_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="name of a lock"):
        key_of("lock", name)


def test_members_of_two_names_are_two_keys() -> None:
    """Also where the member comes from outside, and wants to be taken for another or to choose its slot."""
    pairs = [
        ("a", "b:c"),
        ("a:b", "c"),
        ("a%3Ab", "c"),
        ("a", "{x}b"),
        ("a{x}", "b"),
        ("a", ""),
        ("a", "\udc80"),
    ]
    keys = {member_key("limit", *pair) for pair in pairs}
    assert len(keys) == len(pairs)
    assert all("{" not in key for key in keys)
    with pytest.raises(UsageError, match="at most 512"):
        member_key("limit", "a", "x" * 513)


@pytest.mark.parametrize("seconds", [0, -1, 1e-9, 1e12, float("nan")])
def test_times_have_bounds(seconds: float) -> None:
    with pytest.raises(UsageError, match="ttl_s"):
        milliseconds(seconds, "ttl_s")


@pytest.mark.parametrize("value", [0, 2**60, 1.5, True])
def test_numbers_have_bounds(value: Any) -> None:
    with pytest.raises(UsageError, match="limit="):
        at_least(value, 1, "limit")


async def test_fences_grow_whatever_is_lost(client: Client[Any]) -> None:
    fence = client.register_script(FENCE + "return next_fence(KEYS[1])")
    numbers = [int(await fence(["fence"])) for _ in range(20)]
    await client.delete("fence")
    numbers += [int(await fence(["fence"])) for _ in range(20)]
    assert numbers == sorted(set(numbers))
    await client.set("fence", numbers[-1] + 10**12)  # The clock of the old primary was ahead by days.
    assert int(await fence(["fence"])) == numbers[-1] + 10**12 + 1
