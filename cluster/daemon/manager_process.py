"""The process `garrison manager run`: core, observer, carrier and HTTP server in one event loop."""

import asyncio
import contextlib
import logging
import os
import signal
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import SystemRandom

from garrison.base.clock import boot_ms, wall_ms
from garrison.cluster.core.manager.effects import BeginStep, StepOutcome
from garrison.cluster.core.manager.jobs import Job
from garrison.cluster.core.manager.manager_core import ManagerCore
from garrison.cluster.core.manager.manager_settings import ManagerSettings
from garrison.cluster.core.manager.only_watching import why_only_watching
from garrison.cluster.core.manager.picture import Event, NotableKey, Picture
from garrison.cluster.core.manager.status import KeySearch
from garrison.cluster.core.topology import Address
from garrison.cluster.daemon.carrying import Carrier, address_of
from garrison.cluster.daemon.deployment import DeploymentObserver
from garrison.cluster.daemon.desk import Desk, NotPossibleError
from garrison.cluster.daemon.driving import Core, Driver
from garrison.cluster.daemon.http_limits import HttpLimits
from garrison.cluster.daemon.http_server import HttpServer
from garrison.cluster.daemon.http_site import make_site
from garrison.cluster.daemon.http_tokens import Tokens
from garrison.cluster.daemon.keeping import ClusterKeeper, FileKeeper, Keeper
from garrison.cluster.daemon.key_search import search_keys
from garrison.cluster.daemon.manager_metrics import write_metrics
from garrison.cluster.daemon.surveying import Surveyor
from garrison.cluster.daemon.tracing import Tracing
from garrison.cluster.daemon.watching_core import WatchingCore
from garrison.cluster.errors import ManagerError
from garrison.cluster.manager.admin_client import Access, AdminClient

LOOKED_AT_MAX = 16
"""In a larger cluster only the nodes of a step are looked at when it has ended."""
logger = logging.getLogger("garrison.manager")


@dataclass(frozen=True)
class RunOptions:
    """What `garrison manager run` was told."""

    entries: Sequence[Address]
    id: str
    listen: Address
    access: Access = field(default_factory=Access)
    tokens: Tokens = field(default_factory=Tokens)
    tls: ssl.SSLContext | None = None
    records: Path | None = None
    watch_only: bool = False
    names: frozenset[str] = frozenset()
    lease_ms: int = 9_000
    limits: HttpLimits = field(default_factory=HttpLimits)
    sentinel_password: str | None = None
    """Where Sentinels have one of their own."""


