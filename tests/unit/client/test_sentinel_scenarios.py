"""The client between fake Sentinels and fake nodes: what it asks, whom it follows, what its errors say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from garrison.client import Address, Client, connect
from garrison.client.errors import (
    AuthenticationError,
    CallTimeoutError,
    ConnectionFailedError,
    ConnectionLostError,
    ReplyError,
    UsageError,
)

from .conftest import FakeServer, HangupError, eventually

OK = b"+OK\r\n"
READONLY = b"-READONLY You can't write against a read only replica.\r\n"


def bulk(*words: object) -> bytes:
    """An array of bulk strings."""
    encoded = [str(word).encode() for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded)


class FakeNode:
    """A node that is primary or replica, and counts what it executes."""

    def __init__(self, role: str = "master") -> None:
        self.role = role
        self.reply: bytes | type[Exception] | None = OK
        self.may_ask_role = True
        self.server = FakeServer(self.script)

    @property
    def address(self) -> Address:
        return Address("127.0.0.1", self.server.port)

    def script(self, command: list[bytes]) -> bytes | None:
        name = command[0].upper()
        if name == b"HELLO":
            if len(command) > 1 and command[1] == b"3":
                return b"-NOPROTO sorry\r\n"
            return bulk("server", "redis", "role", self.role)
        if name == b"ROLE":
            return bulk(self.role, 0) if self.may_ask_role else b"-NOPERM no\r\n"
        if isinstance(self.reply, type):
            raise self.reply
        return READONLY if self.role == "slave" and name in (b"SET", b"INCR") else self.reply


class FakeSentinel:
    """A Sentinel that says what it is told to say."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.claim: tuple[FakeNode, int] | None = None
        self.others: list[FakeSentinel] = []
        self.refusal: bytes | None = None
        self.is_hanging = False
        self.server = FakeServer(self.script)

    @property
    def address(self) -> Address:
        return Address("127.0.0.1", self.server.port)

    def script(self, command: list[bytes]) -> bytes | None:
        words = [word.decode().upper() for word in command]
        if self.is_hanging:
            return None
        if words[0] == "HELLO":
            return b"-NOPROTO sorry\r\n"
        if words[0] == "SUBSCRIBE":
            return b"*3\r\n$9\r\nsubscribe\r\n$14\r\n+switch-master\r\n:1\r\n"
        return self.refusal or self.answer(words)

    def answer(self, words: list[str]) -> bytes:
        if words[:2] == ["SENTINEL", "MYID"]:
            return b"+%s\r\n" % self.id.encode()
        if words[:2] == ["SENTINEL", "MASTERS"]:
            return b"*1\r\n" + bulk("name", "orders")
        if words[:2] == ["SENTINEL", "SENTINELS"]:
            rows = [bulk("ip", *["127.0.0.1", "port", o.address.port, "runid", o.id]) for o in self.others]
            return b"*%d\r\n" % len(rows) + b"".join(rows)
        if self.claim is None or words[2] != "ORDERS":
            return b"-ERR No such master with that name\r\n"
        node, epoch = self.claim
        if words[1] == "MASTER":
            return bulk("name", "orders", "flags", "master", "config-epoch", epoch)
        return bulk(*node.address)

    def announce(self, old: FakeNode, new: FakeNode) -> None:
        """Publish a switch."""
        text = f"orders 127.0.0.1 {old.address.port} 127.0.0.1 {new.address.port}"
        self.server.publish(bulk("message", "+switch-master", text))


class Field:
    """Three Sentinels and two nodes, the first of which is primary."""

    def __init__(self) -> None:
        self.old, self.new = FakeNode(), FakeNode("slave")
        self.sentinels = [FakeSentinel(f"id-{n}") for n in range(3)]
        self.stack = AsyncExitStack()

    async def start(self) -> None:
        for server in (self.old.server, self.new.server, *(one.server for one in self.sentinels)):
            await server.start()
            self.stack.push_async_callback(server.stop)
        for sentinel in self.sentinels:
            sentinel.claim = (self.old, 1)
            sentinel.others = [other for other in self.sentinels if other is not sentinel]

    def fail_over(self, *, told_by: int = 3) -> None:
        """The new node is primary; so many Sentinels know it."""
        self.old.role, self.new.role = "slave", "master"
        for sentinel in self.sentinels[:told_by]:
            sentinel.claim = (self.new, 2)

    def url(self, *sentinels: int, name: str = "orders") -> str:
        hosts = [str(self.sentinels[at].address) for at in sentinels or (0, 1, 2)]
        return f"sentinel://{','.join(hosts)}/{name}"

    async def client(self, url: str = "", **options: Any) -> Client[bytes]:
        given = {"call_timeout_s": 5.0, "sentinel_timeout_s": 0.5, **options}
        client: Client[bytes] = await connect(url or self.url(), decode=False, **given)
        return client


