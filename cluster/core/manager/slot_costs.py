"""What each slot costs its owner: measured where SLOT-STATS says it, else the owner's rest in equal parts.

The sum over a primary's slots is what the primary itself reports: its operations, memory and CPU are measured
as a whole, and SLOT-STATS only says how they are spread. Slots that it names get what it says (scaled down
when that is more than the whole), all others share what is left.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from garrison.cluster.core.manager.picture import NodePicture, SlotLoad
from garrison.cluster.core.manager.situation import Shard, Situation

Measure = Literal["slots", "keys", "bytes", "cpu", "ops"]

Costs = Mapping[int, float]
"""Slot -> its cost."""


@dataclass(frozen=True, slots=True)
class Priced:
    """The costs of the slots of all shards in one measure."""

    measure: Measure
    of_shard: Mapping[str, Costs]
    unknown: tuple[str, ...]
    """Addresses of primaries that do not say what is needed; they have no costs."""

    def total(self, shard_id: str) -> float:
        return sum(self.of_shard[shard_id].values())


def price_slots(situation: Situation, measure: Measure) -> Priced:
    """The cost of each slot of each shard that serves."""
    loads = {load.slot: load for load in situation.picture.slot_load}
    costs, unknown = {}, []
    for shard in situation.serving:
        whole = _whole(shard.primary, measure)
        if whole is None:
            unknown.append(shard.primary.address)
        else:
            costs[shard.id] = _shared(shard, whole, measure, loads)
    return Priced(measure, costs, tuple(unknown))


def _whole(node: NodePicture, measure: Measure) -> float | None:
    value = {
        "slots": node.slot_count,
        "keys": node.keys,
        "bytes": node.load.memory_bytes,
        "cpu": node.load.cpu_fraction,
        "ops": node.load.ops_per_s,
    }[measure]
    return None if value is None else float(value)


def _shared(shard: Shard, whole: float, measure: Measure, loads: Mapping[int, SlotLoad]) -> dict[int, float]:
    if measure == "slots":
        return dict.fromkeys(shard.slots, 1.0)
    weigh, is_absolute = _weights(measure, shard, loads)
    known = {
        slot: weight for slot in shard.slots if slot in loads and (weight := weigh(loads[slot])) is not None
    }
    named = sum(known.values())
    rest = len(shard.slots) - len(known)
    if not named:
        return dict.fromkeys(shard.slots, whole / len(shard.slots))
    # In its own unit, what nobody has named belongs to the unnamed slots; a relative weight shares out all.
    scale = 1.0 if is_absolute and named <= whole and rest else whole / named
    left = max(whole - named * scale, 0.0) / rest if rest else 0.0
    return {slot: known[slot] * scale if slot in known else left for slot in shard.slots}


def _weights(
    measure: Measure, shard: Shard, loads: Mapping[int, SlotLoad]
) -> tuple[Callable[[SlotLoad], float | None], bool]:
    """How a slot's load weighs, and whether in the unit of the measure."""
    if measure == "keys":
        return (lambda load: load.keys), True
    if measure == "cpu":
        return (lambda load: load.cpu_fraction), True
    if measure == "bytes":
        keys, memory = shard.primary.keys, shard.primary.load.memory_bytes
        per_key = memory / keys if keys and memory else 0.0
        return (lambda load: None if load.keys is None else load.keys * per_key), True
    if any(slot in loads and loads[slot].cpu_fraction is not None for slot in shard.slots):
        return (lambda load: load.cpu_fraction), False
    return _traffic, False


def _traffic(load: SlotLoad) -> float | None:
    if load.input_bytes_per_s is None and load.output_bytes_per_s is None:
        return None
    return (load.input_bytes_per_s or 0.0) + (load.output_bytes_per_s or 0.0)
