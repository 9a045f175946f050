"""Six containers: served from both sides, through a kill, a pause, a cut network and a changed address."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest

from garrison.client import Client, connect
from garrison.client.errors import AuthenticationError
from tests.containers.conftest import PASSWORD, Compose
from tests.containers.manager_page import ACTS, PORT, READS, ask, leader_among, node_of, shown
from tests.integration.group_on_hosts import until

pytestmark = [pytest.mark.timeout(1800), pytest.mark.containers]
NODES = tuple(f"node-{number}" for number in range(1, 7))
FAILOVER_SECONDS_MAX = 30.0
FROM_OUTSIDE = f"redis://:{PASSWORD}@127.0.0.1:7001"

EXAMPLE = f"""
import asyncio
from garrison.client import connect

async def main():
    client = await connect("redis://:{PASSWORD}@node-1:7001")
    for number in range(100):
        await client.set(f"inside:{{number}}", number)
    print(sum([int(await client.get(f"inside:{{number}}")) for number in range(100)]))
    await client.close()

asyncio.run(main())
"""


SCRAPE_MANAGER = """
import sys, urllib.request
request = urllib.request.Request("http://manager:7380/metrics")
request.add_header("Authorization", f"Bearer {sys.argv[1]}")
print(urllib.request.urlopen(request, timeout=5).read().decode())
"""

ASK_FOR_NODES = """
import asyncio, os
from garrison.client import open_connection

async def main():
    port, password = int(os.environ["GARRISON_PORT"]), os.environ["REDISCLI_AUTH"]
    connection = await open_connection("127.0.0.1", port, password=password)
    print((await connection.call("CLUSTER", "NODES")).decode())
    await connection.close()

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def compose(cluster: Compose) -> Iterator[Compose]:
    """The six nodes, up."""
    with cluster.up() as running:
        yield running


async def wait_until_serving(compose: Compose, seconds: float = 90.0) -> None:
    """Wait until the cluster is formed, and answers reads and writes in every shard, from the host."""
    deadline = time.monotonic() + seconds
    while compose.container("form").attrs["State"]["Status"] != "exited":
        assert time.monotonic() < deadline, "the cluster is not formed"
        time.sleep(0.5)
    while True:
        try:
            client = await connect(FROM_OUTSIDE, call_timeout_s=5.0)
            try:
                for number in range(30):
                    await client.set(f"probe:{number}", number)
                return
            finally:
                await client.close()
        except Exception as error:
            if time.monotonic() > deadline:
                raise AssertionError(f"the cluster does not serve: {error!r}") from error
            time.sleep(0.5)


async def serving(compose: Compose) -> Client[bytes]:
    await wait_until_serving(compose)
    return await connect(FROM_OUTSIDE, call_timeout_s=FAILOVER_SECONDS_MAX)


async def primary_of(client: Client[bytes], key: str) -> str:
    """The service whose node owns the slot of a key: its port says which."""
    slot = await client.call("CLUSTER", "KEYSLOT", key)
    for first, last, member, *_ in await client.call("CLUSTER", "SLOTS"):
        if first <= slot <= last:
            return f"node-{int(member[1]) - 7000}"
    raise AssertionError(f"nobody owns slot {slot}")


async def write_through(client: Client[bytes], key: str) -> float:
    """Write one key until it is acknowledged; how long that took, in seconds."""
    begun = time.monotonic()
    await client.set(key, "after")
    return time.monotonic() - begun


async def test_it_is_served_from_the_host(compose: Compose) -> None:
    client = await serving(compose)
    for number in range(100):
        await client.set(f"outside:{number}", number)
    assert await client.mget(*(f"outside:{n}" for n in range(100))) == [b"%d" % n for n in range(100)]
    await client.close()


async def test_it_is_served_from_a_container_beside_it(compose: Compose) -> None:
    await wait_until_serving(compose)
    assert compose.inside("node-6", "python3", "-c", EXAMPLE).strip() == "4950"


async def test_it_listens_on_loopback_only(compose: Compose) -> None:
    assert compose.published() == {("127.0.0.1", str(port)) for port in (*range(7001, 7007), PORT)}


