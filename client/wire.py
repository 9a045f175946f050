"""One socket: commands out in batches, replies matched in order.

BACKGROUND
    RESP has no request ids: the n-th reply answers the n-th command. So a connection is a queue of
    *sinks* (futures, mostly), one for each command in flight, and whoever sends appends to it.

INVARIANTS
    * ``_pending`` holds one sink for each command not yet answered, in the order of the bytes.
    * The last ``len(_unsent)`` sinks of ``_pending`` belong to commands that were not written yet:
      if the connection breaks, those and only those are known not to have been executed.
    * A sink leaves ``_pending`` only with its reply, or with the connection. A cancelled or timed-out
      caller leaves its (finished) sink behind, so that later replies stay matched.

BEHAVIOUR
    * *Automatic pipelining*: the commands of all tasks in one turn of the event loop are joined into
      one write, by one callback scheduled with the first of them.
    * *Bounds*: above ``in_flight_commands_max`` or ``in_flight_bytes_max``, or while the socket is
      full, :attr:`Wire.ready` is False and callers queue in :meth:`Wire.wait_ready`, first come first served.
    * *Deadlines* cost nothing per command: what one write carried is one batch with one time stamp,
      and a sweep looks at the oldest batches a few times per deadline.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol, cast

import hiredis

from garrison.client.errors import (
    CallTimeoutError,
    ClientError,
    ConnectionLostError,
    ProtocolError,
    ReplyError,
    TooManyWaitingError,
    reply_error,
)
from garrison.client.settings import Settings
from garrison.client.sinks import Sink

__all__ = ["INCOMPLETE", "ReplyReader", "Wire"]

INCOMPLETE: Any = object()
"""What a parser's ``gets`` returns when the next reply is not whole yet."""
_SWEEPS_PER_TIMEOUT = 8
_SWEEP_INTERVAL_MAX_S = 0.5


class ReplyReader(Protocol):
    """A parser of replies. :class:`hiredis.Reader` is one."""

    def feed(self, data: bytes, /) -> object: ...
    def gets(self) -> Any:
        """The next reply, an error as a :class:`ReplyError`; or :data:`INCOMPLETE`."""


