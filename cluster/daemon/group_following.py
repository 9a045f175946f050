"""Follow servers outside a cluster for a manager: pictures and the events between them, again and again.

BACKGROUND  :class:`GroupObserver` draws one picture when it is asked. A manager needs them once a second, and
            what has happened between two of them.
BEHAVIOUR   While somebody is suspected or does not answer, it looks every `SUSPECTED_INTERVAL_S`: a failover
            is seen when the new primary says that it is one, before the Sentinels have told everybody.
"""

import asyncio
from collections import deque
from collections.abc import Sequence

from garrison.cluster.core.manager.differences import events_between
from garrison.cluster.core.manager.node_figures import Sample
from garrison.cluster.core.manager.picture import Event, NodeState, Picture
from garrison.cluster.daemon.group_observing import GroupObserver
from garrison.cluster.daemon.observing import (
    DRAW_INTERVAL_S,
    EVENTS_KEPT_MAX,
    SEES,
    SUSPECTED_INTERVAL_S,
)
from garrison.cluster.errors import ManagerError

PAUSE_S_MIN = 0.05


class GroupFollower:
    """Calls `seen` with each new picture. Use :meth:`run` as a task."""

    def __init__(self, observer: GroupObserver, seen: SEES) -> None:
        self._observer = observer
        self._seen = seen
        self._before: Picture | None = None
        self._events: deque[Event] = deque(maxlen=EVENTS_KEPT_MAX)

    def sample(self, node_id: str) -> Sample | None:
        """The last answer of a server to INFO."""
        return self._observer.sample(node_id)

    def note(self, events: Sequence[Event]) -> None:
        """Put events of others into the timeline."""
        self._events.extend(events)

    async def look_again(self, node_ids: Sequence[str]) -> None:
        """Look at everybody at once."""
        await self.look()

    async def run(self) -> None:
        """Follow until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                began = loop.time()
                await self.look()
                await asyncio.sleep(max(PAUSE_S_MIN, self._interval_s() - (loop.time() - began)))
        finally:
            await self._observer.close()

    async def look(self) -> None:
        """Ask everybody once, and tell of it."""
        try:
            drawn = await self._observer.picture()
        except ManagerError as error:
            self._seen(Picture(at_ms=self._observer.now_ms(), problems=(f"no node answers: {error}",)), ())
            return
        events = events_between(self._before, drawn)
        self.note(events)
        self._before = drawn
        self._seen(drawn.model_copy(update={"events": tuple(self._events)}), events)

    def _interval_s(self) -> float:
        nodes = self._before.nodes if self._before else ()
        well = (NodeState.OK, NodeState.LOADING, NodeState.SLOW)
        return DRAW_INTERVAL_S if all(node.state in well for node in nodes) else SUSPECTED_INTERVAL_S
