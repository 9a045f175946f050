"""What a Sentinel watches, in numbers: for metrics and health checks."""

from __future__ import annotations

from dataclasses import dataclass

from garrison.sentinel.core import explain
from garrison.sentinel.core.context import Context
from garrison.sentinel.core.instances import Primary


@dataclass(frozen=True, slots=True)
class PrimaryFigures:
    """One primary at one moment."""

    name: str
    address: str
    """host:port"""
    status: str
    """ok, sdown or odown."""
    replicas: int
    replicas_ok: int
    """Those that are not down."""
    sentinels: int
    """This one included."""
    sentinels_ok: int
    has_quorum: bool
    """Whether enough Sentinels are reachable to agree and to authorize a failover."""
    quorum_text: str
    """What SENTINEL CKQUORUM answers."""
    config_epoch: int
    is_failing_over: bool


@dataclass(frozen=True, slots=True)
class SentinelFigures:
    """All of it."""

    epoch: int
    unsaved_reason: str
    """Why the configuration cannot be saved; empty while it can."""
    in_tilt: bool
    primaries: tuple[PrimaryFigures, ...]


def figures(context: Context) -> SentinelFigures:
    """The figures of this moment."""
    return SentinelFigures(
        context.epoch,
        context.unsaved_reason if context.is_unsaved else "",
        context.in_tilt,
        tuple(_of_primary(context, primary) for primary in context.primaries.values()),
    )


def _of_primary(context: Context, primary: Primary) -> PrimaryFigures:
    return PrimaryFigures(
        name=primary.name,
        address=f"{context.shown(primary.address)}:{primary.address.port}",
        status="odown" if primary.is_odown else "sdown" if primary.is_down else "ok",
        replicas=len(primary.replicas),
        replicas_ok=sum(not replica.is_down for replica in primary.replicas.values()),
        sentinels=primary.voters,
        sentinels_ok=explain.usable_sentinels(primary),
        has_quorum=not explain.quorum_problem(primary),
        quorum_text=explain.quorum_text(primary),
        config_epoch=primary.config_epoch,
        is_failing_over=primary.failing_over,
    )
