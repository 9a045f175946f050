"""The listener: uvicorn in this event loop, with bounds on connections and on slow senders and readers.

uvicorn closes a connection only after all that was written has been taken, and a client that never reads
would keep its connection and the answers for ever. So what waits for a client is given `send_timeout_s`.
"""

import asyncio
import ssl
from collections import Counter
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from garrison.cluster.daemon.http_limits import App, HttpLimits

GRACE_S = 2
KEEP_ALIVE_S = 30


def bounded_protocol(limits: HttpLimits) -> type[H11Protocol]:
    """A protocol whose connections end when headers or readers are too slow, or there are too many."""
    per_address: Counter[str] = Counter()

    class BoundedProtocol(H11Protocol):
        _patience: asyncio.TimerHandle | None = None
        _until_taken: asyncio.TimerHandle | None = None
        _address = ""

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            # So `pause_writing` says that bytes wait, `resume_writing` that all were taken. From 0 the TLS of
            # asyncio never goes on.
            transport.set_write_buffer_limits(high=1)
            peer = transport.get_extra_info("peername")
            self._address = str(peer[0]) if peer else ""
            per_address[self._address] += 1
            if per_address[self._address] > limits.connections_per_address_max:
                transport.close()
                return
            self._wait_for_headers()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            self.resume_writing()
            per_address[self._address] -= 1
            if per_address[self._address] <= 0:
                del per_address[self._address]
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.cycle is not None and not self.cycle.response_complete:
                self._stop_waiting()
            elif self._patience is None:
                self._wait_for_headers()

        def pause_writing(self) -> None:
            super().pause_writing()
            if self._until_taken is None:
                self._until_taken = self.loop.call_later(limits.send_timeout_s, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            if self._until_taken is not None:
                self._until_taken.cancel()
                self._until_taken = None

        def _wait_for_headers(self) -> None:
            self._patience = self.loop.call_later(limits.header_timeout_s, self.transport.close)

        def _stop_waiting(self) -> None:
            if self._patience is not None:
                self._patience.cancel()
                self._patience = None

    return BoundedProtocol


class HttpServer(uvicorn.Server):
    """Serves until told to end; signals are left to the process."""

    def __init__(
        self, app: App, host: str, port: int, limits: HttpLimits, tls: ssl.SSLContext | None = None
    ) -> None:
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            http=bounded_protocol(limits),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=limits.connections_max,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=GRACE_S,
            h11_max_incomplete_event_size=limits.header_bytes_max,
        )
        super().__init__(config)
        self._tls = tls
        self.listening = asyncio.Event()

    async def serve_until(self, ended: asyncio.Event) -> None:
        """Listen, and answer until `ended`. OSError when the address cannot be had."""
        config = self.config
        config.load()
        config.ssl = self._tls
        self.lifespan = config.lifespan_class(config)
        # Bound here, as uvicorn ends the process when an address is in use.
        listener = await _listen(config.host, config.port)
        try:
            await self.startup(sockets=[listener])
            self.listening.set()
            watching = asyncio.create_task(self._end_after(ended))
            try:
                await self.main_loop()
            finally:
                watching.cancel()
                await self.shutdown(sockets=[listener])
        finally:
            listener.close()

    async def _end_after(self, ended: asyncio.Event) -> None:
        await ended.wait()
        self.should_exit = True


async def _listen(host: str, port: int) -> Any:
    import socket

    found = await asyncio.get_running_loop().getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener
