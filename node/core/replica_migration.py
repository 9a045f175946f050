"""Replica migration: a spare replica moves to a primary that has lost all of its own.

BACKGROUND. A primary without a replica is one failure away from losing its slots, while another
may have several. The nodes agree on who moves without talking: all compute the same choice.

INVARIANTS.
- The primary that gives keeps at least `cluster-migration-barrier` healthy replicas.
- Only a primary with slots that had replicas before (MIGRATE_TO) receives one, and only after it
  has been without for ORPHANED_MS_MIN, so that a replica that is just restarting is not replaced.

BEHAVIOUR. The mover is the smallest id among the replicas of the primaries with most healthy ones.
"""

from __future__ import annotations

from typing import Final

from garrison.node.core import flags as fl
from garrison.node.core.context import Context
from garrison.node.core.nodes import Node
from garrison.node.core.ownership import Ownership

ORPHANED_MS_MIN: Final = 5000


class ReplicaMigration:
    """Watches for primaries without replicas, on a node that may itself be the spare."""

    def __init__(self, context: Context, ownership: Ownership) -> None:
        self._context = context
        self._ownership = ownership

    def tick(self, manual_under_way: bool) -> None:
        """Note which primaries are orphaned since when; migrate if this node is the chosen one."""
        context = self._context
        for node in context.table:
            if node.votes() and node.flags & fl.MIGRATE_TO and not node.is_failing() and not healthy(node):
                node.orphaned_ms = node.orphaned_ms or context.now_ms
            else:
                node.orphaned_ms = 0
        if context.me.is_replica() and not manual_under_way:
            self._consider()

    def _consider(self) -> None:
        context = self._context
        settings, me = context.settings, context.me
        mine = me.primary
        if not settings.cluster_allow_replica_migration or not context.state_ok or mine is None:
            return
        if len(healthy(mine)) <= settings.cluster_migration_barrier:
            return
        orphans = [
            n for n in context.table if n.orphaned_ms and context.now_ms - n.orphaned_ms > ORPHANED_MS_MIN
        ]
        givers = [n for n in context.table.primaries() if len(healthy(n)) >= 2]
        if not orphans or not givers:
            return
        most = max(len(healthy(n)) for n in givers)
        if most != len(healthy(mine)):
            return
        movers = [replica for n in givers if len(healthy(n)) == most for replica in healthy(n)]
        target = min(orphans, key=lambda n: n.node_id)
        if min(movers, key=lambda n: n.node_id) is me and target is not mine:
            context.log("notice", f"Migrating to orphaned master {target.name_for_people()}")
            self._ownership.follow(target)


def healthy(primary: Node) -> list[Node]:
    """The replicas of `primary` that are in order."""
    return [node for node in primary.replicas if not node.is_suspect()]
