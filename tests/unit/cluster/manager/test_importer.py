"""An import counts types first, names the key that stops it, and can be repeated. Servers are models here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import pytest

from garrison.client import ReplyError
from garrison.cluster.core.cluster_state import ClusterState
from garrison.cluster.core.topology import Address, Node, View
from garrison.cluster.errors import ManagerError
from garrison.cluster.manager import importer
from garrison.cluster.manager.admin_client import Access, Command
from garrison.cluster.manager.importer import ImportRequest, ImportResult, import_keys
from garrison.cluster.manager.key_migration import MigrateOptions

SOURCE, TARGET = Address("10.0.0.9", 6379), Address("10.0.0.1", 7000)
PREFIX = "ERR Target instance replied with error: "
Value = tuple[str, str]
"""A type and what it holds."""


@dataclass
class Servers:
    """A standalone server and a cluster of one node; it stands in for the admin clients of both."""

    source: dict[bytes, Value]
    cluster: dict[bytes, Value] = field(default_factory=dict)
    unknown_types: frozenset[str] = frozenset()
    refusal: str = ""
    """What every MIGRATE is answered with."""
    access: Access = field(default_factory=Access)
    migrated: list[bytes] = field(default_factory=list)
    """The first key of each MIGRATE."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None: ...

    async def call(self, address: Address, *command: Any) -> Any:
        return (await self.call_many(address, [command]))[0]

    async def demand_many(self, address: Address, commands: Sequence[Command]) -> list[Any]:
        return await self.call_many(address, commands)

    async def call_many(self, address: Address, commands: Sequence[Command]) -> list[Any]:
        return [self._answer(self.source if address == SOURCE else self.cluster, each) for each in commands]

    def _answer(self, keys: dict[bytes, Value], command: Sequence[Any]) -> Any:
        match list(command):
            case ["CLUSTER", "INFO"]:
                return ReplyError("ERR This instance has cluster support disabled")
            case ["INFO", "keyspace"]:
                return b"# Keyspace\r\ndb0:keys=1\r\ndb3:keys=7\r\n"
            case ["SCAN", *_]:
                return [b"0", sorted(keys)]
            case ["TYPE", key]:
                return keys.get(key, ("none", ""))[0].encode()
            case ["GET", key]:
                return keys[key][1].encode()
            case ["MIGRATE", *rest]:
                place = rest.index("KEYS")
                return self._migrate(rest[place + 1 :], set(rest[:place]))
        raise AssertionError(f"the model does not know {command}")

    def _migrate(self, names: Sequence[bytes], flags: set[Any]) -> Any:
        self.migrated.append(names[0])
        if self.refusal:
            return ReplyError(self.refusal)
        known = [name for name in names if name in self.source]
        answer: Any = b"OK" if known else b"NOKEY"
        for name in known:
            if self.source[name][0] in self.unknown_types:
                answer = ReplyError(f"{PREFIX}ERR Bad data format")
            elif name in self.cluster and "REPLACE" not in flags:
                answer = ReplyError(f"{PREFIX}BUSYKEY Target key name already exists.")
            else:
                self.cluster[name] = self.source[name]
                if "COPY" not in flags:
                    del self.source[name]
        return answer


