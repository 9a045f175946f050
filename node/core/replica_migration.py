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
from garrison.node.core.nodes import Node
from garrison.node.core.ownership import Ownership
from garrison.node.core.world import World

ORPHANED_MS_MIN: Final = 5000


class ReplicaMigration:
    """Watches for primaries without replicas, on a node that may itself be the spare."""

    def __init__(self, world: World, ownership: Ownership) -> None:
        self._world = world
        self._ownership = ownership

    def tick(self, manual_under_way: bool) -> None:
        """Note who is orphaned since when, and move if this node is the one to."""
        world = self._world
        for node in world.table:
            if node.votes() and node.flags & fl.MIGRATE_TO and not node.is_failing() and not healthy(node):
                node.orphaned_ms = node.orphaned_ms or world.now_ms
            else:
                node.orphaned_ms = 0
        if world.me.is_replica() and not manual_under_way:
            self._consider()

    def _consider(self) -> None:
        world = self._world
        settings, me = world.settings, world.me
        mine = me.primary
        if not settings.cluster_allow_replica_migration or not world.state_ok or mine is None:
            return
        if len(healthy(mine)) <= settings.cluster_migration_barrier:
            return
        orphans = [n for n in world.table if n.orphaned_ms and world.now_ms - n.orphaned_ms > ORPHANED_MS_MIN]
        givers = [n for n in world.table.primaries() if len(healthy(n)) >= 2]
        if not orphans or not givers:
            return
        most = max(len(healthy(n)) for n in givers)
        if most != len(healthy(mine)):
            return
        movers = [replica for n in givers if len(healthy(n)) == most for replica in healthy(n)]
        target = min(orphans, key=lambda n: n.node_id)
        if min(movers, key=lambda n: n.node_id) is me and target is not mine:
            world.log("notice", f"Migrating to orphaned master {target.name_for_people()}")
            self._ownership.follow(target)


def healthy(primary: Node) -> list[Node]:
    """The replicas of `primary` that are in order."""
    return [node for node in primary.replicas if not node.is_suspect()]
