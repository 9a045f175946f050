"""Subscriptions: before a real server and a real cluster, broken connections, slow readers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from garrison.client import connect
from garrison.client.errors import AuthenticationError, SubscriberOverflowError, UsageError
from garrison.client.pubsub import Message

from .conftest import eventually
from .servers import ServerProcess


@pytest.mark.parametrize("protocol", [2, 3])
async def test_messages_come_as_an_iterator(any_server: ServerProcess, protocol: int) -> None:
    async with await connect(f"redis://127.0.0.1:{any_server.port}", protocol=protocol) as client:
        received = []
        async with client.subscribe("news", "other") as plain, client.psubscribe("n*") as pattern:
            assert await client.publish("news", "hello") == 2
            received = [await plain.get(), await pattern.get()]
            assert await client.publish("other", b"\xff") == 1
            async for message in plain:
                received.append(message)
                break
        assert received == [
            Message(b"news", b"hello"),
            Message(b"news", b"hello", b"n*"),
            Message(b"other", b"\xff"),
        ]
        async with asyncio.timeout(30):  # the server learns of the closed connections in its own time
            while await client.publish("news", "nobody"):
                await asyncio.sleep(0.01)


async def test_text_when_decoding(any_server: ServerProcess) -> None:
    async with (
        await connect(f"redis://127.0.0.1:{any_server.port}", decode=True) as client,
        client.subscribe("news") as messages,
    ):
        await client.publish("news", "h\u00e9")
        assert await messages.get() == Message("news", "h\u00e9")


async def test_sharded_channels_live_on_the_node_of_their_slot(shared_cluster: list[ServerProcess]) -> None:
    async with await connect(f"redis://127.0.0.1:{shared_cluster[0].port}") as client:
        channels = [f"channel:{n}" for n in range(6)]
        assert len({client.node_of(channel) for channel in channels}) > 1
        async with client.ssubscribe(*channels) as sharded, client.subscribe("news") as plain:
            for channel in channels:
                assert await client.spublish(channel, channel) == 1
            got = {(await sharded.get()).data for _ in channels}
            assert got == {channel.encode() for channel in channels}
            for _ in range(5):
                await client.publish("news", "by any node")
            assert [(await plain.get()).data for _ in range(5)] == [b"by any node"] * 5


async def test_a_killed_node_is_replaced_and_the_gap_counted(own_cluster: list[ServerProcess]) -> None:
    async with await connect(f"redis://127.0.0.1:{own_cluster[0].port}") as client:
        owner = client.node_of("channel")
        async with client.ssubscribe("channel") as messages:
            next(node for node in own_cluster if node.port == owner.port).kill()
            async with asyncio.timeout(60):
                while await client.spublish("channel", "again") == 0:
                    await asyncio.sleep(0.05)
                assert (await messages.get()).data == b"again"
            assert messages.gaps == 1


def subscriber(command: list[bytes]) -> bytes:
    """A fake standalone server that confirms subscriptions."""
    if command[0] == b"SUBSCRIBE":
        return b"".join(b"*3\r\n$9\r\nsubscribe\r\n$%d\r\n%b\r\n:1\r\n" % (len(c), c) for c in command[1:])
    return b"-ERR unknown command\r\n"


MESSAGE = b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n%b\r\n"


async def test_a_broken_connection_is_replaced_with_all_channels(fake: Any) -> None:
    server = await fake(subscriber)
    client = await connect(f"redis://127.0.0.1:{server.port}")
    async with client.subscribe("c", "d") as messages:
        server.hang_up()
        await eventually(lambda: server.names().count("SUBSCRIBE") == 2)
        server.send_all(MESSAGE % b"1")
        assert (await messages.get()).data == b"1"
        assert messages.gaps == 1
    subscribes = [command for command in server.commands if command[0] == b"SUBSCRIBE"]
    assert subscribes == [[b"SUBSCRIBE", b"c", b"d"]] * 2
    await client.close()


async def test_a_slow_reader_gets_what_was_kept_and_then_an_error(fake: Any) -> None:
    server = await fake(subscriber)
    client = await connect(f"redis://127.0.0.1:{server.port}", subscriber_messages_max=3)
    async with client.subscribe("c") as messages:
        server.send_all(b"".join(MESSAGE % b"%d" % n for n in range(6)))
        await eventually(lambda: messages.dropped > 0)
        assert [(await messages.get()).data for _ in range(3)] == [b"0", b"1", b"2"]
        with pytest.raises(SubscriberOverflowError, match="subscriber_messages_max"):
            await messages.get()
    await client.close()


async def test_a_slow_reader_may_choose_the_newest_messages(fake: Any) -> None:
    server = await fake(subscriber)
    client = await connect(f"redis://127.0.0.1:{server.port}", subscriber_messages_max=3)
    async with client.subscribe("c", overflow="drop_oldest") as messages:
        server.send_all(b"".join(MESSAGE % b"%d" % n for n in range(6)))
        await eventually(lambda: messages.dropped == 3)
        assert [(await messages.get()).data for _ in range(3)] == [b"3", b"4", b"5"]
    await client.close()


async def test_a_refused_subscription_raises(fake: Any) -> None:
    server = await fake(lambda command: b"-NOPERM no channel permissions\r\n")
    with pytest.raises(AuthenticationError):
        await connect(f"redis://127.0.0.1:{server.port}")

    def script(command: list[bytes]) -> bytes:
        return b"-NOPERM channel\r\n" if command[0] == b"SUBSCRIBE" else b"-ERR unknown command\r\n"

    server = await fake(script)
    client = await connect(f"redis://127.0.0.1:{server.port}")
    with pytest.raises(AuthenticationError):
        async with client.subscribe("c"):
            pass
    await client.close()


async def test_misuse_is_explained(fake: Any) -> None:
    server = await fake(subscriber)
    client = await connect(f"redis://127.0.0.1:{server.port}")
    with pytest.raises(UsageError, match="async with"):
        await client.subscribe("c").get()
    with pytest.raises(UsageError, match="at least one"):
        client.subscribe()
    async with client.subscribe("c") as messages:
        pass
    with pytest.raises(UsageError, match="closed"):
        await messages.get()
    await client.close()
