"""``--stat``, ``--latency`` and ``--latency-history``: figures that go on until Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable

from garrison.cli.core.formats import Format
from garrison.cli.core.measurements import Latency, StatLines
from garrison.cli.core.options import Options
from garrison.cli.session import Session
from garrison.client.commands.replies import fields_of
from garrison.client.errors import ReplyError, UsageError

__all__ = ["run_live"]

STAT_INTERVAL_S = 1.0
HISTORY_INTERVAL_S = 15.0
SAMPLE_S = 1.0
"""How long --latency measures where its output is not a terminal."""
PING_INTERVAL_S = 0.01
REDRAW_INTERVAL_S = 0.1
Write = Callable[[bytes], None]


async def run_live(options: Options, session: Session, write: Write, *, on_terminal: bool) -> int:
    """One of the three modes; the exit code."""
    await session.open()
    if options.mode == "stat":
        await _stat(options, session, write)
    elif options.mode == "latency" and (not on_terminal or options.form not in (None, Format.STANDARD)):
        await _one_figure(options, session, write)
    else:
        await _latency(options, session, write)
    return 0


async def _stat(options: Options, session: Session, write: Write) -> None:
    lines = StatLines()
    before = time.monotonic()
    left = options.repeat if options.repeat > 1 else -1
    while left != 0:
        left -= 1
        reply = await session.request([b"INFO"])
        if isinstance(reply, ReplyError):
            raise UsageError(f"INFO is refused: {reply}")
        now = time.monotonic()
        for line in lines.next(fields_of(reply), now - before):
            write(line.encode() + b"\n")
        before = now
        if left != 0:
            await asyncio.sleep(options.interval_s or STAT_INTERVAL_S)


async def _one_figure(options: Options, session: Session, write: Write) -> None:
    latency = Latency()
    await _measure(latency, session, options.interval_s or SAMPLE_S)
    if options.form is not None and options.form.is_json:
        text = json.dumps(latency.document())
    else:
        text = latency.raw_line("," if options.form is Format.CSV else " ")
    write(text.encode() + b"\n")


async def _latency(options: Options, session: Session, write: Write) -> None:
    """One line that is written over and over; for the history, a line for each interval."""
    history = options.mode == "latency-history"
    interval_s = options.interval_s or HISTORY_INTERVAL_S
    while True:
        latency = Latency()
        began = time.monotonic()
        while not history or time.monotonic() - began < interval_s:
            await _measure(latency, session, REDRAW_INTERVAL_S)
            write(b"\r\x1b[K" + latency.line().encode())
        write(f" -- {time.monotonic() - began:.2f} s\n".encode())


async def _measure(latency: Latency, session: Session, seconds: float) -> None:
    end = time.monotonic() + seconds
    while True:
        sent = time.perf_counter()
        await session.request([b"PING"])
        latency.add(time.perf_counter() - sent)
        if time.monotonic() + PING_INTERVAL_S >= end:
            return
        await asyncio.sleep(PING_INTERVAL_S)
