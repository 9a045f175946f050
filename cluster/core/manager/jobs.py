"""Plans and jobs as documents: what a manager intends, why, and how far it is.

A job is a list of steps. A step is *idempotent*: it says what shall be true, and whoever carries it out
looks first whether it is. So a manager that dies between an act and the note of it, or two that carry out the
same step one after the other, do no harm. A job is stored by a majority before its first step begins and
after each step.

The states of a job, and of a step::

    job   planned ──> waiting ──> running ──> done            step  waiting ──> running ──> done
             │           │          │  │                                           │
             └─> refused └─> stopped<┘  └──> failed                                └──> failed

The whole table is :mod:`garrison.cluster.core.manager.job_states`, and `docs/manager-reference.md` shows it.
`waiting` waits for its window, for the budget of harm, for a person's consent or for another job (`waits_for`
says which). `stopped` by a person, or because the manager is not sure; `why` says so.
"""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from garrison.cluster.core.manager.picture import Document


class StepKind(StrEnum):
    """What a step makes true. The words in brackets are the names of its arguments.

    Nodes are named by id; a spare that is not a member yet by host:port. FORGET and RESET say the `address`
    too, for a node that nobody knows any more. BACKUP says how many to `keep`. What VERIFY expects is in
    `expectations`.
    """

    MOVE_SLOTS = "move-slots"
    """`target` owns `slots` (ranges), which `source` owned when the plan was made."""
    MEET = "meet"
    """The node at `address` belongs to the cluster and knows all its members."""
    REPLICATE = "replicate"
    """`node` is a replica of `primary`, in sync."""
    HAND_OVER = "hand-over"
    """`node`, a replica of the primary `from`, is the primary of its shard, without a lost write."""
    FORGET = "forget"
    """Nobody knows `node` any more."""
    RESET = "reset"
    """`node` owns nothing, knows nobody and has no data: a spare."""
    CONFIGURE = "configure"
    """`node` has the settings of `settings` (JSON object), also in its file if it has one."""
    RESTART = "restart"
    """`node` is another process than `run_id`, started by whoever supervises it, and is in sync again."""
    BACKUP = "backup"
    """A backup of all shards made after `since_ms` stands at `target`."""
    PROVE = "prove"
    """The newest backup at `target` was restored into throw-away nodes and compared."""
    VERIFY = "verify"
    """The picture agrees with `expect`: the check that ends a job."""


class Progress(StrEnum):
    """The state of a job or step."""

    PLANNED = "planned"
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    REFUSED = "refused"

    @property
    def has_ended(self) -> bool:
        return self in (Progress.DONE, Progress.FAILED, Progress.STOPPED, Progress.REFUSED)


class JobKind(StrEnum):
    """Why there is a job; the planner has one function for each."""

    REPLACE_REPLICA = "replace-replica"
    SPREAD = "spread"
    REBALANCE = "rebalance"
    RELIEVE = "relieve"
    DRAIN = "drain"
    SCALE_OUT = "scale-out"
    SCALE_IN = "scale-in"
    CONFIGURE = "configure"
    UPGRADE = "upgrade"
    BACKUP = "backup"
    RESHARD = "reshard"
    """A person's: slots dragged on the page, or `garrison manager move`."""
    UNDO = "undo"


class Step(Document):
    """One thing to be made true."""

    kind: StepKind
    arguments: dict[str, str] = Field(default={})
    state: Progress = Progress.WAITING
    explanation: str = Field(default="", description="one sentence for a person")
    done_fraction: float = Field(default=0.0, ge=0, le=1)
    began_ms: int | None = None
    ended_ms: int | None = None
    why: str = Field(default="", description="what went wrong, or what it waits for")
    attempts: int = Field(default=0, ge=0, description="how often it was begun")


class Job(Document):
    """One action of a manager."""

    id: str = Field(description="the number of the job in this cluster, counted up: job-17")
    kind: JobKind
    title: str = Field(description="as a person would say it: replace the replica 10.0.0.7:7001")
    reason: str = Field(description="what in the picture, or whose wish, asks for it, with figures")
    subject: str = Field(default="", description="the id of the node or shard that it is about")
    steps: tuple[Step, ...]
    state: Progress = Progress.PLANNED
    waits_for: str = ""
    why: str = ""
    harm: int = Field(default=0, ge=0, description="what it costs of the budget, see desired.Harm")
    made_ms: int
    began_ms: int | None = None
    ended_ms: int | None = None
    seconds_left: float | None = Field(default=None, description="estimated while it runs")
    by: str = Field(
        default="manager", description="manager, or the name of the token of the person who asked"
    )
    command: str = Field(default="", description="the command line that does the same")
    epoch: int = Field(default=0, description="of the lease under which its last step was begun")
    consented_by: str = Field(default="", description="who agreed to it; needed in the mode dry-run")
    stopped_by: str = Field(default="", description="who has stopped it, until somebody resumes it")

    @property
    def done_fraction(self) -> float:
        """From 0 to 1, each step counted alike."""
        return sum(step.done_fraction for step in self.steps) / len(self.steps) if self.steps else 1.0


class Plan(Document):
    """What a manager would do now, in this order."""

    format: Literal["garrison-manager-plan"] = "garrison-manager-plan"
    id: str = Field(description="hash of the jobs, so that consent is to what was shown")
    made_ms: int
    jobs: tuple[Job, ...] = ()
    explanations: tuple[str, ...] = Field(
        default=(), description="what was looked at and needs nothing, or cannot be"
    )
    harm: int = 0


class AuditEntry(Document):
    """Something that a person or a manager did, kept in the audit log."""

    at_ms: int
    by: str
    what: str
    subject: str = ""
    origin: str = Field(default="", description="the address that the request came from; empty: not known")
    changes: tuple[str, ...] = Field(default=(), description="what it led to, one line each")
    epoch: int = 0


class Records(Document):
    """Everything that managers keep in the primaries' control planes, one record a field."""

    format: Literal["garrison-manager-records"] = "garrison-manager-records"
    desired: str = Field(default="", description="the desired state as JSON; empty before the first `apply`")
    desired_before: tuple[str, ...] = Field(
        default=(), description="the former ones for `undo`, the newest last"
    )
    jobs: tuple[Job, ...] = Field(default=(), description="open ones and the newest ended ones")
    audit: tuple[AuditEntry, ...] = ()
    paused_by: str = Field(default="", description="empty, or who said `pause`")
    next_job: int = 1
    harm_spent: tuple[tuple[int, int], ...] = Field(
        default=(), description="(at_ms, cost) within the last hour"
    )
