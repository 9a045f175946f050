"""Bring the keys of a standalone server into the cluster: SCAN there, MIGRATE to whoever owns each slot.

The server sends its keys itself, many at a time, so they do not pass through this process. It must reach the
cluster's nodes at the addresses that the cluster knows. With ``copy`` it keeps its keys, else each is moved.
A key that exists in the cluster already stops the import unless ``replace`` is given.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from garrison.client import ReplyError, key_slot
from garrison.cluster.core.cluster_state import ClusterState
from garrison.cluster.core.topology import Address
from garrison.cluster.errors import ManagerError
from garrison.cluster.manager.admin_client import Access, AdminClient, Command
from garrison.cluster.manager.key_migration import MigrateOptions, credentials
from garrison.cluster.manager.progress import Display, Meter

SCAN_COUNT = 1_000


@dataclass(frozen=True)
class ImportRequest:
    source: Address
    access: Access
    """How to log in to the source."""
    copy: bool = False


async def import_keys(
    admin: AdminClient, state: ClusterState, request: ImportRequest, options: MigrateOptions, display: Display
) -> Meter:
    """Import all keys of the source's database 0; return what was moved."""
    addresses = {slot: state.nodes[owner].address for slot, owner in state.owners.items()}
    async with AdminClient(request.source, request.access) as source:
        await _demand_standalone(source, request.source)
        meter = Meter(keys=int(await source.call(request.source, "DBSIZE")))
        display.start(meter)
        try:
            cursor = b"0"
            while True:
                cursor, keys = await source.call(request.source, "SCAN", cursor, "COUNT", SCAN_COUNT)
                commands = _commands(keys, addresses, admin.access, request.copy, options)
                await _send(source, request, commands)
                meter.moved(len(keys), 0.0)
                display.update(meter)
                if cursor == b"0":
                    return meter
        finally:
            display.stop(meter)


async def _demand_standalone(source: AdminClient, address: Address) -> None:
    reply = (await source.call_many(address, [("CLUSTER", "INFO")]))[0]
    if not isinstance(reply, ReplyError):
        raise ManagerError(f"{address} is itself a cluster node; give a standalone server to import from")


def _commands(
    keys: Sequence[bytes],
    addresses: Mapping[int, Address],
    access: Access,
    copy: bool,
    options: MigrateOptions,
) -> list[Command]:
    """One MIGRATE for each node that gets some of ``keys``."""
    by_target: dict[Address, list[bytes]] = {}
    for key in keys:
        by_target.setdefault(addresses[key_slot(key)], []).append(key)
    flags: list[str | bytes | int] = ["COPY"] if copy else []
    flags += ["REPLACE"] if options.replace else []
    flags += credentials(access)
    return [
        ("MIGRATE", target.host, target.port, "", 0, options.timeout_ms, *flags, "KEYS", *batch)
        for target, batch in by_target.items()
    ]


async def _send(source: AdminClient, request: ImportRequest, commands: Sequence[Command]) -> None:
    for command, reply in zip(commands, await source.call_many(request.source, commands), strict=True):
        if not isinstance(reply, ReplyError):
            continue
        target = f"{command[1]!s}:{command[2]!s}"
        advice = "run again"
        if "BUSYKEY" in str(reply):
            advice = "the cluster has a key of that name; add --replace to overwrite such keys"
        elif reply.code == "IOERR":
            advice = f"check that {request.source} reaches {target}, then run again"
        raise ManagerError(f"{request.source} could not send keys to {target}: {reply}; {advice}")
