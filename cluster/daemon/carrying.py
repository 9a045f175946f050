"""Carry out steps: one task for each, on connections of its own that carry the lease.

BACKGROUND  A manager may die between an act and the note of it, so each step is carried out as if it might
            have been before: it looks whether what it says is true, and acts only where it is not.
INVARIANTS  Each step that was begun ends exactly once, with the epoch of its beginning, unless it is
            cancelled at once; then nothing is told, and the task has ended, or ends with its connections
            closed. A step that finds what contradicts it does nothing and is `unsure`.
BEHAVIOUR   The kinds are in the table `CARRIERS`. `ManagerError` is `failed` (may be tried again),
            :class:`UnsureError` and `PlanError` are `unsure`, `StoppedError` is `cancelled`.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from garrison.cluster.core.creation import PlanError
from garrison.cluster.core.manager.effects import BeginStep, CancelStep, StepOutcome
from garrison.cluster.core.manager.picture import NodeState, Picture
from garrison.cluster.core.topology import Address
from garrison.cluster.daemon.leased import Lease, LeasedSession
from garrison.cluster.daemon.step_backups import back_up, prove
from garrison.cluster.daemon.step_context import StepContext, StepProgress, UnsureError
from garrison.cluster.daemon.step_members import forget, hand_over, meet, replicate, reset
from garrison.cluster.daemon.step_moves import move_slots
from garrison.cluster.daemon.step_settings import configure, restart
from garrison.cluster.errors import ManagerError, StoppedError, UnreachableError
from garrison.cluster.manager.admin_client import Access

CARRIERS = {
    "move-slots": move_slots,
    "meet": meet,
    "replicate": replicate,
    "hand-over": hand_over,
    "forget": forget,
    "reset": reset,
    "configure": configure,
    "restart": restart,
    "backup": back_up,
    "prove": prove,
}
"""By the words of `StepKind`; `verify` is judged by the core."""

logger = logging.getLogger("garrison.manager")


@dataclass
class _Running:
    begun: BeginStep
    stop: asyncio.Event
    task: asyncio.Task[None]
    told: bool = True


@dataclass
class Carrier:
    """Carries out what the core begins. `progress` and `ended` are the driver's."""

    access: Access
    manager_id: str
    has_lease: bool
    picture: Callable[[], Picture]
    progress: Callable[[BeginStep, float], None]
    ended: Callable[[BeginStep, StepOutcome], None]
    _running: dict[tuple[str, int], _Running] = field(default_factory=dict)

    def begin(self, begun: BeginStep) -> None:
        key = begun.job_id, begun.index
        self._end_at_once(key)
        stop = asyncio.Event()
        task = asyncio.create_task(self._carry(begun, stop))
        running = _Running(begun, stop, task)
        self._running[key] = running

    def cancel(self, cancel: CancelStep) -> None:
        key = cancel.job_id, cancel.index
        running = self._running.get(key)
        if running is None:
            return
        if cancel.at_once:
            self._end_at_once(key)
        else:
            running.stop.set()

    def _end_at_once(self, key: tuple[str, int]) -> None:
        running = self._running.pop(key, None)
        if running is not None:
            running.told = False
            running.task.cancel()

    async def close(self) -> None:
        """End all steps at once and wait until they have ended."""
        tasks = [running.task for running in self._running.values()]
        for key in list(self._running):
            self._end_at_once(key)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _carry(self, begun: BeginStep, stop: asyncio.Event) -> None:
        outcome = await self._outcome(begun, stop)
        key = begun.job_id, begun.index
        running = self._running.get(key)
        if running is not None and running.begun is begun:
            del self._running[key]
            if running.told:
                logger.info(
                    "%s step %d (%s): %s %s",
                    begun.job_id,
                    begun.index + 1,
                    begun.step.kind,
                    outcome.result,
                    outcome.why,
                )
                self.ended(begun, outcome)

    async def _outcome(self, begun: BeginStep, stop: asyncio.Event) -> StepOutcome:
        try:
            await CARRIERS[begun.step.kind.value](self._context(begun, stop))
        except StoppedError as error:
            return StepOutcome(begun.epoch, "cancelled", str(error))
        except (UnsureError, PlanError) as error:
            return StepOutcome(begun.epoch, "unsure", str(error))
        except ManagerError as error:
            return StepOutcome(begun.epoch, "failed", str(error))
        except KeyError as error:
            return StepOutcome(begun.epoch, "unsure", f"the step has no argument {error}")
        except Exception as error:
            logger.exception("%s step %d failed", begun.job_id, begun.index + 1)
            return StepOutcome(begun.epoch, "failed", f"{type(error).__name__}: {error}")
        return StepOutcome(begun.epoch, "done")

    def _context(self, begun: BeginStep, stop: asyncio.Event) -> StepContext:
        picture = self.picture()
        lease = Lease(self.manager_id, begun.epoch) if self.has_lease else None

        def note(fraction: float) -> None:
            running = self._running.get((begun.job_id, begun.index))
            if running is not None and running.begun is begun and running.told:
                self.progress(begun, fraction)

        session = LeasedSession(self.access, StepProgress(note), stop=stop, lease=lease)
        return StepContext(begun.step, entry_of(picture), session, note)


def entry_of(picture: Picture) -> Address:
    """The node that is asked first: one that is well, a primary if there is one. UnreachableError."""
    nodes = [node for node in picture.nodes if node.state not in (NodeState.SILENT, NodeState.FAILED)]
    if not nodes:
        raise UnreachableError("no node of the cluster answers")
    best = min(nodes, key=lambda node: (node.state is not NodeState.OK, node.role != "primary", node.address))
    return address_of(best.address)


def address_of(text: str) -> Address:
    """`host:port` as pictures write it."""
    host, _, port = text.rpartition(":")
    return Address(host.strip("[]"), int(port))
