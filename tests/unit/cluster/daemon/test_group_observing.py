"""Servers outside a cluster, and Sentinels; they are dictionaries here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import pytest

from garrison.client import ReplyError
from garrison.cluster.core.manager.picture import NodeState
from garrison.cluster.core.topology import Address
from garrison.cluster.daemon.group_observing import GroupObserver
from garrison.cluster.errors import UnreachableError
from garrison.cluster.manager.admin_client import Access, Command, accepted

PRIMARY, REPLICA = Address("10.0.0.1", 6379), Address("10.0.0.2", 6379)
SENTINEL, OTHER = Address("10.0.0.8", 26379), Address("10.0.0.9", 26379)


def info_of_primary(offset: int = 100, replica: str = "10.0.0.2") -> str:
    return (
        f"redis_version:7.0.15\r\nrun_id:p\r\nrole:master\r\nmaster_repl_offset:{offset}\r\n"
        f"slave0:ip={replica},port=6379,state=online,offset=90,lag=0\r\nused_memory:1000\r\n"
        "total_commands_processed:5\r\n"
    )


INFO_OF_REPLICA = (
    "redis_version:7.0.15\r\nrun_id:r\r\nrole:slave\r\nmaster_host:10.0.0.1\r\nmaster_port:6379\r\n"
    "master_link_status:up\r\nslave_repl_offset:90\r\nused_memory:900\r\n"
)


class FakeServers:
    """Stands in for both admin clients."""

    def __init__(self) -> None:
        self.infos = {PRIMARY: info_of_primary(), REPLICA: INFO_OF_REPLICA}
        self.sentinels = {SENTINEL, OTHER}
        self.flags = "master"
        self.closed = 0

    async def call_many(self, address: Address, commands: Sequence[Command]) -> list[Any]:
        if address not in self.infos:
            raise UnreachableError(f"cannot connect to {address}")
        assert [command[0] for command in commands] == ["INFO", "LATENCY", "SLOWLOG"]
        unknown = ReplyError("ERR unknown subcommand")
        return [
            self.infos[address].encode(),
            unknown,
            [[1, 1_700_000_000, 12_000, [b"KEYS", b"*"], b"c", b""]],
        ]

    async def call(self, address: Address, *words: str) -> Any:
        if address not in self.sentinels:
            raise UnreachableError(f"no Sentinel at {address}")
        row: Any
        match words[1]:
            case "MASTERS":
                row = {b"name": b"shop", b"ip": b"10.0.0.1", b"port": b"6379", b"flags": self.flags.encode()}
            case "SLAVES":
                row = [b"ip", b"10.0.0.2", b"port", b"6379", b"flags", b"slave"]
            case _:
                other = OTHER if address == SENTINEL else SENTINEL
                down = "" if other in self.sentinels else ",s_down"
                row = {"ip": other.host, "port": str(other.port), "flags": f"sentinel{down}", "runid": "o"}
        return accepted([row], address, words)

    async def close(self) -> None:
        self.closed += 1


def observe(kind: Literal["sentinel", "single"], entry: Address, servers: FakeServers) -> GroupObserver:
    observer = GroupObserver(kind, entry, Access(), clock=lambda: 1_700_000_100.0)
    observer._admin = observer._sentinel = servers  # type: ignore[assignment]
    return observer


@pytest.mark.parametrize("entry", [PRIMARY, REPLICA])
async def test_server_is_shown_with_its_primary_and_replicas(entry: Address) -> None:
    observer = observe("single", entry, FakeServers())
    await observer.picture()
    picture = await observer.picture()
    assert [(node.address, node.role) for node in picture.nodes] == [
        ("10.0.0.1:6379", "primary"),
        ("10.0.0.2:6379", "replica"),
    ]
    (shard,) = picture.shards
    assert shard.replica_ids == ("10.0.0.2:6379",)
    assert picture.nodes[1].load.lag_bytes == 10
    assert picture.slow_commands[0].words == ("KEYS", "*")


async def test_server_that_is_gone_is_silent_and_the_others_stay() -> None:
    servers = FakeServers()
    observer = observe("single", PRIMARY, servers)
    await observer.picture()
    del servers.infos[REPLICA]
    observer._clock = lambda: 1_700_000_110.0
    await observer.picture()
    observer._clock = lambda: 1_700_000_120.0
    picture = await observer.picture()
    assert [node.state for node in picture.nodes] == [NodeState.OK, NodeState.SILENT]
    assert picture.nodes[1].why == "cannot connect to 10.0.0.2:6379"


async def test_nobody_answers() -> None:
    servers = FakeServers()
    servers.infos.clear()
    with pytest.raises(UnreachableError, match=r"cannot connect to 10\.0\.0\.1:6379"):
        await observe("single", PRIMARY, servers).picture()


async def test_sentinels_name_the_members_and_each_other() -> None:
    picture = await observe("sentinel", SENTINEL, FakeServers()).picture()
    assert (picture.kind, picture.name) == ("sentinel", "shop")
    assert [node.primary_id for node in picture.nodes] == [None, "10.0.0.1:6379"]
    assert [(each.address, each.reachable) for each in picture.sentinels] == [
        ("10.0.0.8:26379", True),
        ("10.0.0.9:26379", True),
    ]


async def test_another_sentinel_is_asked_when_the_first_is_gone() -> None:
    servers = FakeServers()
    observer = observe("sentinel", SENTINEL, servers)
    await observer.picture()
    servers.sentinels = {OTHER}
    picture = await observer.picture()
    assert {each.address: each.reachable for each in picture.sentinels} == {
        "10.0.0.9:26379": True,
        "10.0.0.8:26379": False,
    }
    servers.sentinels = set()
    picture = await observer.picture()
    assert [each.reachable for each in picture.sentinels] == [False, False]
    assert not picture.majority_answers
    assert picture.problems[0].startswith("no Sentinel answers: no Sentinel at 10.0.0.")
    assert [node.state for node in picture.nodes] == [NodeState.OK, NodeState.OK]


@pytest.mark.parametrize(
    ("flags", "state"), [("master,s_down", NodeState.SUSPECTED), ("master,s_down,o_down", NodeState.FAILED)]
)
async def test_what_sentinels_declare_counts(flags: str, state: NodeState) -> None:
    servers = FakeServers()
    servers.flags = flags
    picture = await observe("sentinel", SENTINEL, servers).picture()
    assert picture.nodes[0].state is state


async def test_impossible_figures_are_named() -> None:
    servers = FakeServers()
    servers.infos[PRIMARY] = info_of_primary().replace("used_memory:1000", "used_memory:-5")
    picture = await observe("single", PRIMARY, servers).picture()
    assert picture.problems == (
        "10.0.0.1:6379 reports what cannot be true, which is passed over: used_memory is '-5'",
    )


async def test_close_closes_both_clients() -> None:
    servers = FakeServers()
    await observe("single", PRIMARY, servers).close()
    assert servers.closed == 2
