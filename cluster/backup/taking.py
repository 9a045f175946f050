"""Take a backup: every primary side by side, each streamed to the target while it is hashed.

INVARIANTS. A shard's file is its data at one point of its history: the offset says which. Nothing is listed
before all files are whole and durable: the document is written last, and whatever ends the run before removes
the folder.
"""

import asyncio
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import garrison
from garrison.cluster.backup.core.chain import continued, newest_of
from garrison.cluster.backup.core.moved_slots import moved_slots
from garrison.cluster.backup.core.rdb_head import HEAD_BYTES_MAX, Counts, counts_in_head
from garrison.cluster.backup.core.record import BackupRecord, FileKind, FileRecord, ShardRecord, new_id
from garrison.cluster.backup.core.stream_cutter import StreamCutter
from garrison.cluster.backup.replica_link import Position, ReplicaLink, connected
from garrison.cluster.backup.target import Target
from garrison.cluster.core.ranges import SLOT_COUNT, format_slots
from garrison.cluster.core.topology import Address
from garrison.cluster.errors import ManagerError, UnreachableError
from garrison.cluster.manager.admin_client import AdminClient, read_fields
from garrison.cluster.manager.session import Session, settled_state

WRITE_BYTES = 1 << 20
ID_SUFFIX_BYTES = 2
FOLLOW_STEP_S = 0.2
ALIVE_PERIOD_S = 10.0
"""A node gives a replica up that is silent for ``repl-timeout``, 60 s if nobody has changed it."""


@dataclass(frozen=True)
class Source:
    """A node whose data is taken."""

    name: str
    address: Address
    node_id: str = ""
    slots: frozenset[int] = frozenset()


@dataclass(frozen=True)
class _Standing:
    """Where a node was when it was asked, all of one moment."""

    histories: tuple[str, ...]
    """That of its stream, and the one that this continues."""
    offset: int
    counts: Counts


async def take_backup(
    session: Session, target: Target, entry: Address, *, incremental: bool = False, follow_s: float = 0.0
) -> BackupRecord:
    """Back up the cluster of a node, or the node if it is in none, and return the document.

    With ``incremental``, take what came since the newest backup that a shard continues, and go on with what
    comes for ``follow_s`` seconds, or until ``session.stop`` is set.
    """
    catalog = await target.catalog()
    now = datetime.now(UTC)
    async with session.admin(entry) as admin:
        is_cluster = await _is_clustered(admin, entry)
        sources = await find_sources(session, admin, entry) if is_cluster else [Source("node", entry)]
        standings = await asyncio.gather(*(_ask_standing(admin, source) for source in sources))
        histories = frozenset(each for standing in standings for each in standing.histories)
        parent = newest_of(catalog.records.values(), histories) if incremental else None
        if incremental and parent is None:
            session.note(f"{target.name} has no backup that this one could continue: it is a full one")
        backup = new_id(now, secrets.token_hex(ID_SUFFIX_BYTES))
        run = _Run(session, target, backup, admin, parent, follow_s)
        try:
            shards = await _take_all(run, sources, standings)
            is_continued = any(shard.continues for shard in shards)
            record = BackupRecord(
                id=backup,
                created=now,
                garrison=garrison.__version__,
                is_cluster=is_cluster,
                parent=parent.id if parent and is_continued else None,
                shards=shards,
                warnings=await _moves_meanwhile(session, admin, sources) if is_cluster else [],
            )
            await target.write_record(backup, record.render())
        except BaseException:
            # Also of a cancellation: whoever is impatient gets a target without the half backup all the same.
            await asyncio.shield(target.remove(backup))
            raise
    return record


async def _is_clustered(admin: AdminClient, entry: Address) -> bool:
    fields = read_fields(await admin.call(entry, "INFO"))
    return fields.get("cluster_enabled") == "1"


