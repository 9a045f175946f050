"""What a manager sees of the model: what it reaches answers itself, of the rest it knows what the others
say."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any, Literal

from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.picture import (
    BackupPicture,
    NodeLoad,
    NodePicture,
    NodeState,
    Picture,
    ShardPicture,
    SparePicture,
)
from garrison.cluster.core.ranges import SLOT_COUNT, format_slots

from .model import Model, ModelNode

SLOW_FROM_MS = 400
MEMORY_PER_SLOT = 1_000
SETTINGS_EVERY_MS = 5_000
BACKUPS_EVERY_MS = 60_000
SPOKEN = 0.7
"""How likely a node has answered what it was just asked for when the next picture is made."""


class Observer:
    """Makes the pictures of one manager; those of an unchanged model are made from the last one."""

    def __init__(self, model: Model, me: str, rng: Random) -> None:
        self._model = model
        self._me = me
        self._rng = rng
        self._settings: dict[str, dict[str, Any]] = {}
        """Node -> its settings as a picture has them."""
        self._names: dict[str, set[str]] = {}
        """Node -> what it was asked for."""
        self._backups: tuple[BackupPicture, ...] = ()
        self._backups_due_ms = 0
        self._made: tuple[object, Picture] | None = None
        self._texts: dict[str, tuple[frozenset[int], str]] = {}
        self._as_of: dict[str, int] = {}

    def picture(self, unix_ms: int, desired: DesiredState, *, again: bool = False) -> Picture:
        """`again`: everybody is asked for everything anew, as something was done to them."""
        model = self._model
        if again:
            self._settings.clear()
        reached = {node.id for node in model.nodes.values() if self._reaches(node)}
        for node_id in sorted(reached):
            self._as_of[node_id] = unix_ms
            self._read_settings(model.nodes[node_id], set(desired.settings), unix_ms)
        key = (model.moved, tuple(sorted(reached)), self._majority(reached))
        if self._made is None or self._made[0] != key:
            self._made = key, self._draw(reached, unix_ms)
        fresh = tuple(
            node.model_copy(
                update={"as_of_ms": self._as_of.get(node.id, 0)} | self._settings.get(node.id, {})
            )
            for node in self._made[1].nodes
        )
        if unix_ms >= self._backups_due_ms:
            self._backups_due_ms = unix_ms + BACKUPS_EVERY_MS
            self._backups = tuple(self._survey(desired, unix_ms))
        update = {"at_ms": unix_ms, "nodes": fresh, "backups": self._backups}
        return self._made[1].model_copy(update=update)

    def _read_settings(self, node: ModelNode, names: set[str], unix_ms: int) -> None:
        known = self._settings.get(node.id, {})
        is_due = unix_ms - known.get("settings_as_of_ms", 0) >= SETTINGS_EVERY_MS
        if (is_due or self._names.get(node.id) != names) and self._rng.random() < SPOKEN:
            self._names[node.id] = names
            self._settings[node.id] = {
                "settings": {name: node.settings[name] for name in sorted(names & node.settings.keys())},
                "settings_unknown": tuple(sorted(names - node.settings.keys())),
                "settings_as_of_ms": unix_ms,
            }

    def _survey(self, desired: DesiredState, unix_ms: int) -> Iterator[BackupPicture]:
        for wish in desired.backups:
            target = self._model.target(wish.target)
            if target.is_up:
                newest_ms = target.newest.created_ms if target.newest else None
                yield BackupPicture(
                    target=wish.target, newest_ms=newest_ms, count=len(target.backups), as_of_ms=unix_ms
                )

    def _reaches(self, node: ModelNode) -> bool:
        return node.answers and self._model.hears(self._me, node.id)

    def _majority(self, reached: set[str]) -> bool:
        owners = self._model.owners
        return sum(node.id in reached for node in owners) > len(owners) // 2

    def _draw(self, reached: set[str], unix_ms: int) -> Picture:
        members = [node for node in self._model.nodes.values() if node.is_member]
        taken: set[int] = set()
        slots: dict[str, set[int]] = {}
        for node in sorted(members, key=lambda node: -node.claim):
            slots[node.id] = node.slots - taken
            taken |= node.slots
        # The nodes' opinions reach it as long as it hears one of them.
        nodes = tuple(self._node(node, slots[node.id], reached) for node in members) if reached else ()
        shards = tuple(
            ShardPicture(
                id=node.id,
                replica_ids=tuple(other.id for other in members if other.primary == node.id),
                slots=self._text(node.id, slots[node.id]),
                slot_count=len(slots[node.id]),
            )
            for node in members
            if node.role == "primary"
        )
        spares = tuple(
            SparePicture(
                address=node.address, usable=node.id in reached, why="" if node.id in reached else "gone"
            )
            for node in self._model.nodes.values()
            if not node.is_member
        )
        return Picture(
            at_ms=unix_ms,
            nodes=nodes,
            shards=shards,
            slots_covered=len(taken),
            spares=spares,
            majority_answers=self._majority(reached),
        )

    def _node(self, node: ModelNode, slots: set[int], reached: set[str]) -> NodePicture:
        role: Literal["primary", "replica"] = "primary" if node.role == "primary" else "replica"
        count = len(slots)
        return NodePicture(
            id=node.id,
            address=node.address,
            role=role,
            primary_id=node.primary or None,
            state=self._state(node, reached),
            host=node.address.partition(":")[0],
            zone=node.zone,
            slots=self._text(node.id, slots),
            slot_count=count,
            keys=count * 10 * (1000 if node.lies else 1),
            version=node.version,
            run_id=node.run_id,
            link_up=node.in_sync(self._model.now_ms) if role == "replica" else None,
            load=NodeLoad(
                memory_bytes=count * MEMORY_PER_SLOT, memory_max_bytes=SLOT_COUNT * MEMORY_PER_SLOT * 4
            ),
        )

    def _state(self, node: ModelNode, reached: set[str]) -> NodeState:
        if node.has_failed:
            return NodeState.FAILED
        if node.id not in reached:
            return NodeState.SILENT
        if node.role == "replica" and not node.in_sync(self._model.now_ms) and node.synced_at_ms is not None:
            return NodeState.LOADING
        return NodeState.SLOW if node.slow_ms >= SLOW_FROM_MS else NodeState.OK

    def _text(self, node_id: str, slots: set[int]) -> str:
        known = self._texts.get(node_id)
        if known is None or known[0] != slots:
            known = frozenset(slots), format_slots(slots)
            self._texts[node_id] = known
        return known[1]
