"""The CLUSTER commands about slots that the manager sends."""

from collections.abc import Sequence

from garrison.cluster.manager.admin_client import Command

WINDOW_SLOTS_MAX = 128
"""Slots that are opened, and handed over, together."""
KEYS_LISTED_MAX = 2_000
"""Keys of one slot asked for at once."""


def set_slots(slots: Sequence[int], state: str, node_id: str) -> list[Command]:
    """SETSLOT for each slot: ``state`` is IMPORTING, MIGRATING or NODE."""
    return [("CLUSTER", "SETSLOT", slot, state, node_id) for slot in slots]


def stable(slot: int) -> Command:
    return ("CLUSTER", "SETSLOT", slot, "STABLE")


def count_keys(slot: int) -> Command:
    return ("CLUSTER", "COUNTKEYSINSLOT", slot)


def list_keys(slot: int) -> Command:
    return ("CLUSTER", "GETKEYSINSLOT", slot, KEYS_LISTED_MAX)
