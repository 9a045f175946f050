"""A data plane in Python that keeps the contract of node/_engine.pyi: for tests without the engine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from garrison.node.shell.border import ClientInfo


class FakePlane:
    """Remembers what was posted; `emit` queues an event as the engine would."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.posted: list[tuple[Any, ...]] = []
        self.batches = 0
        self.started = self.joined = False
        self.settings_error = ""
        self.answers: dict[bytes, bytes] = {}
        self.state: dict[str, Any] = {
            "role": "master",
            "offset": 0,
            "link": "down",
            "last_io_ms": 0,
            "lagging": 0,
            "data_order": 0,
            "history": "a" * 40,
            "previous_history": "0" * 40,
            "parted_at": None,
            "writes_paused": False,
        }
        self._descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def emit(self, *event: Any) -> None:
        self.events.append(event)
        os.eventfd_write(self._descriptor, 1)

    def start(self) -> None:
        self.started = True

    def fileno(self) -> int:
        return self._descriptor

    def drain(self) -> list[tuple[Any, ...]]:
        try:
            os.eventfd_read(self._descriptor)
        except BlockingIOError:
            pass
        events, self.events = self.events, []
        return events

    def post(self, requests: list[tuple[Any, ...]]) -> None:
        self.batches += 1
        self.posted += requests
        for request in requests:
            if request[0] == "settings":
                self.emit("applied", request[1], self.settings_error)
            elif request[0] == "run":
                self.emit("ran", request[1], self.answers.get(request[2][0], b"+OK\r\n"))

    def replication(self) -> dict[str, Any]:
        return self.state

    def stop(self) -> None:
        self.emit("stopped", "")

    def join(self) -> None:
        self.joined = True

    def close(self) -> None:
        os.close(self._descriptor)

    def replies(self) -> dict[int, bytes]:
        return {request[1]: request[2] for request in self.posted if request[0] == "reply"}


def a_client(resp: int = 2, addr: str = "127.0.0.1:50000") -> ClientInfo:
    return {"id": 1, "addr": addr, "laddr": "127.0.0.1:6379", "resp": resp, "user": "default", "name": ""}


@pytest.fixture
def plane() -> Iterator[FakePlane]:
    fake = FakePlane()
    yield fake
    fake.close()


@pytest.fixture
def plane_factory() -> Iterator[Callable[[], FakePlane]]:
    """As many data planes as a test wants."""
    made: list[FakePlane] = []

    def make() -> FakePlane:
        made.append(FakePlane())
        return made[-1]

    yield make
    for fake in made:
        fake.close()


@pytest.fixture
def client() -> ClientInfo:
    return a_client()
