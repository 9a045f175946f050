"""A command behind REPLICAOF on the same connection sees the new role, in the file and in CONFIG GET."""

from __future__ import annotations

from pathlib import Path

import pytest

from garrison.client import Connection
from garrison.cluster.local.ports import HOST
from garrison.cluster.local.sentinel_group import LocalGroup
from tests.integration.shards import talking_to

ROUNDS = 20
pytestmark = pytest.mark.timeout(60)


async def change(connection: Connection, *target: str) -> None:
    """What a Sentinel sends to give a node another role."""
    await connection.call("MULTI")
    await connection.call("REPLICAOF", *target)
    await connection.call("CONFIG", "REWRITE")
    replies = await connection.call("EXEC")
    assert replies == [b"OK", b"OK"]


def role_in(file: Path) -> list[str]:
    """The words behind the directive replicaof; none for a primary."""
    lines = [line.split() for line in file.read_text().splitlines()]
    told = next((words[1:] for words in lines if words[:1] == ["replicaof"]), [])
    return [] if told == ["no", "one"] else told


async def test_a_rewrite_behind_replicaof_tells_the_new_role(tmp_path: Path) -> None:
    async with LocalGroup(replicas=1, sentinels=0, directory=tmp_path / "group") as group:
        primary, node = group.nodes
        address = (HOST, str(primary.address.port))
        file = node.directory / "node.conf"
        async with talking_to(node) as connection:
            for _ in range(ROUNDS):
                await change(connection, "NO", "ONE")
                assert role_in(file) == []
                await change(connection, *address)
                assert role_in(file) == list(address)


async def test_config_get_behind_replicaof_tells_the_new_role(tmp_path: Path) -> None:
    async with LocalGroup(replicas=1, sentinels=0, directory=tmp_path / "group") as group:
        primary, node = group.nodes
        address = (HOST, str(primary.address.port))
        async with talking_to(node) as connection:
            for _ in range(ROUNDS):
                for target, told in ((("NO", "ONE"), ""), (address, " ".join(address))):
                    commands = [("REPLICAOF", *target), ("CONFIG", "GET", "replicaof")]
                    replies = await connection.call_many(commands)
                    assert replies[1] == [b"replicaof", told.encode()]
