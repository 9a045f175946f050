"""What a step is given, and what several kinds of steps do alike."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from garrison.cluster.core.cluster_state import ClusterState
from garrison.cluster.core.manager.jobs import Step
from garrison.cluster.core.topology import Address, Node
from garrison.cluster.daemon.leased import LeasedClient, LeasedSession
from garrison.cluster.errors import ManagerError, StoppedError
from garrison.cluster.manager.admin_client import read_fields
from garrison.cluster.manager.progress import Meter

POLL_INTERVAL_S = 0.25
PROGRESS_INTERVAL_S = 0.5


class UnsureError(Exception):
    """What the step found contradicts it: nothing was done, and a person must look."""


@dataclass
class StepContext:
    """One step, and the means to carry it out."""

    step: Step
    entry: Address
    session: LeasedSession
    progress: Callable[[float], None]

    def word(self, name: str) -> str:
        """An argument of the step. KeyError."""
        return self.step.arguments[name]

    def admin(self) -> LeasedClient:
        return self.session.admin(self.entry)

    @property
    def stop(self) -> asyncio.Event:
        return self.session.stop

    def demand_going_on(self) -> None:
        """StoppedError when the step was told to end; call it where nothing is half done."""
        if self.stop.is_set():
            raise StoppedError("stopped before anything was half done")

    async def pause(self) -> None:
        await asyncio.sleep(POLL_INTERVAL_S)


def find_member(state: ClusterState, name: str) -> Node:
    """The member with this id or address. UnsureError when there is none."""
    try:
        return state.find(name)
    except LookupError as error:
        raise UnsureError(str(error.args[0])) from error


async def replication_of(admin: LeasedClient, address: Address) -> dict[str, str]:
    """INFO replication of one node."""
    return read_fields(await admin.call(address, "INFO", "replication"))


async def wait_in_sync(context: StepContext, admin: LeasedClient, node: Node, timeout_s: float) -> None:
    """Wait until a replica has all that its primary had when its link came up. ManagerError."""
    deadline = time.monotonic() + timeout_s
    goal: int | None = None
    why = "it has not answered"
    while time.monotonic() < deadline:
        context.demand_going_on()
        try:
            fields = await replication_of(admin, node.address)
            if fields.get("role") != "slave":
                why = "it is not a replica"
            elif fields.get("master_link_status") != "up":
                why = "its link to the primary is not up"
                context.progress(_synced(fields))
            else:
                if goal is None:
                    primary = Address(fields["master_host"], int(fields["master_port"]))
                    goal = int((await replication_of(admin, primary)).get("master_repl_offset", "0"))
                if int(fields.get("slave_repl_offset", "0")) >= goal:
                    context.progress(1.0)
                    return
                why = "it has not read all yet"
        except ManagerError as error:
            why = str(error)
        await context.pause()
    raise ManagerError(f"{node.label} is not in sync after {timeout_s:.0f} s: {why}")


def _synced(fields: dict[str, str]) -> float:
    """How much of a full sync is read."""
    try:
        total, left = int(fields["master_sync_total_bytes"]), int(fields["master_sync_left_bytes"])
    except (KeyError, ValueError):
        return 0.0
    return min(0.95, max(0.0, 1 - left / total)) if total > 0 else 0.0


class StepProgress:
    """A display that tells the core how far a move is, now and then."""

    def __init__(self, progress: Callable[[float], None]) -> None:
        self._progress = progress
        self._told_at = 0.0

    def start(self, meter: Meter) -> None:
        self._progress(meter.done)

    def update(self, meter: Meter) -> None:
        if time.monotonic() - self._told_at >= PROGRESS_INTERVAL_S:
            self._told_at = time.monotonic()
            self._progress(min(meter.done, 0.999))

    def stop(self, meter: Meter) -> None:
        self._progress(min(meter.done, 0.999))

    def note(self, text: str) -> None:
        """Remarks of the commands go nowhere: the job says what is done."""
