"""Save every primary's data as an RDB file, taken over the replication protocol, and the layout beside them.

A node sends a full sync to whoever asks as a replica; this asks, writes the snapshot to
``<name>.rdb.part`` while it comes, syncs it to the disk, renames it, and leaves before the stream of
later changes begins. Primaries are read side by side, so each file is a picture of one shard at one
moment, and the moments differ by what the slowest takes to start. ``cluster.json`` tells which slots
each file belongs to.
"""

import asyncio
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from garrison.base import disk
from garrison.cluster.backup.replica_link import connected
from garrison.cluster.core.cluster_state import ClusterState
from garrison.cluster.core.topology import Node
from garrison.cluster.documents import describe_nodes
from garrison.cluster.errors import ManagerError, UnreachableError, UsageProblem
from garrison.cluster.manager.admin_client import Access

LAYOUT_FILE = "cluster.json"
OUR_FILE = re.compile(r".+-\d+-[0-9a-f]{40}\.rdb")


@dataclass(frozen=True)
class Saved:
    """One file of a backup."""

    node: Node
    path: Path
    bytes: int


def demand_new(directory: Path, *, overwrite: bool) -> None:
    """Refuse a folder with something in it, and a file in its place, unless they may be overwritten."""
    try:
        if not directory.exists() or (directory.is_dir() and (overwrite or not any(directory.iterdir()))):
            return
    except OSError as error:
        raise ManagerError(f"cannot look into {directory}: {error.strerror}") from error
    if not directory.is_dir():
        raise UsageProblem(f"{directory} is a file; name a folder that is new or empty")
    raise UsageProblem(
        f"{directory} is not empty; name a folder that is new or empty, or add --overwrite to replace the "
        "backup that it holds"
    )


async def back_up(state: ClusterState, access: Access, directory: Path) -> list[Saved]:
    """Save all primaries that own slots into ``directory``, which is made if it is not there."""
    primaries = [node for node in state.primaries if state.slots_of.get(node.id)]
    silent = [node.label for node in primaries if node.id not in state.views]
    if silent:
        raise UnreachableError(f"{silent[0]} owns slots and does not answer, so the backup would have a hole")
    _make(directory)
    saved = await asyncio.gather(*(_save(node, access, directory) for node in primaries))
    nodes = [node.model_dump() for node in describe_nodes(state)]
    disk.replace(str(directory / LAYOUT_FILE), json.dumps({"nodes": nodes}, indent=2) + "\n")
    _remove_older(directory, saved)
    return saved


def _remove_older(directory: Path, saved: Sequence[Saved]) -> None:
    """Remove the files of an earlier backup: beside newer ones they would be taken for a part of it."""
    current = {each.path.name for each in saved}
    for path in directory.glob("*.rdb"):
        if OUR_FILE.fullmatch(path.name) and path.name not in current:
            path.unlink()


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ManagerError(f"cannot make {directory}: {error}") from error


async def _save(node: Node, access: Access, directory: Path) -> Saved:
    path = directory / f"{node.address.host}-{node.address.port}-{node.id}.rdb".replace(":", "_")
    part = path.with_suffix(".rdb.part")
    count = 0
    try:
        async with connected(node.address, access) as link:
            await link.full_sync()
            with part.open("wb") as file:
                async for chunk in link.snapshot():
                    file.write(chunk)
                    count += len(chunk)
                file.flush()
                os.fsync(file.fileno())
        part.rename(path)
    except (OSError, EOFError, ValueError, TimeoutError) as error:
        part.unlink(missing_ok=True)
        raise ManagerError(
            f"the backup of {node.label} broke off: {error or type(error).__name__}"
        ) from error
    return Saved(node, path, count)
