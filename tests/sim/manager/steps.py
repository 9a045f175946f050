"""Steps carried out on the model: each looks first whether what it says is true, and goes on in small
pieces."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from garrison.cluster.core.manager.effects import BeginStep, StepOutcome
from garrison.cluster.core.manager.jobs import StepKind
from garrison.cluster.core.ranges import parse_ranges, to_slots

from .model import Backup, ModelNode

if TYPE_CHECKING:
    from .host import ManagerHost

PIECE_MS = 200
PIECE_SLOTS = 20
PIECES_OF_A_SHARD = 10
"""That long a backup of one takes."""
PIECES_OF_A_PROOF = 10
PIECES_MAX = 400
"""A step that has not ended by then has failed."""

Done = Callable[[StepOutcome], None]


class RefusedError(Exception):
    """A node does not take it."""


class Execution:
    """One step under way at one manager."""

    def __init__(self, host: ManagerHost, begin: BeginStep) -> None:
        self._host = host
        self._model = host.model
        self.begin = begin
        self.is_cancelled = False
        self.is_over = False
        self._pieces = 0
        kinds: dict[StepKind, Callable[[], float]] = {
            StepKind.MOVE_SLOTS: self._move,
            StepKind.MEET: self._meet,
            StepKind.REPLICATE: self._replicate,
            StepKind.HAND_OVER: self._hand_over,
            StepKind.FORGET: self._forget,
            StepKind.RESET: self._reset,
            StepKind.CONFIGURE: self._configure,
            StepKind.RESTART: self._restart,
            StepKind.BACKUP: self._back_up,
            StepKind.PROVE: self._prove,
        }
        self._piece = kinds[begin.step.kind]
        self._is_asked_to_go = False
        self._backup: Backup | None = None
        self._sources: list[ModelNode] = []

    def go_on(self) -> None:
        """The next piece; called by the clock of the host while it is awake."""
        if self.is_over:
            return
        try:
            fraction = self._piece()
        except RefusedError as refusal:
            self._end("failed", str(refusal))
            return
        except ContradictionError as contradiction:
            self._end("unsure", str(contradiction))
            return
        self._pieces += 1
        if fraction >= 1:
            self._end("done", "")
        elif self.is_cancelled:
            self._end("cancelled", "")
        elif self._pieces > PIECES_MAX:
            self._end("failed", "it took too long")
        else:
            self._host.progressed(self, fraction)
            self._host.later(PIECE_MS, self.go_on)

    def _end(self, result: str, why: str) -> None:
        self.is_over = True
        self._host.ended(self, StepOutcome(self.begin.epoch, result, why))  # type: ignore[arg-type]

    # What it does to nodes.

    def _node(self, name: str) -> ModelNode:
        found = (node for node in self._model.nodes.values() if name in (node.id, node.address))
        return next(found)

    def _at(self, word: str) -> ModelNode:
        """The node of this argument, on a connection that carries the epoch."""
        node = self._node(self.begin.step.arguments[word])
        host = self._host
        if not node.answers or not self._model.hears(host.id, node.id):
            raise RefusedError(f"{node.id} does not answer")
        clock = self._model.clock(node)
        why = node.register.accepts(host.id, self.begin.epoch, clock)
        if not why and not node.register.is_held(clock):
            why = "ERR the lease has ended at this node"
        if why:
            raise RefusedError(f"{node.id}: {why}")
        return node

    def _effect(self, what: str, cost: float, *nodes: ModelNode) -> None:
        self._host.checks.effect(self._host.id, self.begin, what, cost, nodes)

    def _move(self) -> float:
        words = self.begin.step.arguments
        slots = to_slots(parse_ranges(words["slots"]))
        target, source = self._at("target"), self._node(words["source"])
        left = [slot for slot in slots if slot not in target.slots]
        if not left:
            return 1.0
        if target.role != "primary":
            raise ContradictionError(f"{target.id} is a replica")
        source = self._at("source")
        piece = left[:PIECE_SLOTS]
        if any(slot not in source.slots for slot in piece):
            raise ContradictionError(f"{source.id} does not own {piece[0]}")
        self._effect(f"move {piece[0]}", len(piece) / 100, source, target)
        self._model.move(source, target, set(piece))
        self._host.checks.moved(self.begin, piece)
        return 1 - max(0, len(left) - PIECE_SLOTS) / len(slots)

    def _meet(self) -> float:
        node = self._at("address")
        if not node.is_member:
            self._effect(f"meet {node.id}", 0, node)
            node.is_member, node.well_since_ms = True, self._model.now_ms
            self._model.moved += 1
        return 1.0

    def _replicate(self) -> float:
        node, primary = self._at("node"), self._node(self.begin.step.arguments["primary"])
        if node.slots:
            raise ContradictionError(f"{node.id} owns slots")
        if node.role == "replica" and node.primary == primary.id:
            if node.in_sync(self._model.now_ms):
                return 1.0
            if primary.role != "primary":
                raise ContradictionError(f"{primary.id} is not a primary")
            return 0.5
        if primary.role != "primary" or not primary.answers:
            raise ContradictionError(f"{primary.id} is not a primary that answers")
        self._host.checks.leaves(node, self._model)
        self._effect(f"replicate {node.id}", 5, node)
        node.role, node.primary, node.synced_at_ms = "replica", primary.id, None
        node.data, node.has_synced, node.well_since_ms = {}, False, self._model.now_ms
        self._model.moved += 1
        return 0.1

    def _hand_over(self) -> float:
        node = self._at("node")
        if node.role == "primary":
            return 1.0
        former = self._at("from")
        if node.primary != former.id or not node.in_sync(self._model.now_ms):
            raise ContradictionError(f"{node.id} is not in sync with {former.id}")
        self._effect(f"hand over to {node.id}", 10, node)
        self._model.promote(node, former)
        return 1.0

    def _forget(self) -> float:
        node = self._node(self.begin.step.arguments["node"])
        if node.slots:
            raise ContradictionError(f"{node.id} owns slots")
        if node.is_member:
            self._host.checks.leaves(node, self._model)
            others = [other for other in self._model.owners if other.answers]
            for other in others:
                if self._model.hears(self._host.id, other.id):
                    why = other.register.accepts(self._host.id, self.begin.epoch, self._model.clock(other))
                    if why:
                        raise RefusedError(f"{other.id}: {why}")
            self._effect(f"forget {node.id}", 0)
            self._model.leave(node)
            node.has_failed = False
        return 1.0

    def _reset(self) -> float:
        node = self._at("node")
        if node.slots:
            raise ContradictionError(f"{node.id} owns slots")
        if node.is_member:
            self._host.checks.leaves(node, self._model)
            self._effect(f"reset {node.id}", 0, node)
            self._model.leave(node)
        return 1.0

    def _configure(self) -> float:
        """Set what differs; then, a moment later, write the file."""
        node, settings = self._at("node"), json.loads(self.begin.step.arguments["settings"])
        if any(node.settings.get(name) != value for name, value in settings.items()):
            self._effect(f"configure {node.id}", 0, node)
            node.settings |= settings
            return 0.5
        node.file = node.settings.copy()
        return 1.0

    def _restart(self) -> float:
        """Shut it down if it is still the process that is meant; then wait until it is back and in sync."""
        words = self.begin.step.arguments
        node = self._node(words["node"])
        if not node.answers or not self._model.hears(self._host.id, node.id):
            return 0.1
        if node.run_id == words["run_id"] and not self._is_asked_to_go:
            node = self._at("node")
            if node.role == "primary" and node.slots:
                raise ContradictionError(f"{node.id} is a primary with slots")
            self._host.checks.restarts(self.begin, node)
            self._effect(f"restart {node.id}", 5, node)
            self._is_asked_to_go = node.is_restarting = True
            self._model.kill(node)
            self._host.sim.supervise(node)
            return 0.1
        if node.run_id == words["run_id"]:
            return 0.1
        return 1.0 if node.role == "primary" or node.in_sync(self._model.now_ms) else 0.5

    def _back_up(self) -> float:
        """One shard after the other; nothing is kept unless all is whole."""
        model, words = self._model, self.begin.step.arguments
        target = model.target(words["target"])
        if not target.is_up:
            raise RefusedError("the target fails")
        if self._backup is None:
            if target.newest is not None and target.newest.created_ms > int(words["since_ms"]):
                return 1.0
            self._effect("backup", 2)
            self._backup = Backup(self._host.unix_ms, model.acknowledged.copy())
            self._sources = [owner for owner in model.owners for _ in range(PIECES_OF_A_SHARD)]
            return 0.1
        node = self._sources.pop()
        if not node.answers or not model.hears(self._host.id, node.id) or node.role != "primary":
            raise RefusedError(f"the backup of {node.id} broke off")
        if node not in self._sources:
            self._backup.holds |= node.data
        if self._sources:
            return 0.5
        self._backup.says = self._backup.holds.copy()
        self._host.checks.backed_up(self.begin, self._backup)
        target.backups.append(self._backup)
        del target.backups[: -int(words["keep"])]
        return 1.0

    def _prove(self) -> float:
        """Restore the newest backup and compare."""
        target = self._model.target(self.begin.step.arguments["target"])
        if not target.is_up:
            raise RefusedError("the target fails")
        if target.newest is None:
            raise ContradictionError("the target has no backup")
        if target.newest.holds != target.newest.says:
            raise RefusedError("its files are not those that were written")
        return self._pieces / PIECES_OF_A_PROOF


class ContradictionError(Exception):
    """What the step needs is not so."""
