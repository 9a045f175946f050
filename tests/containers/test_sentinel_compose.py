"""Three nodes and three Sentinels in containers that die, sleep, move and lose their network."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from garrison.client import Client, ClientError, connect, open_connection
from garrison.client.errors import AuthenticationError
from tests.containers.conftest import PASSWORD, Compose
from tests.integration.group_on_hosts import WAIT_S, until

pytestmark = [pytest.mark.timeout(1800), pytest.mark.containers]
NAME = "mymaster"
NODES = {f"node-{number}": 6380 + number for number in (1, 2, 3)}
SENTINELS = {f"sentinel-{number}": 26380 + number for number in (1, 2, 3)}
PORTS = NODES | SENTINELS
FROM_OUTSIDE = f"sentinel://:{PASSWORD}@127.0.0.1:26381,127.0.0.1:26382,127.0.0.1:26383/mymaster"

INSIDE = """
import asyncio
from garrison.client import connect

async def main():
    url = "sentinel://:PASSWORD@sentinel-1:26381,sentinel-2:26382,sentinel-3:26383/mymaster"
    client = await connect(url, sentinel_password="PASSWORD")
    for number in range(100):
        await client.set(f"inside:{number}", number)
    print(sum([int(await client.get(f"inside:{number}")) for number in range(100)]))
    await client.close()

asyncio.run(main())
""".replace("PASSWORD", PASSWORD)

ALONE = """
import asyncio, os
from garrison.client import connect

async def main():
    client = await connect(f"redis://:{os.environ['REDISCLI_AUTH']}@127.0.0.1:{os.environ['GARRISON_PORT']}")
    print(await client.set("alone", "1"))
    await client.close()

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def compose(sentinel_group: Compose) -> Iterator[Compose]:
    """Three nodes and three Sentinels, up."""
    with sentinel_group.up() as running:
        yield running


async def call(service: str, *words: str, password: str | None = PASSWORD) -> Any:
    """One command through a published port. Raises ClientError."""
    connection = await open_connection("127.0.0.1", PORTS[service], password=password)
    try:
        return await connection.call(*words)
    finally:
        await connection.close()


async def call_all(services: dict[str, int], *words: str) -> None:
    for service in services:
        await call(service, *words)


async def named() -> str:
    """The service that all three Sentinels name."""
    found = {(await call(each, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME))[0] for each in SENTINELS}
    assert len(found) == 1, f"the Sentinels name {found}"
    return str(found.pop().decode())


async def another_than(old: str) -> str:
    async def moved() -> str:
        primary = await named()
        return "" if primary == old else primary

    new: str = await until(moved, f"all Sentinels name another primary than {old}")
    return new


async def settled() -> str:
    """Wait until all is well: one primary, which all name and follow, and nobody held down; it."""

    async def one_primary() -> str:
        primary = await named()
        for node in NODES:
            role = await call(node, "ROLE")
            wanted = [b"slave", primary.encode(), NODES[primary], b"connected"]
            assert role[0] == b"master" if node == primary else role[:4] == wanted, f"{node}: {role}"
        for sentinel in SENTINELS:
            flags = [
                await flags_of(sentinel, words)
                for words in ("MASTERS", f"REPLICAS {NAME}", f"SENTINELS {NAME}")
            ]
            assert flags == [["master"], ["slave"] * 2, ["sentinel"] * 2], f"{sentinel}: {flags}"
        return primary

    primary: str = await until(one_primary, "one primary, named and followed by all")
    return primary


async def flags_of(sentinel: str, words: str) -> list[str]:
    found = await call(sentinel, "SENTINEL", *words.split())
    return [each[each.index(b"flags") + 1].decode() for each in found]


async def keep(primary: str, key: str) -> None:
    """Write a key that all nodes have."""
    connection = await open_connection("127.0.0.1", PORTS[primary], password=PASSWORD)
    try:
        await connection.call("SET", key, "kept")
        assert await connection.call("WAIT", "2", "20000") == 2
    finally:
        await connection.close()


async def client_outside() -> Client[bytes]:
    """As docs/sentinel.md has it."""
    return await connect(
        FROM_OUTSIDE, address_map=lambda host, port: ("127.0.0.1", port), sentinel_password=PASSWORD
    )


async def test_it_forms_and_is_healthy(compose: Compose) -> None:
    assert await settled() == "node-1"

    async def healthy() -> bool:
        return all(compose.health(service) == "healthy" for service in PORTS)

    await until(healthy, "all health checks pass")
    assert "it is up" in compose.inside("sentinel-2", "garrison", "sentinel", "status")


async def test_it_listens_on_loopback_only(compose: Compose) -> None:
    assert compose.published() == {("127.0.0.1", str(port)) for port in PORTS.values()}


