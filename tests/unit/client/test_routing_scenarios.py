"""Every way a call can be turned away, scripted: what the client sends, to whom, and what the caller sees.

Each scenario runs two fake nodes, A with the lower half of the slots and B with the upper half. The
key ``bar`` hashes to A's half, ``foo`` to B's.
"""

# Commands of a pipeline are queued by the call; nobody has to await their results.
# mypy: disable-error-code="unused-coroutine"
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from garrison.client import Client, connect, key_slot
from garrison.client.errors import (
    CallTimeoutError,
    ConnectionFailedError,
    ConnectionLostError,
    CrossSlotError,
    ReplyError,
    TransactionAbortedError,
    UsageError,
)

from .conftest import FakeServer, HangupError, eventually

LOW, HIGH = "bar", "foo"
LOW_SLOT, HIGH_SLOT = key_slot(LOW), key_slot(HIGH)
OK = b"+OK\r\n"


class Node:
    """A fake node: replies to commands one after the other from ``replies``, then with ``default``."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.replies: list[bytes | type[Exception] | Callable[[], bytes]] = []
        self.default = OK
        self.told: list[tuple[int, int, Node]] | None = None
        """The map that this node tells, when it is not that of the cluster."""
        self.server = FakeServer(self.script)

    async def script(self, command: list[bytes]) -> bytes:
        name = command[0].upper()
        if name == b"HELLO":
            return b"-ERR unknown command 'HELLO'\r\n"
        if name == b"CLUSTER":
            self.cluster.asked += 1
            return self.cluster.slots(self.told)
        if name == b"ASKING" or not self.replies:
            return OK if name == b"ASKING" else self.default
        reply = self.replies.pop(0)
        if isinstance(reply, bytes):
            return reply
        if isinstance(reply, type):
            raise reply
        return reply()

    def line(self, word: str, slot: int) -> bytes:
        """A redirect to this node."""
        return f"-{word} {slot} 127.0.0.1:{self.server.port}\r\n".encode()


class Cluster:
    """Nodes A and B with the map they tell."""

    def __init__(self) -> None:
        self.a, self.b = Node(self), Node(self)
        self.owners = [(0, 8191, self.a), (8192, 16383, self.b)]
        self.host = "127.0.0.1"
        self.asked = 0

    def slots(self, told: list[tuple[int, int, Node]] | None) -> bytes:
        owners = self.owners if told is None else told
        rows = [
            f"*3\r\n:{first}\r\n:{last}\r\n*3\r\n${len(self.host)}\r\n{self.host}\r\n:{node.server.port}\r\n$2\r\nid\r\n"
            for first, last, node in owners
        ]
        return f"*{len(rows)}\r\n{''.join(rows)}".encode()

    async def client(self, **options: Any) -> Client[bytes]:
        given = {"call_timeout_s": 60.0, **options}
        url = f"redis://127.0.0.1:{self.a.server.port}"
        client: Client[bytes] = await connect(url, decode=False, **given)
        return client


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    cluster = Cluster()
    await cluster.a.server.start()
    await cluster.b.server.start()
    assert LOW_SLOT < 8192 <= HIGH_SLOT
    yield cluster
    await cluster.a.server.stop()
    await cluster.b.server.stop()


async def test_moved_is_followed_at_once_and_remembered(cluster: Cluster) -> None:
    cluster.a.replies = [cluster.b.line("MOVED", LOW_SLOT)]
    async with await cluster.client() as client:
        cluster.owners = [(0, 16383, cluster.b)]
        assert await client.set(LOW, 1)
        assert await client.set(LOW, 2)
        await eventually(lambda: cluster.asked == 2)
    assert cluster.a.server.names() == ["SET"]
    assert cluster.b.server.names() == ["SET", "SET"]


async def test_moved_without_a_host_means_the_host_that_said_so(cluster: Cluster) -> None:
    port = cluster.b.server.port
    cluster.a.replies = [
        f"-MOVED {LOW_SLOT} :{port}\r\n".encode(),
        f"-MOVED {LOW_SLOT} ?:{port}\r\n".encode(),
    ]
    async with await cluster.client() as client:
        assert await client.set(LOW, 1)
    assert cluster.b.server.names() == ["SET"]


async def test_a_map_without_hosts_means_the_host_that_was_asked(cluster: Cluster) -> None:
    cluster.host = ""
    async with await cluster.client() as client:
        assert await client.set(HIGH, 1)
        assert {address.host for address in client.primaries()} == {"127.0.0.1"}
    assert cluster.b.server.names() == ["SET"]


async def test_ask_is_followed_once_behind_asking_and_not_remembered(cluster: Cluster) -> None:
    cluster.a.replies = [cluster.b.line("ASK", LOW_SLOT)]
    async with await cluster.client() as client:
        assert await client.set(LOW, 1)
        assert await client.set(LOW, 2)
    assert cluster.b.server.names() == ["ASKING", "SET"]
    assert cluster.a.server.names() == ["SET", "SET"]
    assert cluster.asked == 1


@pytest.mark.parametrize(
    ("reply", "refreshed"),
    [
        (b"-TRYAGAIN Multiple keys request during rehashing of slot\r\n", False),
        (b"-CLUSTERDOWN The cluster is down\r\n", True),
        (b"-LOADING Redis is loading the dataset in memory\r\n", True),
        (b"-MASTERDOWN Link with MASTER is down\r\n", True),
        (b"-READONLY You can't write against a read only replica.\r\n", True),
    ],
)
async def test_not_now_is_tried_again_after_a_pause(cluster: Cluster, reply: bytes, refreshed: bool) -> None:
    cluster.a.replies = [reply, reply]
    async with await cluster.client() as client:
        assert await client.set(LOW, 1)
        if refreshed:
            await eventually(lambda: cluster.asked > 1)
        else:
            await asyncio.sleep(0.25)
            assert cluster.asked == 1
    assert cluster.a.server.names() == ["SET"] * 3


async def test_a_demoted_node_is_left_for_the_one_that_the_map_names(cluster: Cluster) -> None:
    cluster.a.default = b"-READONLY You can't write against a read only replica.\r\n"
    async with await cluster.client() as client:
        cluster.owners = [(0, 16383, cluster.b)]
        assert await client.call("INCR", LOW) == b"OK"
        assert client.node_of(LOW).port == cluster.b.server.port


async def test_errors_of_the_command_itself_are_raised_at_once(cluster: Cluster) -> None:
    cluster.a.replies = [b"-WRONGTYPE no\r\n", b"-ERR no\r\n", b"-CROSSSLOT no\r\n"]
    async with await cluster.client() as client:
        for expected in (ReplyError, ReplyError, CrossSlotError):
            with pytest.raises(expected):
                await client.get(LOW)
    assert len(cluster.a.server.names()) == 3


async def test_a_safe_write_is_repeated_when_its_connection_broke(cluster: Cluster) -> None:
    cluster.a.replies = [HangupError]
    async with await cluster.client() as client:
        assert await client.set(LOW, 1)
    assert cluster.a.server.names() == ["SET", "SET"]


async def test_a_write_that_may_not_run_twice_is_reported_instead(cluster: Cluster) -> None:
    async with await cluster.client() as client:
        for call in (client.incr, client.getdel, lambda key: client.set(key, 1, nx=True)):
            cluster.a.replies = [HangupError]
            with pytest.raises(ConnectionLostError) as caught:
                await call(LOW)
            assert caught.value.maybe_executed is True
    assert len(cluster.a.server.names()) == 3


async def test_the_policy_always_repeats_even_those(cluster: Cluster) -> None:
    cluster.a.replies = [HangupError, b":1\r\n"]
    async with await cluster.client(retry="always") as client:
        assert await client.incr(LOW) == 1


async def test_the_policy_never_repeats_not_even_reads(cluster: Cluster) -> None:
    cluster.a.replies = [HangupError]
    async with await cluster.client(retry="never") as client:
        with pytest.raises(ConnectionLostError):
            await client.get(LOW)


async def test_unexecuted_command_is_repeated_under_every_policy(cluster: Cluster) -> None:
    async with await cluster.client(retry="never") as client:
        assert await client.call("INCR", LOW) == b"OK"
        await cluster.a.server.stop()
        port = cluster.a.server.port
        await eventually(lambda: client._router.routes[LOW_SLOT].live is None)
        call = asyncio.create_task(client.call("INCR", LOW))
        await asyncio.sleep(0.1)
        await cluster.a.server.start(port)
        assert await call == b"OK"


async def test_the_deadline_ends_the_retries_and_tells_the_last_error(cluster: Cluster) -> None:
    cluster.a.default = b"-CLUSTERDOWN The cluster is down\r\n"
    # The pause is longer than the deadline, so that no command is on its way when that comes.
    async with await cluster.client(call_timeout_s=1, backoff_first_s=60, backoff_max_s=60) as client:
        with pytest.raises(CallTimeoutError, match=r"INCR .*1 s.*CLUSTERDOWN") as caught:
            await client.incr(LOW)
        assert caught.value.maybe_executed is False


async def test_redirect_loop_between_two_nodes_ends_at_deadline(cluster: Cluster) -> None:
    cluster.a.default = cluster.b.line("MOVED", LOW_SLOT)
    cluster.b.default = cluster.a.line("MOVED", LOW_SLOT)
    async with await cluster.client(call_timeout_s=0.5) as client:
        with pytest.raises(CallTimeoutError, match="MOVED"):
            await client.get(LOW)
    assert len(cluster.a.server.names() + cluster.b.server.names()) < 1000


async def test_many_failing_calls_refresh_the_topology_once(cluster: Cluster) -> None:
    cluster.a.replies = [cluster.b.line("MOVED", LOW_SLOT)] * 200
    async with await cluster.client() as client:
        cluster.owners = [(0, 16383, cluster.b)]
        assert await asyncio.gather(*(client.set(LOW, n) for n in range(200))) == [True] * 200
        await asyncio.sleep(0.3)
    assert cluster.asked <= 3


async def test_a_dead_node_is_not_hammered_with_connections(cluster: Cluster) -> None:
    async with await cluster.client(call_timeout_s=0.5) as client:
        await client.set(LOW, 1)
        await cluster.a.server.stop()
        opened = cluster.b.server.connections
        results = await asyncio.gather(*(client.get(LOW) for _ in range(100)), return_exceptions=True)
        assert all(isinstance(result, CallTimeoutError) for result in results)
        assert "address_map" in str(results[0])
        assert cluster.b.server.connections <= opened + 1


async def test_a_slot_without_owner_waits_for_one(cluster: Cluster) -> None:
    cluster.owners = [(8192, 16383, cluster.b)]
    async with await cluster.client() as client:
        call = asyncio.create_task(client.set(LOW, 1))
        await asyncio.sleep(0.1)
        cluster.owners = [(0, 16383, cluster.b)]
        assert await call


async def test_a_node_with_an_old_map_is_not_the_only_one_asked(cluster: Cluster) -> None:
    gone = Node(cluster)
    await gone.server.start()
    await gone.server.stop()
    cluster.a.told = [(0, 8191, gone), (8192, 16383, cluster.b)]
    cluster.owners = [(0, 16383, cluster.b)]
    async with await cluster.client() as client:
        assert await client.set(LOW, 1)
    assert cluster.b.server.names() == ["SET"]


async def test_a_hanging_node_does_not_hold_up_the_refresh(cluster: Cluster) -> None:
    async with await cluster.client(reply_timeout_s=60) as client:
        await client.set(LOW, 1)
        await client.set(HIGH, 1)

        async def hang(_command: list[bytes]) -> None:
            await asyncio.sleep(60)

        cluster.a.server.script = hang
        cluster.owners = [(0, 16383, cluster.b)]
        started = asyncio.get_running_loop().time()
        await client.refresh_topology()
        assert asyncio.get_running_loop().time() - started < 30
        assert client.node_of(LOW).port == cluster.b.server.port


async def test_commands_waiting_at_silent_node_go_to_its_successor(cluster: Cluster) -> None:
    async with await cluster.client(silence_refresh_s=0.1, reply_timeout_s=60) as client:
        await client.set(LOW, 1)

        async def hang(_command: list[bytes]) -> None:
            await asyncio.sleep(60)

        cluster.a.server.script = hang
        safe = asyncio.create_task(client.set(LOW, 2))
        unsafe = asyncio.create_task(client.incr(LOW))
        await asyncio.sleep(0.3)
        assert not safe.done()  # The map still names the silent node: it may just be slow.
        cluster.owners = [(0, 16383, cluster.b)]
        async with asyncio.timeout(30):
            assert await safe
            with pytest.raises(ConnectionLostError, match="lost its slots"):
                await unsafe
        assert cluster.b.server.names() == ["SET"]


async def test_a_dedicated_connection_can_watch(cluster: Cluster) -> None:
    async with await cluster.client() as client:
        await client.set(LOW, 1)
        opened = cluster.a.server.connections
        async with client.dedicated(LOW) as connection:
            await connection.call("WATCH", LOW)
            assert cluster.a.server.connections == opened + 1
        assert connection.is_closed
        assert cluster.a.server.names() == ["SET", "WATCH"]


async def test_a_pipeline_follows_redirects_command_by_command(cluster: Cluster) -> None:
    cluster.a.replies = [cluster.b.line("MOVED", LOW_SLOT), b"-WRONGTYPE no\r\n"]
    async with await cluster.client() as client:
        pipe = client.pipeline()
        first, second, third = pipe.set(LOW, 1), pipe.incr(LOW), pipe.set(HIGH, 1)
        assert repr(first) == "Queued(SET, not executed)"
        with pytest.raises(UsageError, match="execute"):
            first.result()
        with pytest.raises(ReplyError, match="WRONGTYPE"):
            await pipe.execute()
        assert await first is True
        assert await third is True
        with pytest.raises(ReplyError, match="WRONGTYPE"):
            await second
        assert await pipe.execute() == []


async def test_a_pipeline_is_one_write_a_node(cluster: Cluster) -> None:
    async with await cluster.client() as client:
        await client.set(LOW, 0)
        await client.set(HIGH, 0)
        reads = (cluster.a.server.reads, cluster.b.server.reads)
        async with client.pipeline() as pipe:
            for n in range(50):
                pipe.set(LOW, n)
                pipe.set(HIGH, n)
        assert (cluster.a.server.reads, cluster.b.server.reads) == (reads[0] + 1, reads[1] + 1)


async def test_a_call_that_waited_for_room_still_ends_at_its_deadline(cluster: Cluster) -> None:
    async with await cluster.client(call_timeout_s=3, in_flight_commands_max=1) as client:
        await client.set(LOW, 1)

        async def slow_then_never(command: list[bytes]) -> bytes:
            await asyncio.sleep(1 if command[-1] == b"first" else 60)
            return OK

        cluster.a.server.script = slow_then_never
        first, second = (asyncio.create_task(client.set(LOW, value)) for value in ("first", "second"))
        assert await first
        sent = asyncio.get_running_loop().time()
        with pytest.raises(CallTimeoutError, match="no room and no reply"):
            await second
        assert asyncio.get_running_loop().time() - sent < 2.9  # The time it waited for room is counted.


async def test_a_batch_ends_at_the_deadline_even_when_there_is_no_room(cluster: Cluster) -> None:
    async with await cluster.client(call_timeout_s=0.3, in_flight_commands_max=1) as client:
        await client.set(LOW, 1)

        async def hang(_command: list[bytes]) -> None:
            await asyncio.sleep(60)

        cluster.a.server.script = hang
        pipe = client.pipeline()
        for number in range(3):
            pipe.set(LOW, number)
        async with asyncio.timeout(30):
            results = await pipe.execute(raise_errors=False)
        assert [type(result) for result in results] == [CallTimeoutError] * 3
        assert [result.maybe_executed for result in results] == [True, False, False]


async def test_a_batch_does_not_try_a_dead_node_for_each_call(cluster: Cluster) -> None:
    async with await cluster.client(call_timeout_s=1) as client:
        await client.set(LOW, 1)
        await cluster.a.server.stop()
        await eventually(lambda: client._router.routes[LOW_SLOT].live is None)
        pipe = client.pipeline()
        for _ in range(200):
            pipe.get(LOW)
        kept = pipe.set(HIGH, 1)
        started = asyncio.get_running_loop().time()
        with pytest.raises(CallTimeoutError):
            await pipe.execute()
        assert asyncio.get_running_loop().time() - started < 30  # and not 200 times a second
        assert await kept is True


async def test_batch_refused_by_departed_node_waits_for_new_map_once(cluster: Cluster) -> None:
    cluster.a.default = b"-CLUSTERDOWN Hash slot not served\r\n"
    # A pause for each of the calls would last much longer than the deadline.
    options = {"backoff_first_s": 4.0, "backoff_max_s": 4.0, "call_timeout_s": 30.0}
    async with await cluster.client(**options) as client:
        await client.set(HIGH, 1)
        cluster.owners = [(0, 16383, cluster.b)]
        pipe = client.pipeline()
        for number in range(50):
            pipe.set(LOW, number)
        assert await pipe.execute() == [True] * 50
    assert len(cluster.a.server.names()) == 50


async def test_a_transaction_is_asked_for_as_a_whole(cluster: Cluster) -> None:
    ask = cluster.b.line("ASK", LOW_SLOT)
    cluster.a.replies = [OK, ask, ask, b"-EXECABORT Transaction discarded\r\n"]
    cluster.b.replies = [OK, b"+QUEUED\r\n", b"+QUEUED\r\n", b"*2\r\n+OK\r\n:2\r\n"]
    async with await cluster.client() as client:
        async with client.pipeline(transaction=True) as pipe:
            pipe.set(LOW, 1)
            count = pipe.incr(LOW)
        assert await count == 2
    assert cluster.b.server.names() == ["ASKING", "MULTI", "SET", "INCR", "EXEC"]


async def test_an_aborted_transaction_says_why(cluster: Cluster) -> None:
    abort = b"-EXECABORT Transaction discarded\r\n"
    cluster.a.replies = [OK, b"-ERR syntax error\r\n", abort, OK, b"+QUEUED\r\n", abort]
    async with await cluster.client() as client:
        for expected in (ReplyError, TransactionAbortedError):
            pipe = client.pipeline(transaction=True)
            pipe.set(LOW, 1)
            with pytest.raises(expected):
                await pipe.execute()


async def test_a_split_command_raises_after_all_parts_have_run(cluster: Cluster) -> None:
    cluster.a.replies = [b"-ERR no\r\n"]
    cluster.b.replies = [b":1\r\n"]
    async with await cluster.client() as client:
        with pytest.raises(ReplyError, match="ERR no"):
            await client.delete(LOW, HIGH)
    assert cluster.b.server.names() == ["DEL"]


async def test_a_cancelled_batch_leaves_the_connection_in_step(cluster: Cluster) -> None:
    gate = asyncio.Event()

    async def slow(command: list[bytes]) -> bytes:
        if command[0] == b"MGET":
            await gate.wait()
            return b"*1\r\n$4\r\nlate\r\n"
        return b"$4\r\nnext\r\n"

    async with await cluster.client() as client:
        await client.set(LOW, 1)
        await client.set(HIGH, 1)
        cluster.a.server.script = slow
        batch = asyncio.create_task(client.mget(LOW, HIGH))
        await asyncio.sleep(0.02)
        batch.cancel()
        with pytest.raises(asyncio.CancelledError):
            await batch
        gate.set()
        assert await client.get(LOW) == b"next"


@pytest.mark.parametrize("kind", ["dict", "text", "function"])
async def test_an_address_map_translates_what_the_cluster_tells(cluster: Cluster, kind: str) -> None:
    cluster.host = "10.9.8.7"
    a, b = cluster.a.server.port, cluster.b.server.port
    maps: dict[str, Any] = {
        "dict": {("10.9.8.7", a): ("127.0.0.1", a), ("10.9.8.7", b): ("127.0.0.1", b)},
        "text": {f"10.9.8.7:{a}": f"127.0.0.1:{a}", f"10.9.8.7:{b}": f"127.0.0.1:{b}"},
        "function": lambda host, port: ("127.0.0.1", port),
    }
    cluster.a.replies = [f"-MOVED {LOW_SLOT} 10.9.8.7:{b}\r\n".encode()]
    async with await cluster.client(address_map=maps[kind]) as client:
        assert await client.set(LOW, 1)
        assert await client.call_node(("10.9.8.7", b), "PING") == b"OK"
        assert await client.call_node(f"127.0.0.1:{b}", "PING") == b"OK"
    assert cluster.b.server.names() == ["SET", "PING", "PING"]


async def test_commands_that_change_the_shared_connection_are_refused(cluster: Cluster) -> None:
    async with await cluster.client() as client:
        for name, instead in (
            ("MULTI", "pipeline"),
            ("subscribe", "client.subscribe"),
            ("WATCH", r"pipeline\(\) and its watch"),
            ("WAIT", "counts what its own connection has written"),
        ):
            with pytest.raises(UsageError, match=instead):
                await client.call(name, "x")


async def test_a_pipeline_refuses_what_it_cannot_carry(cluster: Cluster) -> None:
    async with await cluster.client() as client:
        pipe = client.pipeline()
        for words, instead in (
            (("MULTI",), "pipeline"),
            (("DBSIZE",), "call_node"),
            (("BLPOP", LOW, 0), "on the client"),
            (("MYMODULE.DO", LOW), "key="),
        ):
            with pytest.raises(UsageError, match=instead):
                pipe.call(*words)
        assert len(pipe) == 0
        pipe.call("MYMODULE.DO", "x", key=LOW)
        assert await pipe.execute() == [b"OK"]
        assert cluster.a.server.names() == ["MYMODULE.DO"]


async def test_a_blocking_command_gets_a_connection_of_its_own(cluster: Cluster) -> None:
    async with await cluster.client() as client:
        await client.set(LOW, 1)
        opened = cluster.a.server.connections
        await client.call("BLPOP", LOW, 0)
        assert cluster.a.server.connections == opened + 1


async def test_an_unknown_command_is_routed_by_asking_for_its_keys(cluster: Cluster) -> None:
    async with await cluster.client() as client:
        cluster.a.replies = cluster.b.replies = [f"*1\r\n$3\r\n{HIGH}\r\n".encode()]
        cluster.b.default = b"+done\r\n"
        assert await client.call("MYMODULE.DO", "x", HIGH) == b"done"
        assert await client.call("MYMODULE.DO", "x", HIGH, key=HIGH) == b"done"
        refusal = b"-ERR Invalid command specified\r\n"
        cluster.a.default = cluster.b.default = refusal
        with pytest.raises(UsageError, match="key="):
            await client.call("NO.SUCH", "x")


async def test_a_second_seed_is_used_when_the_first_is_down(cluster: Cluster) -> None:
    await cluster.a.server.stop()
    url = f"redis://127.0.0.1:{cluster.a.server.port},127.0.0.1:{cluster.b.server.port}"
    cluster.owners = [(0, 16383, cluster.b)]
    async with await connect(url) as client:
        assert await client.set(LOW, 1)
    with pytest.raises(ConnectionFailedError, match="is a server listening"):
        await connect(f"redis://127.0.0.1:{cluster.a.server.port}")


async def test_a_closed_client_says_so(cluster: Cluster) -> None:
    client = await cluster.client()
    await client.set(LOW, 1)
    await client.close()
    await client.close()
    with pytest.raises(UsageError, match="closed"):
        await client.get(LOW)


async def test_a_node_that_left_is_forgotten(cluster: Cluster) -> None:
    async with await cluster.client() as client:
        await client.set(HIGH, 1)
        cluster.owners = [(0, 16383, cluster.a)]
        await client.refresh_topology()
        assert {node.address.port for node in client._pool.known()} == {cluster.a.server.port}
        assert await client.set(HIGH, 1)
