"""What lies around the cluster: spares that may be taken, and backups at their targets."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.jobs import Progress, Records, StepKind
from garrison.cluster.core.manager.picture import BackupPicture, SparePicture
from garrison.cluster.core.server_fields import server_version
from garrison.cluster.daemon.carrying import address_of
from garrison.cluster.daemon.step_backups import newest_of, open_target
from garrison.cluster.errors import ManagerError
from garrison.cluster.manager.admin_client import Access, AdminClient, read_fields

SPARES_INTERVAL_S = 5.0
BACKUPS_INTERVAL_S = 60.0
SPARE_TIMEOUT_S = 2.0
SPARES_MAX = 256
logger = logging.getLogger("garrison.manager")


class Surveyor:
    """Keeps :attr:`spares` and :attr:`backups` new. Use :meth:`run` as a task."""

    def __init__(
        self, access: Access, desired: Callable[[], DesiredState], records: Callable[[], Records]
    ) -> None:
        self.spares: tuple[SparePicture, ...] = ()
        self.backups: tuple[BackupPicture, ...] = ()
        self._access = replace(access, timeout_s=SPARE_TIMEOUT_S)
        self._desired = desired
        self._records = records

    async def run(self) -> None:
        """Look again and again until cancelled."""
        await asyncio.gather(
            self._repeat(self._look_at_spares, SPARES_INTERVAL_S),
            self._repeat(self._look_at_backups, BACKUPS_INTERVAL_S),
        )

    async def _repeat(self, look: Callable[[], object], interval_s: float) -> None:
        shown: object = None
        due_s = 0.0
        loop = asyncio.get_running_loop()
        while True:
            wishes = self._desired().spares, self._desired().backups
            if wishes != shown or loop.time() >= due_s:
                shown, due_s = wishes, loop.time() + interval_s
                outcome = look()
                assert asyncio.iscoroutine(outcome)
                await outcome
            await asyncio.sleep(1.0)

    async def _look_at_spares(self) -> None:
        names = self._desired().spares[:SPARES_MAX]
        self.spares = tuple(await asyncio.gather(*map(self._look_at_spare, names)))

    async def _look_at_spare(self, name: str) -> SparePicture:
        try:
            address = address_of(name)
            async with asyncio.timeout(SPARE_TIMEOUT_S * 2), AdminClient(address, self._access) as admin:
                view = await admin.view(address)
                keys = await admin.call(address, "DBSIZE")
                fields = read_fields(await admin.call(address, "INFO", "server"))
        except (ManagerError, TimeoutError, ValueError) as error:
            return SparePicture(address=name, usable=False, why=str(error) or "it does not answer in time")
        version = server_version(fields)
        why = ""
        if len(view.nodes) > 1:
            why = "it knows other nodes already"
        elif view.myself.ranges:
            why = "it owns slots"
        elif keys:
            why = f"it has {keys} keys"
        return SparePicture(address=name, usable=not why, why=why, version=version)

    async def _look_at_backups(self) -> None:
        found = []
        for wish in self._desired().backups:
            looked_ms = int(time.time() * 1000)
            try:
                records = (await open_target(wish.target).catalog()).records
            except ManagerError as error:
                logger.warning("cannot look at the backups of %s: %s", wish.target, error)
                continue
            newest = newest_of(records)
            found.append(
                BackupPicture(
                    target=wish.target,
                    newest_ms=int(newest.reaches.timestamp() * 1000) if newest else None,
                    proved_ms=self._proved_ms(wish.target),
                    count=len(records),
                    as_of_ms=looked_ms,
                )
            )
        self.backups = tuple(found)

    def _proved_ms(self, target: str) -> int | None:
        """When a backup was last proved, by the jobs that the records still have."""
        ends: Sequence[int] = [
            step.ended_ms
            for job in self._records().jobs
            for step in job.steps
            if step.kind is StepKind.PROVE
            and step.state is Progress.DONE
            and step.ended_ms is not None
            and step.arguments.get("target") == target
        ]
        return max(ends, default=None)