class Notes:
    """A display that keeps what is noted."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.note: Callable[[str], None] = self.lines.append

    def start(self, meter: object) -> None: ...
    def update(self, meter: object) -> None: ...
    def stop(self, meter: object) -> None: ...


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, notes: Notes) -> Callable[..., Any]:
    """Import with these servers and options of the request."""

    async def imported(
        servers: Servers, *, replace: bool = False, dry_run: bool = False, **options: Any
    ) -> ImportResult:
        monkeypatch.setattr(importer, "AdminClient", lambda *args: servers)
        node = Node("a" * 40, TARGET, frozenset({"master", "myself"}), ranges=((0, 16383),))
        state = ClusterState({node.id: View({node.id: node}, node.id)})
        request = ImportRequest(SOURCE, Access(), **options)
        migrate = MigrateOptions(replace=replace)
        stand_in: Any = servers
        return await import_keys(stand_in, state, request, migrate, notes, dry_run=dry_run)

    return imported


def strings(*names: str, value: str = "v") -> dict[bytes, Value]:
    return {name.encode(): ("string", value) for name in names}


async def test_types_are_counted_before_anything_moves(run: Callable[..., Any], notes: Notes) -> None:
    servers = Servers(strings("a", "b") | {b"h": ("hash", "")})
    result = await run(servers, dry_run=True)
    assert result.types == {"string": 2, "hash": 1}
    assert notes.lines == [
        f"db3 of {SOURCE} stay there: a cluster has database 0 only",
        "the source has 3 keys: 2 string, 1 hash",
    ]
    assert servers.migrated == []


async def test_all_keys_move_and_are_counted_once(run: Callable[..., Any]) -> None:
    servers = Servers(strings("a", "b", "c"))
    result = await run(servers)
    assert result.meter.keys_moved == 3
    assert servers.source == {}
    assert servers.cluster == strings("a", "b", "c")


async def test_unknown_type_stops_before_the_others_move(run: Callable[..., Any]) -> None:
    servers = Servers(
        {b"a-json": ("ReJSON-RL", "")} | strings("b", "c", "d"), unknown_types=frozenset({"ReJSON-RL"})
    )
    with pytest.raises(
        ManagerError, match=r"key b'a-json' \(ReJSON-RL\) was refused .*--skip-types ReJSON-RL"
    ):
        await run(servers)
    assert len(servers.source) >= 3


@pytest.mark.parametrize("options", [{"skip_refused": True}, {"skip_types": frozenset({"ReJSON-RL"})}])
async def test_unknown_type_can_be_left(run: Callable[..., Any], options: dict[str, Any]) -> None:
    json = {b"json:1": ("ReJSON-RL", ""), b"json:2": ("ReJSON-RL", "")}
    servers = Servers(json | strings("a", "b"), unknown_types=frozenset({"ReJSON-RL"}))
    result = await run(servers, **options)
    assert servers.source == json
    assert servers.cluster == strings("a", "b")
    assert result.left_count == (2 if "skip_refused" in options else 0)


async def test_key_with_another_value_is_named(run: Callable[..., Any]) -> None:
    servers = Servers(strings("a", "b"), strings("b", value="other"))
    with pytest.raises(ManagerError, match=r"key b'b' \(string\) exists in the cluster.*--skip-existing"):
        await run(servers)
    assert servers.cluster[b"b"] == ("string", "other")


async def test_key_with_another_value_can_be_left(run: Callable[..., Any]) -> None:
    servers = Servers(strings("a", "b"), strings("b", value="other"))
    result = await run(servers, skip_existing=True)
    assert [each.key for each in result.left] == [b"b"]
    assert servers.cluster == strings("a") | strings("b", value="other")
    assert servers.source == strings("b")


def test_key_that_a_scan_names_twice_is_left_once() -> None:
    result = ImportResult()
    for key in (b"a", b"b", b"a"):
        result.leave(key, "it exists")
    assert [left.key for left in result.left] == [b"a", b"b"]
    assert result.left_count == 2


async def test_key_with_another_value_is_replaced_when_asked(run: Callable[..., Any]) -> None:
    servers = Servers(strings("a", "b"), strings("b", value="other"))
    await run(servers, replace=True)
    assert servers.cluster == strings("a", "b")


@pytest.mark.parametrize("copy", [True, False])
async def test_import_that_broke_off_is_repeated(run: Callable[..., Any], copy: bool) -> None:
    """The cluster has keys of an earlier try whose acknowledgement got lost."""
    servers = Servers(strings("a", "b", "c"), strings("a", "b"))
    result = await run(servers, copy=copy)
    assert result.meter.keys_moved == 3
    assert servers.cluster == strings("a", "b", "c")
    assert servers.source == (strings("a", "b", "c") if copy else {})


@pytest.mark.parametrize(
    ("refusal", "advice"),
    [
        (
            "IOERR error or timeout reading to target instance",
            "check that 10.0.0.9:6379 reaches 10.0.0.1:7000",
        ),
        (f"{PREFIX}OOM command not allowed", "run again"),
    ],
)
async def test_trouble_of_the_target_stops_at_once(
    run: Callable[..., Any], refusal: str, advice: str
) -> None:
    servers = Servers(strings("a", "b", "c"), refusal=refusal)
    with pytest.raises(ManagerError, match=advice):
        await run(servers, skip_refused=True)
    assert len(servers.migrated) == 1
