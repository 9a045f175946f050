"""Links to watched servers, over real sockets of this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from garrison.sentinel.core.effects import Connect, Drop, ReplyError, Resolve, Send
from garrison.sentinel.shell.sockets import LinkLimits, Links
from tests.conftest import find_free_port


class Owner:
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.problems: list[str] = []

    def link_up(self, link_id: int, local_ip: str) -> None:
        self.calls.append(("up", link_id, local_ip))

    def link_down(self, link_id: int) -> None:
        self.calls.append(("down", link_id))

    def answered(self, link_id: int, token: int, reply: object) -> None:
        self.calls.append(("answered", link_id, token, reply))

    def message(self, link_id: int, channel: bytes, payload: bytes) -> None:
        self.calls.append(("message", link_id, channel, payload))

    def resolved(self, host: str, address: str) -> None:
        self.calls.append(("resolved", host, address))

    def link_problem(self, text: str) -> None:
        self.problems.append(text)

    async def until(self, *wanted: object) -> None:
        async with asyncio.timeout(10):
            while wanted not in self.calls:
                await asyncio.sleep(0.005)


class Peer:
    """A server that says what the test tells it to."""

    def __init__(self) -> None:
        self.port = find_free_port()
        self.received = bytearray()
        self.writers: list[asyncio.StreamWriter] = []

    async def start(self) -> None:
        self.server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        try:
            while data := await reader.read(1 << 16):
                self.received += data
        except ConnectionError:
            pass

    async def until_received(self, data: bytes) -> None:
        async with asyncio.timeout(10):
            while data not in self.received:
                await asyncio.sleep(0.005)

    def say(self, data: bytes) -> None:
        self.writers[-1].write(data)


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    started = Peer()
    await started.start()
    yield started
    started.server.close()
    for writer in started.writers:
        writer.close()


@pytest.fixture
def owner() -> Owner:
    return Owner()


@pytest.fixture
async def links(owner: Owner) -> AsyncIterator[Links]:
    limits = LinkLimits(connect_timeout_ms=2_000, output_bytes_max=1 << 16, reply_bytes_max=1 << 16)
    made = Links(owner, asyncio.get_running_loop(), limits)
    yield made
    made.close()
    await asyncio.sleep(0)


async def test_replies_come_with_their_tokens_in_order(links: Links, owner: Owner, peer: Peer) -> None:
    links.carry_out([Connect(1, "127.0.0.1", peer.port)])
    await owner.until("up", 1, "127.0.0.1")
    links.carry_out([Send(1, (b"PING",), 7), Send(1, (b"X",), 0), Send(1, (b"GET", b"a b"), 8)])
    await peer.until_received(b"*1\r\n$4\r\nPING\r\n*1\r\n$1\r\nX\r\n*2\r\n$3\r\nGET\r\n$3\r\na b\r\n")
    peer.say(b"+PONG\r\n:1\r\n*2\r\n$1\r\na\r\n$-1\r\n")
    await owner.until("answered", 1, 8, [b"a", None])
    assert [each for each in owner.calls if each[0] == "answered"] == [
        ("answered", 1, 7, b"PONG"),
        ("answered", 1, 8, [b"a", None]),
    ]


async def test_an_error_is_a_value(links: Links, owner: Owner, peer: Peer) -> None:
    links.carry_out([Connect(1, "127.0.0.1", peer.port)])
    await owner.until("up", 1, "127.0.0.1")
    links.carry_out([Send(1, (b"PING",), 7)])
    await peer.until_received(b"PING")
    peer.say(b"-LOADING wait\r\n:1\r\n")
    async with asyncio.timeout(10):
        while len(owner.calls) < 2:
            await asyncio.sleep(0.005)
    reply = owner.calls[1][3]
    assert isinstance(reply, ReplyError)
    assert str(reply) == "LOADING wait"


async def test_messages_of_a_subscribed_link(links: Links, owner: Owner, peer: Peer) -> None:
    links.carry_out([Connect(1, "127.0.0.1", peer.port)])
    await owner.until("up", 1, "127.0.0.1")
    links.carry_out([Send(1, (b"SUBSCRIBE", b"c"), 3)])
    await peer.until_received(b"SUBSCRIBE")
    peer.say(b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n")
    await owner.until("message", 1, b"c", b"hi")
    assert ("answered", 1, 3, [b"subscribe", b"c", 1]) in owner.calls


async def test_a_peer_that_is_not_there_or_goes(links: Links, owner: Owner, peer: Peer) -> None:
    links.carry_out([Connect(1, "127.0.0.1", find_free_port()), Connect(2, "127.0.0.1", peer.port)])
    await owner.until("down", 1)
    await owner.until("up", 2, "127.0.0.1")
    peer.writers[-1].close()
    await owner.until("down", 2)
    assert not links.links


async def test_of_a_dropped_link_nothing_more_is_heard(links: Links, owner: Owner, peer: Peer) -> None:
    links.carry_out([Connect(1, "127.0.0.1", peer.port)])
    await owner.until("up", 1, "127.0.0.1")
    links.carry_out([Send(1, (b"PING",), 7), Drop(1), Send(1, (b"PING",), 8)])
    links.carry_out([Connect(2, "127.0.0.1", peer.port), Drop(2), Connect(3, "127.0.0.1", peer.port)])
    await owner.until("up", 3, "127.0.0.1")
    assert [each[:2] for each in owner.calls] == [("up", 1), ("up", 3)]


@pytest.mark.parametrize(
    "garbage", [b"HTTP/1.1 400 no\r\n\r\n", b"*4294967295\r\n", b"$70000\r\n" + b"x" * 70_000]
)
async def test_garbage_costs_the_link(links: Links, owner: Owner, peer: Peer, garbage: bytes) -> None:
    links.carry_out([Connect(1, "127.0.0.1", peer.port)])
    await owner.until("up", 1, "127.0.0.1")
    await peer.until_received(b"")
    async with asyncio.timeout(10):
        while not peer.writers:
            await asyncio.sleep(0.005)
    peer.say(garbage)
    await owner.until("down", 1)
    assert "its link is dropped" in owner.problems[0]


async def test_a_peer_that_takes_nothing_costs_the_link(links: Links, owner: Owner) -> None:
    taken: list[asyncio.StreamWriter] = []
    port = find_free_port()
    deaf = await asyncio.start_server(lambda reader, writer: taken.append(writer), "127.0.0.1", port, limit=1)
    links.carry_out([Connect(1, "127.0.0.1", port)])
    await owner.until("up", 1, "127.0.0.1")
    for _ in range(400):
        links.carry_out([Send(1, (b"PUBLISH", b"c", b"x" * 50_000), 0)])
        await asyncio.sleep(0)
        if owner.problems:
            break
    await owner.until("down", 1)
    assert "link-output-bytes-max" in owner.problems[0]
    deaf.close()
    for writer in taken:
        writer.close()


async def test_names_are_looked_up(links: Links, owner: Owner) -> None:
    links.carry_out([Resolve("localhost"), Resolve("127.0.0.9"), Resolve("no..such..host")])
    await owner.until("resolved", "localhost", "127.0.0.1")
    await owner.until("resolved", "127.0.0.9", "127.0.0.9")
    await owner.until("resolved", "no..such..host", "")


async def test_silent_resolver_is_asked_once_per_name(
    owner: Owner, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    ask, asked, silence = loop.getaddrinfo, [], asyncio.Event()

    async def ask_resolver(host: str, *args: object, **options: object) -> object:
        asked.append(host)
        if host == "gone.example":
            await silence.wait()
        return await ask("127.0.0.1", *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "getaddrinfo", ask_resolver)
    links = Links(owner, loop, LinkLimits(connect_timeout_ms=100))
    try:
        links.carry_out([Connect(1, "gone.example", peer.port), Resolve("gone.example")])
        await owner.until("down", 1)
        links.carry_out([Connect(2, "gone.example", peer.port)])
        await owner.until("down", 2)
        assert asked.count("gone.example") == 1
        links.carry_out([Connect(3, "here.example", peer.port)])
        await owner.until("up", 3, "127.0.0.1")
        silence.set()
        links.carry_out([Connect(4, "gone.example", peer.port)])
        await owner.until("up", 4, "127.0.0.1")
    finally:
        links.close()
        await asyncio.sleep(0)
