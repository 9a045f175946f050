"""The replies of a pipeline, by themselves."""

from __future__ import annotations

import asyncio

import pytest

from garrison.client.errors import ReplyError, UsageError
from garrison.client.queued import Queued


def test_reply_comes_with_the_pipeline() -> None:
    queued: Queued[int] = Queued(b"INCR", int)
    assert repr(queued) == "Queued(INCR, not executed)"
    assert not queued.done()
    with pytest.raises(UsageError, match="INCR has not run yet: call execute"):
        queued.result()
    assert queued.settle([b"5"]) == 5
    assert (queued.done(), queued.result(), repr(queued)) == (True, 5, "Queued(INCR, 5)")


def test_error_is_raised_as_often_as_asked() -> None:
    queued: Queued[int] = Queued(b"INCR")
    queued.settle([ReplyError("ERR no")])
    for _ in range(2):
        with pytest.raises(ReplyError):
            queued.result()
    queued.fail(ReplyError("ERR other"))
    with pytest.raises(ReplyError, match="no"):
        queued.result()


async def test_queued_is_a_coroutine() -> None:
    queued: Queued[int] = Queued(b"INCR")
    queued.settle([5])
    assert await queued == 5
    assert await asyncio.create_task(queued) == 5
    assert await asyncio.gather(*[queued] * 2) == [5, 5]


async def test_immediate_command_runs_once() -> None:
    runs = []

    async def run() -> list[int]:
        await asyncio.sleep(0)
        runs.append(1)
        return [5]

    queued: Queued[int] = Queued(b"GET")
    queued.carried_out_by(run)
    assert await asyncio.create_task(queued) == 5
    assert await queued == 5
    assert runs == [1]
