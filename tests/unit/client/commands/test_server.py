"""What is asked about servers, against real ones."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from garrison.client import Client, key_slot
from garrison.client.errors import ReplyError
from tests.unit.client.conftest import Setting


async def test_servers(setting: Setting) -> None:
    client, _ = setting
    (address,) = [str(node) for node in client.primaries()]
    assert (await client.role())[address][0] in ("master", b"master")
    assert (await client.lastsave())[address] > 0
    assert await client.config_resetstat() is True
    (mine,) = [one for one in (await client.client_list())[address] if one["name"] == "tests"]
    assert mine["cmd"].startswith("client")
    assert await client.client_kill_filter(addr="1.2.3.4:5", skipme=True) == 0
    assert await client.client_pause(1, all=False) is True
    assert await client.client_unpause() is True
    assert list(await client.memory_stats()) == [address]
    assert await client.memory_purge() is True
    assert "Redis" in await client.lolwut() or "Garrison" in await client.lolwut()


async def test_slow_commands_and_latencies(setting: Setting) -> None:
    client, _ = setting
    (address,) = [str(node) for node in client.primaries()]
    await client.config_set("slowlog-log-slower-than", 0)
    await client.set("k", "v")
    await client.config_set("slowlog-log-slower-than", 10_000)
    assert b"SET k v" in [entry["command"] for entry in (await client.slowlog_get(10))[address]]
    assert await client.slowlog_len() > 0
    assert await client.slowlog_reset() is True
    assert await client.latency_reset() == 0
    assert await client.latency_latest() == {address: []}
    assert await client.latency_history("command") == {address: []}
    assert isinstance((await client.latency_doctor())[address], str)
    assert "set" in (await client.latency_histogram("set"))[address]


async def test_channels(setting: Setting) -> None:
    client, t = setting
    async with client.subscribe("news"), client.psubscribe("n*"):
        assert await client.pubsub_channels() == [t("news")]
        assert await client.pubsub_numsub("news", "nope") == {t("news"): 1, t("nope"): 0}
        assert await client.pubsub_numpat() == 1


async def test_commands(setting: Setting) -> None:
    client, t = setting
    assert await client.command_count() == len(await client.command()) > 200
    assert (await client.command_info("get", "nope"))[1] is None
    assert "summary" in (await client.command_docs("get"))["get"]
    assert "get" in await client.command_list()
    assert "get" in await client.command_list(pattern="ge*")
    assert await client.command_getkeys("MSET", "a", 1, "b", 2) == [t("a"), t("b")]
    assert (await client.command_getkeysandflags("GET", "a"))[0][0] == t("a")


async def test_questions_about_a_cluster(in_cluster: Client[Any]) -> None:
    assert (await in_cluster.cluster_info())["cluster_state"] == "ok"
    assert len((await in_cluster.cluster_nodes()).splitlines()) == 6
    assert len(await in_cluster.cluster_slots()) == 3
    assert {node["role"] for shard in await in_cluster.cluster_shards() for node in shard["nodes"]} == {
        b"master",
        b"replica",
    }
    for tag in "abc":
        await in_cluster.set(f"{{{tag}}}", 1)
        slot = await in_cluster.cluster_keyslot(f"{{{tag}}}")
        assert slot == key_slot(tag)
        assert await in_cluster.cluster_countkeysinslot(slot) == 1
        assert await in_cluster.cluster_getkeysinslot(slot, 5) == [f"{{{tag}}}".encode()]
    with pytest.raises(ReplyError):
        await in_cluster.swapdb(0, 1)


async def test_subscribers_of_a_cluster_are_counted_together(in_cluster: Client[Any]) -> None:
    async with in_cluster.ssubscribe("a"), in_cluster.ssubscribe("b"), in_cluster.ssubscribe("c"):
        await asyncio.sleep(0.05)
        assert set(await in_cluster.pubsub_shardchannels()) == {b"a", b"b", b"c"}
        assert await in_cluster.pubsub_shardnumsub("a") == {b"a": 1}
