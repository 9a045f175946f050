"""The interface of slot migration: who carries out the moves of a reshard plan.

:mod:`.key_by_key` implements it with the protocol that every Redis speaks. Another protocol is one more class
with these methods; the commands in :mod:`.reshard` know this interface only.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from garrison.cluster.core.cluster_state import ClusterState
from garrison.cluster.core.reshard_plan import Move
from garrison.cluster.core.topology import Address
from garrison.cluster.manager.progress import Meter


class SlotMigration(Protocol):
    """Gives slots to other primaries while clients use them.

    ``addresses`` names every primary that answers, by id. ``meter`` counts what has moved so far.
    """

    addresses: Mapping[str, Address]
    meter: Meter

    async def finish_open(self, state: ClusterState, note: Callable[[str], None]) -> ClusterState:
        """Finish slots that an earlier run left open; return the new state if there were any."""
        ...

    async def run(self, moves: Sequence[Move]) -> int:
        """Carry out the moves; return how many slots remain because of a stop request.

        Raises ManagerError. However it ends, every key is reachable and a later run can finish.
        """
        ...
