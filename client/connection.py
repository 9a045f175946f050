"""A connection to one node: open it, call, call many, close.

This is the lower of the package's two levels; :func:`garrison.client.connect` builds on it. It never
retries and follows no redirect: what the node says is what the caller gets. Many tasks may use one
connection at once; what they send in one turn of the event loop leaves in one write.

::

    connection = await open_connection("127.0.0.1", 6379)
    await connection.call("SET", "key", "value")                    # b'OK'
    await connection.call_many([("GET", "key"), ("INCR", "key")])   # [b'value', ReplyError('ERR ...')]
    await connection.close()
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl as ssl_module
from collections.abc import Sequence
from typing import Any

from garrison.client.core.resp import Arg, encode_command
from garrison.client.core.topology import Address
from garrison.client.errors import (
    AuthenticationError,
    ClientError,
    ConnectionFailedError,
    ConnectionLostError,
    ReplyError,
)
from garrison.client.settings import Settings
from garrison.client.sinks import Collector
from garrison.client.wire import Wire

__all__ = ["Connection", "open_connection", "open_with_settings"]

_KEEPALIVE_PROBES_MAX = 3
_KEEPALIVE_PROBES_PER_IDLE = 6


class Connection(Wire):
    """An open connection. Make one with :func:`open_connection`."""

    protocol_version = 2
    """The RESP version agreed with the server."""
    server: dict[str, Any]
    """The reply to HELLO (``server``, ``version``, ``mode``, ...); empty in RESP2."""
    identity: tuple[Arg, ...] | None = None
    """How CLIENT KILL finds this connection on the server: by id and address, so that neither a restart
    (ids begin anew) nor another client behind the same address is mistaken for it. None in RESP2."""

    async def call(self, *command: Arg) -> Any:
        """Send one command and return its reply; an error reply raises :class:`ReplyError`.

        A name of two words is two arguments: ``call("CLUSTER", "SLOTS")``.
        """
        packed = (
            encode_command(b"", *command) if not command else encode_command(_name(command[0]), *command[1:])
        )
        if not self.ready:
            await self.wait_ready()
        return await self.send(packed)

    async def call_many(self, commands: Sequence[Sequence[Arg]]) -> list[Any]:
        """Send the commands in one go; return their replies in order, error replies as values.

        A batch above ``in_flight_commands_max`` is sent in pieces. A broken connection raises; its
        ``maybe_executed`` then speaks of the piece as a whole.
        """
        replies: list[Any] = []
        packed = [encode_command(_name(command[0]), *command[1:]) for command in commands]
        start = 0
        while start < len(packed):
            if not self.ready:
                await self.wait_ready()
            room = max(1, self._commands_max - len(self._pending))
            replies += await self.send_many(packed[start : start + room])
            start += room
        return replies

    def send_many(self, packed: Sequence[bytes]) -> asyncio.Future[list[Any]]:
        """Queue encoded commands that must be adjacent; the future gives their replies, errors as values."""
        future: asyncio.Future[list[Any]] = self._create_future()
        collector = Collector(len(packed), future)
        for item in packed:
            self.send_to(item, collector)
        return future

    async def close(self) -> None:
        """Close the connection. Commands in flight fail; closing twice is allowed."""
        self.shut()
        await self.closed


def _name(first: Arg) -> bytes:
    return first.encode() if isinstance(first, str) else bytes(first)  # type: ignore[arg-type]


async def open_connection(
    host: str,
    port: int,
    *,
    username: str | None = None,
    password: str | None = None,
    protocol: int = 2,
    timeout: float = 5.0,
    decode: bool = False,
    ssl: ssl_module.SSLContext | None = None,
) -> Connection:
    """Open a connection to one node and log in. A Unix socket is a ``host`` that begins with ``/``.

    ``timeout`` (seconds) bounds the opening, and each later call. With ``protocol=3`` the server is
    asked for RESP3; one that does not know HELLO is spoken to in RESP2. Raises
    :class:`ConnectionFailedError` or :class:`AuthenticationError`.
    """
    settings = Settings(
        username=username,
        password=password,
        protocol=protocol,
        decode=decode,
        connect_timeout_s=timeout,
        reply_timeout_s=timeout,
        call_timeout_s=timeout,
    )
    return await open_with_settings(host, port, settings, ssl)


async def open_with_settings(
    host: str,
    port: int,
    settings: Settings,
    ssl: ssl_module.SSLContext | None = None,
    fence: tuple[Arg, ...] | None = None,
) -> Connection:
    """Open a connection and do the handshake, all within ``connect_timeout_s``.

    ``fence`` is the identity of a connection that was given up with commands unanswered. The server is
    asked to close it before anything else is sent, so that what it may still hold of those commands is
    not executed after the commands that follow.
    """
    loop = asyncio.get_running_loop()
    address = Address(host, port)
    peer = str(address)
    connection = Connection(loop, peer, settings)
    try:
        async with asyncio.timeout(settings.connect_timeout_s):
            if address.is_unix_socket:
                transport, _ = await loop.create_unix_connection(lambda: connection, host)
            else:
                transport, _ = await loop.create_connection(lambda: connection, host, port, ssl=ssl)
                _keep_alive(transport, settings.keepalive_idle_s)
            await _handshake(connection, settings)
            connection.identity = _identity(connection, transport)
            if fence is not None:
                await _raise_fence(connection, fence)
    except AuthenticationError:
        connection.shut()
        raise
    except TimeoutError:
        connection.shut()
        text = (
            f"cannot connect to {peer}: no answer within {settings.connect_timeout_s:g} s (connect_timeout_s)"
        )
        raise ConnectionFailedError(text) from None
    except ReplyError as error:
        connection.shut()
        raise ConnectionFailedError(f"{peer} refused the handshake: {error}") from error
    except (OSError, ClientError) as error:
        connection.shut()
        raise ConnectionFailedError(f"cannot connect to {peer}: {_diagnose(error, host, ssl)}") from error
    except BaseException:
        connection.shut()
        raise
    return connection


def _diagnose(error: OSError | ClientError, host: str, ssl: ssl_module.SSLContext | None) -> str:
    """What went wrong while connecting, and what to look at."""
    if isinstance(error, socket.gaierror):
        return (
            f"the name {host!r} has no address ({error.strerror}): check its spelling, and this machine's DNS"
        )
    if isinstance(error, ssl_module.SSLCertVerificationError):
        return (
            f"its certificate is not trusted ({error.verify_message}): "
            "give connect() an ssl context that loads its authority, and check the host name"
        )
    if isinstance(error, ssl_module.SSLError):
        return f"the TLS handshake failed ({error.reason or error}): does that port speak TLS?"
    if ssl is not None and isinstance(error, (ConnectionResetError, ConnectionLostError)):
        return f"it hung up during the TLS handshake or the login ({error}): does that port speak TLS?"
    if isinstance(error, ConnectionLostError):
        return f"{error}: see the server's log; does it expect TLS, or refuse more clients?"
    if isinstance(error, ClientError):
        return str(error)
    reason = os.strerror(error.errno) if error.errno is not None else error
    return f"{reason}: is a server listening there?"


def _identity(connection: Connection, transport: asyncio.BaseTransport) -> tuple[Arg, ...] | None:
    number = connection.server.get("id")
    name = transport.get_extra_info("sockname")
    if number is None or not isinstance(name, tuple):
        return None
    return ("ID", number, "ADDR", str(Address(name[0], name[1])))


async def _raise_fence(connection: Connection, identity: tuple[Arg, ...]) -> None:
    try:
        await connection.call("CLIENT", "KILL", *identity)
    except ReplyError:
        pass  # This user may not kill: the order of what follows is then the server's own.


def _keep_alive(transport: asyncio.BaseTransport, idle_s: int) -> None:
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, idle_s)
        sock.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, idle_s // _KEEPALIVE_PROBES_PER_IDLE)
        )
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _KEEPALIVE_PROBES_MAX)


async def _handshake(connection: Connection, settings: Settings) -> None:
    connection.server = {}
    credentials: list[str] = []
    if settings.password is not None:
        credentials = [settings.username or "default", settings.password]
    if settings.protocol == 3 and await _hello(connection, credentials):
        connection.protocol_version = 3
    elif credentials:
        # A server before ACLs knows only the one-argument form.
        await connection.call("AUTH", *(credentials if settings.username else credentials[1:]))
    if settings.client_name is not None:
        await connection.call("CLIENT", "SETNAME", settings.client_name)
    if settings.database:
        await connection.call("SELECT", settings.database)


async def _hello(connection: Connection, credentials: list[str]) -> bool:
    """Switch to RESP3; False when the server does not know how."""
    try:
        reply = await connection.call("HELLO", 3, *(["AUTH", *credentials] if credentials else []))
    except AuthenticationError:
        raise
    except ReplyError as error:
        if error.code not in ("ERR", "NOPROTO"):
            raise
        return False
    connection.server = {_text(name): value for name, value in reply.items()}
    return True


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