class Wire(asyncio.Protocol):
    """The asyncio protocol of one connection; :class:`~garrison.client.Connection` adds the calls."""

    def __init__(self, loop: asyncio.AbstractEventLoop, peer: str, settings: Settings) -> None:
        self.peer = peer
        self.ready = False
        """True while a command may be sent at once; else :meth:`wait_ready` first."""
        self.on_push: Callable[[Any], None] | None = None
        self.on_lost: Callable[[ClientError], None] | None = None
        self.on_silent: Callable[[], None] | None = None
        """Called now and then while commands wait and no byte comes; see :meth:`silent_s`."""
        self.left_unanswered = False
        """After the end: whether commands had been written whose reply did not come."""
        self.push_only = False
        """True on a subscriber's connection: whatever comes goes to ``on_push``, error replies too."""
        self.closed: asyncio.Future[None] = loop.create_future()
        self._loop = loop
        self._call_soon = loop.call_soon
        self._create_future = loop.create_future
        self._settings = settings
        self._commands_max = settings.in_flight_commands_max
        self._bytes_max = settings.in_flight_bytes_max
        self._transport: asyncio.Transport | None = None
        self._paused = False
        self._failure: ClientError | None = None
        self._retired: str | None = None  # Why no more commands are taken, once that is so.
        self._pending: deque[Sink] = deque()
        self._unsent: list[bytes] = []
        self._bytes_in_flight = 0
        # One entry for each write: when, the number of the last command in it, its bytes.
        self._batches: deque[tuple[float, int, int]] = deque()
        self._written_count = 0
        self._replied_count = 0
        # Callers that wait for room, in order, with the time since when.
        self._waiting: deque[tuple[float, asyncio.Future[None]]] = deque()
        self._granted = 0
        self._received_at = 0.0
        self._sweep_timer: asyncio.TimerHandle | None = None
        shortest = min(settings.reply_timeout_s, settings.call_timeout_s, settings.silence_refresh_s)
        self._sweep_interval_s = min(shortest / _SWEEPS_PER_TIMEOUT, _SWEEP_INTERVAL_MAX_S)
        encoding: dict[str, Any] = (
            {"encoding": "utf-8", "errors": "surrogateescape"} if settings.decode else {}
        )
        self.parse_with(
            hiredis.Reader(
                protocolError=ProtocolError, replyError=reply_error, notEnoughData=INCOMPLETE, **encoding
            )
        )

    def parse_with(self, reader: ReplyReader) -> None:
        """Read replies with another parser from now on; nothing may be in flight."""
        assert not self._pending, "a reply in flight may be half read"
        self._reader = reader
        self._next_reply = reader.gets

    # ---- sending -------------------------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        """The number of commands that wait for a reply."""
        return len(self._pending)

    @property
    def is_closed(self) -> bool:
        return self._transport is None

    def send(self, packed: bytes) -> asyncio.Future[Any]:
        """Queue one encoded command for this turn's write and return the future of its reply.

        The caller has seen :attr:`ready` in the same turn. Awaiting the future raises
        :class:`ReplyError` for an error reply.
        """
        # The lines of send_to, written out: a call saved for every command.
        future = self._create_future()
        unsent = self._unsent
        if not unsent:
            if self._transport is None:
                future.set_exception(self._lost(maybe_executed=False))
                return future
            self._call_soon(self._flush)
        unsent.append(packed)
        pending = self._pending
        pending.append(future)
        self._bytes_in_flight += len(packed)
        if self._bytes_in_flight >= self._bytes_max or len(pending) >= self._commands_max:
            self.ready = False
        return future

    def send_to(self, packed: bytes, sink: Sink) -> None:
        """Like :meth:`send`, with the reply going to ``sink``."""
        unsent = self._unsent
        if not unsent:
            if self._transport is None:
                sink.set_exception(self._lost(maybe_executed=False))
                return
            self._call_soon(self._flush)
        unsent.append(packed)
        self._pending.append(sink)
        self._bytes_in_flight += len(packed)
        if self._bytes_in_flight >= self._bytes_max or len(self._pending) >= self._commands_max:
            self.ready = False

    def write_now(self, packed: bytes) -> None:
        """Write a command to which no reply is matched; for :attr:`push_only` connections."""
        assert self.push_only, "its reply would be taken for that of another command"
        if self._transport is not None:
            self._transport.write(packed)

    def received_ago_s(self) -> float:
        """Seconds since the last byte came."""
        return self._loop.time() - self._received_at

    def silent_s(self) -> float:
        """Seconds for which commands have waited without a byte coming; 0 when none waits."""
        if not self._batches:
            return 0.0
        return self._loop.time() - max(self._received_at, self._batches[0][0])

    def give_up(self, reason: str) -> None:
        """Close at once; every command in flight fails with this reason."""
        self._fail(ConnectionLostError(f"{self.peer}: {reason}", maybe_executed=True))

    def retire(self, reason: str) -> None:
        """Take no more commands, and close as soon as those that were written are answered.

        Callers whose command has not been written fail at once: it was certainly not executed.
        """
        self._retired = reason
        self.ready = False
        unwritten = [self._pending.pop() for _ in range(len(self._unsent))]
        self._unsent.clear()
        for sink in reversed(unwritten):
            if not sink.done():
                sink.set_exception(self._lost(maybe_executed=False))
        while self._waiting:
            _, turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(self._lost(maybe_executed=False))
        self._admit()

    def _flush(self) -> None:
        unsent = self._unsent
        if not unsent or self._transport is None:
            return
        data = b"".join(unsent)
        self._written_count += len(unsent)
        unsent.clear()
        self._batches.append((self._loop.time(), self._written_count, len(data)))
        if self._sweep_timer is None:
            self._sweep_timer = self._loop.call_later(self._sweep_interval_s, self._sweep)
        self._transport.write(data)

    async def wait_ready(self) -> None:
        """Wait until a command may be sent, in the order of arrival."""
        if self.ready:
            return
        if self._transport is None or self._retired is not None:
            raise self._lost(maybe_executed=False)
        if len(self._waiting) >= self._settings.callers_waiting_max:
            raise TooManyWaitingError(
                f"{len(self._waiting)} callers already wait for room on the connection to {self.peer}: "
                "start fewer calls at once, or raise callers_waiting_max"
            )
        turn = self._create_future()
        self._waiting.append((self._loop.time(), turn))
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                # The room granted to this caller is passed on; otherwise the next could wait for ever.
                self._granted -= 1
                self._admit()
            raise
        self._granted -= 1
        if self._retired is not None:
            raise self._lost(maybe_executed=False)
        # This caller sends next, in this turn; what it sends shuts the door again if that was the last room.
        self.ready = not (self._paused or self._granted or self._waiting or self._transport is None)

    def _admit(self) -> None:
        """Let as many waiting callers go on as there is room for; open the door when none is left.

        A caller that was let go on sends only when its task runs, so until then its room is taken
        (``_granted``) and the door stays shut: nobody overtakes, and nothing is granted twice.
        """
        if self._retired is not None:
            if not self._pending:
                self.give_up(self._retired)
            return
        if self._paused or self._transport is None or self._bytes_in_flight >= self._bytes_max:
            return
        room = self._commands_max - len(self._pending) - self._granted
        while room > 0 and self._waiting:
            _, turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                self._granted += 1
                room -= 1
        self.ready = room > 0 and not self._granted and not self._waiting

    # ---- the transport's side ------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not subclasses of asyncio's, so no isinstance here.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=self._settings.socket_buffer_bytes_max)
        self.ready = True

    def data_received(self, data: bytes) -> None:
        self._received_at = self._loop.time()
        pending = self._pending
        before = len(pending)
        try:
            self._reader.feed(data)
            if self.push_only:
                self._deliver_pushes()
            else:
                self._deliver_replies()
        except Exception as error:
            self._fail(
                ProtocolError(f"{self.peer} does not speak RESP ({error}): check the host, the port and TLS")
            )
            return
        self._replied_count += before - len(pending)
        batches = self._batches
        while batches and batches[0][1] <= self._replied_count:
            self._bytes_in_flight -= batches.popleft()[2]
        if not self.ready:
            self._admit()

    def _deliver_replies(self) -> None:
        next_reply = self._next_reply
        next_sink = self._pending.popleft
        while (reply := next_reply()) is not INCOMPLETE:
            if isinstance(reply, hiredis.PushNotification):
                if self.on_push is not None:
                    self.on_push(reply)
                continue
            sink = next_sink()
            try:
                if isinstance(reply, ReplyError):
                    sink.set_exception(reply)
                else:
                    sink.set_result(reply)
            except asyncio.InvalidStateError:
                pass  # The caller was cancelled or timed out; its reply is dropped here, in its place.

    def _deliver_pushes(self) -> None:
        while (reply := self._next_reply()) is not INCOMPLETE:
            if self.on_push is not None:
                self.on_push(reply)

    def pause_writing(self) -> None:
        self._paused = True
        self.ready = False

    def resume_writing(self) -> None:
        self._paused = False
        self._admit()

    def connection_lost(self, exc: Exception | None) -> None:
        cause = f": {exc}" if exc else ""
        self._end(ConnectionLostError(f"{self.peer} closed the connection{cause}", maybe_executed=True))

    # ---- the end -------------------------------------------------------------------------------

    def shut(self) -> None:
        """Close the socket once what was written is sent; commands in flight fail."""
        if self._transport is not None:
            self._flush()
            transport = self._transport
            self._end(
                ConnectionLostError(f"this side closed the connection to {self.peer}", maybe_executed=True)
            )
            transport.close()

    def _fail(self, error: ClientError) -> None:
        transport = self._transport
        self._end(error)
        if transport is not None:
            # What the kernel has not delivered yet must not arrive later: it may be sent anew elsewhere.
            sock = transport.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()

    def _lost(self, *, maybe_executed: bool) -> ClientError:
        error = self._failure
        if error is None and self._retired is not None:
            return ConnectionLostError(f"{self.peer}: {self._retired}", maybe_executed=maybe_executed)
        if error is None:
            return ConnectionLostError(
                f"the connection to {self.peer} is not open", maybe_executed=maybe_executed
            )
        if isinstance(error, ConnectionLostError):
            return ConnectionLostError(str(error), maybe_executed=maybe_executed)
        return type(error)(str(error))

    def _end(self, error: ClientError) -> None:
        """Fail everything in flight, once; each caller gets an exception object of its own."""
        if self._failure is not None:
            return
        self._failure = error
        self._transport = None
        self.ready = False
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
            self._sweep_timer = None
        unwritten = len(self._unsent)
        self.left_unanswered = len(self._pending) > unwritten
        self._unsent.clear()
        while self._pending:
            sink = self._pending.popleft()
            if not sink.done():
                sink.set_exception(self._lost(maybe_executed=len(self._pending) >= unwritten))
        while self._waiting:
            _, turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(self._lost(maybe_executed=False))
        if not self.closed.done():
            self.closed.set_result(None)
        if self.on_lost is not None:
            self.on_lost(error)

    # ---- deadlines -----------------------------------------------------------------------------

    def _sweep(self) -> None:
        """Look at the oldest batches: time out their callers, and give up a connection that is silent."""
        self._sweep_timer = None
        if not self._batches:
            return  # Nothing is in flight: the next write starts the timer again.
        now = self._loop.time()
        silent_s = self.silent_s()
        if silent_s > self._settings.reply_timeout_s:
            waiting = f"no byte for {silent_s:.1f} s with {len(self._pending)} commands in flight"
            self.give_up(f"{waiting} (reply_timeout_s): the node hangs or is cut off")
            return
        if silent_s > self._settings.silence_refresh_s and self.on_silent is not None:
            self.on_silent()
        limit_s = self._settings.call_timeout_s
        expired = 0
        for sent_at, last, _size in self._batches:
            if now - sent_at <= limit_s:
                break
            expired = last - self._replied_count
        if expired:
            self._expire(expired)
        while self._waiting and now - self._waiting[0][0] > limit_s:
            _, turn = self._waiting.popleft()
            if not turn.done():
                text = f"no room on the connection to {self.peer} within {limit_s:g} s (call_timeout_s)"
                turn.set_exception(CallTimeoutError(text, maybe_executed=False))
        self._sweep_timer = self._loop.call_later(self._sweep_interval_s, self._sweep)

    def _expire(self, count: int) -> None:
        text = f"no reply from {self.peer} within {self._settings.call_timeout_s:g} s (call_timeout_s)"
        for sink, _ in zip(self._pending, range(count), strict=False):
            if not sink.done():
                sink.set_exception(CallTimeoutError(text, maybe_executed=True))
