"""Walking through collections that change meanwhile, against real servers."""

from __future__ import annotations

from tests.unit.client.conftest import Setting


async def test_what_stays_comes_at_least_once(setting: Setting) -> None:
    client, t = setting
    await client.sadd("s", *range(1000))
    seen = []
    async for member in client.sscan_iter("s", count=10):
        seen.append(member)
        await client.sadd("s", f"new{len(seen)}")
        await client.srem("s", f"new{len(seen) - 1}")
    assert {t(str(n)) for n in range(1000)} <= set(seen)


async def test_nothing_is_walked_through(setting: Setting) -> None:
    client, _ = setting
    assert [item async for item in client.hscan_iter("nope")] == []
    assert [item async for item in client.sscan_iter("nope")] == []
    assert [item async for item in client.zscan_iter("nope")] == []
