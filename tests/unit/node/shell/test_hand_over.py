"""Handing over: who is asked, in which order, and when it is given up."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

from garrison.base.log import Log
from garrison.node.shell.bridge import Bridge
from garrison.node.shell.hand_over import HandOver, Heir


async def heir_that(answer: bytes, plane: Any, asked: list[str], name: str, *, takes_over: bool) -> Heir:
    """A server that answers every command with this, and takes over or does not."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(4096):
            asked.append(name)
            if takes_over:
                plane.status = replace(plane.status, is_replica=True)
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    return Heir("127.0.0.1", port, "", "", ("CLUSTER", "FAILOVER"))


def hand_over(plane: Any, folder: Path, *heirs: Heir) -> HandOver:
    bridge = Bridge(plane, asyncio.get_running_loop())
    return HandOver(bridge, Log(str(folder / "log")), lambda: heirs)


async def test_next_one_is_asked_when_the_first_refuses(plane: Any, tmp_path: Path) -> None:
    asked: list[str] = []
    first = await heir_that(b"-ERR no\r\n", plane, asked, "first", takes_over=False)
    second = await heir_that(b"+OK\r\n", plane, asked, "second", takes_over=True)
    await hand_over(plane, tmp_path, first, second).run(10)
    assert asked == ["first", "second"]
    assert "Handed over" in (tmp_path / "log").read_text()


async def test_nobody_is_asked_by_a_replica(plane: Any, tmp_path: Path) -> None:
    plane.status = replace(plane.status, is_replica=True)
    asked: list[str] = []
    heir = await heir_that(b"+OK\r\n", plane, asked, "heir", takes_over=True)
    await hand_over(plane, tmp_path, heir).run(10)
    assert asked == []


async def test_it_ends_when_nobody_takes_over_in_time(plane: Any, tmp_path: Path) -> None:
    asked: list[str] = []
    heir = await heir_that(b"+OK\r\n", plane, asked, "heir", takes_over=False)
    async with asyncio.timeout(20):
        await hand_over(plane, tmp_path, heir).run(0.3)
    assert "does not take over" in (tmp_path / "log").read_text()
