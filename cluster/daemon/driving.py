"""Drive the core: bring it what has happened, and carry out what it wants, in its order.

BACKGROUND  The core decides and knows no clock. Here are the clock, the tasks and the queue of persons who
            wait for an answer.
INVARIANTS  The core is called from one event loop only, and what it wants is carried out before it is called
            again. Each question is answered once, each person too: by the core, or after `TICKET_TIMEOUT_S`.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from garrison.base.clock import boot_ms, wall_ms
from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.effects import (
    AskLease,
    BeginStep,
    Effects,
    LeaseAnswer,
    ReadRecords,
    ReleaseLease,
    StepOutcome,
    StoredRecords,
    StoreRecords,
)
from garrison.cluster.core.manager.jobs import Job, Plan, Records
from garrison.cluster.core.manager.observations import Observations
from garrison.cluster.core.manager.picture import Event, Picture
from garrison.cluster.core.manager.requests import Request
from garrison.cluster.daemon.carrying import Carrier
from garrison.cluster.daemon.keeping import Answer, Ask, Keeper

TICKET_TIMEOUT_S = 15.0
TICK_INTERVAL_MS_MAX = 1_000


class TicketError(Exception):
    """A person's request was not met; the message says why."""


class TicketTimeoutError(TicketError):
    """Nobody stored the request in time."""


class Core(Protocol):
    """What is used of :class:`garrison.cluster.core.manager.manager_core.ManagerCore`."""

    wall_offset_ms: int

    def tick(self, now_ms: int) -> None: ...
    def observed(self, picture: Picture, now_ms: int) -> None: ...
    def lease_answered(self, node_id: str, answer: LeaseAnswer | None, now_ms: int) -> None: ...
    def records_read(self, node_id: str, answer: StoredRecords | None, now_ms: int) -> None: ...
    def records_stored(self, node_id: str, error: str, now_ms: int) -> None: ...
    def step_progress(self, job_id: str, index: int, done_fraction: float, now_ms: int) -> None: ...
    def step_ended(self, job_id: str, index: int, outcome: StepOutcome, now_ms: int) -> None: ...
    def request(self, request: Request, now_ms: int) -> None: ...
    def offer_reshard(self, moves: Sequence[tuple[str, str, str]], now_ms: int) -> Plan: ...
    def take(self) -> Effects: ...
    def next_deadline_ms(self) -> int: ...
    @property
    def only_watches(self) -> str: ...
    @property
    def leads(self) -> bool: ...
    @property
    def epoch(self) -> int: ...
    @property
    def leader(self) -> str: ...
    @property
    def records(self) -> Records: ...
    @property
    def desired(self) -> DesiredState: ...
    @property
    def observations(self) -> Observations: ...
    @property
    def plan(self) -> Plan | None: ...
    @property
    def why_idle(self) -> str: ...


class Driver:
    """Connects the core with keeper and carrier. `told` gets events, `changed` the jobs that have changed.

    `settled` is called when all that followed from an input was carried out.
    """

    def __init__(
        self,
        core: Core,
        told: Callable[[Sequence[Event]], None],
        changed: Callable[[Sequence[Job]], None],
    ) -> None:
        self.core = core
        self.keeper: Keeper | None = None
        self.carrier: Carrier | None = None
        self.settled: Callable[[], None] = lambda: None
        self._is_settling = False
        self._told = told
        self._changed = changed
        self._tickets: dict[int, asyncio.Future[str]] = {}
        self._next_ticket = 1
        self._wake = asyncio.Event()
        self._jobs: dict[str, Job] = {}
        self._ending = False

    # Inputs.

    def observed(self, picture: Picture) -> None:
        self.core.observed(picture, boot_ms())
        self._settle()

    def answered(self, ask: Ask, answer: Answer) -> None:
        now = boot_ms()
        match ask:
            case AskLease():
                assert answer is None or isinstance(answer, LeaseAnswer)
                self.core.lease_answered(ask.node_id, answer, now)
            case ReadRecords():
                assert answer is None or isinstance(answer, StoredRecords)
                self.core.records_read(ask.node_id, answer, now)
            case StoreRecords():
                self.core.records_stored(ask.node_id, answer if isinstance(answer, str) else "ERR", now)
            case ReleaseLease():
                return
        self._settle()

    def step_progress(self, begun: BeginStep, fraction: float) -> None:
        self.core.step_progress(begun.job_id, begun.index, min(1.0, max(0.0, fraction)), boot_ms())
        self._settle()

    def step_ended(self, begun: BeginStep, outcome: StepOutcome) -> None:
        self.core.step_ended(begun.job_id, begun.index, outcome, boot_ms())
        self._settle()

    async def ask(self, request_of: Callable[[int], Request]) -> None:
        """Make a person's request; returns when a majority has stored it. Raises TicketError."""
        ticket, self._next_ticket = self._next_ticket, self._next_ticket + 1
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._tickets[ticket] = future
        try:
            self.core.request(request_of(ticket), boot_ms())
            self._settle()
            async with asyncio.timeout(TICKET_TIMEOUT_S):
                error = await future
        except TimeoutError:
            raise TicketTimeoutError(f"nothing was stored within {TICKET_TIMEOUT_S:g} s") from None
        finally:
            self._tickets.pop(ticket, None)
        if error:
            raise TicketError(error)

    def release(self, node_ids: Sequence[str]) -> None:
        """Give the lease back, so that another need not wait; the core must hear nothing after."""
        if self.keeper is not None and self.core.leads:
            for node_id in node_ids:
                self.keeper.ask(ReleaseLease(node_id, self.core.epoch))

    # The loop.

    async def run(self) -> None:
        """Let time pass for the core until cancelled."""
        while True:
            self._tick()
            self._wake.clear()
            pause_ms = min(TICK_INTERVAL_MS_MAX, max(1, self.core.next_deadline_ms() - boot_ms()))
            try:
                async with asyncio.timeout(pause_ms / 1000):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def catch_up(self) -> None:
        """Let the time pass that has: after a sleep of the machine nobody is shown a lease that has ended."""
        if not self._is_settling and boot_ms() >= self.core.next_deadline_ms():
            self._tick()

    def _tick(self) -> None:
        now = boot_ms()
        self.core.wall_offset_ms = wall_ms() - now
        self.core.tick(now)
        self._settle()

    def _settle(self) -> None:
        self._is_settling = True
        try:
            effects = self.core.take()
            if effects:
                self._carry_out(effects)
            self._compare_jobs()
            self._wake.set()
            self.settled()
        finally:
            self._is_settling = False

    def _carry_out(self, effects: Effects) -> None:
        """In the order of the record's fields."""
        if self.keeper is not None:
            for ask in effects.asks:
                self.keeper.ask(ask)
        if self.carrier is not None:
            for begun in effects.begins:
                self.carrier.begin(begun)
            for cancel in effects.cancels:
                self.carrier.cancel(cancel)
        if effects.events:
            self._told(effects.events)
        for ticket, error in effects.answers:
            future = self._tickets.get(ticket)
            if future is not None and not future.done():
                future.set_result(error)

    def _compare_jobs(self) -> None:
        jobs = {job.id: job for job in self.core.records.jobs}
        news = [job for name, job in jobs.items() if self._jobs.get(name) != job]
        self._jobs = jobs
        if news:
            self._changed(news)
