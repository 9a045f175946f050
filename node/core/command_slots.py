"""The CLUSTER subcommands that change who serves a slot.

BACKGROUND. They act on this node's table alone; gossip and the config epoch carry the result to the
others. A slot is moved by SETSLOT IMPORTING on the target, MIGRATING on the source, the moving of
the keys, then SETSLOT NODE on the target, the source and all others.

INVARIANTS.
- SETSLOT NODE on the target raises its epoch above all others (without a vote: the administrator
  serialises these), so that its claim wins everywhere.
- A slot that still has keys here is not given away.
- SETSLOT reaches the replicas before it takes effect, see slot_migration.
"""

from __future__ import annotations

from collections.abc import Mapping

from garrison.base.reply import OK
from garrison.node.core import slots as sl
from garrison.node.core.command_values import RefusedError, slot_number, slot_set
from garrison.node.core.context import Context
from garrison.node.core.slot_migration import Answer, Change, SlotMigrations


class SlotCommands:
    """ADDSLOTS, DELSLOTS, their ranges, FLUSHSLOTS and SETSLOT."""

    def __init__(self, context: Context, migrations: SlotMigrations) -> None:
        self._context = context
        self._migrations = migrations

    def add(self, words: list[str], *, ranges: bool) -> object:
        self._pairs(words, ranges, "addslotsrange")
        slots = slot_set(words, ranges=ranges)
        table = self._context.table
        busy = slots & table.assigned()
        if busy:
            raise RefusedError(f"Slot {next(sl.each(busy))} is already busy")
        table.assign(slots, table.me)
        for slot in [slot for slot in table.importing if sl.has(slots, slot)]:
            del table.importing[slot]
            table.stale_imports.discard(slot)
        self._context.changed(sync=True)
        self._context.announce_due = True
        return OK

    def delete(self, words: list[str], *, ranges: bool) -> object:
        self._pairs(words, ranges, "delslotsrange")
        slots = slot_set(words, ranges=ranges)
        table = self._context.table
        free = slots & ~table.assigned()
        if free:
            raise RefusedError(f"Slot {next(sl.each(free))} is already unassigned")
        table.assign(slots, None)
        self._context.changed(sync=True)
        self._context.announce_due = True
        return OK

    @staticmethod
    def _pairs(words: list[str], ranges: bool, name: str) -> None:
        if ranges and len(words) % 2:
            raise RefusedError(f"wrong number of arguments for 'cluster|{name}' command")

    def flush(self, facts: Mapping[str, int]) -> object:
        if facts.get("keys_total", 0):
            raise RefusedError("DB must be empty to perform CLUSTER FLUSHSLOTS.")
        table = self._context.table
        table.assign(table.me.slots, None)
        self._context.changed(sync=True)
        self._context.announce_due = True
        return OK

    def set_slot(self, words: list[str], facts: Mapping[str, int], answer: Answer) -> None:
        """SETSLOT; the answer may have to wait for the replicas of this node."""
        if self._context.me.is_replica():
            raise RefusedError("Please use SETSLOT only with masters.")
        slot = slot_number(words[0])
        action = words[1].upper()
        if len(words) != {"MIGRATING": 3, "IMPORTING": 3, "NODE": 3, "STABLE": 2}.get(action):
            raise RefusedError("Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP")
        change = Change(slot, action, words[2] if len(words) > 2 else "")
        self._migrations.request(change, facts.get("keys_in_slot", 0), answer)
