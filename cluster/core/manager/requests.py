"""What persons ask of a manager. Each has who asks (`by`, the name of a token) and a ticket for the answer.

The answer to a ticket is sent when a majority has stored what was asked, or when it cannot be. The tickets of
one manager are numbered by its shell.
"""

from dataclasses import dataclass, field


class RequestError(Exception):
    """A request cannot be met; the message says what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The root of all requests."""

    by: str
    ticket: int
    origin: str = field(default="", kw_only=True)
    """The address that it came from; empty when that is not known."""


@dataclass(frozen=True, slots=True)
class Apply(Asked):
    """Make `desired` (a DesiredState as JSON) the desired state."""

    desired: str


@dataclass(frozen=True, slots=True)
class Consent(Asked):
    """Carry out the plan with this id, also in the mode dry-run."""

    plan_id: str


@dataclass(frozen=True, slots=True)
class Pause(Asked):
    """Begin nothing; steps under way end at the next safe moment."""


@dataclass(frozen=True, slots=True)
class Resume(Asked):
    """End a pause."""


@dataclass(frozen=True, slots=True)
class Undo(Asked):
    """Take back the newest of: an applied desired state, a reshard that has ended."""


@dataclass(frozen=True, slots=True)
class StopJob(Asked):
    """Stop a job; its step ends at the next safe moment."""

    job_id: str


@dataclass(frozen=True, slots=True)
class ResumeJob(Asked):
    """Go on with a job that was stopped or has failed."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Adopt(Asked):
    """Go on with the newest records that can be read, although those of a majority cannot."""


@dataclass(frozen=True, slots=True)
class StartAnew(Asked):
    """Go on with empty records, because those of a majority cannot be read."""


Request = Apply | Consent | Pause | Resume | Undo | StopJob | ResumeJob | Adopt | StartAnew
