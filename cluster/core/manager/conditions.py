"""Since when something holds: the memory that a planner has, fed with one picture after the other.

BACKGROUND  A picture is one moment. Whether a replica has been failed for a minute, or a shard beyond a limit
            for ten seconds, nobody can see in it.
INVARIANTS  A condition has a beginning only while it was seen without a gap: after `GAP_MS_MAX` without a
            picture all count anew, because nobody knows what was between; and so they do when the clock was
            set back by as much. So a new leader, or a manager that slept, waits its full time before it acts;
            late is safe, early is not.
            Hysteresis: a load condition begins beyond its limit and ends below `CLEAR_FRACTION` of it, so a
            load that swings about the limit does not start anew with every swing.
            What is not known neither begins nor ends a condition.
BEHAVIOUR   :meth:`Conditions.feed` with each picture; :attr:`Conditions.observations` goes to the planner.
"""

import math
from collections.abc import Iterator

from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.jobs import Records
from garrison.cluster.core.manager.observations import Observations
from garrison.cluster.core.manager.picture import NodePicture, NodeState, Picture
from garrison.cluster.core.manager.situation import Situation

__all__ = ["Conditions", "Observations", "beyond", "failed", "use_of"]

CLEAR_FRACTION = 0.9
"""Below this part of a limit a shard counts as relieved, and up to it others may be filled."""
GAP_MS_MAX = 30_000
FAILED = "failed"
UNEVEN = "uneven"
"""The condition that load is spread beyond the threshold of a balance by load."""
UNEVEN_CLEAR_FRACTION = 0.5
"""Within this part of the threshold it is even again."""
MEASURES = ("memory", "cpu", "ops", "slots")
"""The limits of a shard, in the order in which they are looked at."""


def failed(node_id: str) -> str:
    """The condition that the cluster has declared a node failed."""
    return f"{FAILED}:{node_id}"


def beyond(measure: str, node_id: str) -> str:
    """The condition that a primary is beyond the limit of `measure`."""
    return f"beyond-{measure}:{node_id}"


def use_of(node: NodePicture, desired: DesiredState) -> dict[str, float]:
    """What part of each limit a primary uses: 1.0 is the limit. Measures that are not known, or have no
    limit, are left out."""
    limits, load = desired.limits, node.load
    found: dict[str, float] = {}
    if load.memory_bytes is not None and load.memory_max_bytes:
        found["memory"] = load.memory_bytes / load.memory_max_bytes * 100 / limits.memory_percent_max
    if load.cpu_fraction is not None:
        found["cpu"] = load.cpu_fraction * 100 / limits.cpu_percent_max
    if load.ops_per_s is not None and limits.ops_per_s_max:
        found["ops"] = load.ops_per_s / limits.ops_per_s_max
    if limits.slots_max:
        found["slots"] = node.slot_count / limits.slots_max
    return {measure: part for measure, part in found.items() if math.isfinite(part) and part >= 0}


class Conditions:
    """Remembers since when conditions hold."""

    def __init__(self) -> None:
        self._since_ms: dict[str, int] = {}
        self._fed_ms: int | None = None

    @property
    def observations(self) -> Observations:
        """What holds now; a copy."""
        return Observations(dict(self._since_ms))

    def feed(self, desired: DesiredState, picture: Picture) -> Observations:
        """Learn from a picture. One that is a little older than the last changes nothing."""
        at_ms = picture.at_ms
        gap_ms = 0 if self._fed_ms is None else at_ms - self._fed_ms
        if abs(gap_ms) > GAP_MS_MAX:
            self._since_ms.clear()
        elif gap_ms < 0:
            return self.observations
        self._fed_ms = at_ms
        known = set()
        for condition, holds in self._judge(desired, picture):
            known.add(condition)
            if holds is True:
                self._since_ms.setdefault(condition, at_ms)
            elif holds is False:
                self._since_ms.pop(condition, None)
        for gone in self._since_ms.keys() - known:
            del self._since_ms[gone]
        return self.observations

    def _judge(self, desired: DesiredState, picture: Picture) -> Iterator[tuple[str, bool | None]]:
        """Each condition with whether it begins (True), ends (False) or stays as it is (None)."""
        for node in picture.nodes:
            if node.state is NodeState.FAILED:
                yield failed(node.id), True
            elif node.state in (NodeState.SILENT, NodeState.SUSPECTED):
                yield failed(node.id), None
            if node.role != "primary" or not node.slots:
                continue
            uses = use_of(node, desired)
            for measure in MEASURES:
                use = uses.get(measure)
                if use is None or CLEAR_FRACTION <= use <= 1:
                    yield beyond(measure, node.id), None
                else:
                    yield beyond(measure, node.id), use > 1
        if desired.balance.by == "load":
            yield UNEVEN, _is_uneven(desired, picture)


def _is_uneven(desired: DesiredState, picture: Picture) -> bool | None:
    """Whether some primary is off its share of the load by more than the threshold; None between."""
    situation = Situation(desired, picture, Records(), Observations(), picture.at_ms)
    members = [shard.primary for shard in situation.serving]
    members = [node for node in members if not situation.wish_of(node).drain]
    loads = [node.load.cpu_fraction for node in members]
    weights = [situation.wish_of(node).weight for node in members]
    known = [load for load in loads if load is not None and math.isfinite(load) and load >= 0]
    whole, share = sum(known), sum(weights)
    if len(known) < len(members) or not whole or not share:
        return None
    threshold = desired.balance.threshold_percent / 100
    goals = [whole * weight / share for weight in weights]
    gaps = [abs(load - goal) - threshold * goal for load, goal in zip(known, goals, strict=True)]
    calm = UNEVEN_CLEAR_FRACTION * threshold
    if max(gaps) > 0:
        return True
    is_calm = all(abs(load - goal) <= calm * goal for load, goal in zip(known, goals, strict=True))
    return False if is_calm else None
