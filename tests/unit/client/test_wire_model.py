"""The wire against a naive model: whatever is cancelled, split or broken, replies reach their own callers.

A fake transport answers ``ECHO n`` with ``n``. A seed decides how many commands are sent in a turn,
which callers give up, when the socket is full, in what pieces the bytes arrive, and whether the
connection breaks at the end. The model: the reply to the n-th command is its own number, or nothing;
commands are executed in the order of the calls; the limit holds at every step.
"""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import hiredis
import pytest

from garrison.client.core.resp import encode_command
from garrison.client.errors import ConnectionLostError
from garrison.client.settings import Settings
from garrison.client.wire import Wire


class EchoTransport:
    """Parses what is written and keeps the replies until the test delivers them."""

    def __init__(self) -> None:
        self.replies = bytearray()
        self.executed: list[int] = []
        self._parser = hiredis.Reader()

    def write(self, data: bytes) -> None:
        self._parser.feed(data)
        while (command := self._parser.gets()) is not False:
            self.executed.append(int(command[1]))
            self.replies += b"$%d\r\n%b\r\n" % (len(command[1]), command[1])

    def set_write_buffer_limits(self, high: int) -> None: ...

    def get_extra_info(self, _name: str) -> None: ...

    def abort(self) -> None: ...

    def close(self) -> None: ...


LIMIT = 3
SEEDS = 600
STEPS = 60


def actions_of(rng: Random) -> list[tuple[str, int]]:
    """A random script: what happens, and how much of it."""
    kinds = rng.choices(["send", "turn", "deliver", "cancel", "pause", "resume"], [4, 5, 4, 2, 1, 2], k=STEPS)
    return [(kind, rng.randint(1, 4 if kind in ("send", "turn") else 40)) for kind in kinds]


@pytest.mark.parametrize("first", range(0, SEEDS, 100))
def test_replies_reach_their_own_callers(first: int) -> None:
    for seed in range(first, first + 100):
        rng = Random(seed)
        try:
            asyncio.run(scenario(actions_of(rng), breaks=rng.random() < 0.3))
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error


async def scenario(actions: list[tuple[str, int]], breaks: bool) -> None:
    wire = Wire(
        asyncio.get_running_loop(), "peer", Settings(in_flight_commands_max=LIMIT, in_flight_bytes_max=300)
    )
    transport = EchoTransport()
    wire.connection_made(transport)  # type: ignore[arg-type]
    calls: list[asyncio.Task[bytes]] = []

    async def call(number: int) -> bytes:
        if not wire.ready:
            await wire.wait_ready()
        reply: bytes = await wire.send(encode_command("ECHO", number))
        return reply

    def deliver(count: int) -> None:
        data = bytes(transport.replies[:count])
        del transport.replies[:count]
        if data and not wire.is_closed:
            wire.data_received(data)

    paused = False
    for action, amount in actions:
        if action == "send":
            calls += [asyncio.create_task(call(len(calls) + at)) for at in range(amount)]
        elif action == "cancel" and calls:
            calls[amount % len(calls)].cancel()
        elif action == "deliver":
            deliver(amount)
        elif action in ("pause", "resume"):
            paused = action == "pause"
            wire.pause_writing() if paused else wire.resume_writing()
        elif action == "turn":
            for _ in range(amount):
                await asyncio.sleep(0)
        assert wire.in_flight <= LIMIT
        assert not (paused and wire.ready)
    if paused:
        wire.resume_writing()
    await finish(wire, transport, calls, deliver, breaks)


async def finish(
    wire: Wire, transport: EchoTransport, calls: list[asyncio.Task[bytes]], deliver: Any, breaks: bool
) -> None:
    """Let everything come, or break the connection, and compare with the model."""
    if breaks:
        wire.connection_lost(ConnectionResetError("reset"))
    for _ in range(200):
        deliver(1000)
        await asyncio.sleep(0)
    assert all(call.done() for call in calls), "a caller waits for ever"
    results = await asyncio.gather(*calls, return_exceptions=True)
    for number, result in enumerate(results):
        if isinstance(result, bytes):
            assert result == b"%d" % number
        elif isinstance(result, ConnectionLostError):
            assert breaks
            # A command that is called "certainly not executed" must not be on the wire.
            assert result.maybe_executed or number not in transport.executed
        else:
            assert isinstance(result, asyncio.CancelledError)
    assert transport.executed == sorted(transport.executed)
    if not breaks:
        assert (wire.in_flight, wire._bytes_in_flight, wire.ready) == (0, 0, True)
        wire.shut()
