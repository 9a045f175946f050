"""Where a copy of a shard stands best: not on a host of another, then in the emptiest zone."""

from collections.abc import Iterable
from dataclasses import dataclass

from garrison.cluster.core.manager.picture import NodePicture, NodeState
from garrison.cluster.core.manager.situation import Shard, Situation, Spare

Place = tuple[str, str]
"""A host and a zone; either empty when it is not known."""


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

    @property
    def place(self) -> Place:
        return self.host, self.zone


def of_spare(spare: Spare) -> Candidate:
    return Candidate(spare.name, spare.address, spare.host, spare.zone, spare=spare)


def of_surplus(node: NodePicture, donor: Shard, situation: Situation) -> Candidate:
    return Candidate(node.id, node.address, situation.host_of(node), situation.zone_of(node), donor=donor)


def place_of(node: NodePicture, situation: Situation) -> Place:
    return situation.host_of(node), situation.zone_of(node)


def places(nodes: Iterable[NodePicture], situation: Situation) -> list[Place]:
    """Where nodes stand; those that have failed stand nowhere."""
    return [place_of(node, situation) for node in nodes if node.state is not NodeState.FAILED]


def crowding(place: Place, others: Iterable[Place]) -> tuple[int, int]:
    """How many of `others` share the host, and how many the zone; (0, 0) is the best place."""
    listed = list(others)
    host, zone = place
    return sum(other[0] == host for other in listed), sum(bool(zone) and other[1] == zone for other in listed)


def best(candidates: Iterable[Candidate], others: Iterable[Place]) -> Candidate | None:
    """The candidate that stands best beside `others`: spares before surplus, members before strangers."""
    listed = list(others)
    return min(
        candidates,
        key=lambda each: (
            *crowding(each.place, listed),
            each.donor is not None,
            each.spare is not None and not each.spare.is_member,
            each.address,
        ),
        default=None,
    )
