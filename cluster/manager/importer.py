"""Bring the keys of a standalone server into the cluster: SCAN there, MIGRATE to whoever owns each slot.

BACKGROUND  The server sends its keys itself, many at a time, so they do not pass through this process. It
            must reach the cluster's nodes at the addresses that the cluster knows. A MIGRATE that fails may
            have sent some of its keys, and does not say which one was refused.
INVARIANTS  A key leaves the source only when the cluster has acknowledged it (with ``copy`` never). A key
            that the cluster has with another value is overwritten with ``replace`` alone. An import that
            broke off can be repeated: a key that both sides have with one value counts as imported.
BEHAVIOUR   First all keys are counted by type, and one of each type is sent, so that a type which the cluster
            does not take is seen before anything else has moved. A batch that is refused is sent again key by
            key, which names the one that stops it, or leaves it at the source where that is asked for.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from garrison.client import ReplyError, key_slot
from garrison.cluster.core.cluster_state import ClusterState
from garrison.cluster.core.topology import Address
from garrison.cluster.errors import ManagerError
from garrison.cluster.manager.admin_client import Access, AdminClient, Command, read_fields
from garrison.cluster.manager.key_migration import MigrateOptions, credentials
from garrison.cluster.manager.progress import Display, Meter
from garrison.cluster.manager.same_value import same_values

SCAN_COUNT = 1_000
COMPARED_MAX = 100
"""Keys whose values are compared at a time; both copies of them are in memory."""
KEY_SHOWN_MAX = 64
LEFT_NAMED_MAX = 100
LEFT_REMEMBERED_MAX = 1_000_000
REFUSED_KEY = "replied with error: ERR"
"""MIGRATE's words for a refusal that is about the key and not about the target as a whole."""


@dataclass(frozen=True)
class ImportRequest:
    """What to bring over, and what to do about keys that cannot be."""

    source: Address
    access: Access
    """How to log in to the source."""
    copy: bool = False
    skip_existing: bool = False
    """Leave keys at the source that the cluster has with another value."""
    skip_refused: bool = False
    """Leave keys at the source that the cluster refuses, as those of a type it does not know."""
    skip_types: frozenset[str] = frozenset()


@dataclass(frozen=True)
class LeftKey:
    """A key that stays at the source alone, and why."""

    key: bytes
    reason: str


@dataclass
class ImportResult:
    """What has been brought over; ``left`` names the first keys that were not."""

    types: Counter[str] = field(default_factory=Counter)
    """How many keys of each type the source had."""
    meter: Meter = field(default_factory=Meter)
    left: list[LeftKey] = field(default_factory=list)
    left_count: int = 0
    _left_keys: set[bytes] = field(default_factory=set)
    """SCAN may name a key twice; of the first `LEFT_REMEMBERED_MAX` each counts once."""

    def leave(self, key: bytes, reason: str) -> None:
        if key in self._left_keys:
            return
        if len(self._left_keys) < LEFT_REMEMBERED_MAX:
            self._left_keys.add(key)
        self.left_count += 1
        if len(self.left) < LEFT_NAMED_MAX:
            self.left.append(LeftKey(key, reason))


async def import_keys(
    admin: AdminClient,
    state: ClusterState,
    request: ImportRequest,
    options: MigrateOptions,
    display: Display,
    *,
    dry_run: bool = False,
) -> ImportResult:
    """Import the keys of the source's database 0. ManagerError names the key that stops it."""
    async with AdminClient(request.source, request.access) as source:
        await _demand_standalone(source, request.source)
        await _note_other_databases(source, request.source, display.note)
        work = _Import(admin, source, state, request, options)
        await work.count_types()
        for line in describe_types(work.result.types, request.skip_types):
            display.note(line)
        if dry_run:
            return work.result
        meter = work.result.meter
        meter.keys = sum(count for name, count in work.result.types.items() if name not in request.skip_types)
        display.start(meter)
        try:
            async for _ in work.send_all():
                display.update(meter)
            return work.result
        finally:
            display.stop(meter)


def describe_types(types: Mapping[str, int], skipped: frozenset[str]) -> list[str]:
    """How many keys of which types there are, and which of them stay."""
    listed = [f"{count} {name}" for name, count in sorted(types.items(), key=lambda item: -item[1])]
    lines = [f"the source has {sum(types.values())} keys" + (f": {', '.join(listed)}" if listed else "")]
    lines += [f"{types[name]} keys of type {name} are skipped" for name in sorted(skipped) if types.get(name)]
    return lines


async def _demand_standalone(source: AdminClient, address: Address) -> None:
    reply = (await source.call_many(address, [("CLUSTER", "INFO")]))[0]
    if not isinstance(reply, ReplyError):
        raise ManagerError(f"{address} is itself a cluster node; give a standalone server to import from")


async def _note_other_databases(source: AdminClient, address: Address, note: Callable[[str], None]) -> None:
    keyspace = read_fields((await source.call_many(address, [("INFO", "keyspace")]))[0])
    others = [name for name in keyspace if name.startswith("db") and name != "db0"]
    if others:
        note(f"{', '.join(others)} of {address} stay there: a cluster has database 0 only")