@pytest.fixture
async def field() -> AsyncIterator[Field]:
    field = Field()
    await field.start()
    yield field
    await field.stack.aclose()


def is_at(client: Client[bytes], node: FakeNode) -> Callable[[], bool]:
    return lambda: client.primaries() == [node.address]


def sent_to(node: FakeNode) -> list[str]:
    return [name for name in node.server.names() if name not in ("ROLE", "PING")]


async def listening(field: Field, client: Client[bytes]) -> None:
    """Wait until the client has subscribed everywhere, and has asked once more since."""
    for sentinel in field.sentinels:
        await eventually(lambda s=sentinel: "SUBSCRIBE" in s.server.names())  # type: ignore[misc]
    await client.refresh_topology()


async def test_one_sentinel_is_enough_to_find_all_and_the_primary(field: Field) -> None:
    async with await field.client(field.url(1)) as client:
        assert client.primaries() == [field.old.address]
        assert not client.is_cluster
        await client.set("a", 1)
        for sentinel in field.sentinels:
            assert "SENTINEL" in sentinel.server.names()
    assert "ROLE" in field.old.server.names()


async def test_only_sentinel_with_newest_configuration_is_believed(field: Field) -> None:
    field.fail_over(told_by=1)
    field.old.role = "master"
    async with await field.client(field.url(2)) as client:
        assert client.primaries() == [field.new.address]
    assert "ROLE" not in field.old.server.names()


async def test_lying_sentinel_delays_the_client_without_stopping_it(
    field: Field,
) -> None:
    nobody = FakeNode()
    await nobody.server.start()
    await nobody.server.stop()
    field.sentinels[0].claim = (nobody, 99)
    async with await field.client(sentinel_doubt_s=0.2) as client:
        assert client.primaries() == [field.old.address]
        await listening(field, client)
        field.fail_over(told_by=0)
        for sentinel in field.sentinels[1:]:
            sentinel.claim = (field.new, 2)
        assert await client.set("a", 1)
    assert sent_to(field.new) == ["SET"]


async def test_a_sentinel_that_names_a_replica_is_outvoted(field: Field) -> None:
    field.sentinels[0].claim = (field.new, 99)
    async with await field.client() as client:
        assert client.primaries() == [field.old.address]


async def test_a_hanging_sentinel_costs_little(field: Field) -> None:
    field.sentinels[0].is_hanging = True
    async with (
        asyncio.timeout(4.0),
        await field.client(refresh_hedge_s=0.1, sentinel_timeout_s=4.0) as client,
    ):
        assert client.primaries() == [field.old.address]


async def test_announced_switch_moves_client_and_drops_old_connection(
    field: Field,
) -> None:
    async with await field.client() as client:
        await client.set("a", 1)
        await listening(field, client)
        rounds = client._router.refresh_count
        connection = client._router.routes[0].live
        assert connection is not None
        field.fail_over(told_by=1)
        field.sentinels[0].announce(field.old, field.new)
        await eventually(is_at(client, field.new))
        assert connection.is_closed
        assert client._router.refresh_count == rounds, "no call had to fail for it"
        await client.set("a", 2)
        for sentinel in field.sentinels[1:]:
            sentinel.claim = (field.new, 2)
            sentinel.announce(field.old, field.new)
        await client.set("a", 3)
    assert sent_to(field.new) == ["SET", "SET"]
    assert sent_to(field.old) == ["SET"]


