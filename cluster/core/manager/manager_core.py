"""A manager: inputs go in, one record of effects comes out. The shell owns sockets, files and clocks.

Clocks: `now_ms` is a clock that never goes back and runs on while the machine sleeps (CLOCK_BOOTTIME); the
lease is counted on it. Unix times in documents are `now_ms + wall_offset_ms`, which the shell keeps up to date.

What the shell promises: for each ask exactly one answer, in order, also when a node is not reached (None or an
error, after a time-out of the shell). For each `BeginStep` one `step_ended`; after `CancelStep(at_once=True)`
none is awaited. It calls `take` after each input and `tick` at `next_deadline_ms`.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.effects import Effects, LeaseAnswer, StepOutcome, StoredRecords
from garrison.cluster.core.manager.jobs import Plan, Records
from garrison.cluster.core.manager.manager_settings import ManagerSettings
from garrison.cluster.core.manager.picture import Picture
from garrison.cluster.core.manager.requests import Request

Planner = Callable[[DesiredState, Picture, Records, int], Plan]


class Rng(Protocol):
    """What is used of `random.Random`."""

    def uniform(self, a: float, b: float, /) -> float: ...


class ManagerCore:
    """One manager of one cluster. `make_plan(desired, picture, records, unix_ms)` is the planner."""

    def __init__(
        self,
        settings: ManagerSettings,
        rng: Rng,
        now_ms: int,
        make_plan: Planner,
        wall_offset_ms: int = 0,
    ) -> None:
        self.wall_offset_ms = wall_offset_ms

    def tick(self, now_ms: int) -> None:
        """Let time pass."""
        raise NotImplementedError

    def observed(self, picture: Picture, now_ms: int) -> None:
        """A new picture, complete; asked for at least every `picture_age_ms_max` / 2."""
        raise NotImplementedError

    def lease_answered(self, node_id: str, answer: LeaseAnswer | None, now_ms: int) -> None:
        """The answer to `AskLease`; None when there was none. `ReleaseLease` has no answer."""
        raise NotImplementedError

    def records_read(self, node_id: str, answer: StoredRecords | None, now_ms: int) -> None:
        """The answer to `ReadRecords`; None when there was none (an empty file is version 0)."""
        raise NotImplementedError

    def records_stored(self, node_id: str, error: str, now_ms: int) -> None:
        """The answer to `StoreRecords`: empty for OK, else the error with its first word (MANAGERFULL ...)."""
        raise NotImplementedError

    def step_progress(self, job_id: str, index: int, done_fraction: float, now_ms: int) -> None:
        """How far a running step is, from 0 to 1."""
        raise NotImplementedError

    def step_ended(self, job_id: str, index: int, outcome: StepOutcome, now_ms: int) -> None:
        """A step has ended; `outcome.epoch` is that of its `BeginStep`."""
        raise NotImplementedError

    def request(self, request: Request, now_ms: int) -> None:
        """A person asks. The answer comes in `Effects.answers` under the request's ticket."""
        raise NotImplementedError

    def offer_reshard(self, moves: Sequence[tuple[str, str, str]], now_ms: int) -> Plan:
        """A plan for (source id, target id, slot ranges), carried out by `Consent`. RequestError if unfit."""
        raise NotImplementedError

    def take(self) -> Effects:
        """What is to be done since the last call."""
        raise NotImplementedError

    def next_deadline_ms(self) -> int:
        """When `tick` is due, on the clock of `now_ms`."""
        raise NotImplementedError

    @property
    def leads(self) -> bool:
        """Whether this one holds the lease and has read and stored the records under it."""
        raise NotImplementedError

    @property
    def epoch(self) -> int:
        """The epoch of the lease it holds or asked for last."""
        raise NotImplementedError

    @property
    def leader(self) -> str:
        """The id of the manager that holds the lease, as far as this one has heard; empty for none."""
        raise NotImplementedError

    @property
    def records(self) -> Records:
        """The newest records known, with the progress of running steps; those of the leader when following."""
        raise NotImplementedError

    @property
    def desired(self) -> DesiredState:
        """The desired state of `records`."""
        raise NotImplementedError

    @property
    def plan(self) -> Plan | None:
        """What would be done now, each job with what it waits for."""
        raise NotImplementedError

    @property
    def why_idle(self) -> str:
        """One sentence: why this manager does not act; empty when it does."""
        raise NotImplementedError
