"""Gathers what a node tells of itself, in one batch to the data plane for each scrape.

BEHAVIOUR. A data plane that does not answer within `ANSWER_TIMEOUT_S` (a long script, a stuck disk) shows as
``redis_up 0`` beside what the control plane knows alone, and gets no further request before it has answered
the last one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, Protocol

import hiredis

import garrison
from garrison.base.metrics import info_families as usual
from garrison.base.metrics.exposition import Family, gauge
from garrison.node.border import ReplicationStatus
from garrison.node.config import Config
from garrison.node.metrics import own_families as own

if TYPE_CHECKING:
    from garrison.node.core.bus_counters import BusCounters
    from garrison.node.core.cluster_figures import ClusterFigures

ANSWER_TIMEOUT_S: Final = 2.0
QUESTIONS: Final = (b"INFO ALL", b"SLOWLOG LEN", b"SLOWLOG GET 1", b"LATENCY LATEST")
"""What a scrape asks the data plane; none takes time that grows with the number of keys."""


class DataPlaneView(Protocol):
    """The part of the bridge that is used."""

    @property
    def waiting(self) -> int: ...
    def run(self, argv: list[bytes], done: Callable[[bytes], None]) -> None: ...


class BusView(Protocol):
    """The part of the bus that is used."""

    counters: BusCounters

    def queued_bytes(self) -> dict[int, int]: ...


class ClusterView(Protocol):
    """The part of the cluster's shell that is used."""

    @property
    def bus(self) -> BusView: ...
    def figures(self) -> ClusterFigures: ...
    def info_text(self) -> str: ...


class NodeMetrics:
    """Makes the families of one node. `promotions` is counted by whoever sees the role change."""

    def __init__(self, config: Config, bridge: DataPlaneView, cluster: ClusterView | None) -> None:
        self.promotions = 0
        self.hold_text: Callable[[], str] = lambda: ""
        """What is waited for while writes are held for the Sentinels; empty otherwise."""
        self._config = config
        self._bridge = bridge
        self._cluster = cluster
        self._answers: asyncio.Future[list[Any]] | None = None

    async def collect(self) -> list[Family]:
        """All families, in the order in which they are shown."""
        answers = await self._ask()
        families = [gauge("redis_up", "Whether the data plane answers.", int(answers is not None))]
        if answers is not None:
            info = usual.read_info(answers[0].decode("utf-8", "replace"))
            families += self._usual(info, answers)
            families += self._own(info)
        families += own.of_role(self.promotions, self.hold_text(), self._bridge.waiting)
        if self._cluster is not None:
            families += own.of_cluster(self._cluster.figures())
            families += own.of_bus(self._cluster.bus.counters, self._cluster.bus.queued_bytes())
        return families

    def _usual(self, info: dict[str, str], answers: list[Any]) -> Iterator[Family]:
        values = self._config.values
        if self._cluster is not None:
            yield from usual.families_of_fields(usual.read_info(self._cluster.info_text()))
        yield from usual.families_of_fields(info)
        yield usual.identity(info)
        yield from usual.start_time(info, int(time.time()))
        yield from usual.settings(values)
        yield from usual.replication(info)
        count = 1 if self._cluster is not None else self._config.integer("databases")
        yield from usual.databases(info, count)
        yield from usual.commands(info)
        yield from usual.slow_log(answers[1], answers[2])
        yield from usual.latency_spikes(answers[3])

    def _own(self, info: dict[str, str]) -> Iterator[Family]:
        yield from own.of_process(info, garrison.__version__)
        yield from own.of_clients(info)
        yield from own.of_replicas(info)
        yield from own.of_files(info, time.time(), saves=bool(self._config.text("save")))

    async def _ask(self) -> list[Any] | None:
        """The answers to `QUESTIONS`; None if they do not come in time."""
        if self._answers is not None and not self._answers.done():
            return None
        self._answers = asyncio.get_running_loop().create_future()
        answers: list[Any] = []
        for question in QUESTIONS:
            self._bridge.run(question.split(), lambda raw: self._answered(answers, raw))
        done, _ = await asyncio.wait((self._answers,), timeout=ANSWER_TIMEOUT_S)
        return self._answers.result() if done else None

    def _answered(self, answers: list[Any], raw: bytes) -> None:
        reader = hiredis.Reader()
        reader.feed(raw)
        answers.append(reader.gets())
        if len(answers) == len(QUESTIONS) and self._answers is not None:
            self._answers.set_result(answers)


def why_not_ready(
    *,
    is_serving: bool,
    is_going_down: bool,
    status: ReplicationStatus,
    figures: ClusterFigures | None,
    hold_text: str,
) -> str:
    """Why a node does not serve its clients now; empty if it does."""
    if is_going_down:
        return "going down"
    if not is_serving:
        return "loading its files"
    if figures is not None:
        if not figures.has_data:
            return "this owner of slots has lost their data and waits for a replica"
        if not figures.is_ok:
            return "the cluster is down, as this node sees it"
    if status.is_replica and not status.link_up:
        return "this replica is not in sync with its primary"
    if hold_text:
        return f"writes are held for the Sentinels: {hold_text}"
    return ""