async def test_a_reply_on_its_way_from_the_old_primary_is_waited_for(field: Field) -> None:
    async with await field.client(silence_refresh_s=2.0) as client:
        await listening(field, client)
        field.old.reply = None
        call = asyncio.create_task(client.incr("a"))
        await eventually(lambda: sent_to(field.old) == ["INCR"])
        field.fail_over()
        field.sentinels[0].announce(field.old, field.new)
        await eventually(is_at(client, field.new))
        assert not call.done()
        field.old.server.send_all(b":7\r\n")
        assert await call == 7


async def test_commands_waiting_for_room_go_to_the_new_primary(field: Field) -> None:
    async with await field.client(silence_refresh_s=5.0, in_flight_commands_max=2) as client:
        await listening(field, client)
        field.old.reply = None
        calls = [asyncio.create_task(client.incr(f"key:{at}")) for at in range(6)]
        await eventually(lambda: sent_to(field.old) == ["INCR"] * 2)
        field.fail_over()
        field.new.reply = b":1\r\n"
        field.sentinels[0].announce(field.old, field.new)
        await asyncio.wait(calls[2:], timeout=4.0)
        assert [call.result() for call in calls[2:]] == [1] * 4
        field.old.server.send_all(b":7\r\n:7\r\n")
        assert [await call for call in calls[:2]] == [7, 7]
        await eventually(lambda: not field.old.server.is_connected)
    assert sent_to(field.old) == ["INCR"] * 2


async def test_silent_old_primary_is_left_and_safe_commands_repeated(field: Field) -> None:
    async with await field.client(silence_refresh_s=0.2) as client:
        await listening(field, client)
        field.old.reply = None
        safe, unsafe = asyncio.create_task(client.set("a", 1)), asyncio.create_task(client.incr("b"))
        await eventually(lambda: sent_to(field.old) == ["SET", "INCR"])
        field.fail_over()
        assert await safe
        with pytest.raises(ConnectionLostError, match="another primary of 'orders'") as caught:
            await unsafe
        assert caught.value.maybe_executed
    assert sent_to(field.new) == ["SET"]


async def test_readonly_leads_to_the_new_primary(field: Field) -> None:
    async with await field.client() as client:
        await client.set("a", 1)
        field.fail_over()
        field.new.reply = b":1\r\n"
        assert await client.incr("a") == 1
    assert sent_to(field.new) == ["INCR"]


@pytest.mark.parametrize("line", [b"-LOADING soon\r\n", b"-MASTERDOWN link\r\n"])
async def test_primary_that_cannot_serve_triggers_sentinel_query(field: Field, line: bytes) -> None:
    async with await field.client() as client:
        field.old.reply = line
        call = asyncio.create_task(client.set("a", 1))
        await eventually(lambda: client._router.refresh_count > 1)
        field.fail_over()
        assert await call
    assert sent_to(field.new) == ["SET"]


async def test_restarted_primary_gets_no_command_before_role_is_known(field: Field) -> None:
    async with await field.client() as client:
        await client.set("a", 1)
        field.old.role = "slave"
        field.old.server.commands.clear()
        field.old.server.hang_up()
        call = asyncio.create_task(client.set("a", 2))
        await eventually(lambda: "ROLE" in field.old.server.names())
        assert sent_to(field.old) == []
        field.fail_over()
        assert await call
    assert sent_to(field.old) == []


async def test_a_user_who_may_not_ask_role_is_told_by_hello(field: Field) -> None:
    field.old.may_ask_role = False
    async with await field.client() as client:
        await client.set("a", 1)


