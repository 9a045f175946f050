"""Restore a backup into a running cluster of whatever shape, or a node, while it serves.

BACKGROUND  A node on this machine loads one shard after the other; its keys are read with DUMP and sent with
            RESTORE to whoever owns their slots in the target now. Memory is bounded: by one shard, in that
            node, and by one batch of keys here.
INVARIANTS  Without ``replace`` no key of the target is changed: it must be empty at first, and RESTORE
            refuses a key that has come since. A key that two shards have (it was on its way between them)
            gets the value that the owner of its slot had. One that only another shard has is a stray: perhaps
            a leftover, unless slots have moved since the point in time, or were moving when the backup was
            taken. Then it is restored behind all others, if the target does not have it by then.
            The node that has loaded a shard follows a primary that does not exist. So it removes no expired
            key, its table stands still, and SCAN gives each key once.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

from garrison.client import Client, ClientError, Connection, ReplyError, connect, key_slot
from garrison.cluster.backup.core.chain import Link, chain_of
from garrison.cluster.backup.core.record import BackupRecord
from garrison.cluster.backup.files import demand_empty_folder, demand_reach, lay_out
from garrison.cluster.backup.target import Target
from garrison.cluster.backup.throwaway import loaded_node
from garrison.cluster.backup.verifying import keys_by_database, keys_in
from garrison.cluster.core.topology import Address
from garrison.cluster.errors import ManagerError, StoppedError, UnreachableError, UsageProblem
from garrison.cluster.local.ports import HOST
from garrison.cluster.manager.progress import Meter
from garrison.cluster.manager.session import Session

SCAN_COUNT = 1_000
BATCH_KEYS_FIRST = 16
BATCH_KEYS_MAX = 1_000
BATCH_BYTES_GOAL = 1 << 20
REPLY_TIMEOUT_S = 120.0
NEVER_MS, GONE_MS = -1, -2
"""What PEXPIRETIME says of a key that does not expire, and of one that is not there."""
NOBODY = (HOST, 1)
"""Where no primary listens."""


@dataclass(frozen=True)
class Entry:
    """One key on its way."""

    key: bytes
    payload: bytes
    expires_at_ms: int


@dataclass
class Restored:
    """How far a restore is."""

    meter: Meter = field(default_factory=Meter)
    strays: int = 0
    """Keys that a shard had and the owner of their slot had not, and that were left out for that."""


async def restore_files(
    session: Session,
    target: Target,
    record: BackupRecord,
    others: Mapping[str, BackupRecord],
    folder: Path,
    until: datetime | None = None,
) -> list[tuple[Path, bool]]:
    """Write the files for nodes to start with: for each shard a folder, and whether it wants ``appendonly
    yes``.

    The only shard of a backup has no folder of its own.
    """
    demand_empty_folder(folder)
    places = []
    for shard in record.shards:
        place = folder if len(record.shards) == 1 else folder / shard.name
        places.append((place, await lay_out(target, chain_of(record, shard, others), place, until=until)))
        session.note(f"{shard.name}: {place}")
    return places


async def restore_keys(
    session: Session,
    target: Target,
    record: BackupRecord,
    others: Mapping[str, BackupRecord],
    to: Address,
    *,
    until: datetime | None = None,
    replace: bool = False,
    folder: Path | None = None,
) -> Restored:
    """Send all keys of a backup to a cluster or node. Raises ManagerError."""
    chains = [chain_of(record, shard, others) for shard in record.shards]
    for chain in chains:
        demand_reach(chain, until)
    if until is not None and until > record.reaches:
        session.note(
            f"backup {record.id} has nothing later than {record.reaches:%Y-%m-%dT%H:%M:%SZ}: all of it is "
            "restored"
        )
    restored = Restored(Meter(keys=record.keys or 0))
    try:
        async with _Destination(session, to, replace) as destination:
            await destination.demand_empty()
            session.display.start(restored.meter)
            try:
                work = _Restore(session, target, destination, restored, until, folder)
                with_strays = [chain for chain in chains if await work.send_owned(chain)]
                # Strays count only where the owners of the slots may have changed in between.
                if until is not None or record.warnings:
                    for chain in with_strays:
                        await work.send_strays(chain)
            finally:
                session.display.stop(restored.meter)
    except ClientError as error:
        raise UnreachableError(
            f"the restore into {to} broke off after {restored.meter.keys_moved} keys: {error}; run it again "
            "with --replace"
        ) from error
    except asyncio.CancelledError:
        raise StoppedError(
            f"stopped after {restored.meter.keys_moved} keys; they stay in {to}: run it again with --replace"
        ) from None
    return restored


@dataclass(frozen=True)
class _Restore:
    """What the shards of one run share."""

    session: Session
    target: Target
    destination: "_Destination"
    restored: Restored
    until: datetime | None
    folder: Path | None

    async def send_owned(self, chain: Sequence[Link]) -> bool:
        """Send the keys whose slots are the shard's own; whether it has others."""
        foreign = _slots_of_others(chain[-1])
        mode = _Mode.REPLACE if self.destination.replace else _Mode.NEW
        strays = 0

        def owned(batch: Sequence[Entry]) -> list[Entry]:
            nonlocal strays
            chosen = [entry for entry in batch if key_slot(entry.key) not in foreign]
            strays += len(batch) - len(chosen)
            return chosen

        await self._send_chosen(chain, owned, mode)
        self.restored.strays += strays
        return strays > 0

    async def send_strays(self, chain: Sequence[Link]) -> None:
        """Send the keys whose slots are another shard's, if the target has none of that name."""
        foreign = _slots_of_others(chain[-1])
        await self._send_chosen(
            chain,
            lambda batch: [entry for entry in batch if key_slot(entry.key) in foreign],
            _Mode.IF_MISSING,
        )

    async def _send_chosen(
        self, chain: Sequence[Link], choose: Callable[[Sequence[Entry]], list[Entry]], mode: "_Mode"
    ) -> None:
        async with loaded_node(self.target, chain, until=self.until, folder=self.folder) as node:
            await node.call("REPLICAOF", *NOBODY)
            for database in await keys_by_database(node):
                client = await self.destination.client(database)
                await node.call("SELECT", database)
                # One batch is read while the one before it is sent.
                sending: asyncio.Task[int] | None = None
                try:
                    async for batch in _batches(node):
                        await self._count(sending, mode)
                        sending = asyncio.create_task(_send(client, choose(batch), mode))
                    await self._count(sending, mode)
                finally:
                    if sending is not None:
                        sending.cancel()
                        await asyncio.gather(sending, return_exceptions=True)

    async def _count(self, sending: "asyncio.Task[int] | None", mode: "_Mode") -> None:
        if sending is None:
            return
        count = await sending
        self.restored.meter.moved(count, 0.0)
        if mode is _Mode.IF_MISSING:
            self.restored.strays -= count
        self.session.display.update(self.restored.meter)


