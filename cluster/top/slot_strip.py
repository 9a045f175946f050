"""The 16,384 slots on one line of a terminal, and the letters that stand for shards.

Each column stands for an equal part of the slots and shows the letter of the shard that owns most of them. A
column with a slot that nobody serves shows `!`, one with an open slot `~`: trouble is never averaged away.
"""

from collections.abc import Mapping
from functools import lru_cache
from string import ascii_letters

from garrison.cluster.core.manager.picture import NodeState, Picture, ShardPicture
from garrison.cluster.core.ranges import SLOT_COUNT, Range

UNSERVED = "!"
OPEN = "~"
CACHED_TEXTS_MAX = 4096


def letters(picture: Picture) -> dict[str, str]:
    """The letter of each shard with slots, by its id; after 52 they begin again."""
    owning = [shard.id for shard in picture.shards if shard.slot_count]
    return {shard_id: ascii_letters[at % len(ascii_letters)] for at, shard_id in enumerate(owning)}


@lru_cache(CACHED_TEXTS_MAX)
def ranges_of(text: str) -> tuple[Range, ...]:
    """The ranges of ``0-99,205``; none where the text is empty or is not understood."""
    found = []
    for part in text.split(",") if text else ():
        first, _, last = part.partition("-")
        if not (first.isdecimal() and (last or first).isdecimal()):
            return ()
        found.append((int(first), min(int(last or first), SLOT_COUNT - 1)))
    return tuple(found)


def strip(picture: Picture, width: int) -> str:
    """The line, `width` columns wide; empty where the deployment has no slots."""
    if picture.kind != "cluster" or width < 1:
        return ""
    named = letters(picture)
    bounds = [at * SLOT_COUNT // width for at in range(width + 1)]
    served = [shard for shard in picture.shards if shard.id in named and _is_served(picture, shard)]
    owned = {shard.id: ranges_of(shard.slots) for shard in served}
    shares = {shard_id: _shares(ranges, width) for shard_id, ranges in owned.items()}
    opened = {each.slot for each in picture.open_slots}
    line = _line(named, shares, bounds)
    for slot in opened:
        at = min(slot * width // SLOT_COUNT, width - 1)
        if line[at] != UNSERVED:
            line[at] = OPEN
    return "".join(line)


def _is_served(picture: Picture, shard: ShardPicture) -> bool:
    primary = picture.node(shard.id)
    return primary is None or primary.state not in (NodeState.FAILED, NodeState.DATA_LOST)


def _line(named: Mapping[str, str], shares: Mapping[str, list[int]], bounds: list[int]) -> list[str]:
    line = []
    for at in range(len(bounds) - 1):
        best, most, covered = UNSERVED, 0, 0
        for shard_id, counts in shares.items():
            covered += counts[at]
            if counts[at] > most:
                best, most = named[shard_id], counts[at]
        line.append(best if covered >= bounds[at + 1] - bounds[at] else UNSERVED)
    return line


@lru_cache(CACHED_TEXTS_MAX)
def _shares(ranges: tuple[Range, ...], width: int) -> list[int]:
    """How many slots of each column are in the ranges."""
    counts = [0] * width
    bounds = [at * SLOT_COUNT // width for at in range(width + 1)]
    for first, last in ranges:
        at = first * width // SLOT_COUNT
        while at < width and bounds[at] <= last:
            counts[at] += max(0, min(last + 1, bounds[at + 1]) - max(first, bounds[at]))
            at += 1
    return counts
