"""A core for `--watch-only`: it shows, and neither leads, stores nor acts."""

from collections.abc import Sequence

from garrison.cluster.core.manager.conditions import Conditions, Observations
from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.effects import Effects, LeaseAnswer, StepOutcome, StoredRecords
from garrison.cluster.core.manager.jobs import Plan, Records
from garrison.cluster.core.manager.picture import Picture
from garrison.cluster.core.manager.requests import Request, RequestError

WHY = "this manager only watches (--watch-only)"
NEVER_MS = 1 << 62


class WatchingCore:
    """It has the surface of a core and no will."""

    def __init__(self) -> None:
        self.wall_offset_ms = 0
        self.leads = False
        self.epoch = 0
        self.leader = ""
        self.records = Records()
        self.desired = DesiredState()
        self.plan: Plan | None = None
        self.why_idle = self.only_watches = WHY
        self._conditions = Conditions()
        self._effects = Effects()

    def tick(self, now_ms: int) -> None:
        """Time changes nothing."""

    def observed(self, picture: Picture, now_ms: int) -> None:
        """Remember since when conditions hold, for plans that are only shown."""
        self._conditions.feed(self.desired, picture)

    @property
    def observations(self) -> Observations:
        return self._conditions.observations

    def lease_answered(self, node_id: str, answer: LeaseAnswer | None, now_ms: int) -> None:
        raise AssertionError("no lease was asked for")

    def records_read(self, node_id: str, answer: StoredRecords | None, now_ms: int) -> None:
        raise AssertionError("no records were asked for")

    def records_stored(self, node_id: str, error: str, now_ms: int) -> None:
        raise AssertionError("no records were stored")

    def step_progress(self, job_id: str, index: int, done_fraction: float, now_ms: int) -> None:
        raise AssertionError("no step was begun")

    def step_ended(self, job_id: str, index: int, outcome: StepOutcome, now_ms: int) -> None:
        raise AssertionError("no step was begun")

    def request(self, request: Request, now_ms: int) -> None:
        """Refuse it."""
        self._effects.answers.append((request.ticket, WHY))

    def offer_reshard(self, moves: Sequence[tuple[str, str, str]], now_ms: int) -> Plan:
        raise RequestError(WHY)

    def take(self) -> Effects:
        effects, self._effects = self._effects, Effects()
        return effects

    def next_deadline_ms(self) -> int:
        return NEVER_MS