class _Import:
    """One import under way."""

    def __init__(
        self,
        admin: AdminClient,
        source: AdminClient,
        state: ClusterState,
        request: ImportRequest,
        options: MigrateOptions,
    ) -> None:
        self._admin = admin
        self._source = source
        self._owners = {slot: state.nodes[owner].address for slot, owner in state.owners.items()}
        self._request = request
        self._options = options
        self._sent_first: frozenset[bytes] = frozenset()
        self.result = ImportResult()

    async def pages(self) -> AsyncIterator[list[bytes]]:
        """The names of all keys; one may come twice."""
        cursor = b"0"
        while True:
            cursor, keys = await self._source.call(self._request.source, "SCAN", cursor, "COUNT", SCAN_COUNT)
            if keys:
                yield keys
            if cursor == b"0":
                return

    async def count_types(self) -> None:
        """Count the keys by type, and remember one of each that is wanted."""
        samples: dict[str, bytes] = {}
        async for keys in self.pages():
            for key, name in zip(keys, await self._types(keys), strict=True):
                if name != "none":
                    self.result.types[name] += 1
                    samples.setdefault(name, key)
        wanted = (key for name, key in samples.items() if name not in self._request.skip_types)
        self._sent_first = frozenset(wanted)

    async def send_all(self) -> AsyncIterator[None]:
        """Send one key of each type, then all others; yields after each page."""
        await self._send(sorted(self._sent_first))
        async for keys in self.pages():
            await self._send([key for key in await self._wanted(keys) if key not in self._sent_first])
            yield

    async def _types(self, keys: Sequence[bytes]) -> list[str]:
        commands: list[Command] = [("TYPE", key) for key in keys]
        replies = await self._source.demand_many(self._request.source, commands)
        return [reply.decode() if isinstance(reply, bytes) else str(reply) for reply in replies]

    async def _wanted(self, keys: Sequence[bytes]) -> Sequence[bytes]:
        """Those whose type is not skipped."""
        if not self._request.skip_types:
            return keys
        names = await self._types(keys)
        return [key for key, name in zip(keys, names, strict=True) if name not in self._request.skip_types]

    async def _send(self, keys: Sequence[bytes]) -> None:
        """One MIGRATE for each node that gets some of the keys; a refused one again, key by key."""
        by_target: dict[Address, list[bytes]] = {}
        for key in keys:
            by_target.setdefault(self._owners[key_slot(key)], []).append(key)
        commands = [
            self._migrate(target, batch, self._options.replace) for target, batch in by_target.items()
        ]
        replies = await self._source.call_many(self._request.source, commands)
        refused: list[tuple[Address, ReplyError]] = []
        for target, reply in zip(by_target, replies, strict=True):
            if isinstance(reply, ReplyError):
                refused.append((target, reply))
            elif reply != b"NOKEY":  # A listing gave these keys twice.
                self._count(len(by_target[target]))
        for target, reply in refused:
            if not _is_about_a_key(reply):
                raise self._failed(target, reply)
            await self._resolve(target, by_target[target])

    async def _resolve(self, target: Address, keys: Sequence[bytes]) -> None:
        """Send a refused batch again: first what an earlier try has brought over, then key by key.

        Of a key that both sides have with one value, only what follows the acknowledgement is left to do.
        """
        for some in (keys[at : at + COMPARED_MAX] for at in range(0, len(keys), COMPARED_MAX)):
            source = self._request.source
            same = await same_values(self._source, source, self._admin, target, some)
            if same:
                reply = await self._try(target, sorted(same), replace=True)
                if isinstance(reply, ReplyError):
                    raise self._failed(target, reply)
                self._count(len(same))
            for key in some:
                if key not in same:
                    await self._send_one(target, key)

    async def _send_one(self, target: Address, key: bytes) -> None:
        """Send one key; if it is refused, leave it where that is asked for, or stop with its name."""
        reply = await self._try(target, [key], replace=self._options.replace)
        if not isinstance(reply, ReplyError):
            self._count(1)  # NOKEY: the batch that was refused for another key has brought it over.
        elif not _is_about_a_key(reply):
            raise self._failed(target, reply)
        elif _is_busy(reply) and self._request.skip_existing:
            self.result.leave(key, f"exists in the cluster, at {target}, with another value")
        elif not _is_busy(reply) and self._request.skip_refused:
            self.result.leave(key, f"was refused by {target}: {reply}")
        else:
            (name,) = await self._types([key])
            raise ManagerError(self._stopped_by(key, name, target, reply))

    async def _try(self, target: Address, keys: Sequence[bytes], *, replace: bool) -> object:
        command = self._migrate(target, keys, replace)
        return (await self._source.call_many(self._request.source, [command]))[0]

    def _migrate(self, target: Address, keys: Sequence[bytes], replace: bool) -> Command:
        flags: list[str | bytes | int] = ["COPY"] if self._request.copy else []
        flags += ["REPLACE"] if replace else []
        flags += credentials(self._admin.access)
        return ("MIGRATE", target.host, target.port, "", 0, self._options.timeout_ms, *flags, "KEYS", *keys)

    def _count(self, keys: int) -> None:
        self.result.meter.moved(keys, 0.0)

    def _stopped_by(self, key: bytes, type_name: str, target: Address, reply: ReplyError) -> str:
        shown = f"key {key[:KEY_SHOWN_MAX]!r} ({type_name})"
        count = self.result.meter.keys_moved
        done = f"at least {count} keys are imported, and a repeated import goes on from here"
        if _is_busy(reply):
            return (
                f"{shown} exists in the cluster, at {target}, with another value; {done}: look at both, then "
                "overwrite it with --replace, or leave it with --skip-existing"
            )
        return (
            f"{shown} was refused by {target}: {reply}; {done}: leave such keys with --skip-refused, or all "
            f"of the type with --skip-types {type_name}"
        )

    def _failed(self, target: Address, reply: ReplyError) -> ManagerError:
        source = self._request.source
        advice = (
            f"check that {source} reaches {target}, then run again" if reply.code == "IOERR" else "run again"
        )
        return ManagerError(f"{source} could not send keys to {target}: {reply}; {advice}")


def _is_busy(reply: ReplyError) -> bool:
    return "BUSYKEY" in str(reply)


def _is_about_a_key(reply: ReplyError) -> bool:
    return _is_busy(reply) or REFUSED_KEY in str(reply)
