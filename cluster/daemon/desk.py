"""The desk: what HTTP asks of the manager, in one place, without HTTP."""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import garrison
from garrison.base.clock import boot_ms, wall_ms
from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.desired_text import load_desired
from garrison.cluster.core.manager.history import history_of
from garrison.cluster.core.manager.holding import refusals_in
from garrison.cluster.core.manager.jobs import AuditEntry, Job, Plan, Records
from garrison.cluster.core.manager.manager_names import address_in
from garrison.cluster.core.manager.manager_settings import ManagerSettings
from garrison.cluster.core.manager.only_watching import why_only_watching
from garrison.cluster.core.manager.picture import (
    Event,
    LeasePicture,
    ManagerPicture,
    NotableKey,
    Picture,
    SlowCommand,
)
from garrison.cluster.core.manager.planner import make_plan
from garrison.cluster.core.manager.requests import Request, RequestError
from garrison.cluster.core.manager.series import Series, SeriesKeeper
from garrison.cluster.core.manager.status import KeySearch, ManagerStatus, Refusal, ReshardRequest
from garrison.cluster.core.manager.verdict import complaints_since
from garrison.cluster.daemon.broadcast import Broadcast, ShownPicture
from garrison.cluster.daemon.driving import Driver, TicketError, TicketTimeoutError
from garrison.cluster.daemon.http_limits import HttpLimits
from garrison.cluster.daemon.watching_core import WHY

SearchKeys = Callable[[KeySearch], Awaitable[tuple[NotableKey, ...]]]


class NotPossibleError(Exception):
    """A request cannot be met; `status` is the HTTP status that says why."""

    def __init__(
        self, status: int, text: str, *, path: str = "", leader: str = "", errors: tuple[Refusal, ...] = ()
    ) -> None:
        super().__init__(text)
        self.errors = errors
        self.status = status
        self.path = path
        self.leader = leader


class Claims(NamedTuple):
    """What a picture says of the manager that shows it."""

    leads: bool
    leader: str
    epoch: int
    mode: str
    paused_by: str


