"""The cluster state (ok or fail) and the slot table that the engine routes by.

BACKGROUND. The state says whether this node takes commands at all; the lease (see there) whether a
primary may acknowledge writes.

INVARIANTS.
- The state is fail while a slot has no owner or its owner has failed (unless full coverage is not
  required), and always while fewer than a majority of the voting primaries are reachable.
- An owner that has started without the data of its slots serves nothing (see data_set).
- A primary that was in the minority, or has just started, waits before it serves again, so that it
  learns first what was decided without it.

BEHAVIOUR. `update` is called once per step; whatever changes the answer has asked for it.
"""

from __future__ import annotations

from typing import Final

from garrison.node.border import ClusterState, Endpoint, SlotTable
from garrison.node.core import slots as sl
from garrison.node.core.context import Context
from garrison.node.core.nodes import NEVER_MS, Node

REJOIN_DELAY_MS_MAX: Final = 5000
REJOIN_DELAY_MS_MIN: Final = 500
START_DELAY_MS: Final = 2000
NOBODY: Final = b"\xff\xff"


class Serving:
    """Keeps `context.state_ok` and builds slot tables."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._minority_ms = NEVER_MS
        self._fresh = True
        """Whether this node began without configured slots, so that no data can be missing."""

    def restarted(self) -> None:
        """The node came up with slots from its file: others may have moved on."""
        self._fresh = False

    def update(self) -> None:
        """Compute the state anew, with the delays for a primary that returns."""
        context = self._context
        ok, in_minority = self._judge()
        if in_minority:
            self._minority_ms = context.majority_since_ms = context.now_ms
        if ok == context.state_ok:
            return
        if ok and context.me.is_primary() and self._must_wait():
            return
        context.state_ok = ok
        context.log("notice", f"Cluster state changed: {'ok' if ok else 'fail'}")
        context.route_due = True

    def _must_wait(self) -> bool:
        context = self._context
        if not self._fresh and context.now_ms - context.started_ms < START_DELAY_MS:
            return True
        delay = min(max(context.timeout_ms, REJOIN_DELAY_MS_MIN), REJOIN_DELAY_MS_MAX)
        return context.now_ms - self._minority_ms < delay

    def _judge(self) -> tuple[bool, bool]:
        """(the state without delays, whether the reachable voting primaries are a minority)"""
        context = self._context
        table = context.table
        ok = True
        if context.settings.cluster_require_full_coverage:
            covered = sl.NO_SLOTS
            for node in table:
                if node.slots and not node.is_failing():
                    covered |= node.slots
            ok = covered == sl.ALL_SLOTS
        if context.data.is_withheld and context.me.slots:
            ok = False
        voters = table.voters()
        reachable = sum(1 for node in voters if not node.is_suspect())
        in_minority = bool(voters) and reachable < table.majority()
        return ok and not in_minority, in_minority

    def table(self) -> SlotTable:
        """The slot table of this moment."""
        context = self._context
        nodes = [node for node in context.table if not node.in_handshake()]
        index = {node: at for at, node in enumerate(nodes)}
        owners = bytearray(NOBODY * sl.SLOT_COUNT)
        for node, at in index.items():
            entry = at.to_bytes(2, "little")
            for first, last in sl.ranges(node.slots):
                owners[2 * first : 2 * last + 2] = entry * (last - first + 1)
        me, settings = context.me, context.settings
        serving = me.primary if me.is_replica() and me.primary is not None else me
        return SlotTable(
            bytes(owners),
            tuple(Endpoint(self.host(n), n.port, _copies_wanted(n)) for n in nodes),
            index[me],
            index.get(serving, index[me]),
            self._cluster_state(),
            {slot: index[node] for slot, node in context.table.migrating.items() if node in index},
            {slot: index[node] for slot, node in context.table.importing.items() if node in index},
            settings.cluster_allow_pubsubshard_when_down,
            not context.data.is_withheld,
        )

    def _cluster_state(self) -> ClusterState:
        if self._context.state_ok:
            return ClusterState.OK
        reads = self._context.settings.cluster_allow_reads_when_down
        return ClusterState.READS_ONLY if reads else ClusterState.DOWN

    def host(self, node: Node) -> str:
        """The address of `node` announced to clients, by cluster-preferred-endpoint-type."""
        preferred = self._context.settings.cluster_preferred_endpoint_type
        if preferred == "ip":
            return node.ip
        if preferred == "hostname":
            return node.hostname or "?"
        return ""


def _copies_wanted(node: Node) -> int:
    """How many replicas of `node` must have a key that moves to it: all but the failed ones, and one at
    least."""
    return max(sum(1 for replica in node.replicas if not replica.is_failing()), min(1, len(node.replicas)))