@pytest.mark.parametrize("login", ["", ":wrong@"])
async def test_a_stranger_without_the_password_is_refused(compose: Compose, login: str) -> None:
    await wait_until_serving(compose)
    with pytest.raises(AuthenticationError):
        await connect(f"redis://{login}127.0.0.1:7001")


async def test_the_command_line_inside_knows_the_password(compose: Compose) -> None:
    await wait_until_serving(compose)
    assert "healthy" in compose.inside("node-2", "garrison", "cluster", "check", "node-1:7001")


async def test_nodes_run_without_root(compose: Compose) -> None:
    assert compose.inside("node-1", "id", "-u").strip() == "10001"


async def test_every_node_and_the_manager_are_healthy(compose: Compose) -> None:
    await wait_until_serving(compose)
    deadline = time.monotonic() + 30
    for service in (*NODES, "manager"):
        while compose.health(service) != "healthy":
            assert time.monotonic() < deadline, f"{service} is {compose.health(service)}"
            time.sleep(0.5)


# Managers are tested before primaries are lost: a promoted one grants no lease for its waiting time.


async def test_manager_answers_whoever_has_a_token(compose: Compose) -> None:
    await wait_until_serving(compose)

    def is_whole(picture: dict[str, Any]) -> bool:
        roles = sorted(node["role"] for node in picture["nodes"] if node["state"] == "ok")
        return roles == ["primary"] * 3 + ["replica"] * 3 and picture["slots_covered"] == 16_384

    await shown(is_whole, "six nodes that are well")
    assert await leader_among({"manager": PORT}) == "manager"
    assert "<html" in ask("/")[1]
    assert [ask("/healthz")[0], ask("/readyz")[0]] == [200, 200]
    assert [ask("/api/picture", token)[0] for token in ("", "wrong", READS, ACTS)] == [401, 401, 200, 200]
    assert ask("/api/pause", READS, method="POST")[0] == 403
    assert "manager@127.0.0.1:7380, leads" in compose.inside("manager", "garrison", "manager", "status")
    assert ACTS not in compose.inside("manager", "cat", "/proc/1/cmdline")


async def test_metrics_are_served_to_containers_beside_it(compose: Compose) -> None:
    await wait_until_serving(compose)
    await leader_among({"manager": PORT})
    assert compose.scrape("manager", "redis_up", *NODES) == ["redis_up 1"] * len(NODES)
    as_prometheus = compose.inside("node-1", "python3", "-c", SCRAPE_MANAGER, READS)
    assert 'garrison_manager_leader{manager="manager@127.0.0.1:7380"} 1' in as_prometheus


async def test_another_manager_leads_when_the_leader_is_killed(compose: Compose) -> None:
    await wait_until_serving(compose)
    assert await leader_among({"manager": PORT}) == "manager"
    others = {"manager-2": 7381, "manager-3": 7382}
    replace(compose, variants=("deploy/compose/managers.yml",)).run("up", "-d", "--no-recreate", *others)
    try:
        ports = (*range(7001, 7007), PORT, *others.values())
        assert compose.published() == {("127.0.0.1", str(port)) for port in ports}
        compose.container("manager").kill()
        assert await leader_among(others) in others
    finally:
        compose.container("manager").start()
        for name in others:
            compose.container(name).remove(force=True, v=True)


@pytest.mark.parametrize("fault", ["kill", "pause", "cut"])
async def test_a_lost_primary_is_replaced(compose: Compose, fault: str) -> None:
    client = await serving(compose)
    key = f"fault:{fault}"
    await client.set(key, "before")
    service = await primary_of(client, key)
    container = compose.container(service)
    network = compose.network
    if fault == "kill":
        container.kill()
    elif fault == "pause":
        container.pause()
    else:
        network.disconnect(container)
    try:
        # Through node-1's published port unless it is the one that is gone: the client knows the others.
        assert await write_through(client, key) < FAILOVER_SECONDS_MAX
        assert await primary_of(client, key) != service

        def is_replaced(picture: dict[str, Any]) -> bool:
            lost = node_of(picture, service)
            return bool(lost["why"]) and (lost["state"], picture["slots_covered"]) == ("failed", 16_384)

        await shown(is_replaced, f"{service} as failed, and its slots as served by another")
    finally:
        if fault == "kill":
            container.start()
        elif fault == "pause":
            container.unpause()
        else:
            network.connect(container, aliases=[service])
        await client.close()
    await wait_until_serving(compose)
    await rejoined(compose, service)


