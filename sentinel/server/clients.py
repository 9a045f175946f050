"""One connection of a client: requests in, replies and messages out, everything bounded.

INVARIANTS. Replies leave in the order of their requests: while one waits for the core, the next is not begun.
A client that does not read is not read from either, and is closed when more waits for it than its class may
have. Until somebody has logged in (where a password is set), little is kept for them.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, cast

from garrison.base.reply import Error, encode
from garrison.sentinel.server.acl import User
from garrison.sentinel.server.requests import ProtocolError, RequestParser

if TYPE_CHECKING:
    from garrison.sentinel.server.server import Server

READ_PAUSE_BYTES = 64 << 10
"""Bytes of replies that wait for a client before nothing more is read from it."""
BATCH_MAX = 256
"""Requests of one client that are answered before the others get their turn."""


class Client(asyncio.Protocol):
    """A connection and what belongs to it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.id = 0
        self.name = ""
        self.protocol = 2
        self.user: User = server.users.default
        self.logged_in = False
        self.channels: set[bytes] = set()
        self.patterns: set[bytes] = set()
        self.address = self.local_address = ""
        self.descriptor = -1
        self.since_s = self.active_s = server.seconds()
        self.over_soft_since_s = 0.0
        self.last_command = "NULL"
        self.replies_on = True
        self.skip_replies = 0
        self.no_evict = self.tracking = False
        self.waits = False
        """For the core to answer."""
        self.closing = False
        self.parser = RequestParser(server.config.integer("client-query-buffer-limit"))
        self._out: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._write_paused = self._more_scheduled = self._proceeding = False

    # -- what the transport reports --------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=READ_PAUSE_BYTES)
        raw = transport.get_extra_info("socket")
        self.address = _address(transport.get_extra_info("peername"), self.server.config.text("unixsocket"))
        self.local_address = _address(
            transport.get_extra_info("sockname"), self.server.config.text("unixsocket")
        )
        if raw is not None:
            self.descriptor = raw.fileno()
            if raw.family != socket.AF_UNIX:
                _keep_alive(raw, self.server.config.integer("tcp-keepalive"))
        refusal = self.server.joined(self)
        if refusal:
            self.closing = True
            self._transport.write(encode(Error(refusal)))
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        if self.closing:
            return
        self.server.counters.input_bytes += len(data)
        self.active_s = self.server.seconds()
        self.parser.feed(data)
        self.proceed()

    def eof_received(self) -> None:
        return None

    def pause_writing(self) -> None:
        self._write_paused = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._write_paused = False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
            self.proceed()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self.closing = True
        self.server.left(self)

    # -- requests ------------------------------------------------------------------------------------------

    def proceed(self) -> None:
        """Answer what has come, as far as it can be answered now."""
        self._more_scheduled = False
        self._proceeding = True
        try:
            for _ in range(BATCH_MAX):
                if self.closing or self.waits or self._write_paused or self.server.is_paused:
                    break
                request = self.parser.take(authenticated=self.server.is_authenticated(self))
                if request is None:
                    break
                self.server.execute(self, request)
            else:
                self._schedule_more()
        except ProtocolError as error:
            self.put(encode(Error(f"ERR Protocol error: {error}")))
            self.close()
        finally:
            self._proceeding = False
        if self.parser.held_bytes > self.parser.request_bytes_max:
            self.close()
        self.flush()

    def _schedule_more(self) -> None:
        if not self._more_scheduled:
            self._more_scheduled = True
            self.server.loop.call_soon(self.proceed)

    # -- replies -------------------------------------------------------------------------------------------

    def reply(self, value: object) -> None:
        """Answer the request at hand, unless the client wants no answers."""
        if not self.replies_on or self.skip_replies:
            self.skip_replies = max(0, self.skip_replies - 1)
            return
        if isinstance(value, Error):
            self.server.counters.errors += 1
        self.put(encode(value, self.protocol))

    def answered(self, value: object) -> None:
        """The core's answer to the request at hand; what came after it is begun in a turn of its own."""
        self.waits = False
        self.reply(value)
        if not self._proceeding:
            self.flush()
            self._schedule_more()

    def put(self, data: bytes) -> None:
        """Bytes to send with the next flush."""
        self._out.append(data)

    def flush(self) -> None:
        if not self._out or self._transport is None:
            return
        data, self._out = b"".join(self._out), []
        self.server.counters.output_bytes += len(data)
        self._transport.write(data)
        if self.closing:
            self._transport.close()
        elif self._transport.get_write_buffer_size() > self.server.output_bytes_max(self):
            self.server.log.warning(
                f"Client {self.describe()} closed: more waits for it than client-output-buffer-limit permits"
            )
            self._transport.abort()

    @property
    def waiting_bytes(self) -> int:
        held = self._transport.get_write_buffer_size() if self._transport is not None else 0
        return held + sum(map(len, self._out))

    def close(self) -> None:
        """Close after what has been put has left."""
        self.closing = True
        self.flush()
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        self.closing = True
        if self._transport is not None:
            self._transport.abort()

    # -- facts ---------------------------------------------------------------------------------------------

    @property
    def subscriptions(self) -> int:
        return len(self.channels) + len(self.patterns)

    @property
    def kind(self) -> str:
        return "pubsub" if self.subscriptions else "normal"

    def describe(self) -> str:
        """The line of CLIENT LIST; what a Sentinel has no use for is 0 or none."""
        now_s = self.server.seconds()
        held = self.parser.held_bytes
        flags = ("P" if self.subscriptions else "") + ("t" if self.tracking else "")
        flags += "e" if self.no_evict else ""
        return (
            f"id={self.id} addr={self.address} laddr={self.local_address} fd={self.descriptor} "
            f"name={self.name} age={int(now_s - self.since_s)} idle={int(now_s - self.active_s)} "
            f"flags={flags or 'N'} db=0 sub={len(self.channels)} psub={len(self.patterns)} ssub=0 multi=-1 "
            f"qbuf={held} qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 "
            f"omem={self.waiting_bytes} tot-mem={held + self.waiting_bytes} events=r "
            f"cmd={self.last_command} user={self.user.name} redir=-1 resp={self.protocol}"
        )


def _address(found: object, unixsocket: str) -> str:
    if isinstance(found, tuple):
        host = f"[{found[0]}]" if ":" in found[0] else found[0]
        return f"{host}:{found[1]}"
    return f"{unixsocket}:0"


def _keep_alive(raw: socket.socket, interval_s: int) -> None:
    if interval_s:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, interval_s)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, interval_s // 3))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