def _slots_of_others(link: Link) -> frozenset[int]:
    """The slots that the other shards of a backup owned."""
    others = (other.slot_set for other in link.backup.shards if other.name != link.shard.name)
    return frozenset[int]().union(*others)


async def _batches(node: Connection) -> AsyncIterator[list[Entry]]:
    """All keys of the selected database, in batches of about ``BATCH_BYTES_GOAL``."""
    size = BATCH_KEYS_FIRST
    cursor: Any = b"0"
    while True:
        cursor, keys = await node.call("SCAN", cursor, "COUNT", SCAN_COUNT)
        at = 0
        while at < len(keys):
            part = keys[at : at + size]
            at += len(part)
            commands = [command for key in part for command in (("DUMP", key), ("PEXPIRETIME", key))]
            replies = await node.call_many(commands)
            for reply in replies:
                if isinstance(reply, ReplyError):
                    raise ManagerError(f"the node that has loaded the backup refused DUMP: {reply}")
            pairs = zip(part, replies[::2], replies[1::2], strict=True)
            # A key may expire between any two of the three commands.
            batch = [
                Entry(key, payload, expires)
                for key, payload, expires in pairs
                if payload is not None and expires != GONE_MS
            ]
            if batch:
                yield batch
            count = sum(len(entry.payload) for entry in batch)
            fitting = BATCH_BYTES_GOAL * max(len(batch), 1) // max(count, 1)
            size = max(1, min(fitting, size * 2, BATCH_KEYS_MAX))
        if int(cursor) == 0:
            return