class Desk:
    """What is known and what may be asked."""

    def __init__(
        self,
        settings: ManagerSettings,
        driver: Driver,
        limits: HttpLimits,
        search_keys: SearchKeys,
        *,
        is_read_only: bool = False,
    ) -> None:
        self.is_read_only = is_read_only
        self.settings = settings
        self.driver = driver
        self.limits = limits
        self.broadcast = Broadcast(limits.event_clients_max, limits.events_waiting_max)
        self.series = SeriesKeeper()
        self._shown = ShownPicture(Picture(at_ms=0, problems=("no node has answered yet",)))
        self._search_keys = search_keys
        self._seen: Picture | None = None
        """The newest picture, before it is completed by what the manager knows of itself."""
        self._claims: Claims | None = None
        self._searching = 0
        self._found: dict[str, tuple[NotableKey, ...]] = {"big": (), "hot": ()}
        driver.settled = self.refresh

    def now_ms(self) -> int:
        return wall_ms()

    # What is known.

    @property
    def picture(self) -> Picture:
        """The newest picture; what it says of the manager itself is true now."""
        return self.shown.picture

    @property
    def shown(self) -> ShownPicture:
        """The same, to be sent."""
        self.driver.catch_up()
        self.refresh()
        return self._shown

    @property
    def records(self) -> Records:
        return self.driver.core.records

    @property
    def desired(self) -> DesiredState:
        return self.driver.core.desired

    def show(self, picture: Picture, events: Sequence[Event]) -> Picture:
        """Complete a picture by what the manager knows of itself, and tell of it."""
        self._seen = picture
        completed = self._complete(picture)
        self.series.add(completed)
        for event in events:
            self.broadcast.tell(event)
        self.broadcast.tell(self._shown)
        return completed

    def refresh(self) -> None:
        """Complete the newest picture anew, and tell of it, if lease, mode or pause are not what it says."""
        if self._seen is not None and self._claims_now() != self._claims:
            self._complete(self._seen)
            self.broadcast.tell(self._shown)

    def why_watching(self, picture: Picture) -> str:
        """Why this manager may not act here, whoever asks; empty where it may."""
        return WHY if self.is_read_only else why_only_watching(picture, self.settings.keeping)

    def _claims_now(self) -> Claims:
        core = self.driver.core
        return Claims(core.leads, core.leader, core.epoch, self.mode, self.records.paused_by)

    def _complete(self, picture: Picture) -> Picture:
        claims = self._claims = self._claims_now()
        why = self.why_watching(picture)
        completed = picture.model_copy(
            update={
                "shown_by": self.settings.id,
                "lease": None
                if self.settings.keeping == "file" or picture.kind != "cluster"
                else LeasePicture(holder=claims.leader, epoch=claims.epoch),
                "mode": claims.mode,
                "read_only": bool(why),
                "why_read_only": why,
                "paused_by": claims.paused_by,
                "managers": self._managers(),
                "big_keys": self._found["big"],
                "hot_keys": self._found["hot"],
                "wrong": complaints_since(picture, self._shown.picture),
            }
        )
        self._shown = ShownPicture(completed)
        return completed

    @property
    def mode(self) -> str:
        return "paused" if self.records.paused_by else self.desired.mode

    def _managers(self) -> tuple[ManagerPicture, ...]:
        core, now = self.driver.core, wall_ms()
        mine = ManagerPicture(
            id=self.settings.id, address=address_in(self.settings.id), leads=core.leads, as_of_ms=now
        )
        if core.leader in ("", self.settings.id):
            return (mine,)
        other = ManagerPicture(id=core.leader, address=address_in(core.leader), leads=True, as_of_ms=now)
        return (mine, other)

    def status(self) -> ManagerStatus:
        picture, core = self.picture, self.driver.core
        return ManagerStatus.model_validate(
            {
                "id": self.settings.id,
                "version": garrison.__version__,
                "leads": core.leads,
                "leader": core.leader,
                "leader_address": address_in(core.leader),
                "epoch": core.epoch,
                "kind": picture.kind,
                "only_watches": bool(core.only_watches),
                "keeping": self.settings.keeping,
                "mode": self.mode,
                "paused_by": self.records.paused_by,
                "why_idle": core.why_idle,
                "jobs_open": sum(not job.state.has_ended for job in self.records.jobs),
                "picture_at_ms": picture.at_ms,
                "slots_covered": picture.slots_covered,
                "majority_answers": picture.majority_answers,
                "problems": picture.problems,
            }
        )

    def last_minutes(self, minutes: float) -> Series:
        return self.series.last(minutes, wall_ms())

    def plan(self) -> Plan:
        """What would be done now."""
        plan = self.driver.core.plan
        return plan if plan is not None else self.plan_for(self.desired)

    def plan_for(self, desired: DesiredState) -> Plan:
        """What would be done if this were desired."""
        return make_plan(desired, self.picture, self.records, wall_ms(), self.driver.core.observations)

    def read_desired(self, body: bytes, *, is_json: bool) -> DesiredState:
        """The desired state in a text, which holds in this deployment. NotPossibleError 400, 422."""
        if is_json:
            try:
                json.loads(body)
            except (ValueError, RecursionError) as error:
                raise NotPossibleError(400, f"the body is not JSON: {error}") from error
        loaded = load_desired(body)
        if isinstance(loaded, DesiredState):
            refused = refusals_in(loaded, self.picture) if self.picture.nodes else ()
            if not refused:
                return loaded
        else:
            refused = loaded
        errors = tuple(Refusal(error=each.reason, path=each.path) for each in refused)
        raise NotPossibleError(422, errors[0].error, path=errors[0].path, errors=errors)

    def jobs(self) -> tuple[Job, ...]:
        return self.records.jobs

    def job(self, job_id: str) -> Job:
        found = next((job for job in self.records.jobs if job.id == job_id), None)
        if found is None:
            raise NotPossibleError(
                404, "there is no such job; 'garrison manager jobs' (GET /api/jobs) lists them"
            )
        return found

    def history(self, limit: int, words: Sequence[str] = ()) -> list[AuditEntry]:
        """The newest requests and ends of jobs in which all of `words` occur, newest first."""
        return history_of(self.records, words)[:limit]

    def slow(self, node_id: str) -> list[SlowCommand]:
        return [entry for entry in self.picture.slow_commands if node_id in ("", entry.node_id)]

    # What may be asked.

    async def ask(self, request_of: Callable[[int], Request]) -> None:
        """Make a person's request of the core. NotPossibleError with 409 or 503."""
        core = self.driver.core
        why = self.why_watching(self.picture)
        if why and not self.is_read_only:
            raise NotPossibleError(409, why)
        if not core.leads:
            if core.leader and core.leader != self.settings.id:
                where = address_in(core.leader) or core.leader
                raise NotPossibleError(409, f"this manager does not lead; ask {where}", leader=where)
            why = core.why_idle or "this manager does not lead yet"
            raise NotPossibleError(503, why)
        try:
            await self.driver.ask(request_of)
        except TicketTimeoutError as error:
            raise NotPossibleError(503, str(error)) from error
        except TicketError as error:
            raise NotPossibleError(409, str(error)) from error

    def offer_reshard(self, request: ReshardRequest) -> Plan:
        moves = [(move.source, move.target, move.slots) for move in request.moves]
        try:
            return self.driver.core.offer_reshard(moves, boot_ms())
        except RequestError as error:
            raise NotPossibleError(422, str(error), path="moves") from error

    async def search_keys(self, search: KeySearch) -> tuple[NotableKey, ...]:
        """Look for big or hot keys at one node; it takes time, and few may do so at once."""
        if self._searching >= self.limits.searches_max:
            raise NotPossibleError(
                429, f"{self._searching} searches are under way (searches_max); try again in a moment"
            )
        if self.picture.node(search.node) is None:
            raise NotPossibleError(422, "there is no such node", path="node")
        self._searching += 1
        try:
            found = await self._search_keys(search)
        finally:
            self._searching -= 1
        others = tuple(key for key in self._found[search.what] if key.node_id != search.node)
        self._found[search.what] = (*found, *others)[:200]
        return found