async def find_sources(session: Session, admin: AdminClient, entry: Address) -> list[Source]:
    """All primaries that own slots. Raises UnreachableError if one of them is silent."""
    state = await settled_state(admin)
    primaries = [node for node in state.primaries if state.slots_of.get(node.id)]
    silent = [node.label for node in primaries if node.id not in state.views]
    if silent:
        raise UnreachableError(
            f"{silent[0]} owns slots and does not answer, so the backup would have a hole: bring it back, "
            "or let its replica take over"
        )
    if not primaries:
        raise ManagerError(f"the cluster of {entry} has no slots yet, so there is nothing to back up")
    missing = frozenset(range(SLOT_COUNT)) - state.owners.keys()
    if missing:
        session.note(
            f"warning: slots {format_slots(missing, limit=5)} have no owner, and so are in no backup"
        )
    return [
        Source(f"shard-{place:02}", node.address, node.id, state.slots_of[node.id])
        for place, node in enumerate(primaries)
    ]


async def _moves_meanwhile(session: Session, admin: AdminClient, sources: Sequence[Source]) -> list[str]:
    """A warning if slots have moved while the backup was taken, or are on their way."""
    state = await settled_state(admin)
    moved = moved_slots([source.slots for source in sources], state.owners)
    on_their_way = moved | {each.slot for each in state.open_slots}
    if not on_their_way:
        return []
    warning = (
        f"slots {format_slots(on_their_way, limit=5)} were moving: a key on its way may be in two files, or "
        "in none; "
        "take another backup when the reshard is over"
    )
    session.note(f"warning: {warning}")
    return [warning]


async def _ask_standing(admin: AdminClient, source: Source) -> _Standing:
    commands = [("MULTI",), ("INFO", "replication"), ("INFO", "keyspace"), ("EXEC",)]
    replies = (await admin.demand_many(source.address, commands))[-1]
    replication, keyspace = map(read_fields, replies)
    if "master_repl_offset" not in replication:
        raise ManagerError(f"{source.address} does not say where its stream is: may this user call INFO?")
    histories = (replication.get("master_replid", ""), replication.get("master_replid2", ""))
    offset = replication.get("slave_repl_offset") or replication.get("master_repl_offset", "0")
    return _Standing(histories, int(offset), _counted(keyspace))


@dataclass(frozen=True)
class _Run:
    """What the shards of one run share."""

    session: Session
    target: Target
    backup: str
    admin: AdminClient
    parent: BackupRecord | None
    follow_s: float


async def _take_all(
    run: _Run, sources: Sequence[Source], standings: Sequence[_Standing]
) -> list[ShardRecord]:
    # A run that follows the stream ends in order on Ctrl-C, and keeps what it has.
    run.session.is_stoppable = run.follow_s > 0 and run.parent is not None
    run.session.stop_note = "finishing the backup; Ctrl-C again drops it"
    pairs = zip(sources, standings, strict=True)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_Taking(run, source, standing).take()) for source, standing in pairs]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


