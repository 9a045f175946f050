"""The commands that move slots: reshard, rebalance and fix. They first finish what an earlier run left."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from garrison.base import disk
from garrison.cluster import documents as doc
from garrison.cluster.core import check as core_check
from garrison.cluster.core.cluster_state import ClusterState
from garrison.cluster.core.ranges import parse_ranges, to_slots
from garrison.cluster.core.rebalance import plan_rebalance
from garrison.cluster.core.reshard_plan import Move, ReshardPlan, plan_reshard, plan_slots
from garrison.cluster.core.topology import Address, Node
from garrison.cluster.errors import ManagerError, StoppedError, UsageProblem
from garrison.cluster.manager.admin_client import AdminClient
from garrison.cluster.manager.fix import carry_out, find_repairs
from garrison.cluster.manager.key_by_key import KeyByKeyMigration
from garrison.cluster.manager.progress import Meter
from garrison.cluster.manager.session import Session, demand_consent, find_primary, settled_state
from garrison.cluster.manager.slot_migration import SlotMigration

Planner = Callable[[ClusterState], tuple[Move, ...]]
"""Plans the moves for the cluster as it is, after what an earlier run left has been finished."""


@dataclass(frozen=True)
class ReshardRequest:
    """Which slots, to whom: ``count`` of the ``sources`` (all others if empty), or the ``ranges``."""

    target: str
    count: int | None = None
    ranges: str | None = None
    sources: tuple[str, ...] = ()


async def reshard(session: Session, entry: Address, request: ReshardRequest) -> doc.MoveReport:
    def plan(state: ClusterState) -> tuple[Move, ...]:
        target = find_primary(session, state, request.target).id
        if request.ranges is not None:
            return plan_slots(state.owners, to_slots(_ranges(request.ranges)), target)
        if request.count is None:
            raise UsageProblem("say how many slots to move with --slots, or which with --ranges")
        sources = [find_primary(session, state, name).id for name in request.sources]
        return plan_reshard(state.slots_of, request.count, target, sources)

    return await _move(session, entry, "reshard", plan, ask=True)


async def resume(session: Session, entry: Address, plan: ReshardPlan) -> doc.MoveReport:
    """Carry out what is left of a stored plan."""
    return await _move(session, entry, "reshard", plan.remaining, ask=True, store=False)


def read_plan(path: Path) -> ReshardPlan:
    """Read a stored plan. UsageProblem if the file cannot be read or is not a plan."""
    try:
        return ReshardPlan.model_validate_json(path.read_text())
    except OSError as error:
        raise UsageProblem(f"cannot read the plan: {error}") from error
    except ValueError as error:
        raise UsageProblem(f"{path} is not a reshard plan: {error}") from error


def _store_plan(path: Path, moves: Sequence[Move]) -> None:
    try:
        disk.replace(str(path), ReshardPlan.of(moves).model_dump_json(indent=2) + "\n")
    except OSError as error:
        raise ManagerError(f"cannot store the plan: {error}") from error


async def rebalance(
    session: Session,
    entry: Address,
    weights: Mapping[str, float],
    *,
    use_empty: bool = False,
    threshold_percent: float = 2.0,
    ask: bool = False,
) -> doc.MoveReport:
    def plan(state: ClusterState) -> tuple[Move, ...]:
        by_id = {find_primary(session, state, name).id: weight for name, weight in weights.items()}
        return plan_rebalance(
            state.slots_of, by_id, use_empty=use_empty, threshold_percent=threshold_percent
        ).moves

    return await _move(session, entry, "rebalance", plan, ask=ask)


async def _move(
    session: Session, entry: Address, command: str, plan: Planner, *, ask: bool, store: bool = True
) -> doc.MoveReport:
    """Finish what an earlier run left, then plan, ask and move."""
    started = time.monotonic()
    async with session.admin(entry) as admin:
        state = await settled_state(admin)
        _demand_sound(state)
        if session.dry_run:
            moves = plan(state)
            if store and session.plan_file:
                _store_plan(session.plan_file, moves)
            return doc.MoveReport(command=command, dry_run=True, moves=doc.describe_moves(state, moves))
        migration: SlotMigration
        with _migration(session, admin, state) as migration:
            opened = len(state.open_slots)
            state = await migration.finish_open(state, session.note)
            migration.addresses = _addresses(state)
            moves = plan(state)
            if store and session.plan_file:
                _store_plan(session.plan_file, moves)
            report = doc.MoveReport(
                command=command, moves=doc.describe_moves(state, moves), finished_first=opened
            )
            if ask and moves:
                demand_consent(session, _move_lines(report.moves))
            for line in () if ask else _move_lines(report.moves):
                session.note(line)
            migration.meter = Meter()
            report.slots_left = await migration.run(moves) if moves else 0
            _fill(report, migration.meter, started)
    if report.slots_left:
        raise StoppedError(
            f"stopped: {report.slots_moved} slots moved, {report.slots_left} not; every key is reachable. "
            f"To go on, {_how_to_go_on(session, command, report)}"
        )
    return report


def _how_to_go_on(session: Session, command: str, report: doc.MoveReport) -> str:
    if session.plan_file:
        return f"run 'garrison cluster reshard HOST:PORT --plan {session.plan_file}'"
    return "run the same command again" + (
        f" with --slots {report.slots_left}" if command == "reshard" else ""
    )


async def fix(session: Session, entry: Address, *, with_unreachable: bool = False) -> doc.FixReport:
    """Close or finish open slots, give slots without owner to a primary."""
    started = time.monotonic()
    async with session.admin(entry) as admin:
        state = await settled_state(admin)
        if with_unreachable:
            state = without_unreachable(state)
        elif lost := _silent_primaries(state):
            raise ManagerError(
                f"{', '.join(node.label for node in lost)} owns or receives slots and does not answer: "
                "start it, wait for its replica to take over, or add --with-unreachable to go on without "
                "it (its keys are lost to the cluster)"
            )
        repairs = await find_repairs(admin, state)
        report = doc.FixReport(
            command="fix", dry_run=session.dry_run, repairs=doc.describe_repairs(state, repairs)
        )
        if session.dry_run:
            return report
        with _migration(session, admin, state) as migration:
            report.slots_left = await carry_out(migration, state, repairs) if repairs else 0
            _fill(report, migration.meter, started)
        if report.slots_left:
            raise StoppedError(f"stopped: {report.slots_left} slots are still to be repaired; run it again")
        findings = core_check.check(await settled_state(admin))
    report.findings_left = doc.describe_findings(findings)
    report.ok = not any(finding.severity == "error" for finding in findings)
    return report


def without_unreachable(state: ClusterState) -> ClusterState:
    """The cluster state as if nodes that do not answer had never been: their slots have no owner."""
    views = {
        node_id: type(view)({n: node for n, node in view.nodes.items() if n in state.views}, node_id)
        for node_id, view in state.views.items()
    }
    return ClusterState(views, state.statuses)


def _silent_primaries(state: ClusterState) -> list[Node]:
    """Primaries that do not answer, and own slots or take part in a move: they may hold the only copies."""
    parties = {node_id for each in state.open_slots for node_id in each.parties}
    silent = [node for node in state.primaries if node.id not in state.views]
    return [node for node in silent if state.slots_of.get(node.id) or node.id in parties]


def _demand_sound(state: ClusterState) -> None:
    """Moving slots in a cluster that is down or torn would make it worse."""
    if lost := _silent_primaries(state):
        raise ManagerError(
            f"{lost[0].label} owns or receives slots and does not answer; run 'garrison cluster check' first"
        )
    harmful = {"uncovered", "disagreement", "multiple-owners", "down"}
    for finding in core_check.check(state):
        if finding.code in harmful:
            raise ManagerError(f"{finding.message}; {finding.advice}")


def _move_lines(moves: Sequence[doc.MoveDocument]) -> list[str]:
    return [f"{move.slot_count} slots from {move.source} to {move.target}" for move in moves]


def _fill(report: doc.MoveReport, meter: Meter, started: float) -> None:
    report.slots_moved = meter.slots_moved
    report.keys_moved = meter.keys_moved
    report.bytes_moved_estimate = int(meter.bytes_moved)
    report.seconds = round(time.monotonic() - started, 3)


def _addresses(state: ClusterState) -> dict[str, Address]:
    """The primaries that answer."""
    return {node.id: node.address for node in state.primaries if node.id in state.views}


@contextlib.contextmanager
def _migration(session: Session, admin: AdminClient, state: ClusterState) -> Iterator[KeyByKeyMigration]:
    """A migration that ``session.stop`` ends at a slot boundary, and a cancellation at once."""
    admin.access = replace(admin.access, timeout_s=session.options.link_timeout_s)
    migration = KeyByKeyMigration(
        admin,
        _addresses(state),
        session.display,
        session.options,
        {node_id: status.bytes_per_key for node_id, status in state.statuses.items()},
        session.stop,
    )
    session.is_stoppable = True
    try:
        yield migration
    except asyncio.CancelledError:
        if not session.stop.is_set():
            raise
        raise StoppedError(
            f"stopped at once: {migration.meter.slots_moved} slots moved, some are half way; every key is "
            "reachable. The next reshard, or 'garrison cluster fix', finishes them"
        ) from None
    finally:
        session.is_stoppable = False


def _ranges(text: str) -> tuple[tuple[int, int], ...]:
    try:
        return parse_ranges(text)
    except ValueError as error:
        raise UsageProblem(str(error)) from error
