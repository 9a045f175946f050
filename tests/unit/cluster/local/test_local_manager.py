"""A manager beside a local cluster."""

from __future__ import annotations

import asyncio
import http.client
import json
from pathlib import Path

import pytest

from garrison.cluster.core.topology import Address
from garrison.cluster.errors import ManagerError
from garrison.cluster.local.cluster import LocalCluster
from garrison.cluster.local.local_manager import LocalManager
from garrison.cluster.local.ports import HOST, free_ports


def ask(address: Address, path: str) -> tuple[int, bytes]:
    link = http.client.HTTPConnection(address.host, address.port, timeout=10)
    link.request("GET", path)
    answer = link.getresponse()
    return answer.status, answer.read()


async def test_manager_serves_page_and_picture_of_the_nodes() -> None:
    (port,) = free_ports(1)
    cluster = LocalCluster(primaries=3, replicas=0, settings={"requirepass": "secret"})
    manager = cluster.add_manager(port)
    async with cluster:
        status, page = await asyncio.to_thread(ask, manager.address, "/")
        assert status == 200
        assert b"<!doctype html>" in page.lower()
        async with asyncio.timeout(20):
            nodes = 0
            while nodes != 3:
                _, picture = await asyncio.to_thread(ask, manager.address, "/api/picture")
                nodes = len(json.loads(picture)["nodes"])
                await asyncio.sleep(0.05)
    assert not manager.running


async def test_manager_that_cannot_start_is_told_with_its_log(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    manager = LocalManager(Address(HOST, port), tmp_path, [], options=["--no-such-option"])
    with pytest.raises(ManagerError, match=r"did not start; its log ends:[\s\S]*no-such-option"):
        await manager.start()
