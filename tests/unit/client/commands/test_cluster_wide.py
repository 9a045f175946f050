"""What is asked of all primaries, against real servers."""

from __future__ import annotations

import time

from tests.unit.client.conftest import Setting


async def test_the_whole_server(setting: Setting) -> None:
    client, t = setting
    assert not client.is_cluster
    assert client.topology is None
    assert await client.ping() is True
    assert await client.echo("x") == t("x")
    assert abs(await client.time() - time.time()) < 5
    assert await client.randomkey() is None
    await client.mset({f"k{n}": n for n in range(100)})
    assert await client.randomkey() is not None
    assert len(await client.keys("k1*")) == 11
    assert len({key async for key in client.scan_iter(match="k*", count=10, type="string")}) == 100
    info = await client.info("server", "keyspace")
    assert [section["redis_mode"] for section in info.values()] == ["standalone"]
    assert await client.config_set("maxmemory-samples", 6) is True
    assert [
        config[t("maxmemory-samples")] for config in (await client.config_get("maxmemory-samples")).values()
    ] == [t("6")]
    assert await client.call("CLIENT", "GETNAME", key="x") == t("tests")
    assert await client.call("DBSIZE") == 100
    assert await client.flushdb() is True
    assert await client.flushall(asynchronous=True) is True
    assert await client.dbsize() == 0