async def test_a_subscription_follows_the_primary(field: Field) -> None:
    for node in (field.old, field.new):
        node.reply = b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"
    async with await field.client() as client, client.subscribe("c") as messages:
        await listening(field, client)
        field.fail_over()
        field.sentinels[2].announce(field.old, field.new)
        await eventually(lambda: "SUBSCRIBE" in field.new.server.names())
        field.new.server.publish(b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n")
        assert (await messages.get()).data == b"hi"
        assert messages.gaps == 1


async def test_calls_that_are_not_repeated_wait_for_a_primary_too(field: Field) -> None:
    async with await field.client() as client:
        field.old.role = "slave"
        field.old.server.hang_up()
        await eventually(lambda: client.primaries() == [])
        field.new.reply = b":3\r\n"
        size = asyncio.create_task(client.dbsize())
        popped = asyncio.create_task(client.call("BLPOP", "list", 0))
        await asyncio.sleep(0)
        field.fail_over()
        assert await size == 3
        assert await popped == 3


# ---- what errors say ---------------------------------------------------------------------------


async def test_call_without_primary_reports_each_sentinels_answer(field: Field) -> None:
    async with await field.client(call_timeout_s=0.5) as client:
        field.old.role = "slave"
        field.sentinels[1].refusal = b"-ERR busy\r\n"
        with pytest.raises(CallTimeoutError) as caught:
            await client.set("a", 1)
        text = str(caught.value)
        assert "SET did not succeed within 0.5 s (call_timeout_s)" in text
        assert f"Sentinel {field.sentinels[0].address}: the primary is {field.old.address} (epoch 1)" in text
        assert f"Sentinel {field.sentinels[1].address}: ERR busy" in text
        assert f"{field.old.address}: it says that it is a replica" in text


async def test_no_primary_within_the_deadline(field: Field) -> None:
    field.old.role = "slave"
    with pytest.raises(ConnectionFailedError, match=r"no primary of 'orders' within 1 s .*is a replica"):
        await field.client(call_timeout_s=1.0)


async def test_no_sentinel_reachable(field: Field) -> None:
    url = field.url()
    for sentinel in field.sentinels:
        await sentinel.server.stop()
    with pytest.raises(ConnectionFailedError, match="no Sentinel names a primary of 'orders'") as caught:
        await field.client(url)
    for sentinel in field.sentinels:
        assert f"Sentinel {sentinel.address}: cannot connect to {sentinel.address}" in str(caught.value)


async def test_a_wrong_name_says_which_names_there_are(field: Field) -> None:
    with pytest.raises(
        UsageError, match=r"primary named 'order'.*nothing named 'order'; it monitors: orders"
    ):
        await field.client(field.url(0, name="order"))


async def test_wrong_sentinel_credentials_say_which_option_is_meant(field: Field) -> None:
    for sentinel in field.sentinels:
        sentinel.refusal = b"-NOAUTH Authentication required.\r\n"
    with pytest.raises(AuthenticationError, match="sentinel_username, sentinel_password"):
        await field.client()


async def test_wrong_node_credentials_are_told_at_once(field: Field) -> None:
    field.old.reply = b"-WRONGPASS invalid username-password pair\r\n"
    with pytest.raises(AuthenticationError, match="WRONGPASS"):
        await field.client(password="x", protocol=2)


async def test_a_node_is_not_a_sentinel_and_a_sentinel_is_not_a_node(field: Field) -> None:
    field.old.reply = b"-ERR unknown command 'SENTINEL', with args beginning with: 'MASTER'\r\n"
    with pytest.raises(ConnectionFailedError, match="it is not a Sentinel"):
        await field.client(f"sentinel://{field.old.address}/orders")
    with pytest.raises(UsageError, match="different things"):
        await connect([field.url(), "redis://h"])


async def test_error_replies_of_commands_reach_the_caller(field: Field) -> None:
    async with await field.client() as client:
        field.old.reply = b"-WRONGTYPE no\r\n"
        with pytest.raises(ReplyError, match="WRONGTYPE"):
            await client.get("a")
        assert client._router.refresh_count == 1


# ---- the end -----------------------------------------------------------------------------------


async def test_a_closed_client_says_so_even_while_no_primary_is_known(field: Field) -> None:
    client = await field.client()
    field.old.role = "slave"
    field.old.server.hang_up()
    await eventually(lambda: client.primaries() == [])
    await client.close()
    with pytest.raises(UsageError, match="the client is closed"):
        await client.get("a")
    with pytest.raises(UsageError, match="the client is closed"):
        await client.dbsize()


async def test_a_closed_client_leaves_no_task_behind(field: Field) -> None:
    before = asyncio.all_tasks()
    client = await field.client()
    await listening(field, client)
    field.sentinels[0].is_hanging = True
    client._router.request_refresh()
    field.old.reply = HangupError
    await asyncio.gather(client.get("a"), client.close(), return_exceptions=True)
    left = {task for task in asyncio.all_tasks() - before if "garrison" in task.get_name()}
    await asyncio.wait(left | {asyncio.create_task(asyncio.sleep(0))}, timeout=5)
    assert all(task.done() for task in left)
