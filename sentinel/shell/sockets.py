"""Connections to the servers that are watched: commands out, replies and messages in.

BACKGROUND. One Sentinel may hold thousands of links, and each does little: a PING a second, an INFO in
ten. So the path of a message is short: one callback of the loop, the parser in C, one call of the core.
INVARIANTS. Replies reach the core in the order of the commands, each with the token of its own. What a
step sends on one link leaves in one write. A peer that takes no commands, or whose reply has no end,
loses its link. After `drop` the core receives nothing more of a link."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Protocol, cast

import hiredis

from garrison.sentinel.core.effects import Connect, Drop, ReplyError, Resolve, Send, Wire
from garrison.sentinel.core.instances import is_ip

DIALS_PER_TURN = 32
"""Connections that are begun in one turn of the loop."""
TOKENS_MAX = 10_000
"""Commands of one link that may wait for their replies."""


class LinkOwner(Protocol):
    """Receives the events of links, on the loop."""

    def link_up(self, link_id: int, local_ip: str) -> None: ...
    def link_down(self, link_id: int) -> None: ...
    def answered(self, link_id: int, token: int, reply: object) -> None: ...
    def message(self, link_id: int, channel: bytes, payload: bytes) -> None: ...
    def resolved(self, host: str, address: str) -> None: ...
    def link_problem(self, text: str) -> None: ...


@dataclass
class LinkLimits:
    connect_timeout_ms: int = 5_000
    output_bytes_max: int = 1 << 20
    reply_bytes_max: int = 16 << 20


class Link(asyncio.Protocol):
    """One connection. `tokens` holds what each outstanding reply is for."""

    __slots__ = (
        "_owner",
        "_pending_bytes",
        "_reader",
        "_table",
        "_transport",
        "link_id",
        "out",
        "subscribed",
        "tokens",
    )

    def __init__(self, table: Links, link_id: int) -> None:
        self.link_id = link_id
        self.tokens: deque[int] = deque()
        self.out: list[bytes] = []
        self.subscribed = False
        self._table = table
        self._owner = table.owner
        self._reader = hiredis.Reader(replyError=ReplyError)
        self._pending_bytes = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self._table.links.get(self.link_id) is not self:
            self._transport.abort()
            return
        name = transport.get_extra_info("sockname")
        self._owner.link_up(self.link_id, str(name[0]) if isinstance(name, tuple) else "")

    def data_received(self, data: bytes) -> None:
        reader, owner = self._reader, self._owner
        self._pending_bytes += len(data)
        try:
            reader.feed(data)
            reply = reader.gets()
            while reply is not False:
                self._pending_bytes = 0
                self._take(owner, reply)
                reply = reader.gets()
        except (hiredis.HiredisError, MemoryError) as error:
            self.fail(f"sent something that is not a reply: {error}")
            return
        if self._pending_bytes > self._table.limits.reply_bytes_max:
            self.fail("sends a reply longer than link-reply-bytes-max")

    def _take(self, owner: LinkOwner, reply: object) -> None:
        if self.subscribed and isinstance(reply, list) and len(reply) == 3 and reply[0] == b"message":
            channel, payload = reply[1], reply[2]
            if isinstance(channel, bytes) and isinstance(payload, bytes):
                owner.message(self.link_id, channel, payload)
            return
        if self.tokens:
            token = self.tokens.popleft()
            if token:
                owner.answered(self.link_id, token, reply)

    def send(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > self._table.limits.output_bytes_max:
            self.fail("takes no commands: link-output-bytes-max is reached")

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._table.lost(self)

    def fail(self, why: str) -> None:
        """The peer misbehaves: end the link, as if it had."""
        self._owner.link_problem(f"{self._peer()} {why}: its link is dropped")
        if self._transport is not None:
            self._transport.abort()

    def _peer(self) -> str:
        name = self._transport.get_extra_info("peername") if self._transport is not None else None
        return f"{name[0]}:{name[1]}" if isinstance(name, tuple) else "a peer"

    def end(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class Links:
    """All links by the core's number."""

    def __init__(self, owner: LinkOwner, loop: asyncio.AbstractEventLoop, limits: LinkLimits) -> None:
        self.owner = owner
        self.limits = limits
        self.links: dict[int, Link] = {}
        self._loop = loop
        self._tasks: set[asyncio.Task[None]] = set()
        self._lookups: dict[str, asyncio.Task[str]] = {}
        self._to_dial: deque[tuple[Link, Connect]] = deque()

    def carry_out(self, wire: list[Wire]) -> None:
        """Do these in order; what goes to one link goes in one write."""
        touched: dict[int, Link] = {}
        for action in wire:
            if type(action) is Send:
                link = self.links.get(action.link_id)
                if link is not None:
                    self._queue(link, action)
                    touched[link.link_id] = link
            elif type(action) is Connect:
                self._connect(action)
            elif type(action) is Drop:
                self._flush(touched.pop(action.link_id, None))
                dropped = self.links.pop(action.link_id, None)
                if dropped is not None:
                    dropped.end()
            elif type(action) is Resolve:
                self._spawn(self._resolve(action.host))
        for link in touched.values():
            self._flush(link)

    def close(self) -> None:
        for task in [*self._tasks, *self._lookups.values()]:
            task.cancel()
        for link in list(self.links.values()):
            link.end()
        self.links.clear()

    def lost(self, link: Link) -> None:
        if self.links.get(link.link_id) is link:
            del self.links[link.link_id]
            self.owner.link_down(link.link_id)

    @staticmethod
    def _queue(link: Link, action: Send) -> None:
        argv = action.argv
        link.out.append(b"*%d\r\n" % len(argv))
        link.out += [b"$%d\r\n%b\r\n" % (len(word), word) for word in argv]
        link.tokens.append(action.token)
        if argv[0] == b"SUBSCRIBE":
            link.subscribed = True

    @staticmethod
    def _flush(link: Link | None) -> None:
        if link is not None and link.out:
            data, link.out = b"".join(link.out), []
            link.send(data)
            if len(link.tokens) > TOKENS_MAX:
                link.fail("answers no commands")

    def _connect(self, action: Connect) -> None:
        link = self.links[action.link_id] = Link(self, action.link_id)
        if not self._to_dial:
            self._loop.call_soon(self._dial_some)
        self._to_dial.append((link, action))

    def _dial_some(self) -> None:
        """Thousands of connections at once would hold up the timer; a few are begun in each turn."""
        for _ in range(min(DIALS_PER_TURN, len(self._to_dial))):
            link, action = self._to_dial.popleft()
            if self.links.get(link.link_id) is link:
                self._spawn(self._dial(link, action))
        if self._to_dial:
            self._loop.call_later(0.001, self._dial_some)

    async def _dial(self, link: Link, action: Connect) -> None:
        source = (action.source, 0) if action.source else None
        try:
            async with asyncio.timeout(self.limits.connect_timeout_ms / 1000):
                host = await self._address(action.host)
                await self._loop.create_connection(lambda: link, host, action.port, local_addr=source)
        except (OSError, TimeoutError, ValueError):
            self.lost(link)

    async def _resolve(self, host: str) -> None:
        address = ""
        try:
            async with asyncio.timeout(self.limits.connect_timeout_ms / 1000):
                address = await self._address(host)
        except (OSError, TimeoutError, ValueError):
            pass
        self.owner.resolved(host, address)

    async def _address(self, host: str) -> str:
        """The address of a host. Raises OSError.

        A lookup holds one of few threads until the resolver answers, and for the name of a container that is
        gone it may never do. So all that want one name wait for one lookup.
        """
        if is_ip(host):
            return host
        lookup = self._lookups.get(host)
        if lookup is None:
            lookup = self._lookups[host] = self._loop.create_task(self._look_up(host))
            lookup.add_done_callback(lambda done: self._looked_up(host, done))
        return await asyncio.shield(lookup)

    async def _look_up(self, host: str) -> str:
        found = await self._loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        # IPv4 before IPv6, as Redis has it.
        return str(min(found, key=lambda each: each[0] != socket.AF_INET)[4][0])

    def _looked_up(self, host: str, lookup: asyncio.Task[str]) -> None:
        del self._lookups[host]
        if not lookup.cancelled():
            lookup.exception()  # whoever still waits has it; nobody else misses it

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
