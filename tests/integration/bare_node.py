"""A control plane on real sockets without a data plane: enough to sit in a cluster, vote and be elected."""

from __future__ import annotations

import asyncio
import random
import time

from garrison.node.core.bus_fields import BadFrameError
from garrison.node.core.bus_stream import FrameSplitter
from garrison.node.core.cluster_core import ClusterCore
from garrison.node.core.context import ReplicationFacts
from garrison.node.core.effects import Connect, Drop, PlaneAction, Send
from garrison.node.core.settings import ClusterSettings


def now_ms() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


class BareNode:
    """Use as an async context manager; the bus port is the port + 10000."""

    def __init__(self, port: int, timeout_ms: int) -> None:
        self.port = port
        settings = ClusterSettings(port=port, cluster_node_timeout=timeout_ms)
        self.core = ClusterCore(
            settings, random.Random(port), saved=None, now_ms=now_ms(), wall_ms=int(time.time() * 1000)
        )
        self.facts = ReplicationFacts()
        self.actions: list[PlaneAction] = []
        self.saved = ""
        self.writes_until_ms = 0
        self._writers: dict[int, asyncio.StreamWriter] = {}
        self._replies: dict[int, bytes] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> BareNode:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port + 10_000)
        self._flush()
        self._spawn(self._timer())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers.values():
            writer.transport.abort()

    def call(self, *words: object) -> str:
        """A CLUSTER command; the reply's text."""
        self.core.command(1, [b"CLUSTER", *(str(word).encode() for word in words)], now_ms())
        self._flush()
        reply = self._replies.pop(1).decode()
        return reply.partition("\r\n")[2].rstrip("\r\n") if reply[0] == "$" else reply.strip()

    def _spawn(self, work: object) -> None:
        task = asyncio.ensure_future(work)  # type: ignore[call-overload]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _timer(self) -> None:
        while True:
            self.core.tick(now_ms(), self.facts)
            self._flush()
            await asyncio.sleep(max(1, self.core.next_deadline_ms() - now_ms()) / 1000)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer, here = writer.get_extra_info("peername"), writer.get_extra_info("sockname")
        link_id = self.core.link_accepted(peer[0], here[0], now_ms())
        self._writers[link_id] = writer
        self._spawn(self._read(link_id, reader))

    async def _dial(self, link_id: int, host: str, port: int) -> None:
        try:
            reader, writer = await asyncio.open_connection(host, port)
        except OSError:
            self.core.link_down(link_id, now_ms())
            self._flush()
            return
        self._writers[link_id] = writer
        self.core.link_up(link_id, writer.get_extra_info("sockname")[0], now_ms())
        self._flush()
        await self._read(link_id, reader)

    async def _read(self, link_id: int, reader: asyncio.StreamReader) -> None:
        splitter = FrameSplitter()
        try:
            while data := await reader.read(65536):
                for frame in splitter.feed(data):
                    self.core.frame(link_id, frame, now_ms())
                self._flush()
        except BadFrameError as error:
            self.core.refused(link_id, error.reason, now_ms())
        except ConnectionError:
            pass
        self._writers.pop(link_id, None)
        self.core.link_down(link_id, now_ms())
        self._flush()

    def _flush(self) -> None:
        effects = self.core.take()
        self.saved = effects.persist or self.saved
        for action in effects.wire:
            if isinstance(action, Connect):
                self._spawn(self._dial(action.link_id, action.host, action.port))
            elif isinstance(action, Send):
                if action.link_id in self._writers:
                    self._writers[action.link_id].write(action.data)
            elif isinstance(action, Drop):
                writer = self._writers.pop(action.link_id, None)
                if writer is not None:
                    writer.close()
        self.actions += effects.plane
        if effects.writes_until_ms is not None:
            self.writes_until_ms = effects.writes_until_ms
        self._replies.update(effects.replies)
