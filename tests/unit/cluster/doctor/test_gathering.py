"""Who is asked, how often, and what becomes of those who do not answer as they should."""

from __future__ import annotations

from typing import Any

import pytest

from garrison.client import ReplyError
from garrison.cluster.core.doctor.examine import examine
from garrison.cluster.core.doctor.readings import Reading
from garrison.cluster.core.doctor.replies import NODE_COMMANDS
from garrison.cluster.core.topology import Address
from garrison.cluster.doctor.gathering import Gatherer
from garrison.cluster.errors import ManagerError, UnreachableError
from garrison.cluster.manager.admin_client import Access
from tests.unit.cluster.doctor.talking import HANG, HANG_UP, Talker, talking

QUICK = Access(timeout_s=0.3)
PATIENT = Access(timeout_s=10.0)
INFO = "role:master\r\nrun_id:{}\r\nredis_version:7.2.0\r\nredis_mode:{}\r\ncluster_enabled:{}\r\n{}"
COMMANDS = [" ".join(words) for words in NODE_COMMANDS.values()]


def node(run_id: str, more: str = "", *, mode: str = "standalone", cluster: int = 0) -> dict[str, Any]:
    return {
        "TIME": ["1000", "0"],
        "CLIENT SETNAME": "OK",
        "CLIENT LIST": "id=9 addr=h:1 name=shop\n",
        "INFO": INFO.format(run_id, mode, cluster, more),
        "CONFIG GET *": ["maxmemory", "0"],
        "SLOWLOG": [],
        "DBSIZE": 3,
    }


def table(*members: tuple[str, Talker, str], me: str) -> str:
    """CLUSTER NODES of these members: (id letter, server, slots)."""
    lines = []
    for name, talker, slots in members:
        flags = "myself,master" if name == me else "master"
        lines.append(f"{name * 40} {talker.address}@1 {flags} - 0 0 1 connected {slots}".strip())
    return "\n".join(lines) + "\n"


async def gathered(entry: Address, access: Access = PATIENT, *, deep: bool = False) -> Reading:
    (reading,) = await Gatherer(access, deep=deep, version="0.1.0").gather(entry)
    return reading


async def test_node_is_asked_one_batch() -> None:
    async with talking(node("a")) as (one,):
        reading = await gathered(one.address)
        assert one.asked == COMMANDS
    assert reading.kind == "single"
    assert [each.where for each in reading.answering] == [str(one.address)]
    assert reading.nodes[0].config == {"maxmemory": "0"}
    assert reading.nodes[0].clients == [{"id": "9", "addr": "h:1", "name": "shop"}]


async def test_refused_commands_are_not_known() -> None:
    answers = node("a")
    del answers["CONFIG GET *"], answers["SLOWLOG"]
    async with talking(answers) as (one,):
        (found,) = (await gathered(one.address)).nodes
    assert (found.error, found.config, found.slow) == ("", None, None)


async def test_primary_and_replicas_are_found_from_a_replica() -> None:
    async with talking(node("p"), node("x"), node("y")) as (primary, x, y):
        rows = (f"slave{n}:ip=127.0.0.1,port={each.address.port}\r\n" for n, each in enumerate((x, y)))
        primary.answers["INFO"] = INFO.format("p", "standalone", 0, "".join(rows))
        up = f"master_host:127.0.0.1\r\nmaster_port:{primary.address.port}\r\n"
        x.answers["INFO"] = INFO.format("x", "standalone", 0, up)
        y.answers["INFO"] = INFO.format("y", "standalone", 0, up)
        reading = await gathered(x.address)
        assert len(x.asked) == len(COMMANDS), "nobody is asked twice"
    assert {each.address for each in reading.nodes} == {primary.address, x.address, y.address}


async def test_members_of_a_cluster_are_asked() -> None:
    async with talking(node("a", cluster=1), node("b", cluster=1)) as (a, b):
        members = (("a", a, "0-8000"), ("b", b, "8001-16383"))
        a.answers["CLUSTER NODES"] = table(*members, me="a")
        b.answers["CLUSTER NODES"] = table(*members, me="b")
        reading = await gathered(b.address)
    assert reading.kind == "cluster"
    assert reading.state is not None
    assert len(reading.state.owners) == 16384
    assert len(reading.answering) == 2
    assert "few-primaries" in {each.code for each in examine(reading)}


@pytest.mark.parametrize(
    ("command", "answer", "why"),
    [
        ("TIME", HANG, "stopped answering"),
        ("INFO", HANG_UP, "stopped answering"),
        ("INFO", ReplyError("NOPERM no"), "refuses INFO: NOPERM no"),
        ("INFO", 5, "sends no INFO"),
        ("CLUSTER NODES", "junk\n", "CLUSTER NODES"),
        ("CLUSTER NODES", 7, "CLUSTER NODES"),
    ],
)
async def test_member_that_answers_badly_is_a_finding(command: str, answer: Any, why: str) -> None:
    async with talking(node("a", cluster=1), node("b", cluster=1)) as (a, b):
        members = (("a", a, "0-8000"), ("b", b, "8001-16383"))
        a.answers["CLUSTER NODES"] = table(*members, me="a")
        b.answers["CLUSTER NODES"] = table(*members, me="b")
        b.answers[command] = answer
        reading = await gathered(a.address, QUICK if answer == HANG else PATIENT)
    (found,) = (each for each in examine(reading) if each.code == "unreachable")
    assert found.where == str(b.address)
    assert found.severity == "error"
    assert why in found.message
    assert "it owns 8383 slots" in found.message


async def test_entry_that_wants_a_password_says_what_to_give() -> None:
    async with talking({"INFO": ReplyError("NOAUTH Authentication required.")}) as (one,):
        with pytest.raises(UnreachableError, match=r"NOAUTH.*; give --askpass"):
            await gathered(one.address, PATIENT)


async def test_entry_that_does_not_answer_is_an_error() -> None:
    async with talking({"TIME": HANG}) as (one,):
        with pytest.raises(UnreachableError, match="cannot be examined"):
            await gathered(one.address, QUICK)


def sentinel(quorum: str, nodes: list[Talker], others: list[Talker]) -> dict[str, Any]:
    primary = ["name", "orders", "ip", "127.0.0.1", "port", str(nodes[0].address.port), "flags", "master"]
    primary += ["quorum", quorum, "num-other-sentinels", str(len(others))]
    rows = [["ip", "127.0.0.1", "port", str(each.address.port), "flags", "slave"] for each in nodes[1:]]
    peers = [["ip", "127.0.0.1", "port", str(each.address.port), "flags", "sentinel"] for each in others]
    return node("s", mode="sentinel") | {
        "SENTINEL MASTERS": [primary],
        "SENTINEL MASTER orders": primary,
        "SENTINEL REPLICAS orders": rows,
        "SENTINEL SENTINELS orders": peers,
    }


@pytest.mark.parametrize("mode", ["redis_mode", "server_mode"], ids=["Redis", "Valkey"])
async def test_sentinels_lead_to_nodes_and_to_each_other(mode: str) -> None:
    async with talking(node("p"), node("x"), {}, {}, {}) as (primary, replica, *watching):
        for each in watching:
            others = [other for other in watching if other is not each]
            each.answers = sentinel("1", [primary, replica], others)
            each.answers["INFO"] = each.answers["INFO"].replace("redis_mode", mode)
        watching[2].answers["SENTINEL MASTER orders"] = ReplyError("ERR No such master with that name")
        reading = await gathered(watching[0].address)
    assert (reading.kind, reading.primary_name) == ("sentinel", "orders")
    assert {each.address for each in reading.nodes} == {primary.address, replica.address}
    assert {each.address for each in reading.sentinels} == {each.address for each in watching}
    codes = {each.code for each in examine(reading)}
    assert {"quorum-of-one", "sentinel-silent", "sentinels-on-one-host"} <= codes


async def test_sentinel_without_a_password_is_let_in_without() -> None:
    wrong = ReplyError("ERR AUTH <password> called without any password configured for the default user.")
    async with talking(node("p") | {"AUTH": "OK"}, {}) as (primary, watching):
        watching.answers = sentinel("1", [primary], []) | {"AUTH": wrong}
        reading = await gathered(watching.address, Access(password="secret", timeout_s=10.0))
        assert primary.asked[0] == "AUTH secret"
    assert [each.error for each in reading.nodes] == [""]


async def test_sentinel_that_watches_nothing_is_an_error() -> None:
    async with talking(node("s", mode="sentinel") | {"SENTINEL MASTERS": []}) as (one,):
        with pytest.raises(ManagerError, match="watches nothing"):
            await gathered(one.address)


async def test_keys_of_primaries_are_sampled_when_deep() -> None:
    answers = node("a") | {"SCAN": ["0", ["k"]], "TYPE": "string", "PTTL": -1, "MEMORY USAGE": 60}
    async with talking(answers) as (one,):
        shallow = await gathered(one.address)
        deep = await gathered(one.address, deep=True)
    assert shallow.nodes[0].keys is None
    assert [each.key for each in deep.nodes[0].keys or ()] == ["k"]


@pytest.mark.parametrize(
    "answers",
    [
        {"INFO": ReplyError("ERR \x1b[2J")},
        {"INFO": node("a", cluster=1)["INFO"], "CLUSTER NODES": "\x1b[2J\n"},
    ],
)
async def test_error_about_the_entry_is_printable(answers: dict[str, Any]) -> None:
    async with talking(node("a") | answers) as (one,):
        with pytest.raises(ManagerError) as raised:
            await gathered(one.address)
    assert "[2J" in str(raised.value)
    assert str(raised.value).isprintable()


async def test_each_primary_that_sentinels_watch_is_a_reading() -> None:
    async with talking(node("p"), {}) as (primary, watching):
        watching.answers = sentinel("1", [primary], [])
        row = list(watching.answers["SENTINEL MASTER orders"])
        row[1] = "carts"
        watching.answers["SENTINEL MASTERS"] = [watching.answers["SENTINEL MASTER orders"], row]
        watching.answers["SENTINEL MASTER carts"] = row
        readings = await Gatherer(PATIENT, deep=False, version="0.1.0").gather(watching.address)
    assert [each.primary_name for each in readings] == ["orders", "carts"]
