"""Where a copy of a shard stands best: not on a host of another, then in the emptiest zone."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from garrison.cluster.core.manager.picture import NodePicture, NodeState
from garrison.cluster.core.manager.situation import Shard, Situation, Spare


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node that could become a replica."""

    name: str
    address: str
    host: str
    zone: str
    spare: Spare | None = None
    donor: Shard | None = None
    """The shard that it is a surplus replica of."""


def of_spare(spare: Spare) -> Candidate:
    return Candidate(spare.name, spare.address, spare.host, spare.zone, spare=spare)


def of_surplus(node: NodePicture, donor: Shard, situation: Situation) -> Candidate:
    return Candidate(node.id, node.address, situation.host_of(node), situation.zone_of(node), donor=donor)


def crowding(host: str, zone: str, others: Iterable[NodePicture], situation: Situation) -> tuple[int, int]:
    """How many of `others` share the host, and how many the zone; (0, 0) is the best place."""
    listed = [node for node in others if node.state is not NodeState.FAILED]
    hosts = Counter(situation.host_of(node) for node in listed)
    zones = Counter(situation.zone_of(node) for node in listed)
    return hosts[host], zones[zone] if zone else 0


def best(
    candidates: Iterable[Candidate], others: Iterable[NodePicture], situation: Situation
) -> Candidate | None:
    """The candidate that stands best beside `others`: spares before surplus, members before strangers."""
    listed = list(others)
    return min(
        candidates,
        key=lambda each: (
            *crowding(each.host, each.zone, listed, situation),
            each.donor is not None,
            each.spare is not None and not each.spare.is_member,
            each.address,
        ),
        default=None,
    )
