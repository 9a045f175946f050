"""One conversation with a server: connecting, logging in, sending, following redirects, listening.

The connection is the client library's (:mod:`garrison.client.connection`) with a reader that keeps the
types. As in redis-cli there is one connection at a time: a redirect closes it and opens another, so that
MULTI, SELECT or CLIENT commands mean the connection that the user sees.
"""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import Callable
from typing import Any

from garrison.cli.core.conversation import NOT_CONNECTED, Conversation, name_of
from garrison.cli.core.options import Options
from garrison.cli.core.replies import TypedReader
from garrison.client.connection import Connection, open_with_settings
from garrison.client.core.resp import encode_args, to_bytes
from garrison.client.core.topology import Address, parse_cluster_slots
from garrison.client.errors import (
    AskError,
    ConnectionFailedError,
    ConnectionLostError,
    RedirectError,
    ReplyError,
    UsageError,
)
from garrison.client.settings import Settings
from garrison.client.wire import INCOMPLETE

__all__ = ["Session", "tls_context"]

REDIRECTS_MAX = 16
"""Redirects that one command follows."""
BATCH_MAX = 1_000
"""Commands sent in one go."""
PUSHES_MAX = 1_000
"""Push messages kept until they are shown; the oldest are dropped."""
_ENDLESS_S = 86_400.0