class ManagerProcess:
    """All parts of one manager. `ready` is called when it listens."""

    def __init__(self, options: RunOptions, ready: Callable[[], None] = lambda: None) -> None:
        self._options = options
        self._ready = ready
        keeping = "file" if options.records else "cluster"
        settings = ManagerSettings.model_validate(
            {
                "id": options.id,
                "keeping": keeping,
                "records_file": str(options.records or ""),
                "lease_ms": options.lease_ms,
            }
        )
        core: Core = (
            WatchingCore()
            if options.watch_only
            else ManagerCore(settings, SystemRandom(), boot_ms(), wall_ms() - boot_ms())
        )
        self.driver = Driver(core, self._told, self._changed)
        self.desk = Desk(
            settings, self.driver, options.limits, self._search_keys, is_read_only=options.watch_only
        )
        self.surveyor = Surveyor(options.access, lambda: core.desired, lambda: core.records)
        self.observer = DeploymentObserver(
            options.entries,
            options.access,
            replace(options.access, password=options.sentinel_password or options.access.password),
            self._seen,
            desired=lambda: core.desired,
        )
        self._why_watching = ""
        self.tracing = Tracing.of_environment(os.environ, lambda: core.leads)
        self._ended = asyncio.Event()
        self._looking: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Work until :meth:`end` is called; ManagerError when it cannot begin. The lease is then released."""
        options = self._options
        site = make_site(self.desk, options.tokens, self.metrics, options.names)
        server = HttpServer(site, options.listen.host, options.listen.port, options.limits, options.tls)
        async with self.working(acts=not options.watch_only) as tasks:
            serving = asyncio.create_task(server.serve_until(self._ended))
            try:
                await self._until_ended(tasks, serving, server)
            finally:
                self.end()
                self.desk.broadcast.end()
                await asyncio.gather(serving, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def working(self, *, acts: bool) -> AsyncIterator[Sequence[asyncio.Task[None]]]:
        """All parts but the HTTP server; unless it `acts`, no step is carried out."""
        keeper = self.driver.keeper = None if self._options.watch_only else self._make_keeper()
        carrier = self.driver.carrier = self._make_carrier() if acts else None
        loops = (self.observer.run(), self.driver.run(), self.surveyor.run())
        tasks = [asyncio.create_task(each) for each in loops]
        try:
            yield tasks
        finally:
            for task in (*tasks, *self._looking):
                task.cancel()
            await asyncio.gather(*tasks, *self._looking, return_exceptions=True)
            if carrier is not None:
                await carrier.close()
            await self.tracing.close()
            if keeper is not None:
                self.driver.release([node.id for node in self.desk.picture.nodes])
                await keeper.close()

    def end(self) -> None:
        self._ended.set()

    async def _until_ended(
        self, tasks: Sequence[asyncio.Task[None]], serving: asyncio.Task[None], server: HttpServer
    ) -> None:
        listening = asyncio.create_task(server.listening.wait())
        await asyncio.wait([listening, serving], return_when=asyncio.FIRST_COMPLETED)
        listening.cancel()
        if serving.done():
            error = serving.exception()
            raise ManagerError(f"cannot listen on {self._options.listen}: {error}") from error
        self._ready()
        ended = asyncio.create_task(self._ended.wait())
        done, _ = await asyncio.wait([ended, serving, *tasks], return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        for task in done:
            if task is not ended and (failure := task.exception()) is not None:
                raise failure

    def metrics(self) -> str:
        samples = {node.id: self.observer.sample(node.id) for node in self.desk.picture.nodes}
        return write_metrics(self.desk, samples)

    # What the parts tell each other.

    def _seen(self, picture: Picture, events: tuple[Event, ...]) -> None:
        for event in events:
            logger.info("%s: %s", event.kind, event.text)
        self.tracing.seen(picture, events)
        around: dict[str, object] = {"spares": self.surveyor.spares, "backups": self.surveyor.backups}
        why = why_only_watching(picture, self.desk.settings.keeping)
        if picture.kind == "cluster":
            refused = self.driver.keeper.problems if self.driver.keeper and not why else ()
            around["problems"] = (*([why] if why else refused), *picture.problems)
        if why != self._why_watching:
            self._why_watching = why
            if why:
                logger.warning("%s", why)
        self.driver.observed(self.desk.show(picture.model_copy(update=around), events))

    def _told(self, events: Sequence[Event]) -> None:
        self.observer.note(events)
        for event in events:
            logger.info("%s: %s", event.kind, event.text)
            self.desk.broadcast.tell(event)

    def _changed(self, jobs: Sequence[Job]) -> None:
        self.tracing.changed(jobs)
        for job in jobs:
            self.desk.broadcast.tell(job)

    def _make_keeper(self) -> Keeper:
        if self._options.records is not None:
            return FileKeeper(self._options.records, self.driver.answered)
        access = self._options.access
        admin = AdminClient(self._options.entries[0], access)
        return ClusterKeeper(admin, self._options.id, self._address_of_node, self.driver.answered)

    def _make_carrier(self) -> Carrier:
        return Carrier(
            self._options.access,
            self._options.id,
            self._options.records is None,
            lambda: self.desk.picture,
            self.driver.step_progress,
            self._step_ended,
        )

    def _step_ended(self, begun: BeginStep, outcome: StepOutcome) -> None:
        """Tell the core, and look at what was changed: the next step waits for a picture of it."""
        self.driver.step_ended(begun, outcome)
        node_ids = [node.id for node in self.desk.picture.nodes]
        if len(node_ids) > LOOKED_AT_MAX:
            named = set(begun.step.arguments.values())
            node_ids = [node_id for node_id in node_ids if node_id in named]
        task = asyncio.create_task(self.observer.look_again(node_ids))
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)

    def _address_of_node(self, node_id: str) -> Address | None:
        node = self.desk.picture.node(node_id)
        return address_of(node.address) if node else None

    async def _search_keys(self, search: KeySearch) -> tuple[NotableKey, ...]:
        address = self._address_of_node(search.node)
        if address is None:
            raise NotPossibleError(422, "there is no such node", path="node")
        return await search_keys(self._options.access, address, search)


async def run_manager(options: RunOptions, ready: Callable[[], None]) -> None:
    """Run until SIGTERM or SIGINT."""
    process = ManagerProcess(options, ready)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, process.end)
    try:
        await process.run()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(ValueError):
                loop.remove_signal_handler(number)
