"""Functions of two commands (GET, then SET) in Python beside the same in Lua, and what others notice.

    python bench/functions.py                  # about a minute
    python bench/functions.py --seconds 10

``--clients`` connections call the function over and over, each with a key of its own; beside them one
client sends a GET every millisecond, and its 99th percentile is compared with the one that it sees while
the same clients send GET and SET. Servers are this machine's redis-server (Lua) and Garrison (Lua, Python),
each alone. Believe the ratios."""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import uvloop
from peers import GARRISON, REDIS, Peer, encode, running

LUA = """#!lua name=bench
redis.register_function('bump', function(keys)
  local number = tonumber(redis.call('GET', keys[1]) or '0') + 1
  redis.call('SET', keys[1], number)
  return number
end)"""
PYTHON = """#!python name=bench
from garrison.functions import Database, function

@function
def bump(keys: list[bytes], args: list[bytes], db: Database) -> int:
    number = int(db.read("GET", keys[0]) or 0) + 1
    db.write("SET", keys[0], number)
    return number
"""
PROBE_PAUSE_S = 0.001


@dataclass(frozen=True)
class Measured:
    """What one load gave."""

    calls_per_second: float
    probe_p50_ms: float
    probe_p99_ms: float


class Connection(asyncio.Protocol):
    """Sends one request at a time; replies are one line or one bulk string."""

    def __init__(self) -> None:
        self.answered: asyncio.Future[bytes] | None = None
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.received += data
        is_whole = self.received.count(b"\r\n") == (2 if self.received[:1] == b"$" else 1)
        is_whole = is_whole or self.received == b"$-1\r\n"
        if is_whole and self.answered is not None:
            reply, self.received = self.received, b""
            self.answered.set_result(reply)

    async def ask(self, request: bytes) -> bytes:
        self.answered = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self.answered


async def connect(port: int) -> Connection:
    _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    return connection


async def measure(port: int, clients: int, seconds: float, name: str) -> Measured:
    """Let the clients do one thing over and over: `fcall`, or `plain` commands."""
    end = time.monotonic() + seconds
    counts = [0] * clients

    async def load(number: int) -> None:
        connection = await connect(port)
        key = f"key:{number}"
        requests = [encode("FCALL", "bump", "1", key)]
        if name == "plain":
            requests = [encode("GET", key), encode("SET", key, "1")]
        while time.monotonic() < end:
            for request in requests:
                reply = await connection.ask(request)
                if reply[:1] == b"-":
                    raise SystemExit(reply.decode())
            counts[number] += 1
        connection.transport.close()

    async def probe() -> list[float]:
        connection, times, request = await connect(port), [], encode("GET", "probe")
        while time.monotonic() < end:
            begun = time.perf_counter()
            await connection.ask(request)
            times.append(1000 * (time.perf_counter() - begun))
            await asyncio.sleep(PROBE_PAUSE_S)
        connection.transport.close()
        return times

    probing = asyncio.create_task(probe())
    await asyncio.gather(*(load(number) for number in range(clients)))
    times = await probing
    cuts = statistics.quantiles(times, n=100)
    return Measured(sum(counts) / seconds, cuts[49], cuts[98])


async def load_library(port: int, source: str) -> None:
    connection = await connect(port)
    reply = await connection.ask(encode("FUNCTION", "LOAD", source))
    if reply[:1] == b"-":
        raise SystemExit(reply.decode())
    connection.transport.close()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--workers", type=int, default=4)
    options = parser.parse_args(arguments)
    on = ("--python-functions", "yes", "--python-function-workers", str(options.workers))
    runs: list[tuple[str, Peer, tuple[str, ...], str]] = [
        ("redis, Lua", REDIS, (), LUA),
        ("garrison, Lua", GARRISON, (), LUA),
        ("garrison, Python", GARRISON, on, PYTHON),
    ]
    print(f"{'':20}{'calls/s':>10}{'others p50':>14}{'others p99':>14}{'beside GET+SET':>18}")
    for name, peer, directives, source in runs:
        with running(peer, None, *directives) as server:
            uvloop.run(load_library(server.port, source))
            uvloop.run(measure(server.port, options.clients, 1.0, "fcall"))
            plain = uvloop.run(measure(server.port, options.clients, options.seconds, "plain"))
            found = uvloop.run(measure(server.port, options.clients, options.seconds, "fcall"))
            ratio = found.probe_p99_ms / plain.probe_p99_ms
            print(
                f"{name:20}{found.calls_per_second:10,.0f}{found.probe_p50_ms:11.3f} ms"
                f"{found.probe_p99_ms:11.3f} ms{ratio:16.2f} x"
            )


if __name__ == "__main__":
    main()
