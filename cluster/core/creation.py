"""Plan a new cluster: who is primary, who replicates whom, who owns which slots.

The wish is *anti-affinity*: the members of a shard on different hosts, so that one lost host takes at
most one member of each shard, and the primaries spread evenly, so that it starts few elections.

Dealing does it: lay the nodes out host by host and deal them to the S shards in turn, as cards. The
c nodes of one host lie side by side, so no shard gets more than ceil(c / S) of them, and no plan can
do better. Each shard then takes as primary a member on the host with the fewest primaries so far.
With a single host this gives what people expect: the first addresses are the primaries.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from garrison.cluster.core.ranges import SLOT_COUNT, Range
from garrison.cluster.core.topology import Address

PRIMARIES_MIN = 3
"""With fewer voting primaries no majority survives the loss of one."""


class PlanError(ValueError):
    """The request cannot be planned; the message says why and what is possible."""


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """One primary with its slots and its replicas."""

    primary: Address
    slots: Range
    replicas: tuple[Address, ...]

    @property
    def members(self) -> tuple[Address, ...]:
        return (self.primary, *self.replicas)


@dataclass(frozen=True, slots=True)
class CreationPlan:
    shards: tuple[ShardPlan, ...]

    @property
    def addresses(self) -> tuple[Address, ...]:
        """All nodes, primaries first."""
        return tuple(s.primary for s in self.shards) + tuple(r for s in self.shards for r in s.replicas)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Shards that one lost host would hit twice."""
        if len({address.host for address in self.addresses}) == 1:
            return ("all nodes are on one host; with it the whole cluster is lost",)
        found = []
        for shard in self.shards:
            host, count = Counter(member.host for member in shard.members).most_common(1)[0]
            if count > 1:
                found.append(f"{count} members of the shard of {shard.primary} are on host {host}")
        return tuple(found)


def plan_creation(nodes: Sequence[Address], replicas: int) -> CreationPlan:
    """Plan a cluster of ``nodes`` with ``replicas`` replicas for each primary.

    Nodes that are left over become further replicas. PlanError if the nodes do not suffice.
    """
    _demand_enough(nodes, replicas)
    shard_count = len(nodes) // (replicas + 1)
    hands: list[list[Address]] = [[] for _ in range(shard_count)]
    for index, node in enumerate(_host_by_host(nodes)):
        hands[index % shard_count].append(node)
    primaries = _choose_primaries(hands)
    return CreationPlan(
        tuple(
            ShardPlan(primary, slots, tuple(node for node in hand if node != primary))
            for hand, primary, slots in zip(hands, primaries, equal_ranges(shard_count), strict=True)
        )
    )


def equal_ranges(count: int) -> list[Range]:
    """Cut the slots into ``count`` adjacent ranges whose sizes differ by one at most."""
    edges = [round(index * SLOT_COUNT / count) for index in range(count + 1)]
    return [(first, after - 1) for first, after in pairwise(edges)]


def _demand_enough(nodes: Sequence[Address], replicas: int) -> None:
    twice = [str(address) for address, count in Counter(nodes).items() if count > 1]
    if twice:
        raise PlanError(f"{', '.join(twice)} is named more than once; name each node once")
    if replicas < 0:
        raise PlanError(f"--replicas is {replicas}; it must be 0 or more")
    needed = PRIMARIES_MIN * (replicas + 1)
    if len(nodes) < needed:
        raise PlanError(
            f"{len(nodes)} nodes with {replicas} replicas each make {len(nodes) // (replicas + 1)} "
            f"primaries, and a cluster needs {PRIMARIES_MIN}: give {needed} nodes or fewer --replicas"
        )


def _host_by_host(nodes: Sequence[Address]) -> list[Address]:
    """Hosts in the order of their first node, each host's nodes in the order given."""
    hosts = {host: rank for rank, host in enumerate(dict.fromkeys(node.host for node in nodes))}
    return sorted(nodes, key=lambda node: hosts[node.host])


def _choose_primaries(hands: Sequence[Sequence[Address]]) -> list[Address]:
    load: Counter[str] = Counter()
    chosen = []
    for hand in hands:
        primary = min(hand, key=lambda node: load[node.host])
        load[primary.host] += 1
        chosen.append(primary)
    return chosen
