"""What `garrison top` costs: share of a core at one refresh a second, in a terminal of its own.

python bench/top.py                       a manager with 100 nodes, simulated over HTTP
python bench/top.py --entry 127.0.0.1:7000   the nodes of a running cluster, without a manager
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
    options = parser.parse_args()
    server = await asyncio.start_server(
        lambda reader, writer: serve(reader, writer, options.nodes), "127.0.0.1", 0
    )
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    words = [options.entry] if options.entry else ["--manager", url]
    for columns, rows in ((80, 24), (200, 60)):
        print(await measure(words, options.seconds, columns, rows), flush=True)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
