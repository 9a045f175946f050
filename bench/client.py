"""A load on one node through our client and through redis-py's asyncio client, in turn, in one process.

    python bench/client.py                      # starts the machine's redis-server
    python bench/client.py --host H --port P    # any running server

``--tasks`` tasks each GET one key of 32 bytes over and over. The two clients run alternately,
``--rounds`` times each, on the same event loop (uvloop) against the same server, so that whatever else
the machine does meets both. What is printed is the median of the rounds: operations per second and
this process's CPU time per operation, then the ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import redis.asyncio
import uvloop

from garrison.client import connect, open_connection

KEY = "bench:client"
START_TIMEOUT_S = 10.0

Get = Callable[[str], Awaitable[Any]]


@contextmanager
def started_server() -> Iterator[int]:
    """Start the machine's redis-server on a free port, without persistence."""
    binary = shutil.which("redis-server")
    if binary is None:
        raise SystemExit("no redis-server on this machine: name a running server with --host and --port")
    port = 20_000 + os.getpid() % 9_000
    with tempfile.TemporaryDirectory() as folder:
        options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        process = subprocess.Popen([binary, *options], stdout=subprocess.DEVNULL)
        try:
            yield port
        finally:
            process.terminate()
            process.wait()


async def wait_for(host: str, port: int) -> None:
    """Wait until the server answers."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            connection = await open_connection(host, port, timeout=1.0)
        except ConnectionError:
            if time.monotonic() > deadline:
                raise SystemExit(f"no server answers at {host}:{port}: is it running?") from None
            await asyncio.sleep(0.02)
        else:
            await connection.close()
            return


async def measure(get: Get, tasks: int, seconds: float) -> tuple[float, float]:
    """Run the load for about ``seconds``; operations per second and CPU microseconds per operation."""
    done = 0
    stop_at = time.perf_counter() + seconds

    async def task() -> None:
        nonlocal done
        while time.perf_counter() < stop_at:
            for _ in range(20):
                await get(KEY)
            done += 20

    started, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(task() for _ in range(tasks)))
    elapsed, cpu = time.perf_counter() - started, time.process_time() - cpu
    return done / elapsed, cpu / done * 1e6


async def compare(host: str, port: int, tasks: int, rounds: int, seconds: float) -> None:
    await wait_for(host, port)
    ours = await connect(f"redis://{host}:{port}")
    theirs = redis.asyncio.Redis(host=host, port=port)
    await ours.set(KEY, "x" * 32)
    clients: dict[str, Get] = {"garrison.client": ours.get, "redis-py asyncio": theirs.get}
    results: dict[str, list[tuple[float, float]]] = {name: [] for name in clients}
    for get in clients.values():
        await measure(get, tasks, 0.2)
    for number in range(rounds):
        # The order changes with each round, so that neither always follows the other.
        for name in list(clients)[:: 1 if number % 2 == 0 else -1]:
            results[name].append(await measure(clients[name], tasks, seconds))
    await ours.close()
    await theirs.aclose()
    report(results, tasks, rounds)


def report(results: dict[str, list[tuple[float, float]]], tasks: int, rounds: int) -> None:
    print(f"GET of 32 bytes, {tasks} tasks, median of {rounds} rounds, {os.cpu_count()} CPUs,")
    libraries = ", ".join(f"{name} {version(name)}" for name in ("uvloop", "hiredis", "redis"))
    print(f"Python {platform.python_version()}, {libraries}")
    medians: dict[str, tuple[float, float]] = {}
    for name, rows in results.items():
        rate = statistics.median(row[0] for row in rows)
        cpu = statistics.median(row[1] for row in rows)
        medians[name] = (rate, cpu)
        low, high = min(row[0] for row in rows), max(row[0] for row in rows)
        print(f"  {name:18}{rate:>10,.0f} op/s  (from {low:,.0f} to {high:,.0f}){cpu:>9.2f} us CPU/op")
    (our_rate, our_cpu), (their_rate, their_cpu) = medians.values()
    throughput, cpu = our_rate / their_rate, our_cpu / their_cpu
    print(f"  ratio: {throughput:.1f}x the throughput at {cpu:.2f}x the CPU per operation")


def main() -> None:
    parser = argparse.ArgumentParser(description="our client beside redis-py's, on one node")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, help="of a running server; without it a redis-server is started")
    parser.add_argument("--tasks", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each round")
    given = parser.parse_args()

    def run(port: int) -> None:
        uvloop.run(compare(given.host, port, given.tasks, given.rounds, given.seconds))

    if given.port is not None:
        run(given.port)
    else:
        with started_server() as port:
            run(port)


if __name__ == "__main__":
    main()
