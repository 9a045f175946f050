"""A picture beside a desired state, arranged for planning: who is where, who copies whom, who is free.

Everything here is a lookup that planners need many times over; nothing here decides. Shards are made from
what nodes say about themselves, so that a picture with an old list of shards does no harm.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from garrison.cluster.core.manager.desired import DesiredState, NodeWish
from garrison.cluster.core.manager.jobs import Job, Records, Step
from garrison.cluster.core.manager.observations import Observations
from garrison.cluster.core.manager.picture import NodePicture, NodeState, Picture
from garrison.cluster.core.ranges import parse_ranges, to_slots

ID_LETTERS_MIN = 4
"""How much of an id names a node, as in the commands of `garrison cluster`."""
NO_WISH = NodeWish()


@dataclass(frozen=True)
class Shard:
    """A primary with slots or replicas, and its replicas."""

    primary: NodePicture
    replicas: tuple[NodePicture, ...]

    @property
    def id(self) -> str:
        return self.primary.id

    @cached_property
    def live(self) -> tuple[NodePicture, ...]:
        """The replicas that are in sync: each is a copy that could take over now."""
        return tuple(node for node in self.replicas if is_live(node))

    @cached_property
    def copies(self) -> int:
        """How many nodes have the data of this shard."""
        return len(self.live) + (self.primary.state is not NodeState.FAILED)

    @property
    def members(self) -> tuple[NodePicture, ...]:
        return (self.primary, *self.replicas)

    @cached_property
    def slots(self) -> tuple[int, ...]:
        return slots_of(self.primary)


@dataclass(frozen=True, slots=True)
class Spare:
    """A node that holds no data and may be taken."""

    name: str
    """Its id when it is a member of the cluster already, else host:port; arguments of steps take both."""
    address: str
    host: str
    zone: str
    is_member: bool


def is_live(node: NodePicture) -> bool:
    """Whether a replica is in sync, as far as is known."""
    return node.state in (NodeState.OK, NodeState.SLOW) and node.link_up is not False


def slots_of(node: NodePicture) -> tuple[int, ...]:
    """The slots of a node; none when what it says cannot be read (`certainty` says so)."""
    return _slots_of(node.slots)


@lru_cache(maxsize=4_096)
def _slots_of(text: str) -> tuple[int, ...]:
    """Pictures come each second, and ranges seldom change."""
    try:
        return tuple(to_slots(parse_ranges(text))) if text else ()
    except ValueError:
        return ()


def host_part(address: str) -> str:
    """``10.0.0.1`` of ``10.0.0.1:7001``, ``::1`` of ``[::1]:7001``."""
    return address.rpartition(":")[0].strip("[]")


class Names:
    """Finds nodes by what people call them: id, unambiguous start of one, host:port, hostname:port."""

    def __init__(self, picture: Picture) -> None:
        self._exact: dict[str, list[NodePicture]] = {}
        for node in picture.nodes:
            port = node.address.rpartition(":")[2]
            hostname = f"{node.hostname}:{port}" if node.hostname else ""
            for name in {node.id, node.address, hostname} - {""}:
                self._exact.setdefault(name, []).append(node)
        self._by_id = sorted(picture.nodes, key=lambda node: node.id)
        self._ids = [node.id for node in self._by_id]

    def matches(self, name: str) -> list[NodePicture]:
        """All nodes that `name` can mean; a name is good when it is exactly one."""
        exact = self._exact.get(name)
        if exact is not None:
            return exact
        if len(name) < ID_LETTERS_MIN:
            return []
        found = []
        for node in self._by_id[bisect_left(self._ids, name) :]:
            if not node.id.startswith(name):
                break
            found.append(node)
        return found

    def one(self, name: str) -> NodePicture | None:
        """The one node of that name."""
        found = self.matches(name)
        return found[0] if len(found) == 1 else None


@dataclass(frozen=True)
class Situation:
    """Everything that planners decide by; immutable."""

    desired: DesiredState
    picture: Picture
    records: Records
    observations: Observations
    now_ms: int
    names: Names = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", Names(self.picture))

    @cached_property
    def nodes(self) -> Mapping[str, NodePicture]:
        return {node.id: node for node in self.picture.nodes}

    @cached_property
    def shards(self) -> Mapping[str, Shard]:
        """Shards by the id of their primary, in the order of addresses; idle and dead nodes are in none."""
        replicas: dict[str, list[NodePicture]] = {}
        for node in self.picture.nodes:
            if node.role == "replica" and node.primary_id:
                replicas.setdefault(node.primary_id, []).append(node)
        found = [
            Shard(node, tuple(sorted(replicas.get(node.id, ()), key=order)))
            for node in sorted(self.picture.nodes, key=order)
            if node.role == "primary" and (node.slots or node.id in replicas)
        ]
        return {shard.id: shard for shard in found}

    @cached_property
    def serving(self) -> tuple[Shard, ...]:
        """The shards that own slots."""
        return tuple(shard for shard in self.shards.values() if shard.slots)

    @cached_property
    def idle(self) -> tuple[NodePicture, ...]:
        """Members of the cluster that are well, own nothing, copy nobody and are copied by nobody."""
        return tuple(
            node
            for node in sorted(self.picture.nodes, key=order)
            if node.role == "primary"
            and not node.slots
            and node.id not in self.shards
            and node.state is NodeState.OK
        )

    @cached_property
    def dead(self) -> tuple[NodePicture, ...]:
        """Members that the cluster has declared failed and that own nothing."""
        return tuple(
            node
            for node in sorted(self.picture.nodes, key=order)
            if node.state is NodeState.FAILED and not node.slots
        )

    @cached_property
    def _wishes(self) -> Mapping[str, NodeWish]:
        found = {}
        for name, wish in self.desired.nodes.items():
            node = self.names.one(name)
            found[node.id if node else name] = wish
        return found

    def wish_of(self, node: NodePicture) -> NodeWish:
        """What is wanted of a node; the defaults when nothing is."""
        return self._wishes.get(node.id, NO_WISH)

    def wish_of_name(self, name: str) -> NodeWish:
        """What is wanted of a node that is named by id, or of a spare by its address."""
        return self._wishes.get(name, NO_WISH)

    def host_of(self, node: NodePicture) -> str:
        """The machine on which it stands, as far as is known."""
        return self.wish_of(node).host or node.host or host_part(node.address)

    def zone_of(self, node: NodePicture) -> str:
        return self.wish_of(node).zone or node.zone

    @cached_property
    def zones(self) -> frozenset[str]:
        """The zones of the desired state, else all that nodes stand in."""
        found = self.desired.zones or map(self.zone_of, self.picture.nodes)
        return frozenset(found) - {""}

    @cached_property
    def spares(self) -> tuple[Spare, ...]:
        """Idle nodes that may be taken: members that own nothing first, then those of `spares`.

        A member that nobody lists is free only where `shards` says how many primaries there shall be:
        otherwise it may be somebody's who is about to give it slots.
        """
        listed = set(self.desired.spares)
        unusable = {spare.address for spare in self.picture.spares if not spare.usable}
        found = [
            Spare(node.id, node.address, self.host_of(node), self.zone_of(node), True)
            for node in self.idle
            if (node.address in listed or self.desired.shards is not None) and not self.wish_of(node).drain
        ]
        for address in dict.fromkeys(self.desired.spares):
            if self.names.matches(address) or address in unusable:
                continue
            wish = self._wishes.get(address, NO_WISH)
            if not wish.drain:
                found.append(Spare(address, address, wish.host or host_part(address), wish.zone or "", False))
        return tuple(found)

    @cached_property
    def used_spares(self) -> tuple[str, ...]:
        """Those of `spares` that own slots or are replicas: a spare that was taken may stay listed."""
        found = ((address, self.names.one(address)) for address in dict.fromkeys(self.desired.spares))
        return tuple(address for address, node in found if node and (node.slots or node.role == "replica"))

    def wanted_replicas(self, shard: Shard) -> int:
        """How many replicas a shard shall have: what is asked for, else as many as it has, dead or alive."""
        asked = self.desired.replicas_per_shard
        return len(shard.replicas) if asked is None else asked

    def surplus(self, shard: Shard) -> int:
        """How many replicas in sync it has beyond what is asked for; none where nothing is asked for."""
        asked = self.desired.replicas_per_shard
        return 0 if asked is None else max(len(shard.live) - asked, 0)

    @cached_property
    def open_jobs(self) -> tuple[Job, ...]:
        return tuple(job for job in self.records.jobs if not job.state.has_ended)

    def shards_of_job(self, job: Job) -> Iterator[str]:
        """The shards that a job touches, by the nodes that its steps name."""
        names = {job.subject}
        for step in job.steps:
            names |= names_in(step)
        for name in names:
            node = self.names.one(name)
            if node is not None:
                yield node.primary_id if node.role == "replica" and node.primary_id else node.id

    @property
    def entry(self) -> str:
        """The address of a node that a command line may ask."""
        return next((shard.primary.address for shard in self.serving), "HOST:PORT")


def names_in(step: Step) -> set[str]:
    """The nodes that a step names."""
    words = ("source", "target", "node", "primary", "from", "address")
    return {step.arguments[word] for word in words if word in step.arguments}


def order(node: NodePicture) -> tuple[str, int, str]:
    """A stable order for people: by host, port as a number, id."""
    host, _, port = node.address.rpartition(":")
    return host, int(port) if port.isdecimal() else 0, node.id
