"""The sample of keys is bounded, reads only, and lives with keys that are gone."""

from __future__ import annotations

from typing import Any

from garrison.client import ReplyError, open_connection
from garrison.cluster.core.doctor.readings import SampledKey
from garrison.cluster.doctor.key_sample import KEYS_MAX, SCANS_MAX, sample_keys
from tests.unit.cluster.doctor.talking import HANG_UP, Talker, talking

KEY = {"TYPE": "hash", "PTTL": 5000, "MEMORY USAGE": 77, "OBJECT FREQ": 9}
READING = {"SCAN", "TYPE", "PTTL", "MEMORY", "OBJECT"}


async def sampled(talker: Talker, policy: str = "noeviction") -> list[SampledKey] | None:
    connection = await open_connection(talker.address.host, talker.address.port)
    try:
        return await sample_keys(connection, policy)
    finally:
        await connection.close()


async def test_keys_are_asked_for_type_expiry_and_size() -> None:
    async with talking({"SCAN": ["0", ["a", "b"]], **KEY, "PTTL b": -1, "MEMORY USAGE b": -5}) as (one,):
        found = await sampled(one)
        assert {each.split()[0] for each in one.asked} <= READING
    assert found == [SampledKey("a", "hash", 5000, 77), SampledKey("b", "hash", None, -5)]


async def test_frequency_is_asked_under_lfu_only() -> None:
    async with talking({"SCAN": ["0", ["a"]], **KEY}) as (one,):
        assert (await sampled(one, "allkeys-lfu") or [])[0].frequency == 9
        assert (await sampled(one, "allkeys-lru") or [])[0].frequency is None


async def test_key_that_is_gone_is_left_out() -> None:
    async with talking({"SCAN": ["0", ["a", "b"]], **KEY, "TYPE a": "none"}) as (one,):
        assert [each.key for each in await sampled(one) or ()] == ["b"]


async def test_sample_ends_at_its_limit() -> None:
    async with talking(KEY) as (one,):
        count = 0

        def scan(words: list[str]) -> Any:
            nonlocal count
            count += 1
            return ["7", [f"k{count}-{number}" for number in range(500)]]

        one.answers["SCAN"] = scan
        assert len(await sampled(one) or ()) == KEYS_MAX
        assert count == KEYS_MAX // 500


async def test_scan_without_end_is_given_up() -> None:
    async with talking({"SCAN": ["7", []], **KEY}) as (one,):
        assert await sampled(one) == []
        assert len(one.asked) == SCANS_MAX


async def test_scan_that_is_refused_is_not_known() -> None:
    async with talking({"SCAN": ReplyError("NOPERM no")}) as (one,):
        assert await sampled(one) is None


async def test_lost_connection_keeps_nothing() -> None:
    async with talking({"SCAN": ["0", ["a"]], "TYPE": HANG_UP}) as (one,):
        assert await sampled(one) is None
