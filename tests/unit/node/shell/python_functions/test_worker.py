"""A worker process, started and ended for real."""

from __future__ import annotations

import asyncio
from pathlib import Path

from garrison.base.log import Log
from garrison.node.shell.python_functions.messages import Done, Message, Ready
from garrison.node.shell.python_functions.worker import Worker

SOURCE = b"""
from garrison.functions import function
@function
def f(keys, args, db):
    print("seen", args)
    return args[0]
"""


class Owner:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[Message] = asyncio.Queue()
        self.deaths: asyncio.Queue[str] = asyncio.Queue()

    def heard(self, worker: Worker, message: Message) -> None:
        self.messages.put_nowait(message)

    def died(self, worker: Worker, why: str) -> None:
        self.deaths.put_nowait(why)


def test_worker_answers_prints_to_the_log_and_tells_its_death(tmp_path: Path) -> None:
    log = tmp_path / "log"

    async def scene() -> None:
        owner = Owner()
        worker = Worker(owner, Log(str(log), "notice"))
        await worker.start(256 << 20)
        assert await asyncio.wait_for(owner.messages.get(), 20) == Ready()
        worker.call(1, b"lib", 1, SOURCE, (b"f", 2, 0, b"a"))
        assert await asyncio.wait_for(owner.messages.get(), 20) == Done([], [b"$1\r\na\r\n"], [])
        worker.call(2, b"lib", 1, b"not sent again", (b"f", 2, 0, b"b"))
        assert await asyncio.wait_for(owner.messages.get(), 20) == Done([], [b"$1\r\nb\r\n"], [])
        worker.kill("enough")
        assert await asyncio.wait_for(owner.deaths.get(), 20) == "enough"

    asyncio.run(scene())
    assert "seen [b'a']" in log.read_text()