async def test_metrics_are_served_to_containers_beside_it(compose: Compose) -> None:
    await settled()
    assert compose.scrape("sentinel-1", "redis_up", *PORTS) == ["redis_up 1"] * len(PORTS)
    assert compose.scrape("node-1", "garrison_sentinel_can_save", *SENTINELS) == [
        "garrison_sentinel_can_save 1"
    ] * len(SENTINELS)


@pytest.mark.parametrize("password", [None, "wrong"])
@pytest.mark.parametrize("service", ["node-1", "sentinel-1"])
async def test_a_stranger_without_the_password_is_refused(
    compose: Compose, service: str, password: str | None
) -> None:
    await settled()
    with pytest.raises(AuthenticationError):
        await call(service, "INFO", password=password)


async def test_a_client_in_a_container_beside_it(compose: Compose) -> None:
    await settled()
    assert compose.inside("sentinel-3", "python3", "-c", INSIDE).strip() == "4950"


async def test_a_killed_primary_is_replaced_and_returns_as_a_replica(compose: Compose) -> None:
    old = await settled()
    await keep(old, "killed")
    client = await client_outside()
    compose.container(old).kill()
    try:
        await client.set("after the kill", "1")
        new = await another_than(old)
        assert await client.get("killed") == b"kept"
    finally:
        compose.container(old).start()
        await client.close()
    assert await settled() == new


@pytest.mark.parametrize("role", ["replica", "sentinel", "primary"])
async def test_who_starts_again_at_another_address_is_still_itself(compose: Compose, role: str) -> None:
    primary = await settled()
    await keep(primary, role)
    replica = next(node for node in NODES if node != primary)
    moved = {"replica": replica, "sentinel": "sentinel-2", "primary": primary}[role]
    with compose.at_another_address(moved):
        # A primary that starts again is empty: one of the others, which hold the data, takes over.
        now = await (another_than(primary) if role == "primary" else settled())
        assert await settled() == now
        assert await call(now, "GET", role) == b"kept"
        assert now != primary if role == "primary" else now == primary


async def test_a_primary_that_moves_as_it_runs_stays_the_primary(compose: Compose) -> None:
    primary = await settled()
    await keep(primary, "moves")
    await call_all(SENTINELS, "SENTINEL", "SET", NAME, "down-after-milliseconds", "60000")
    try:
        with compose.at_another_address(primary, restart=False):
            assert await settled() == primary
            await keep(primary, "moved")
    finally:
        await call_all(SENTINELS, "SENTINEL", "SET", NAME, "down-after-milliseconds", "1000")


async def test_primary_asleep_during_failover_acknowledges_nothing(compose: Compose) -> None:
    old = await settled()
    await keep(old, "awake")
    reader, writer = await asyncio.open_connection("127.0.0.1", PORTS[old])
    writer.write(f"AUTH {PASSWORD}\r\nSET before 1\r\n".encode())
    assert [await reader.readline() for _ in range(2)] == [b"+OK\r\n"] * 2
    compose.container(old).pause()
    try:
        await another_than(old)
        writer.write(b"SET slept 1\r\n" * 100)
    finally:
        compose.container(old).unpause()
    acknowledged = 0
    while await call_or_none(old, "ROLE") != b"slave":
        acknowledged += await call_or_none(old, "SET", "slept", "1") == b"OK"
    assert acknowledged == 0
    async with asyncio.timeout(WAIT_S):
        answer = b""
        while len(answer.splitlines()) < 100 and (more := await reader.read(65536)):
            answer += more
    writer.close()
    assert b"+OK" not in answer
    # On a machine that stalls another failover may follow: what counts is the data, wherever it is served.
    primary = await settled()
    assert await call(primary, "GET", "slept") is None
    assert await call(primary, "GET", "awake") is not None


async def call_or_none(service: str, *words: str) -> Any:
    try:
        async with asyncio.timeout(1):
            reply = await call(service, *words)
    except (ClientError, TimeoutError):
        return None
    return reply[0] if isinstance(reply, list) else reply


async def test_what_a_primary_without_a_network_acknowledges_is_lost(compose: Compose) -> None:
    """Only who is inside with it can write to it; docs/sentinel.md says how to refuse that."""
    old = await settled()
    await keep(old, "cut")
    compose.network.disconnect(compose.container(old))
    try:
        new = await another_than(old)
        assert compose.inside(old, "python3", "-c", ALONE).strip() == "True"
    finally:
        compose.network.connect(compose.container(old), aliases=[old])
    assert await settled() == new
    assert [await call(node, "GET", "alone") for node in NODES] == [None] * 3
    assert [await call(node, "GET", "cut") for node in NODES] == [b"kept"] * 3
