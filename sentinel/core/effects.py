"""What a step of a Sentinel wants done, as one record whose fields are in the order of doing.

The order is the safety argument: an epoch or a vote is on disk, synced, before the reply or request that
promises it leaves. Records of consecutive inputs may be merged and then carried out once.

WHEN THE DISK REFUSES. What was decided is valid now, not when there is room again: by then a vote that is
asked for may be of a past epoch, and a replica that is ordered to be primary one of two. So nothing that
promises or orders is kept for later. `without_promises` splits the record: what only asks (PING, INFO) goes
out all the same, or the silence of others would be our own; questions for votes, hellos and orders are
void, and the core decides anew once it can save; clients are asked to try another Sentinel; what is only
published waits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class ReplyError(Exception):
    """An error reply of another server, as `SentinelCore.answered` wants it."""


class UnsentError(ReplyError):
    """In the place of the reply to a command that was not sent."""


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a TCP connection; then call link_up or link_down with `link_id`.

    `host` is an address, or a name if `resolve-hostnames` is on. Names are resolved anew for each attempt.
    `source` is the address to bind to, or empty.
    """

    link_id: int
    host: str
    port: int
    source: str = ""


@dataclass(frozen=True, slots=True)
class Send:
    """Send a command. Its reply comes back as answered(link_id, token, reply); with token 0 it is dropped."""

    link_id: int
    argv: tuple[bytes, ...]
    token: int
    promises: bool = True
    """It is an order, a hello or a question for votes: it leaves in the step that wants it, with all of that
    step on disk, or never."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Close a link now; the core has forgotten it and wants no link_down for it."""

    link_id: int


@dataclass(frozen=True, slots=True)
class Resolve:
    """Look a name up; then call resolved(host, address), with an empty address where it has none."""

    host: str


Wire = Connect | Send | Drop | Resolve


class Level(Enum):
    """How loud an event is; debug events are not published."""

    DEBUG = "debug"
    VERBOSE = "verbose"
    NOTICE = "notice"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: a line of the log, and a message on the channel of its name."""

    level: Level
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class RunScript:
    """Run a program of the administrator's with these arguments, at most so many at once, with retries."""

    path: str
    arguments: tuple[str, ...]


@dataclass(slots=True)
class Effects:
    """Carry the fields out from top to bottom; each is empty or None when there is nothing to do."""

    persist: tuple[str, ...] | None = None
    """1. All directives that the Sentinel itself keeps (`sentinel ...` lines, in order), to replace those of
    the configuration file: written to a temporary file, synced, renamed, the folder synced. If that fails,
    split the record with `without_promises`, and tell the core with `save_failed` and `unsent`. It comes with
    a new text soon; once that is saved tell it with `saved`."""
    wire: list[Wire] = field(default_factory=list)
    """2. Links and commands, in this order."""
    events: list[Event] = field(default_factory=list)
    """3. For the subscribers and the log."""
    replies: list[tuple[int, object]] = field(default_factory=list)
    """4. (ticket, value) for clients that wait; values as garrison.base.reply.encode takes them."""
    scripts: list[RunScript] = field(default_factory=list)
    """5. Programs to run."""
    configured: dict[str, str] = field(default_factory=dict)
    """6. Settings of the process that SENTINEL CONFIG SET has changed (such as `loglevel`)."""
    exit_code: int | None = None
    """7. End the process at once, as a crash would (SENTINEL SIMULATE-FAILURE)."""

    def __bool__(self) -> bool:
        return bool(
            self.persist is not None or self.wire or self.events or self.replies or self.scripts
            or self.configured or self.exit_code is not None
        )  # fmt: skip

    def without_promises(self, refusal: object = None) -> tuple[Effects, list[Send]]:
        """Of a record whose promises cannot be kept: what to do all the same, and the void commands.

        Its clients get `refusal`; where that is None their replies are those of a core that knows already
        that it cannot save, and promise nothing. What is left in the record waits for the next that is saved.
        """
        void = [action for action in self.wire if isinstance(action, Send) and action.promises]
        now = Effects(
            wire=[action for action in self.wire if not (isinstance(action, Send) and action.promises)],
            replies=[(ticket, value if refusal is None else refusal) for ticket, value in self.replies],
        )
        self.persist, self.wire, self.replies = None, [], []
        return now, void

    def merge(self, later: Effects) -> None:
        """Append what a later step wants. The later persist is the younger: it holds every promise."""
        if later.persist is not None:
            self.persist = later.persist
        self.wire += later.wire
        self.events += later.events
        self.replies += later.replies
        self.scripts += later.scripts
        self.configured |= later.configured
        if later.exit_code is not None:
            self.exit_code = later.exit_code
