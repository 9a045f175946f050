"""A machine on which callers run: asyncio's connections, in the simulated network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .network import CLIENTS, Connection

if TYPE_CHECKING:
    from .simulation import Simulation


class _Socket:
    """What the client library asks of a socket."""

    def setsockopt(self, *_: object) -> None: ...


class SimTransport(asyncio.Transport):
    """One end of a simulated connection."""

    def __init__(self, host: CallersHost, connection: Connection, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._host = host
        self.connection = connection
        self.protocol = protocol
        self._closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._closing:
            self._host.sim.network.send(self.connection, 0, "data", bytes(data))

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self.lost(None)

    def abort(self) -> None:
        self.lost(None)

    def lost(self, error: Exception | None) -> None:
        """The connection is over, by us or by the other side."""
        if not self._closing:
            self._closing = True
            self._host.sim.network.close(self.connection, 0)
            self._host.forget(self)
            self._host.loop.call_soon(self.protocol.connection_lost, error)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        known = {
            "socket": _Socket(),
            "sockname": (self._host.address, 1),
            "peername": (self.connection.ends[1].address, 7000),
        }
        return known.get(name, default)

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


class CallersHost:
    """Is always up. Its loop's connections are dialled here."""

    def __init__(self, sim: Simulation, loop: asyncio.AbstractEventLoop, name: str = "callers") -> None:
        self.sim = sim
        self.loop = loop
        self.name = name
        self.address = "10.0.9.1"
        self.life = 1
        self.up = True
        self._transports: dict[Connection, SimTransport] = {}

    def input(self, action: Callable[[], None]) -> None:
        action()

    def dial(self, protocol: asyncio.Protocol, host: str, port: int) -> asyncio.Future[asyncio.Transport]:
        future: asyncio.Future[asyncio.Transport] = self.loop.create_future()
        self.sim.network.dial(self, (protocol, future), self.sim.at(host), CLIENTS)
        return future

    def connection_made(self, connection: Connection, token: Any) -> None:
        protocol, future = token
        if future.done():
            self.sim.network.close(connection, 0)
            return
        transport = self._transports[connection] = SimTransport(self, connection, protocol)
        self.loop.call_soon(protocol.connection_made, transport)
        self.loop.call_soon(lambda: None if future.done() else future.set_result(transport))

    def connection_failed(self, token: Any, service: str) -> None:
        _, future = token
        if not future.done():
            future.set_exception(ConnectionRefusedError("connection refused"))

    def connection_accepted(self, connection: Connection) -> None:
        raise AssertionError("nobody dials a caller")

    def received(self, connection: Connection, end: int, kind: str, data: bytes) -> None:
        transport = self._transports.get(connection)
        if transport is None:
            return
        if kind == "close":
            transport.lost(None)
        else:
            self.loop.call_soon(transport.protocol.data_received, data)

    def forget(self, transport: SimTransport) -> None:
        self._transports.pop(transport.connection, None)
