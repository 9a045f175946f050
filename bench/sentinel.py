"""How soon writes flow again under Sentinels, and how many primaries one process can watch.

    python bench/sentinel.py kills --count 100        # SIGKILL of the primary, again and again
    python bench/sentinel.py hand-over --count 20     # SENTINEL FAILOVER name COORDINATED under load
    python bench/sentinel.py calm --down-after 500    # false alarms under full client load
    python bench/sentinel.py crowd --primaries 1000   # CPU of a Sentinel that watches many primaries
    python bench/sentinel.py crowd --sentinel redis-sentinel

Kills and hand-overs are of a real group: a primary, two replicas, three Sentinels, writers through the
client. The gap is the longest time without an acknowledged write. The crowd are servers of
`sentinel_targets.py`, each primary with two replicas, watched by three Sentinels; the CPU is read from
/proc.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import uvloop

from garrison.client import ClientError, connect, open_connection
from garrison.cluster.demo.load import Load
from garrison.cluster.local.process import LocalProcess
from garrison.cluster.local.sentinel_group import GARRISON_SENTINEL, NAME, LocalGroup

ALL_SLOTS = frozenset(range(16_384))
TASKS = 16
SETTLE_S = 1.0
FAILOVER_S_MAX = 30.0
PARTS = 4
"""The targets are as many processes: one alone may not open so many files."""
PORTS_FROM, PORTS_BELOW = 10_000, 32_000
TARGETS = "127.9.9.9"
"""Where the targets listen: an address of its own, so that few other servers have their ports."""
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


async def until_healthy(group: LocalGroup) -> LocalProcess:
    """The primary, once all replicas follow it in sync and every Sentinel knows that."""

    def in_order(reply: Any) -> bool:
        maps = [
            each if isinstance(each, dict) else dict(zip(each[::2], each[1::2], strict=True))
            for each in reply
        ]
        return len(maps) == len(group.nodes) - 1 and all(
            each[b"flags"] == b"slave" and each[b"master-link-status"] == b"ok" for each in maps
        )

    for sentinel in group.sentinels:
        await group.wait_for(sentinel, "SENTINEL", "replicas", NAME, check=in_order, timeout_s=60)
    return await group.primary()


async def kills(count: int, down_after_ms: int, sentinel: Sequence[str]) -> tuple[list[float], int, int]:
    """Seconds without a write at each kill, errors that callers saw, and keys lost."""
    gaps, errors, lost = [], 0, 0
    async with LocalGroup(down_after_ms=down_after_ms, sentinel_command=sentinel) as group:
        for number in range(count):
            primary = await until_healthy(group)
            async with await connect(group.url, call_timeout_s=FAILOVER_S_MAX) as client:
                load = Load(client, {primary.address: ALL_SLOTS}, TASKS)
                load.start()
                await asyncio.sleep(SETTLE_S)
                written = load.written
                await primary.kill()
                killed_at = time.monotonic()
                while load.shards[0].last_success_at < killed_at + 0.05 or load.written == written:
                    assert time.monotonic() < killed_at + FAILOVER_S_MAX, "writes do not flow again"
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0.2)
                await load.stop()
                losses = await load.read_back()
            gaps.append(load.shards[0].longest_gap_s)
            errors += load.error_count
            lost += losses.confirmed
            if gaps[-1] > down_after_ms / 1000 + 1:
                tell_why(group, number + 1)
            print(f"kill {number + 1}: {gaps[-1]:.3f} s, {load.error_count} errors", flush=True)
            await group.start_node(primary)
    return gaps, errors, lost


def tell_why(group: LocalGroup, number: int) -> None:
    """What the Sentinels logged about a failover that took too long."""
    for sentinel in group.sentinels:
        lines = sentinel.log.read_text().splitlines()[-40:]
        print(f"kill {number}: {sentinel.address}", *lines, sep="\n    ", flush=True)


async def hand_overs(count: int) -> tuple[list[float], int, int]:
    """Seconds without a write at each coordinated failover, errors that callers saw, and keys lost."""
    gaps, errors, lost = [], 0, 0
    async with LocalGroup() as group:
        for _ in range(count):
            primary = await until_healthy(group)
            async with await connect(group.url) as client:
                load = Load(client, {primary.address: ALL_SLOTS}, TASKS)
                load.start()
                await asyncio.sleep(SETTLE_S)
                load.shards[0].longest_gap_s = 0.0
                await group.call(group.sentinels[0], "SENTINEL", "FAILOVER", NAME, "COORDINATED")
                while (await group.primary()) is primary:
                    await asyncio.sleep(0.02)
                await asyncio.sleep(SETTLE_S)
                await load.stop()
                losses = await load.read_back()
            gaps.append(load.shards[0].longest_gap_s)
            errors += load.error_count
            lost += losses.plain
            print(
                f"hand-over: {gaps[-1] * 1000:.0f} ms, {load.error_count} errors, {losses.plain} lost",
                flush=True,
            )
    return gaps, errors, lost


async def calm(seconds: int, down_after_ms: int, sentinel: Sequence[str]) -> tuple[int, int]:
    """How often a Sentinel held a server down while nothing was wrong, and writes acknowledged meanwhile."""
    async with LocalGroup(down_after_ms=down_after_ms, sentinel_command=sentinel) as group:
        primary = await until_healthy(group)
        async with await connect(group.url) as client:
            load = Load(client, {primary.address: ALL_SLOTS}, 4 * TASKS)
            load.start()
            await asyncio.sleep(seconds)
            await load.stop()
        logs = [sentinel.log.read_text() for sentinel in group.sentinels]
        return sum(log.count("+sdown") for log in logs), load.written


def cpu_seconds(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="garrison-bench-") as name:
        yield Path(name)


async def start_targets(groups: int, started: list[asyncio.subprocess.Process]) -> list[int]:
    """Start the processes of the targets on blocks of ports that are free; the first port of each."""
    program = str(Path(__file__).parent / "sentinel_targets.py")
    blocks: list[int] = []
    for first in range(PORTS_FROM, PORTS_BELOW, 3 * groups):
        words = (sys.executable, program, str(first), str(groups), "2")
        process = await asyncio.create_subprocess_exec(
            *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        assert process.stdout is not None
        if await process.stdout.readline() == b"ready\n":
            started.append(process)
            blocks.append(first)
        else:
            await process.wait()
        if len(blocks) == PARTS:
            return blocks
    raise SystemExit("too few free ports for the targets")


async def crowd(primaries: int, seconds: int, sentinels: int, command: Sequence[str]) -> None:
    """Watch many primaries; then lose a tenth of them at once."""
    with folder() as directory:
        targets: list[asyncio.subprocess.Process] = []
        watchers: list[asyncio.subprocess.Process] = []
        try:
            groups = -(-primaries // PARTS)
            blocks = await start_targets(groups, targets)
            for number in range(sentinels):
                port = 9_001 + number
                file = directory / f"{port}.conf"
                lines = [
                    f"port {port}",
                    "bind 127.0.0.1",
                    f"dir {directory}",
                    f"logfile {directory}/{port}.log",
                ]
                for first in blocks:
                    for port in range(first, first + 3 * groups, 3):
                        lines.append(f"sentinel monitor p{port} {TARGETS} {port} {sentinels // 2 + 1}")
                        lines.append(f"sentinel down-after-milliseconds p{port} 5000")
                file.write_text("\n".join(lines) + "\n")
                watchers.append(await asyncio.create_subprocess_exec(*command, str(file)))
            await asyncio.sleep(30)
            before, begun = [cpu_seconds(each.pid) for each in watchers], time.monotonic()
            await asyncio.sleep(seconds)
            took = time.monotonic() - begun
            for each, earlier in zip(watchers, before, strict=True):
                share = (cpu_seconds(each.pid) - earlier) / took
                print(f"{share:.0%} of a core, {resident_mb(each.pid):.0f} MB for {primaries} primaries")
            down = [await _count(9_001, b"s_down") for _ in range(1)]
            print(f"false alarms: {down[0]}")
            for target in targets:
                target.send_signal(signal.SIGUSR1)
            begun = time.monotonic()
            lost = PARTS * -(-groups // 10)
            while (moved := await _moved(9_001)) < lost and time.monotonic() - begun < 900:
                await asyncio.sleep(0.25)
            print(f"{moved} of {lost} lost primaries failed over within {time.monotonic() - begun:.1f} s")
        finally:
            for process in [*watchers, *targets]:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()


async def _masters(port: int) -> list[dict[bytes, bytes]]:
    connection = await open_connection("127.0.0.1", port)
    try:
        reply = await connection.call("SENTINEL", "MASTERS")
    except ClientError:
        return []
    finally:
        await connection.close()
    return [
        each if isinstance(each, dict) else dict(zip(each[::2], each[1::2], strict=True)) for each in reply
    ]


async def _count(port: int, flag: bytes) -> int:
    return sum(flag in each[b"flags"].split(b",") for each in await _masters(port))


async def _moved(port: int) -> int:
    return sum(int(each[b"config-epoch"]) > 0 for each in await _masters(port))


def show(title: str, gaps: list[float], errors: int, lost: int) -> None:
    ordered = sorted(gaps)
    p99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    spread = (
        f"median {statistics.median(gaps):.3f} s, p99 {p99:.3f} s, worst {ordered[-1]:.3f} s of {len(gaps)}"
    )
    print(f"{title}: {spread}; {errors} errors seen by callers, {lost} keys lost")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["kills", "hand-over", "calm", "crowd"])
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--down-after", type=int, default=1000, help="milliseconds")
    parser.add_argument("--primaries", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--sentinels", type=int, default=3)
    parser.add_argument("--sentinel", default="", help="what starts a Sentinel, instead of our own")
    chosen = parser.parse_args()
    command = chosen.sentinel.split() or GARRISON_SENTINEL
    if chosen.what == "kills":
        show(
            f"kill, down-after {chosen.down_after} ms",
            *uvloop.run(kills(chosen.count, chosen.down_after, command)),
        )
    elif chosen.what == "hand-over":
        show("coordinated failover", *uvloop.run(hand_overs(chosen.count)))
    elif chosen.what == "calm":
        alarms, written = uvloop.run(calm(chosen.seconds, chosen.down_after, command))
        print(f"{alarms} false alarms in {chosen.seconds} s and {written:,} writes")
    else:
        uvloop.run(crowd(chosen.primaries, chosen.seconds, chosen.sentinels, command))


if __name__ == "__main__":
    main()
