"""Draw the picture of a cluster from what its nodes said, each at its own moment.

BACKGROUND  Nodes are asked at different times and answer late or not at all. Each has its own table, and
            after a failover some tables are older than others for a second.
INVARIANTS  Who owns a slot is settled as the nodes settle it (:mod:`garrison.cluster.core.cluster_state`): by
            the greatest configuration epoch among those that claim it for themselves. What changed hands
            between two replies is nobody's for a moment only by appearance, and
            :mod:`garrison.cluster.core.manager.handed_over` knows whose it is. The table of a node that does
            not answer counts as hearsay of others only. When no node answers, what they said last is shown:
            a manager that is cut off knows of no change. A node is `failed` when more than half
            of the primaries that were heard say so, so that one node that lies condemns nobody.
BEHAVIOUR   A pure function: what was heard, the wishes and the time in; a :class:`Picture` out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from heapq import merge
from itertools import islice

from garrison.cluster.core.cluster_state import ClusterState
from garrison.cluster.core.manager.desired import DesiredState, NodeWish
from garrison.cluster.core.manager.handed_over import Told, with_handed_over
from garrison.cluster.core.manager.node_figures import Sample, slot_cost
from garrison.cluster.core.manager.picture import (
    Event,
    NodeLoad,
    NodePicture,
    NodeState,
    OpenSlotPicture,
    Picture,
    ShardPicture,
    SlotLoad,
    SlowCommand,
)
from garrison.cluster.core.ranges import Range, format_slots, to_slots
from garrison.cluster.core.topology import Address, Node, View

SLOW_ANSWER_MS_MIN = 500.0
"""Beyond this an answer is late, and its figures are shown as such."""
SILENT_AFTER_MS = 2_000
"""Without an answer for so long, a node is silent; a single late answer is not silence."""
TABLE_AGE_MS_MAX = 3_000
"""Older tables are not compared with others."""
OPEN_SLOT_MS_MIN = 5_000
"""A migration that goes on opens and closes slots in less."""
SLOT_LOADS_MAX = 1_024
SLOW_COMMANDS_MAX = 200
PROBLEMS_MAX = 20
SLOT_SETS_KEPT_MAX = 1_024
NO_WISH = NodeWish()


@dataclass(frozen=True)
class Heard:
    """What one node said last, and when. Times are Unix milliseconds."""

    view: View | None = None
    view_at_ms: int = 0
    view_asked_ms: int = 0
    owners_since_ms: int = 0
    """When the first of the tables came that name the same owners as `view`."""
    marks_since_ms: Mapping[int, int] = field(default_factory=dict)
    """Open slot -> when the first of the tables came that have its mark; 0 for the first table of all."""
    sample: Sample | None = None
    load: NodeLoad = field(default_factory=NodeLoad)
    as_of_ms: int = 0
    answered_in_ms: float | None = None
    silent_since_ms: int | None = None
    """When the first question went out that was not answered; None while it answers."""
    error: str = ""
    slot_loads: tuple[SlotLoad, ...] = ()
    """The costliest first."""
    slow_commands: tuple[SlowCommand, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    settings_unknown: tuple[str, ...] = ()
    settings_as_of_ms: int = 0


NOTHING_HEARD = Heard()


@dataclass(frozen=True)
class Surroundings:
    """What is in a picture beside nodes."""

    desired: DesiredState = field(default_factory=DesiredState)
    events: tuple[Event, ...] = ()
    problems: tuple[str, ...] = ()
    disagreements: tuple[str, ...] = ()


def disputed_slots(heard: Mapping[str, Heard], now_ms: int) -> dict[int, tuple[Address, Address]]:
    """Slot -> two nodes whose tables are new and name different owners; gossip settles most of it."""
    fresh = [
        each.view
        for each in heard.values()
        if each.view is not None and now_ms - each.view_at_ms <= TABLE_AGE_MS_MAX
    ]
    disputed: dict[int, tuple[Address, Address]] = {}
    for view in {view.signature: view for view in reversed(fresh)}.values():
        first, other = set(fresh[0].signature), set(view.signature)
        for slot, _ in _owned(first - other) ^ _owned(other - first):
            disputed.setdefault(slot, (fresh[0].myself.address, view.myself.address))
    return disputed


def _owned(lines: Iterable[tuple[str, tuple[Range, ...]]]) -> set[tuple[int, str]]:
    return {(slot, node_id) for node_id, ranges in lines for slot in to_slots(ranges)}


def draw_cluster(
    heard: Mapping[str, Heard], now_ms: int, around: Surroundings, extra_views: Iterable[View] = ()
) -> Picture:
    """Draw the cluster. `heard` is by node id; the nodes that only others speak of are in it too."""
    known = {node_id: each.view for node_id, each in heard.items() if each.view is not None}
    told = {
        node_id: Told(view, heard[node_id].view_asked_ms, heard[node_id].owners_since_ms)
        for node_id, view in known.items()
        if not is_silent(heard[node_id], now_ms)
    }
    views = with_handed_over(told)
    state = ClusterState(views or known or {view.my_id: view for view in extra_views})
    judged = _judgements(state)
    nodes = [
        _draw_node(
            state, node, heard.get(node.id, NOTHING_HEARD), judged.get(node.id, ""), now_ms, around.desired
        )
        for node in state.nodes.values()
        if not node.in_handshake
    ]
    loads = merge(*(each.slot_loads for each in heard.values()), key=slot_cost, reverse=True)
    owning = [node for node in nodes if node.slot_count]
    answering = sum(node.state not in (NodeState.SILENT, NodeState.FAILED) for node in owning)
    return Picture(
        kind="cluster",
        name=around.desired.name,
        at_ms=now_ms,
        nodes=tuple(nodes),
        shards=_draw_shards(nodes),
        slots_covered=_covered(state, nodes),
        open_slots=_open_slots(state, heard),
        slot_load=tuple(islice(loads, SLOT_LOADS_MAX)),
        events=around.events,
        slow_commands=newest_slow_commands(heard.values()),
        disagreements=around.disagreements,
        majority_answers=answering * 2 > len(owning) if owning else bool(nodes),
        problems=(*around.problems, *refused_figures(heard, nodes))[:PROBLEMS_MAX],
    )


def is_silent(heard: Heard, now_ms: int) -> bool:
    """Whether it has not answered for long, also where the clock was set back meanwhile."""
    since_ms = heard.silent_since_ms
    return since_ms is not None and abs(now_ms - since_ms) >= SILENT_AFTER_MS


def newest_slow_commands(heard: Iterable[Heard]) -> tuple[SlowCommand, ...]:
    entries = sorted((entry for each in heard for entry in each.slow_commands), key=lambda e: -e.at_ms)
    return tuple(entries[:SLOW_COMMANDS_MAX])


def refused_figures(heard: Mapping[str, Heard], nodes: Sequence[NodePicture]) -> tuple[str, ...]:
    """What nodes say about themselves that cannot be true."""
    found = []
    for node in nodes:
        sample = heard.get(node.id, NOTHING_HEARD).sample
        if sample is not None and sample.problems:
            found.append(
                f"{node.address} reports what cannot be true, which is passed over: "
                f"{'; '.join(sample.problems)}"
            )
    return tuple(found)


def node_state(heard: Heard, judged: str, now_ms: int) -> tuple[NodeState, str]:
    """The worst that is known of a node, and one sentence about it."""
    sample = heard.sample
    if judged == "failed":
        return NodeState.FAILED, "most primaries have declared it failed"
    if sample is not None and sample.has_lost_data:
        return NodeState.DATA_LOST, "it owns slots whose data it does not have"
    if is_silent(heard, now_ms):
        return NodeState.SILENT, heard.error or "it does not answer this manager"
    if judged == "suspected":
        return NodeState.SUSPECTED, "some node does not hear it"
    if heard.silent_since_ms is not None:
        return NodeState.SUSPECTED, heard.error or "its last answer is overdue"
    if sample is not None and sample.is_loading:
        return NodeState.LOADING, "it reads its data"
    if heard.answered_in_ms is not None and heard.answered_in_ms > SLOW_ANSWER_MS_MIN:
        return NodeState.SLOW, f"it took {heard.answered_in_ms:.0f} ms to answer"
    return NodeState.OK, ""


def wish_for(desired: DesiredState, node_id: str, address: str) -> NodeWish:
    """What the desired state says of this node: by id, the start of one, or address."""
    found = desired.nodes.get(node_id) or desired.nodes.get(address)
    if found is None:
        found = next(
            (wish for name, wish in desired.nodes.items() if len(name) >= 4 and node_id.startswith(name)),
            None,
        )
    return found or NO_WISH


def _draw_node(
    state: ClusterState, node: Node, heard: Heard, judged: str, now_ms: int, desired: DesiredState
) -> NodePicture:
    sample = heard.sample
    condition, why = node_state(heard, judged, now_ms)
    owned = state.slots_of.get(node.id, frozenset()) if node.is_primary else frozenset()
    wish = wish_for(desired, node.id, str(node.address))
    return NodePicture(
        id=node.id,
        address=str(node.address),
        hostname=node.hostname,
        role="primary" if node.is_primary else "replica",
        primary_id=node.primary_id,
        state=condition,
        why=why,
        host=wish.host or node.hostname or node.address.host,
        zone=wish.zone or (sample.fields.get("availability_zone", "") if sample else ""),
        slots=_slots_text(owned),
        slot_count=len(owned),
        keys=sample.keys if sample else None,
        version=sample.version if sample else "",
        server=sample.server if sample else "",
        link_up=None if node.is_primary or sample is None else sample.link_up,
        run_id=sample.run_id if sample else "",
        uptime_s=sample.number("uptime_in_seconds") if sample else None,
        last_save_age_s=sample.last_save_age_s if sample else None,
        settings=dict(heard.settings),
        settings_unknown=heard.settings_unknown,
        settings_as_of_ms=heard.settings_as_of_ms,
        load=heard.load,
        as_of_ms=heard.as_of_ms,
        answered_in_ms=heard.answered_in_ms,
    )


@lru_cache(SLOT_SETS_KEPT_MAX)
def _slots_text(slots: frozenset[int]) -> str:
    """As text; an observer asks a thousand times before it changes."""
    return format_slots(slots)


def _judgements(state: ClusterState) -> dict[str, str]:
    """Node -> `failed` or `suspected`, by the votes of the primaries that were heard."""
    voters = [view for view in state.views.values() if view.myself.is_primary and view.myself.ranges]
    voters = voters or list(state.views.values())
    judged: dict[str, str] = {}
    for node_id in {node.id for view in voters for node in view.failing if node.id != view.my_id}:
        lines = [view.nodes[node_id] for view in voters if node_id in view.nodes and view.my_id != node_id]
        failed = sum("fail" in line.flags for line in lines)
        judged[node_id] = "failed" if failed * 2 > len(lines) else "suspected"
    return judged


def _draw_shards(nodes: Sequence[NodePicture]) -> tuple[ShardPicture, ...]:
    shards = []
    replicas_of: dict[str, list[str]] = {}
    for node in nodes:
        if node.primary_id:
            replicas_of.setdefault(node.primary_id, []).append(node.id)
    for node in nodes:
        if node.role == "primary":
            replicas = tuple(replicas_of.get(node.id, ()))
            if node.slot_count or replicas or node.state is not NodeState.FAILED:
                shards.append(
                    ShardPicture(
                        id=node.id,
                        replica_ids=replicas,
                        slots=node.slots,
                        slot_count=node.slot_count,
                        keys=node.keys,
                        memory_bytes=node.load.memory_bytes,
                        ops_per_s=node.load.ops_per_s,
                        cpu_fraction=node.load.cpu_fraction,
                    )
                )
    return tuple(shards)


def _covered(state: ClusterState, nodes: Sequence[NodePicture]) -> int:
    """Slots whose owner serves: neither failed nor without its data."""
    down = {node.id for node in nodes if node.state in (NodeState.FAILED, NodeState.DATA_LOST)}
    return sum(len(slots) for owner, slots in state.slots_of.items() if owner not in down)


def _open_slots(state: ClusterState, heard: Mapping[str, Heard]) -> tuple[OpenSlotPicture, ...]:
    found = []
    for each in state.open_slots:
        source = next(iter(each.migrating), "") or next(iter(each.importing.values()), "")
        target = next(iter(each.importing), "") or next(iter(each.migrating.values()), "")
        marked = (heard.get(node_id, NOTHING_HEARD) for node_id in (*each.migrating, *each.importing))
        lasts = any(_lasts(node, each.slot) for node in marked)
        found.append(OpenSlotPicture(slot=each.slot, source=source, target=target, lasts=lasts))
    return tuple(found)


def _lasts(heard: Heard, slot: int) -> bool:
    since_ms = heard.marks_since_ms.get(slot, 0)
    return not since_ms or heard.view_at_ms - since_ms >= OPEN_SLOT_MS_MIN


def with_table(heard: Heard, view: View, asked_ms: int, now_ms: int) -> Heard:
    """`heard` after a table that was asked for at `asked_ms`."""
    is_news = heard.view is None or heard.view.signature != view.signature
    since_ms = now_ms if is_news else heard.owners_since_ms
    open_slots = view.myself.migrating.keys() | view.myself.importing.keys()
    first_seen_ms = 0 if heard.view is None else now_ms
    return replace(
        heard,
        view=view,
        view_at_ms=now_ms,
        view_asked_ms=asked_ms,
        owners_since_ms=since_ms,
        marks_since_ms={slot: heard.marks_since_ms.get(slot, first_seen_ms) for slot in open_slots},
    )


def with_answer(heard: Heard, asked_ms: int, took_ms: float) -> Heard:
    """`heard` after an answer. It counts from the question: what happened since it may not show."""
    return replace(heard, as_of_ms=asked_ms, answered_in_ms=took_ms, silent_since_ms=None, error="")


def without_answer(heard: Heard, asked_ms: int, error: str) -> Heard:
    """`heard` after a question that nobody answered."""
    since = heard.silent_since_ms if heard.silent_since_ms is not None else asked_ms
    return replace(heard, silent_since_ms=since, error=error)