class Session:
    """A server, and the connection to it while there is one."""

    def __init__(self, options: Options, note: Callable[[str], None]) -> None:
        self._options = options
        self._note = note
        self._tls = tls_context(options) if options.tls else None
        self.address = (
            Address(options.socket, 0) if options.socket is not None else Address(options.host, options.port)
        )
        self.talk = Conversation(self._peer(), options.database, options.protocol or 2)
        if options.password is not None:
            words = [options.username, options.password] if options.username else [options.password]
            self.talk.login = [to_bytes(word) for word in words]
        self.on_redirect: Callable[[str], None] | None = None
        """Told of each redirect that is followed."""
        self.pushes: deque[Any] = deque(maxlen=PUSHES_MAX)
        """Push messages that came and were not shown yet."""
        self._connection: Connection | None = None

    @property
    def is_connected(self) -> bool:
        return self._connection is not None and not self._connection.is_closed

    def prompt(self) -> str:
        """What stands before the cursor."""
        return self.talk.prompt() if self.is_connected else NOT_CONNECTED

    # ---- connecting ----------------------------------------------------------------------------

    async def open(self, *, typed: bool = True) -> Connection:
        """Connect and log in; a refused login is noted only, as the server may take commands all the same.

        Raises :class:`ConnectionFailedError`, also if the database cannot be selected.
        """
        self.close()
        settings = Settings(
            protocol=2,
            connect_timeout_s=self._options.timeout_s or _ENDLESS_S,
            reply_timeout_s=_ENDLESS_S,
            call_timeout_s=_ENDLESS_S,
        )
        connection = await open_with_settings(self.address.host, self.address.port, settings, self._tls)
        if typed:
            connection.parse_with(TypedReader(INCOMPLETE))
        connection.on_push = self.pushes.append
        self._connection = connection
        self.talk.begin(self._peer())
        try:
            await self._log_in(connection)
        except BaseException:
            self.close()
            raise
        return connection

    async def _log_in(self, connection: Connection) -> None:
        if self.talk.login:
            reply = await _ask(connection, [b"AUTH", *self.talk.login])
            if isinstance(reply, ReplyError):
                self._note(f"AUTH failed: {reply}")
        if self.talk.protocol == 3:
            reply = await _ask(connection, [b"HELLO", b"3"])
            if isinstance(reply, ReplyError):
                self._note(f"HELLO 3 failed: {reply}")
                self.talk.protocol = 2
        if self.talk.database:
            reply = await _ask(connection, [b"SELECT", b"%d" % self.talk.database])
            if isinstance(reply, ReplyError):
                database, self.talk.database = self.talk.database, 0
                raise ConnectionFailedError(f"SELECT {database} failed: {reply}")

    async def connect_to(self, host: str, port: int) -> None:
        """Leave this server for another one."""
        self.address = Address(host, port)
        self.talk.database = 0
        await self.open()

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.shut()
            self._connection = None

    def _peer(self) -> str:
        return f"redis {self.address.host}" if self.address.is_unix_socket else str(self.address)

    # ---- sending -------------------------------------------------------------------------------

    async def request(self, words: list[bytes]) -> Any:
        """Send one command; its reply, errors as values. Connects first where that is needed."""
        reply: Any = None
        asking = False
        for _ in range(REDIRECTS_MAX):
            connection = await self._connected()
            if asking:
                await _ask(connection, [b"ASKING"])
            reply = await _ask(connection, words)
            if not (self._options.follows_redirects and isinstance(reply, RedirectError)):
                break
            asking = isinstance(reply, AskError)
            await self._follow(reply)
        self.talk.heard(words, reply)
        return reply

    async def request_many(self, commands: list[list[bytes]]) -> list[Any]:
        """Send commands in one go; their replies, errors as values. Redirects are not followed."""
        connection = await self._connected()
        replies: list[Any] = []
        for start in range(0, len(commands), BATCH_MAX):
            if not connection.ready:
                await connection.wait_ready()
            batch = commands[start : start + BATCH_MAX]
            replies += await connection.send_many([_encode(words) for words in batch])
        return replies

    async def _connected(self) -> Connection:
        connection = self._connection
        if connection is not None and not connection.is_closed:
            return connection
        if self.talk.in_multi:
            self.talk.begin(self.talk.peer)
            self._connection = None
            raise ConnectionLostError(
                "the connection was lost, and the transaction with it: nothing of it was carried out",
                maybe_executed=False,
            )
        return await self.open()

    async def _follow(self, redirect: RedirectError) -> None:
        host, port = redirect.address
        self.address = Address(host or self.address.host, port)
        if self.on_redirect is not None:
            self.on_redirect(f"-> Redirected to slot [{redirect.slot}] located at {self.address}")
        await self.open()

    async def primaries(self) -> list[Address]:
        """The primaries of the cluster that this server belongs to."""
        reply = await self.request([b"CLUSTER", b"SLOTS"])
        if isinstance(reply, ReplyError):
            raise UsageError(f"-c: {reply}")
        return list(parse_cluster_slots(reply, asked_host=self.address.host).primaries)

    # ---- listening -----------------------------------------------------------------------------

    async def listen(self, words: list[bytes], show: Callable[[Any], None]) -> None:
        """Send a command after which messages come; show them until the connection ends, or the caller stops.

        Returns at once after an error as the first reply. The connection is closed then: what it
        was subscribed to is gone with it.
        """
        for _ in range(REDIRECTS_MAX):
            refusal = await self._listen_here(words, show)
            if refusal is None:
                raise ConnectionLostError("Server closed the connection", maybe_executed=True)
            if not (self._options.follows_redirects and isinstance(refusal, RedirectError)):
                show(refusal)
                return
            await self._follow(refusal)

    async def _listen_here(self, words: list[bytes], show: Callable[[Any], None]) -> ReplyError | None:
        """Listen on this node; what it refuses the command with, or None when the connection has ended."""
        connection = await self._connected()
        refusals: list[ReplyError] = []

        def take(reply: Any) -> None:
            if isinstance(reply, ReplyError):
                refusals.append(reply)
                connection.shut()
            else:
                show(reply)

        connection.push_only = True
        connection.on_push = take
        try:
            connection.write_now(_encode(words))
            await connection.closed
        finally:
            self.close()
        return refusals[0] if refusals else None


def _encode(words: list[bytes]) -> bytes:
    return b"*%d\r\n" % len(words) + encode_args(words)


async def _ask(connection: Connection, words: list[bytes]) -> Any:
    if not connection.ready:
        await connection.wait_ready()
    try:
        return await connection.send(_encode(words))
    except ReplyError as error:
        return error
    except ConnectionLostError:
        if name_of(words) in ("SHUTDOWN", "QUIT"):
            return None
        raise


class _NamedContext(ssl.SSLContext):
    """A context that names another server in the handshake than the one connected to."""

    sni: str | None = None

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        return super().wrap_bio(incoming, outgoing, server_side, self.sni or server_hostname, session)


def tls_context(options: Options) -> ssl.SSLContext:
    """The TLS settings of the command line; raises :class:`UsageError` for files that cannot be read."""
    context = _NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.sni = options.sni
    if options.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        if options.cacert or options.cacertdir:
            context.load_verify_locations(options.cacert, options.cacertdir)
        else:
            context.load_default_certs()
        if options.cert:
            context.load_cert_chain(options.cert, options.key)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(
            name for name in (options.cacert, options.cacertdir, options.cert, options.key) if name
        )
        raise UsageError(f"cannot read the certificates or keys in {files}: {error}") from error
    return context
