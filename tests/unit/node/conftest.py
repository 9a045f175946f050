"""A data plane in Python that keeps the contract of garrison.node.border: for tests without the engine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from garrison.node.border import (
    Applied,
    Apply,
    ClientInfo,
    Event,
    Loaded,
    Persist,
    Persisted,
    Ran,
    ReplicationStatus,
    Reply,
    Request,
    Run,
    Stopped,
)


class FakePlane:
    """Remembers what was posted; `emit` queues an event as the engine would."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.posted: list[Request] = []
        self.batches = 0
        self.started = self.joined = False
        self.settings_error = ""
        self.persist_error = ""
        self.answers: dict[bytes, bytes] = {}
        self.status = ReplicationStatus(
            is_replica=False,
            offset=0,
            link_up=True,
            last_io_boot_ms=0,
            replicas=0,
            lagging=0,
            order=0,
            data_order=0,
            history="a" * 40,
            previous_history="0" * 40,
            parted_at=None,
            writes_paused=False,
        )
        self._descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def emit(self, event: Event) -> None:
        self.events.append(event)
        os.eventfd_write(self._descriptor, 1)

    def start(self) -> None:
        self.started = True
        self.emit(Loaded(0, False, ""))

    def fileno(self) -> int:
        return self._descriptor

    def drain(self) -> list[Event]:
        try:
            os.eventfd_read(self._descriptor)
        except BlockingIOError:
            pass
        events, self.events = self.events, []
        return events

    def post(self, requests: list[Request]) -> None:
        self.batches += 1
        self.posted += requests
        for request in requests:
            if isinstance(request, Apply):
                directive = next(iter(request.values)) if self.settings_error else ""
                self.emit(Applied(request.ticket, directive, self.settings_error))
            elif isinstance(request, Persist):
                self.emit(Persisted(request.ticket, self.persist_error))
            elif isinstance(request, Run):
                self.emit(Ran(request.ticket, self.answers.get(request.args[0], b"+OK\r\n")))

    def replication(self) -> ReplicationStatus:
        return self.status

    def stop(self) -> None:
        self.emit(Stopped(""))

    def join(self) -> None:
        self.joined = True

    def close(self) -> None:
        os.close(self._descriptor)

    def replies(self) -> dict[int, bytes]:
        return {request.ticket: request.reply for request in self.posted if isinstance(request, Reply)}


def a_client(resp: int = 2, addr: str = "127.0.0.1:50000") -> ClientInfo:
    return ClientInfo(1, addr, "127.0.0.1:6379", resp, b"")


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
