"""The CLUSTER subcommands that change who serves a slot.

BACKGROUND. They act on this node's table alone; gossip and the config epoch carry the result to the
others. A slot is moved by SETSLOT IMPORTING on the target, MIGRATING on the source, the moving of
the keys, then SETSLOT NODE on the target, the source and all others.

INVARIANTS.
- SETSLOT NODE on the target raises its epoch above all others (without a vote: the administrator
  serialises these), so that its claim wins everywhere.
- A slot that still has keys here is not given away.
"""

from __future__ import annotations

from collections.abc import Mapping

from garrison.base.reply import OK
from garrison.node.core import slots as sl
from garrison.node.core.command_values import RefusedError, slot_number, slot_set
from garrison.node.core.nodes import Node
from garrison.node.core.ownership import Ownership
from garrison.node.core.world import World


class SlotCommands:
    """ADDSLOTS, DELSLOTS, their ranges, FLUSHSLOTS and SETSLOT."""

    def __init__(self, world: World, ownership: Ownership) -> None:
        self._world = world
        self._ownership = ownership

    def add(self, words: list[str], *, ranges: bool) -> object:
        self._pairs(words, ranges, "addslotsrange")
        slots = slot_set(words, ranges=ranges)
        table = self._world.table
        busy = slots & table.assigned()
        if busy:
            raise RefusedError(f"Slot {next(sl.each(busy))} is already busy")
        table.assign(slots, table.me)
        for slot in [slot for slot in table.importing if sl.has(slots, slot)]:
            del table.importing[slot]
        self._world.changed(sync=True)
        self._world.announce_due = True
        return OK

    def delete(self, words: list[str], *, ranges: bool) -> object:
        self._pairs(words, ranges, "delslotsrange")
        slots = slot_set(words, ranges=ranges)
        table = self._world.table
        free = slots & ~table.assigned()
        if free:
            raise RefusedError(f"Slot {next(sl.each(free))} is already unassigned")
        table.assign(slots, None)
        self._world.changed(sync=True)
        self._world.announce_due = True
        return OK

    @staticmethod
    def _pairs(words: list[str], ranges: bool, name: str) -> None:
        if ranges and len(words) % 2:
            raise RefusedError(f"wrong number of arguments for 'cluster|{name}' command")

    def flush(self, facts: Mapping[str, int]) -> object:
        if facts.get("keys_total", 0):
            raise RefusedError("DB must be empty to perform CLUSTER FLUSHSLOTS.")
        table = self._world.table
        table.assign(table.me.slots, None)
        self._world.changed(sync=True)
        self._world.announce_due = True
        return OK

    def set_slot(self, words: list[str], facts: Mapping[str, int]) -> object:
        world = self._world
        if world.me.is_replica():
            raise RefusedError("You can use SETSLOT only with masters.")
        slot = slot_number(words[0])
        action = words[1].upper()
        if action == "MIGRATING" and len(words) == 3:
            self._migrating(slot, words[2])
        elif action == "IMPORTING" and len(words) == 3:
            self._importing(slot, words[2])
        elif action == "STABLE" and len(words) == 2:
            world.table.migrating.pop(slot, None)
            world.table.importing.pop(slot, None)
        elif action == "NODE" and len(words) == 3:
            self._node(slot, words[2], facts.get("keys_in_slot", 0))
        else:
            raise RefusedError("Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP")
        world.changed(sync=True)
        return OK

    def _migrating(self, slot: int, node_id: str) -> None:
        table = self._world.table
        if not sl.has(table.me.slots, slot):
            raise RefusedError(f"I'm not the owner of hash slot {slot}")
        table.migrating[slot] = self._primary(node_id, "I don't know about node {}")

    def _importing(self, slot: int, node_id: str) -> None:
        table = self._world.table
        if sl.has(table.me.slots, slot):
            raise RefusedError(f"I'm already the owner of hash slot {slot}")
        table.importing[slot] = self._primary(node_id, "I don't know about node {}")

    def _primary(self, node_id: str, unknown: str) -> Node:
        node = self._world.table.known(node_id)
        if node is None:
            raise RefusedError(unknown.format(node_id))
        if node.is_replica():
            raise RefusedError("Target node is not a master")
        return node

    def _node(self, slot: int, node_id: str, keys_in_slot: int) -> None:
        world = self._world
        me, table = world.me, world.table
        node = self._primary(node_id, "Unknown node {}")
        was_mine = sl.has(me.slots, slot)
        if was_mine and node is not me and keys_in_slot:
            raise RefusedError(
                f"Can't assign hashslot {slot} to a different node "
                "while I still hold keys for this hash slot."
            )
        if not keys_in_slot:
            table.migrating.pop(slot, None)
        table.assign(1 << slot, node)
        if was_mine and node is not me and not me.slots and world.settings.cluster_allow_replica_migration:
            self._ownership.follow_taker(node)
        arrived = node is me and table.importing.pop(slot, None) is not None
        if arrived and self._ownership.bump_epoch() is not None:
            world.log("notice", f"configEpoch updated after importing slot {slot}")
        world.announce_due = True
