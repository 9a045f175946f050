"""What a Sentinel tells those who watch it: the metrics of the usual exporter, its own, and readiness."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

import garrison
from garrison.base.metrics import info_families as usual
from garrison.base.metrics.exposition import Family, counter, gauge
from garrison.sentinel.core.figures import SentinelFigures

DATABASES_SHOWN = 16
"""The exporter shows so many databases, all empty, for a server that does not say how many it has."""


class SentinelMetrics:
    """Makes the families of one Sentinel; `failovers` counts replaced primaries by name."""

    def __init__(
        self,
        info: Callable[[list[bytes]], str],
        figures: Callable[[], SentinelFigures],
        failovers: Mapping[str, int],
    ) -> None:
        self._info = info
        self._figures = figures
        self._failovers = failovers

    async def collect(self) -> list[Family]:
        """All families, in the order in which they are shown."""
        info, figures = usual.read_info(self._info([b"all"])), self._figures()
        families = [gauge("redis_up", "Whether the process answers.", 1)]
        families += usual.families_of_fields(info)
        families.append(usual.identity(info))
        families += usual.start_time(info, int(time.time()))
        families += usual.databases(info, DATABASES_SHOWN)
        families += of_primaries(figures)
        families += self._own(info, figures)
        return families

    def why_not_ready(self) -> str:
        """Why this Sentinel takes no part in failovers now; empty if it does."""
        figures = self._figures()
        if figures.in_tilt:
            return "it was asleep, and waits until it has seen enough (TILT)"
        if figures.unsaved_reason:
            return f"it cannot save its configuration: {figures.unsaved_reason}"
        return ""

    def _own(self, info: Mapping[str, str], figures: SentinelFigures) -> Iterator[Family]:
        labels = [("version", garrison.__version__), ("redis_version", info.get("redis_version", ""))]
        yield gauge("garrison_build_info", "The version that runs; always 1.").add(1, labels)
        cpu_s = usual.number(info["used_cpu_sys"]) + usual.number(info["used_cpu_user"])
        yield counter("process_cpu_seconds_total", "Processor time of this process.", cpu_s)
        yield gauge("garrison_sentinel_epoch", "The newest epoch that this Sentinel knows.", figures.epoch)
        saves = int(not figures.unsaved_reason)
        yield gauge("garrison_sentinel_can_save", "Whether the configuration can be saved.", saves)
        failovers = counter("garrison_sentinel_failovers_total", "Times that a primary was replaced.")
        epochs = gauge("garrison_sentinel_config_epoch", "The epoch in which a primary was chosen.")
        running = gauge("garrison_sentinel_failing_over", "Whether this Sentinel is failing a primary over.")
        for primary in figures.primaries:
            name = [("master_name", primary.name)]
            failovers.add(self._failovers.get(primary.name, 0), name)
            epochs.add(primary.config_epoch, name)
            running.add(int(primary.is_failing_over), name)
        yield from (failovers, epochs, running)


def of_primaries(figures: SentinelFigures) -> Iterator[Family]:
    """What the usual exporter tells of each primary."""
    status = gauge("redis_sentinel_master_status", "Whether a primary is up: 1 for ok.")
    replicas = gauge("redis_sentinel_master_slaves", "Replicas of a primary.")
    replicas_ok = gauge("redis_sentinel_master_ok_slaves", "Those that are not down.")
    sentinels = gauge("redis_sentinel_master_sentinels", "Sentinels that watch a primary, this one included.")
    sentinels_ok = gauge("redis_sentinel_master_ok_sentinels", "Those that are not down.")
    quorum = gauge("redis_sentinel_master_ckquorum_status", "Whether a failover could be agreed upon.")
    for primary in figures.primaries:
        labels = [("master_address", primary.address), ("master_name", primary.name)]
        status.add(int(primary.status == "ok"), [*labels, ("master_status", primary.status)])
        replicas.add(primary.replicas, labels)
        replicas_ok.add(primary.replicas_ok, labels)
        sentinels.add(primary.sentinels, labels)
        sentinels_ok.add(primary.sentinels_ok, labels)
        message = [("master_name", primary.name), ("message", primary.quorum_text)]
        quorum.add(int(primary.has_quorum), message)
    yield from (status, replicas, replicas_ok, sentinels, sentinels_ok, quorum)
