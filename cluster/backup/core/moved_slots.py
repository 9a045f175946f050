"""Which slots have gone from one shard to another while a backup was taken."""

from collections.abc import Iterable, Mapping


def moved_slots(before: Iterable[frozenset[int]], owners: Mapping[int, str]) -> set[int]:
    """The slots that their shard has lost; ``before`` are the slots of each shard.

    A failover gives all slots of a shard to a node that has the same keys, which is not a move. So whoever
    has most of the slots of a shard now is taken for its owner, and the other slots have moved.
    """
    moved: set[int] = set()
    for slots in before:
        counts: dict[str, int] = {}
        for slot in slots:
            if slot in owners:
                counts[owners[slot]] = counts.get(owners[slot], 0) + 1
        heir = max(counts, key=lambda owner: counts[owner], default=None)
        moved |= {slot for slot in slots if owners.get(slot, heir) != heir}
    return moved
