"""A server's handlers; whole processes are stopped in tests/integration/test_process_one.py."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from garrison.base.log import Log
from garrison.base.process import new_loop
from garrison.base.stop_signals import watch


@pytest.fixture
def handlers() -> Iterator[None]:
    """Those of now, put back at the end."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("is_accepted", [True, False])
def test_first_signal_begins_and_second_ends(
    handlers: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_accepted: bool
) -> None:
    """The first one arrives while the loop turns and nothing has been awaited yet."""
    begun: list[str] = []
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)

    def begin(name: str) -> bool:
        begun.append(name)
        return is_accepted

    async def live() -> None:
        watch(asyncio.get_running_loop(), Log(str(tmp_path / "log")), begin)
        for number in (signal.SIGTERM, signal.SIGINT):
            had = len(begun) + len(codes)
            os.kill(os.getpid(), number)
            while len(begun) + len(codes) == had:
                await asyncio.sleep(0.001)

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(asyncio.wait_for(live(), 60))
    assert begun[0] == "SIGTERM"
    # One that was refused does not count.
    assert codes == ([1] if is_accepted else [])
