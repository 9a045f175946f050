"""What the manager's core wants done: one record, carried out from top to bottom.

The order is the safety: a lease and a record are asked for first; a step begins only in an `Effects` that
came out *after* a majority had stored its job; what is told to people comes last.
"""

from dataclasses import dataclass, field
from typing import Literal

from garrison.cluster.core.manager.jobs import Step
from garrison.cluster.core.manager.picture import Event


@dataclass(frozen=True, slots=True)
class AskLease:
    """Ask one node for the lease, or for its renewal: ``CLUSTER MANAGER LEASE <id> <epoch> <ttl-ms>``."""

    node_id: str
    epoch: int
    ttl_ms: int


@dataclass(frozen=True, slots=True)
class ReleaseLease:
    """Give the lease back at one node: ``CLUSTER MANAGER RELEASE <id> <epoch>``."""

    node_id: str
    epoch: int


@dataclass(frozen=True, slots=True)
class ReadRecords:
    """Ask one node what it has stored: ``CLUSTER MANAGER READ``."""

    node_id: str


@dataclass(frozen=True, slots=True)
class StoreRecords:
    """Store the records at one node: ``CLUSTER MANAGER STORE <id> <epoch> <version> <bytes>``."""

    node_id: str
    epoch: int
    version: int
    content: bytes


@dataclass(frozen=True, slots=True)
class BeginStep:
    """Carry out a step on connections that carry `epoch`; look first whether it is true already.

    The shell answers with `step_progress` and exactly one `step_ended`, unless it is cancelled at once.
    """

    job_id: str
    index: int
    step: Step
    epoch: int


@dataclass(frozen=True, slots=True)
class CancelStep:
    """End a step as soon as that is safe (a slot boundary), or at once when the lease is lost.

    `step_ended` is awaited (`cancelled`, or `done` when it was nearly so) unless it is `at_once`.
    """

    job_id: str
    index: int
    at_once: bool


@dataclass(slots=True)
class Effects:
    """In this order."""

    asks: list[AskLease | ReleaseLease | ReadRecords | StoreRecords] = field(default_factory=list)
    """1. Messages to nodes."""
    begins: list[BeginStep] = field(default_factory=list)
    """2. Steps to begin."""
    cancels: list[CancelStep] = field(default_factory=list)
    """3. Steps to end."""
    events: list[Event] = field(default_factory=list)
    """4. What people are told (server-sent events, log)."""
    answers: list[tuple[int, str]] = field(default_factory=list)
    """5. (ticket, error text or empty): a person's request was stored by a majority, or was not."""

    def __bool__(self) -> bool:
        return bool(self.asks or self.begins or self.cancels or self.events or self.answers)


@dataclass(frozen=True, slots=True)
class LeaseAnswer:
    """A node's answer to `AskLease`."""

    granted: bool
    epoch: int
    """The newest epoch that it knows of."""
    holder: str
    """The manager that has it there; empty for none."""
    left_ms: int
    """How long that one still has it there."""


@dataclass(frozen=True, slots=True)
class StoredRecords:
    """A node's answer to `ReadRecords`."""

    epoch: int
    holder: str
    version: int
    """0 for nothing stored."""
    written_epoch: int
    """The epoch under which the version was stored."""
    content: bytes
    left_ms: int = 0
    """How long the holder's lease still holds there."""
    votes: bool = True
    """False for a node that may lack what a majority has stored, such as a new primary."""


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """How a step ended."""

    epoch: int
    """That of its `BeginStep`."""
    result: Literal["done", "failed", "unsure", "cancelled"]
    """`failed` may be tried again; `unsure` stops the job: what the step found contradicts it."""
    why: str = ""
