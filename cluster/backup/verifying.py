"""Verify a backup: read every byte of it, and really load it.

BEHAVIOUR   A node on this machine loads each shard, one after the other, and its keys are counted. Keys that
            expire may have gone since, so the count must be the recorded one, less at most those.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from garrison.client import Connection
from garrison.cluster.backup.core.chain import Link, chain_of
from garrison.cluster.backup.core.record import BackupRecord, ShardRecord
from garrison.cluster.backup.target import Target
from garrison.cluster.backup.throwaway import loaded_node
from garrison.cluster.errors import ManagerError
from garrison.cluster.manager.admin_client import read_fields
from garrison.cluster.manager.session import Session


@dataclass(frozen=True)
class Verified:
    """What one shard has turned out to be."""

    shard: ShardRecord
    keys: int
    files: int
    bytes: int


async def verify_backup(
    session: Session,
    target: Target,
    record: BackupRecord,
    others: Mapping[str, BackupRecord],
    folder: Path | None = None,
) -> list[Verified]:
    """Load all shards of a backup. Raises ManagerError for the first that is not right."""
    return [
        await _verify(session, target, chain_of(record, shard, others), folder) for shard in record.shards
    ]


async def _verify(session: Session, target: Target, chain: list[Link], folder: Path | None) -> Verified:
    shard = chain[-1].shard
    size = sum(link.shard.file.bytes for link in chain)
    async with loaded_node(target, chain, folder=folder) as node:
        found = await count_keys(node)
    problem = count_problem(shard, found)
    if problem:
        raise ManagerError(f"backup {chain[-1].backup.id}, shard {shard.name}: {problem}")
    session.note(f"{shard.name}: {len(chain)} files, {found} keys")
    return Verified(shard, found, len(chain), size)


def count_problem(shard: ShardRecord, found: int) -> str:
    """What is wrong with a number of keys; empty if nothing is."""
    if shard.keys is None:
        return ""
    fewest = shard.keys - (shard.expiring or 0)
    if fewest <= found <= shard.keys:
        return ""
    wanted = f"{shard.keys}" if fewest == shard.keys else f"{fewest} to {shard.keys}"
    return f"{found} keys were loaded instead of {wanted}: its files are not those that were written"


async def count_keys(node: Connection) -> int:
    """The keys of all databases."""
    return sum((await keys_by_database(node)).values())


async def keys_by_database(node: Connection) -> dict[int, int]:
    return keys_in(await node.call("INFO", "keyspace"))


def keys_in(reply: object) -> dict[int, int]:
    """The keys of each database that has any, from the reply of INFO."""
    return {
        int(name.removeprefix("db")): int(value.partition(",")[0].removeprefix("keys="))
        for name, value in read_fields(reply).items()
        if name.startswith("db")
    }