class _Mode(Enum):
    """What becomes of a key that the target has already."""

    NEW = "it stops the restore"
    REPLACE = "it is overwritten"
    IF_MISSING = "it stays"


async def _send(client: Client[bytes], batch: Sequence[Entry], mode: _Mode) -> int:
    """Send keys to their owners; how many were taken. Raises ManagerError for one that is refused."""
    pipe = client.pipeline()
    options = ("ABSTTL", "REPLACE") if mode is _Mode.REPLACE else ("ABSTTL",)
    for entry in batch:
        expires_at_ms = 0 if entry.expires_at_ms == NEVER_MS else entry.expires_at_ms
        pipe.call("RESTORE", entry.key, expires_at_ms, entry.payload, *options)
    replies = await pipe.execute(raise_errors=False)
    taken = 0
    for entry, reply in zip(batch, replies, strict=True):
        is_there = isinstance(reply, ReplyError) and reply.code == "BUSYKEY"
        if is_there and mode is _Mode.IF_MISSING:
            continue
        if isinstance(reply, ReplyError):
            shown = entry.key[:80].decode(errors="backslashreplace")
            advice = "; --replace overwrites it" if is_there else ""
            raise ManagerError(f"the target refused key {shown!r}: {reply}{advice}")
        if isinstance(reply, ClientError):
            raise reply
        taken += 1
    return taken


class _Destination:
    """The target's clients: one a database, which of a cluster is one."""

    def __init__(self, session: Session, to: Address, replace: bool) -> None:
        self.replace = replace
        self._session = session
        self._to = to
        self._clients: dict[int, Client[bytes]] = {}

    async def __aenter__(self) -> "_Destination":
        return self

    async def __aexit__(self, *details: object) -> None:
        for client in self._clients.values():
            await client.close()

    async def client(self, database: int) -> Client[bytes]:
        if database not in self._clients:
            if database and (await self.client(0)).is_cluster:
                raise UsageProblem(
                    f"the backup has keys in database {database}, and {self._to} is a cluster, which has "
                    "only database 0: restore into a node that is in no cluster"
                )
            access = self._session.access
            scheme = "rediss" if access.tls else "redis"

            def reached(host: str, port: int) -> tuple[str, int]:
                place = access.address_map.reached(Address(host, port))
                return place.host, place.port

            self._clients[database] = await connect(
                f"{scheme}://{self._to}",
                ssl=access.tls,
                address_map=reached,
                username=access.username,
                password=access.password,
                database=database,
                reply_timeout_s=REPLY_TIMEOUT_S,
                call_timeout_s=REPLY_TIMEOUT_S,
            )
        return self._clients[database]

    async def demand_empty(self) -> None:
        """Refuse a target that has keys, unless they may be overwritten."""
        client = await self.client(0)
        addresses = client.primaries() if client.is_cluster else [self._to]
        for address in addresses:
            place = (address.host, address.port)
            keys = sum(keys_in(await client.call_node(place, "INFO", "keyspace")).values())
            if keys and not self.replace:
                raise UsageProblem(
                    f"{self._to} is not empty ({address.host}:{address.port} has {keys} keys): restore into "
                    "an empty "
                    "one, or add --replace to overwrite keys of the same name and leave others as they are"
                )
