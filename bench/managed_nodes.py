"""A process of simulated nodes that keep the managers' lease and records, for `bench/manager.py cost`.

python bench/managed_nodes.py 100      # prints the address of the first
"""

from __future__ import annotations

import asyncio
import sys
import time

import hiredis
from top import SimulatedNode


class ManagedNode(SimulatedNode):
    """A node that also grants the lease and keeps records, in memory."""

    def __init__(self, at: int, ports: list[int]) -> None:
        super().__init__(at, ports)
        self._epoch, self._holder, self._until_s = 0, b"", 0.0
        self._written_epoch, self._version, self._content = 0, 0, b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parser = hiredis.Reader()
        try:
            while data := await reader.read(1 << 20):
                parser.feed(data)
                while (words := parser.gets()) is not False:
                    is_managed = words[:2] == [b"CLUSTER", b"MANAGER"]
                    writer.write(
                        self._managed(words[2:])
                        if is_managed
                        else self._reply([word.decode().upper() for word in words])
                    )
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    def _managed(self, words: list[bytes]) -> bytes:
        now_s = time.monotonic()
        match words:
            case [b"LEASE", manager, epoch, ttl_ms]:
                number = int(epoch)
                is_free = now_s >= self._until_s or self._holder == manager
                granted = is_free and (
                    number > self._epoch or (number, manager) == (self._epoch, self._holder)
                )
                if granted:
                    self._epoch, self._holder = number, manager
                    self._until_s = now_s + int(ttl_ms) / 1000
                return _map(granted=int(granted), **self._lease(now_s))
            case [b"READ"]:
                return _map(
                    **self._lease(now_s),
                    written_epoch=self._written_epoch,
                    version=self._version,
                    content=self._content,
                )
            case [b"STORE", _, epoch, version, content]:
                self._written_epoch, self._version, self._content = int(epoch), int(version), content
        return b"+OK\r\n"

    def _lease(self, now_s: float) -> dict[str, int | bytes]:
        left_ms = max(0, round((self._until_s - now_s) * 1000))
        holder = self._holder if left_ms else b""
        return {
            "epoch": self._epoch,
            "holder": holder,
            "left_ms": left_ms,
            "votes": 1,
            "voters": self._shards,
        }


def _map(**fields: int | bytes) -> bytes:
    parts = [b"*%d\r\n" % (2 * len(fields))]
    for name, value in fields.items():
        word = name.replace("_", "-").encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
        parts.append(b":%d\r\n" % value if isinstance(value, int) else b"$%d\r\n%s\r\n" % (len(value), value))
    return b"".join(parts)


async def main(nodes: int) -> None:
    ports: list[int] = []
    for at in range(nodes):
        server = await asyncio.start_server(ManagedNode(at, ports).serve, "127.0.0.1", 0, limit=1 << 20)
        ports.append(server.sockets[0].getsockname()[1])
    print(f"127.0.0.1:{ports[0]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
