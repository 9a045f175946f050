"""Who decides among managers: the primaries that own slots, each with the replicas that could take its place.

The lease is granted by primaries: one that takes another's place grants nothing until what that one granted
has run out. Records count for a shard when its primary has them and, if replicas are in sync and answer this
manager, one of them too: so a failover alone does not lose them. Most shards make a majority.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from garrison.cluster.core.manager.manager_settings import FILE_NODE
from garrison.cluster.core.manager.picture import NodeState, Picture

ANSWERING = frozenset({NodeState.OK, NodeState.SLOW, NodeState.SUSPECTED})


@dataclass(frozen=True, slots=True)
class Shard:
    """A primary that owns slots, and its replicas in sync that answer."""

    primary_id: str
    replica_ids: tuple[str, ...] = ()

    def counts(self, has: Callable[[str], bool]) -> bool:
        """Whether what its nodes have promised counts."""
        return has(self.primary_id) and (not self.replica_ids or any(map(has, self.replica_ids)))


@dataclass(frozen=True, slots=True)
class Voters:
    """All shards with slots, and every node that is told besides."""

    shards: tuple[Shard, ...] = ()
    node_ids: tuple[str, ...] = ()

    @property
    def majority(self) -> int:
        return len(self.shards) // 2 + 1

    def agree(self, has: Callable[[str], bool]) -> bool:
        """Whether most shards count; never without any shard."""
        return sum(shard.counts(has) for shard in self.shards) >= self.majority

    def primaries_agree(self, has: Callable[[str], bool]) -> bool:
        """Whether most primaries do, whatever their replicas say."""
        return sum(has(shard.primary_id) for shard in self.shards) >= self.majority

    def primaries_agree_until(self, until_ms: Callable[[str], int]) -> int:
        """How long most primaries do, if each does until then; 0 for never."""
        ends = sorted((until_ms(shard.primary_id) for shard in self.shards), reverse=True)
        return ends[self.majority - 1] if ends else 0

    def with_one_more(self, has: Callable[[str], bool]) -> bool:
        """Whether those primaries that do would also be most with one more that does not."""
        doing = sum(has(shard.primary_id) for shard in self.shards)
        return doing >= (len(self.shards) + 1) // 2 + 1

    def without(self, primary_id: str, has: Callable[[str], bool]) -> bool:
        """Whether those that do are most without this one; also if all others do, as waiting will not help."""
        others = [shard.primary_id for shard in self.shards if shard.primary_id != primary_id]
        doing = sum(map(has, others))
        return doing >= self.majority or doing == len(others)


ALONE = Voters((Shard(FILE_NODE),), (FILE_NODE,))
"""The voters of a manager that keeps its records in a file."""


def voters_of(picture: Picture) -> Voters:
    """Read them off a picture."""
    replicas: dict[str, list[str]] = {}
    for node in picture.nodes:
        if node.role == "replica" and node.primary_id and node.link_up and node.state in ANSWERING:
            replicas.setdefault(node.primary_id, []).append(node.id)
    primaries = (node.id for node in picture.nodes if node.role == "primary" and node.slot_count)
    shards = tuple(Shard(id, tuple(sorted(replicas.get(id, ())))) for id in sorted(primaries))
    return Voters(shards, _sorted_ids(node.id for node in picture.nodes))


def _sorted_ids(ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(ids))
