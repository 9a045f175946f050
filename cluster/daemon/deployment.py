"""What is behind the entries: a cluster, servers under Sentinels, or one server; and following it.

BEHAVIOUR   The entries are asked until one says what it is, and nothing is followed before. All that answer
            have to say the same.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from garrison.base.clock import wall_ms
from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.node_figures import Sample
from garrison.cluster.core.manager.picture import Event, Picture
from garrison.cluster.core.server_fields import server_mode
from garrison.cluster.core.topology import Address
from garrison.cluster.daemon.group_following import GroupFollower
from garrison.cluster.daemon.group_observing import GroupObserver
from garrison.cluster.daemon.observing import DRAW_INTERVAL_S, NODE_TIMEOUT_S, SEES, Observer
from garrison.cluster.errors import ManagerError
from garrison.cluster.manager.admin_client import Access, AdminClient, read_fields

Kind = Literal["cluster", "sentinel", "single"]


@dataclass(frozen=True)
class Found:
    """What an entry is, and how to log in to it."""

    entry: Address
    kind: Kind
    access: Access


async def find_kind(entry: Address, access: Access, sentinel_access: Access | None = None) -> Found:
    """What the entry says that it is in INFO. Raises ManagerError when it cannot be asked.

    `sentinel_access` is tried where `access` is refused.
    """
    try:
        return await ask_kind(entry, access)
    except ManagerError:
        if sentinel_access in (None, access):
            raise
        assert sentinel_access is not None
        return await ask_kind(entry, sentinel_access)


async def ask_kind(entry: Address, access: Access) -> Found:
    """What it says that it is, with this access alone. Raises ManagerError."""
    async with AdminClient(entry, access) as admin:
        mode = server_mode(read_fields(await admin.call(entry, "INFO", "server")))
    by_mode: dict[str, Kind] = {"cluster": "cluster", "sentinel": "sentinel"}
    return Found(entry, by_mode.get(mode, "single"), access)


class DeploymentObserver:
    """Follows whatever is behind the entries: :meth:`run` as a task calls `seen` with each picture."""

    def __init__(
        self,
        entries: Sequence[Address],
        access: Access,
        sentinel_access: Access,
        seen: SEES,
        *,
        desired: Callable[[], DesiredState] = DesiredState,
    ) -> None:
        self._entries = list(entries)
        self._access = access
        self._sentinel_access = sentinel_access
        self._seen = seen
        self._desired = desired
        self._followed: Observer | GroupFollower | None = None
        self._early: list[Event] = []
        """Events from before it was known what is to be followed."""

    def sample(self, node_id: str) -> Sample | None:
        """The last answer of a node to INFO."""
        return self._followed.sample(node_id) if self._followed else None

    def note(self, events: Sequence[Event]) -> None:
        """Put events of others (jobs, the lease) into the timeline."""
        if self._followed is not None:
            self._followed.note(events)
        else:
            self._early.extend(events)

    async def look_again(self, node_ids: Sequence[str]) -> None:
        """Ask these nodes at once, and draw: something was done to them."""
        if self._followed is not None:
            await self._followed.look_again(node_ids)

    async def run(self) -> None:
        """Find out what there is, and follow it until cancelled."""
        found = await self._find()
        while found is None:
            await asyncio.sleep(DRAW_INTERVAL_S)
            found = await self._find()
        followed = self._followed = self._follow(found)
        followed.note(self._early)
        await followed.run()

    def _follow(self, found: Found) -> Observer | GroupFollower:
        if found.kind == "cluster":
            return Observer(self._entries, self._access, self._seen, desired=self._desired)
        access = found.access if found.kind == "sentinel" else self._sentinel_access
        return GroupFollower(GroupObserver(found.kind, found.entry, self._access, access), self._seen)

    async def _find(self) -> Found | None:
        """What the first entry that answers is; None, and a picture that says why, when that is not clear."""
        access = replace(self._access, timeout_s=NODE_TIMEOUT_S)
        sentinel_access = replace(self._sentinel_access, timeout_s=NODE_TIMEOUT_S)
        asked = (self._try(entry, access, sentinel_access) for entry in self._entries)
        answers = await asyncio.gather(*asked)
        found = [each for each in answers if isinstance(each, Found)]
        if len({each.kind for each in found}) == 1:
            first = found[0]
            used = self._access if first.access == access else self._sentinel_access
            return replace(first, access=used)
        if found:
            said = ", ".join(f"{each.entry} ({each.kind})" for each in found)
            problem = f"the entries are of different kinds, name nodes of one deployment: {said}"
        else:
            problem = f"no node answers: {answers[0]}"
        self._seen(Picture(at_ms=wall_ms(), problems=(problem,)), ())
        return None

    async def _try(self, entry: Address, access: Access, sentinel_access: Access) -> Found | str:
        try:
            async with asyncio.timeout(NODE_TIMEOUT_S * 2):
                return await find_kind(entry, access, sentinel_access)
        except (ManagerError, TimeoutError) as error:
            return str(error) or f"{entry} does not answer within {NODE_TIMEOUT_S * 2:g} s"
