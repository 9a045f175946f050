"""What `garrison top` costs: share of a core at one refresh a second, in a terminal of its own.

`python bench/top.py` simulates a manager with 100 nodes over HTTP; `--direct` simulates the nodes, without a
manager, over RESP; `--entry 127.0.0.1:7000` asks a running cluster.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import os
import pty
import struct
import sys
import termios
import time
from collections.abc import Sequence

import hiredis

from garrison.cluster.core.manager.picture import NodeLoad, NodePicture, Picture, ShardPicture

WARM_UP_S = 5.0
SLOT_COUNT = 16384
HEADERS = "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nConnection: close\r\n\r\n"


def picture_of(nodes: int, moment: int) -> Picture:
    """A cluster of so many nodes, half of them replicas, whose figures all change with the moment."""
    shards = nodes // 2
    drawn, listed = [], []
    for at in range(shards):
        first, last = at * SLOT_COUNT // shards, (at + 1) * SLOT_COUNT // shards - 1
        slots, count = f"{first}-{last}", last + 1 - first
        drawn.append(ShardPicture(id=f"p{at}", replica_ids=(f"r{at}",), slots=slots, slot_count=count))
        for name in (f"p{at}", f"r{at}"):
            is_replica = name.startswith("r")
            load = NodeLoad(
                ops_per_s=1_000.0 * at + moment,
                cpu_fraction=0.5,
                hit_rate=0.97,
                p99_us=200.0 + moment % 50,
                clients=20 + moment % 9,
                memory_bytes=10_000_000 + 1_000 * moment,
                memory_max_bytes=1 << 30,
                lag_ms=moment % 40 if is_replica else None,
            )
            listed.append(
                NodePicture(
                    id=name,
                    address=f"10.0.{int(is_replica)}.{at}:7000",
                    role="replica" if is_replica else "primary",
                    primary_id=f"p{at}" if is_replica else None,
                    slots="" if is_replica else slots,
                    slot_count=0 if is_replica else count,
                    keys=1_000 + moment,
                    link_up=True if is_replica else None,
                    load=load,
                    as_of_ms=time.time_ns() // 1_000_000,
                )
            )
    return Picture(
        at_ms=time.time_ns() // 1_000_000, nodes=tuple(listed), shards=tuple(drawn), slots_covered=SLOT_COUNT
    )


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, nodes: int) -> None:
    """A manager that knows three addresses, each on a connection of its own."""
    path = (await reader.readuntil(b"\r\n\r\n")).split()[1]
    try:
        if path == b"/api/events":
            writer.write(HEADERS.format("text/event-stream").encode())
            for moment in range(1_000_000):
                text = picture_of(nodes, moment).model_dump_json()
                writer.write(f"event: picture\ndata: {text}\n\n".encode())
                await writer.drain()
                await asyncio.sleep(1.0)
        body = picture_of(nodes, 0).model_dump_json() if path == b"/api/picture" else "[]"
        writer.write(HEADERS.format("application/json").encode() + body.encode())
        await writer.drain()
    except (ConnectionError, asyncio.CancelledError):  # The reader is gone, or the measurement is over.
        pass
    finally:
        writer.close()


class SimulatedNode:
    """One node of a simulated cluster: it says what an observer asks for, with counters that rise."""

    def __init__(self, at: int, ports: Sequence[int]) -> None:
        self._at, self._ports = at, ports
        self._asked = 0

    @property
    def _shards(self) -> int:
        return len(self._ports) // 2

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parser = hiredis.Reader()
        try:
            while data := await reader.read(1 << 16):
                parser.feed(data)
                while (words := parser.gets()) is not False:
                    writer.write(self._reply([word.decode().upper() for word in words]))
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    def _reply(self, words: list[str]) -> bytes:
        match words[:2]:
            case ["INFO", *_]:
                return _bulk(self._info())
            case ["CLUSTER", "INFO"]:
                return _bulk("cluster_state:ok\r\ncluster_known_nodes:100\r\n" * 12)
            case ["CLUSTER", "NODES"]:
                return _bulk("".join(map(self._line, range(len(self._ports)))))
            case ["CLUSTER", "SLOT-STATS"]:
                first, last = self._slots(self._at)
                figures = "*4\r\n$9\r\nkey-count\r\n:{}\r\n$8\r\ncpu-usec\r\n:{}\r\n"
                rows = [
                    f"*2\r\n:{slot}\r\n{figures.format(slot, self._asked)}" for slot in range(first, last + 1)
                ]
                return f"*{len(rows)}\r\n{''.join(rows)}".encode()
            case ["LATENCY", "HISTOGRAM"]:
                calls = self._asked * 10
                buckets = "".join(f":{1 << at}\r\n:{calls + at}\r\n" for at in range(12))
                row = f"*4\r\n$5\r\ncalls\r\n:{calls + 11}\r\n$14\r\nhistogram_usec\r\n*24\r\n{buckets}"
                rows = [f"$8\r\ncommand{at}\r\n{row}" for at in range(10)]
                return f"*20\r\n{''.join(rows)}".encode()
            case ["SLOWLOG", _]:
                return b"*0\r\n"
        return b"-ERR unknown command\r\n"

    def _info(self) -> str:
        self._asked += 1
        role = "role:master" if self._at < self._shards else "role:slave\r\nmaster_link_status:up"
        filler = "".join(f"some_field_of_info_{at}:{at * self._asked}\r\n" for at in range(180))
        return (
            f"redis_version:7.2.0\r\nserver_name:garrison\r\nredis_mode:cluster\r\nrun_id:{self._at:040x}\r\n{role}\r\n"
            f"total_commands_processed:{self._asked * 1000}\r\nused_memory:1000000\r\nmaxmemory:0\r\n"
            f"connected_clients:9\r\nkeyspace_hits:{self._asked * 90}\r\nkeyspace_misses:{self._asked}\r\n"
            f"master_repl_offset:{self._asked}\r\nslave_repl_offset:{self._asked}\r\n"
            f"{filler}db0:keys=5,expires=0\r\n"
        )

    def _slots(self, at: int) -> tuple[int, int]:
        return at * SLOT_COUNT // self._shards, (at + 1) * SLOT_COUNT // self._shards - 1

    def _line(self, at: int) -> str:
        is_primary = at < self._shards
        flags = ("myself," if at == self._at else "") + ("master" if is_primary else "slave")
        of = "-" if is_primary else f"{at - self._shards:040x}"
        slots = " {}-{}".format(*self._slots(at)) if is_primary else ""
        port = self._ports[at]
        return f"{at:040x} 127.0.0.1:{port}@{port} {flags} {of} 0 {self._asked} {at} connected{slots}\n"


def _bulk(text: str) -> bytes:
    return f"${len(text)}\r\n{text}\r\n".encode()


async def simulate(nodes: int) -> str:
    """Start so many nodes in this process; the address of the first."""
    ports: list[int] = []
    for at in range(nodes):
        server = await asyncio.start_server(SimulatedNode(at, ports).serve, "127.0.0.1", 0)
        ports.append(server.sockets[0].getsockname()[1])
    return f"127.0.0.1:{ports[0]}"


def cpu_s(pid: int) -> float:
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


async def measure(words: list[str], seconds: float, columns: int, rows: int) -> str:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "garrison", "top", *words),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=os.environ | {"TERM": "xterm-256color"},
        start_new_session=True,
    )
    written = 0

    def read() -> None:
        nonlocal written
        written += len(os.read(master, 1 << 16))

    loop = asyncio.get_running_loop()
    loop.add_reader(master, read)
    try:
        await asyncio.sleep(WARM_UP_S)
        cpu_before, began, written_before = cpu_s(process.pid), loop.time(), written
        await asyncio.sleep(seconds)
        passed = loop.time() - began
        share = (cpu_s(process.pid) - cpu_before) / passed
        bytes_per_s = (written - written_before) / passed
        memory = resident_mb(process.pid)
    finally:
        loop.remove_reader(master)
        process.kill()
        await process.wait()
        os.close(master)
        os.close(slave)
    terminal = f"{bytes_per_s:,.0f} bytes/s to the terminal"
    return f"{columns}x{rows}: {share:.1%} of a core, {terminal}, {memory:.0f} MB"


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--entry", default="")
    parser.add_argument("--direct", action="store_true")
    options = parser.parse_args()
    server = await asyncio.start_server(
        lambda reader, writer: serve(reader, writer, options.nodes), "127.0.0.1", 0
    )
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    entry = await simulate(options.nodes) if options.direct else options.entry
    words = [entry] if entry else ["--manager", url]
    for columns, rows in ((80, 24), (200, 60)):
        print(await measure(words, options.seconds, columns, rows), flush=True)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