async def rejoined(compose: Compose, service: str, seconds: float = 60.0) -> None:
    """Wait until the node of a service is back: a member without a failure flag, for a node that stayed."""
    other = "node-1" if service != "node-1" else "node-2"
    port = 7000 + int(service[-1])
    deadline = time.monotonic() + seconds
    while True:
        nodes = compose.inside(other, "python3", "-c", ASK_FOR_NODES)
        mine = [line for line in nodes.splitlines() if f":{port}@" in line]
        if mine and "fail" not in mine[0] and " connected" in mine[0]:
            return
        assert time.monotonic() < deadline, f"{service} did not come back:\n{nodes}"
        time.sleep(0.5)


@pytest.mark.parametrize("how", ["restart", "kill"])
async def test_all_containers_ended_at_once_have_the_data_again(compose: Compose, how: str) -> None:
    client = await serving(compose)
    values = {f"kept:{how}:{number}": b"%d" % number for number in range(200)}
    for key, value in values.items():
        await client.set(key, value)
    await client.close()
    time.sleep(1.5)  # the log is synced once a second
    if how == "restart":
        compose.run("restart", *NODES)
    else:
        compose.run("kill", *NODES)
        compose.run("start", *NODES)
    client = await serving(compose)
    assert await client.mget(*values) == list(values.values())
    await client.close()


async def test_prompt_in_a_container_knows_port_and_password(compose: Compose) -> None:
    client = await serving(compose)
    try:
        for number in range(6):
            name = f"prompt:{number}"
            assert compose.inside("node-1", "garrison", "cli", "-c", "SET", name, "1") == "OK\n"
            assert await client.get(name) == b"1"
    finally:
        await client.close()


async def test_a_node_on_another_address_rejoins_by_its_id(compose: Compose) -> None:
    client = await serving(compose)
    service = await primary_of(client, "address")
    try:
        with compose.at_another_address(service):
            await rejoined(compose, service)
            await client.set("address", "still served")
    finally:
        await client.close()


async def test_prometheus_reads_every_page_after_an_election(compose: Compose) -> None:
    """The shipped configuration and rules in a container with Debian's Prometheus."""
    await wait_until_serving(compose)
    files = ("deploy/compose/monitoring.yml", "tests/containers/prometheus/compose.yml")
    monitored = replace(compose, variants=files)
    monitored.run("build", "prometheus")
    monitored.run("up", "-d", "--no-recreate", "prometheus")
    try:
        replica = next(node for node in NODES if "slave" in compose.inside(node, "garrison", "cli", "ROLE"))
        assert compose.inside(replica, "garrison", "cli", "CLUSTER", "FAILOVER") == "OK\n"
        all_up = f"count(up == 1) == {len((*NODES, 'manager', 'prometheus'))}"
        elected = "redis_cluster_stats_messages_auth_ack_received > 0"
        query = urlencode({"query": f"({elected}) and on () ({all_up})"})
        await until(lambda: prometheus(f"query?{query}", "result"), "each page is read", 120)
        rules = [rule for group in await prometheus("rules", "groups") for rule in group["rules"]]
        assert {rule["health"] for rule in rules} == {"ok"}
    finally:
        compose.container("prometheus").remove(force=True, v=True)


async def prometheus(path: str, part: str) -> Any:
    """A part of what its API answers; AssertionError while it does not."""
    try:
        status, body = await asyncio.to_thread(ask, f"/api/v1/{path}", port=9090)
    except OSError as error:
        raise AssertionError(f"Prometheus does not answer: {error}") from error
    assert status == 200, body
    return json.loads(body)["data"][part]