@dataclass
class _Taking:
    """One shard on its way to the target."""

    run: _Run
    source: Source
    standing: _Standing

    async def take(self) -> ShardRecord:
        try:
            parent, session = self.run.parent, self.run.session
            earlier = continued(parent.shards, self.standing.histories) if parent else None
            async with connected(self.source.address, session.access) as link:
                if earlier is None:
                    return await self._snapshot(link, await link.full_sync())
                position, goes_on = await link.continue_from(Position(earlier.history, earlier.offset))
                if goes_on:
                    return await self._increment(link, position, earlier)
                session.note(
                    f"{self.source.address} no longer has the changes since backup "
                    f"{parent.id if parent else ''}: its part is a full one (a larger repl-backlog-size "
                    "keeps more of them)"
                )
                return await self._snapshot(link, position)
        except (OSError, EOFError, ValueError, TimeoutError) as error:
            raise ManagerError(
                f"the backup of {self.source.address} broke off: {error or type(error).__name__}; nothing of "
                "it is kept, run it again"
            ) from error

    async def _snapshot(self, link: ReplicaLink, position: Position) -> ShardRecord:
        taken_at = datetime.now(UTC)
        head = bytearray()

        async def pieces() -> AsyncIterator[bytes]:
            async for chunk in link.snapshot():
                if len(head) < HEAD_BYTES_MAX:
                    head.extend(chunk[:HEAD_BYTES_MAX])
                yield chunk

        file = await self._store(pieces(), "snapshot")
        if not head.startswith((b"REDIS", b"VALKEY")):
            raise ManagerError(f"what {self.source.address} sent is not a snapshot; see its log")
        counts = counts_in_head(bytes(head)) if await self._has_one_database() else None
        return self._record(file, position, taken_at, counts)

    async def _increment(self, link: ReplicaLink, position: Position, earlier: ShardRecord) -> ShardRecord:
        cutter = StreamCutter(earlier.offset, earlier.database)
        end = self.standing
        taken_at = datetime.now(UTC)

        async def pieces() -> AsyncIterator[bytes]:
            nonlocal end, taken_at
            yield _beginning(position.history, earlier)
            if self.run.follow_s:
                async for chunk in self._followed(link):
                    yield cutter.take(chunk, int(time.time()))
                end = await _ask_standing(self.run.admin, self.source)
                taken_at = datetime.now(UTC)
            while cutter.offset < end.offset:
                yield cutter.take(await link.read(), int(time.time()), end.offset)

        file = await self._store(pieces(), "increment")
        counts = end.counts if cutter.offset == end.offset else None
        reached = Position(position.history, cutter.offset)
        return self._record(file, reached, taken_at, counts, cutter.database, earlier.name)

    async def _followed(self, link: ReplicaLink) -> AsyncIterator[bytes]:
        """The stream as it comes, for as long as the run follows it."""
        ends_at = time.monotonic() + self.run.follow_s
        alive_at = time.monotonic()
        while not self.run.session.stop.is_set() and time.monotonic() < ends_at:
            if chunk := await link.read_within(FOLLOW_STEP_S):
                yield chunk
            if time.monotonic() - alive_at > ALIVE_PERIOD_S:
                alive_at = time.monotonic()
                link.say_alive()

    def _record(
        self,
        file: FileRecord,
        position: Position,
        taken_at: datetime,
        counts: Counts | None,
        database: int = 0,
        continues: str | None = None,
    ) -> ShardRecord:
        return ShardRecord(
            name=self.source.name,
            node_id=self.source.node_id,
            address=str(self.source.address),
            slots=format_slots(self.source.slots),
            history=position.history,
            offset=position.offset,
            taken_at=taken_at,
            database=database,
            keys=counts.keys if counts else None,
            expiring=counts.expiring if counts else None,
            continues=continues,
            file=file,
        )

    async def _has_one_database(self) -> bool:
        """Whether the number in the head of a snapshot is that of all keys."""
        fields = read_fields(await self.run.admin.call(self.source.address, "INFO", "keyspace"))
        return fields.keys() <= {"db0"}

    async def _store(self, pieces: AsyncIterator[bytes], kind: FileKind) -> FileRecord:
        name = f"{self.source.name}.{'rdb' if kind == 'snapshot' else 'aof'}"
        digest = hashlib.sha256()
        count = 0
        async with self.run.target.writing(self.run.backup, name) as sink:
            held = bytearray()
            async for piece in pieces:
                held += piece
                if len(held) >= WRITE_BYTES:
                    data = bytes(held)
                    held.clear()
                    digest.update(data)
                    count += len(data)
                    await sink.write(data)
            digest.update(held)
            count += len(held)
            await sink.write(bytes(held))
        return FileRecord(name=name, kind=kind, bytes=count, sha256=digest.hexdigest())


def _beginning(history: str, earlier: ShardRecord) -> bytes:
    """How an increment begins, as one of an append-only file: the database, then the place in the history."""
    database = str(earlier.database)
    select = f"*2\r\n$6\r\nSELECT\r\n${len(database)}\r\n{database}\r\n"
    return f"{select}#GARRISON {history} {earlier.offset} {database}\r\n".encode()


def _counted(keyspace: dict[str, str]) -> Counts:
    """The sums of ``db0:keys=5,expires=1,...``."""
    databases = [dict(pair.split("=") for pair in line.split(",")) for line in keyspace.values()]
    return Counts(
        sum(int(each["keys"]) for each in databases), sum(int(each["expires"]) for each in databases)
    )
