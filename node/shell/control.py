"""The control plane of one node: it puts the parts of the shell together and sees to it that they end
together.

An exception that nobody expected is logged with its traceback and takes the node down in order: a control
plane that limps would keep heartbeats going for a node that cannot decide any more.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from garrison.base.descriptors import make_room
from garrison.base.log import Log
from garrison.base.metrics.service import MetricsService
from garrison.node import promises
from garrison.node.border import (
    Applied,
    Follow,
    InfoFields,
    Loaded,
    Plane,
    Published,
    Replication,
    Serve,
    Stopped,
)
from garrison.node.border import (
    Log as LogEvent,
)
from garrison.node.config import Config
from garrison.node.metrics.node_metrics import NodeMetrics, why_not_ready
from garrison.node.shell.bridge import Bridge
from garrison.node.shell.config_commands import ConfigCommands, NotAppliedError
from garrison.node.shell.control_commands import Commands
from garrison.node.shell.hand_over import HandOver
from garrison.node.shell.python_functions.calls import PythonFunctions
from garrison.node.shell.sentinels import Sentinels, known_sentinels
from garrison.node.shell.shutdown import Shutdown
from garrison.node.title import show_title

if TYPE_CHECKING:
    from garrison.node.core.settings import ClusterSettings
    from garrison.node.shell.cluster_shell import Cluster

ZONE = "availability-zone"
STOP_TIMEOUT_S = 5.0
"""How long the data plane may take to write what is buffered and end."""


class ControlPlane:
    """Create it, `prepare` it (files, no ports yet), `start` it, `wait` for the exit code."""

    def __init__(self, config: Config, log: Log, plane: Plane, loop: asyncio.AbstractEventLoop) -> None:
        self._config = config
        self._log = log
        self._plane = plane
        self._loop = loop
        self._ended: asyncio.Future[int] = loop.create_future()
        self._loaded: asyncio.Future[Loaded] = loop.create_future()
        self._exit_code = 0
        self._plane_runs = False
        self.bridge = Bridge(plane, loop)
        self.shutdown = Shutdown(config, self.bridge, log, self._stop_plane)
        self._cluster = self._new_cluster() if config.flag("cluster-enabled") else None
        self._info_fields = process_info(config)
        self._sentinels = self._new_sentinels() if self._cluster is None else None
        self._is_serving = False
        self._metrics = NodeMetrics(config, self.bridge, self._cluster)
        if self._sentinels is not None:
            sentinels = self._sentinels
            self._metrics.hold_text = lambda: sentinels.hold_text
        self._pages = MetricsService(
            loop, log, self._metrics.collect, self._why_not_ready, config.text("metrics-token")
        )
        self._page_sockets: list[socket.socket] = []
        self._commands = Commands(self.bridge, ConfigCommands(config, self), self.shutdown, self._cluster)
        self._python = PythonFunctions(config.values, log, self.bridge, loop)
        self.bridge.on(LogEvent, lambda event: log.write(event.level, event.message))
        self.bridge.on(Replication, self._replication_changed)
        self.bridge.on(Published, self._published)
        self.bridge.on(Loaded, self._loaded.set_result)
        self.bridge.on(Stopped, self._plane_stopped)
        loop.set_exception_handler(self._unexpected)

    def _new_cluster(self) -> Cluster:
        from garrison.node.shell.cluster_shell import Cluster

        return Cluster(self._config, self._log, self.bridge, self._loop, self.fail)

    def _new_sentinels(self) -> Sentinels:
        known = known_sentinels(self._config)
        return Sentinels(self._config, self._log, self.bridge, self._loop, known, self._info_fields["run_id"])

    def prepare(self) -> None:
        """Read and lock what is on disk. Raises ConfigError or OSError."""
        if self._cluster is not None:
            self._cluster.prepare()
        self._page_sockets = self._take_pages(self._config.text("metrics-port"))

    async def start(self) -> bool:
        """Bind, read the files, and serve; False if the files cannot be read. Raises OSError."""
        if self._sentinels is not None and self._sentinels.starts_held:
            # From the first command on: a request after the start might come after a client's.
            self._plane.start(True)
        else:
            self._plane.start()
        self._plane_runs = True
        self.bridge.open()
        self._pages.adopt(self._page_sockets)
        self.bridge.post(InfoFields(self._info_fields))
        await asyncio.wait((self._loaded, self._ended), return_when=asyncio.FIRST_COMPLETED)
        if self._ended.done() or self.shutdown.is_final:
            return False
        if self._config.text("replicaof"):
            host, port = self._config.text("replicaof").split()
            self.bridge.post(Follow(host, int(port), 0))
        if self._cluster is not None:
            await self._cluster.start(self._loaded.result())
        if self._sentinels is not None:
            self._sentinels.start()
        self.bridge.post(Serve())
        self.shutdown.hand_over = self._hand_over
        self.bridge.flush()
        self.shutdown.may_save = True
        self._is_serving = True
        return True

    async def wait(self) -> int:
        """Serve until the end; the exit code."""
        code = await self._ended
        self._pages.close()
        self.bridge.close()
        self._python.close()
        if self._cluster is not None:
            self._cluster.close()
        if self._sentinels is not None:
            self._sentinels.close()
        if self._plane_runs:
            await self._loop.run_in_executor(None, self._plane.join)
        self._log.warning("Garrison is now ready to exit, bye bye...")
        return code

    def request_shutdown(self, flags: set[str]) -> bool:
        """Begin the shutdown that a signal asks for; False if one is under way already."""
        if self.shutdown.in_progress:
            return False
        self.shutdown.begin(flags)
        return True

    async def _hand_over(self, timeout_s: float) -> None:
        """Give the primary's role away, where there is somebody to take it."""
        heirs = self._cluster.heirs if self._cluster is not None else None
        if self._sentinels is not None and self._sentinels.heirs():
            heirs = self._sentinels.heirs
        if heirs is not None and self._config.flag("shutdown-hand-over"):
            await HandOver(self.bridge, self._log, heirs).run(timeout_s)

    def fail(self, why: str) -> None:
        """Something happened after which this node must not go on."""
        self._log.warning(f"Going down: {why}")
        self._exit_code = 1
        if not self.shutdown.is_final:
            self.shutdown.begin({"now", "nosave"})

    # -- what CONFIG changes ------------------------------------------------------------------------------

    def apply(self, changes: dict[str, str], done: Callable[[NotAppliedError | None], None]) -> None:
        """Carry checked settings out, all or none: what can fail is tried first, and undone with the rest."""
        undo, at_end = ExitStack(), ExitStack()
        try:
            settings = self._check_cluster(changes)
            if "maxclients" in changes:
                _check_room(int(changes["maxclients"]))
            if "dir" in changes:
                changes["dir"] = _enter(changes["dir"], undo, at_end)
            pages = self._change_pages(changes, undo)
        except NotAppliedError as error:
            with at_end:
                undo.close()
                done(error)
            return

        def applied(event: Applied) -> None:
            with at_end:
                if event.error:
                    undo.close()
                    done(NotAppliedError(event.directive, event.error))
                else:
                    self._settings_applied(changes, settings, pages)
                    done(None)

        self.bridge.settings(changes, applied)

    def _settings_applied(
        self, changes: dict[str, str], settings: ClusterSettings | None, pages: list[socket.socket] | None
    ) -> None:
        """What else heeds settings hears of them, now that the data plane has taken them."""
        for line in promises.at_change(changes):
            self._log.warning(line)
        if "loglevel" in changes:
            self._log.set_level(changes["loglevel"])
        if "proc-title-template" in changes:
            show_title(self._config, changes["proc-title-template"])
        if ZONE in changes:
            self.bridge.post(InfoFields(zone_info(changes)))
        values = self._config.values | changes
        self._python.configure(values)
        if self._cluster is not None and settings is not None:
            self._cluster.configure(settings, values)
        if self._sentinels is not None:
            self._sentinels.configure(changes)
        if pages is not None:
            self._pages.adopt(pages)
        self._pages.token = changes.get("metrics-token", self._pages.token)

    def _check_cluster(self, changes: dict[str, str]) -> ClusterSettings | None:
        if self._cluster is None:
            return None
        try:
            return self._cluster.check_settings(changes)
        except ValueError as error:
            # The text begins with the directive's name.
            named = [name for name in changes if str(error).startswith(name)]
            raise NotAppliedError([*named, *changes][0], str(error)) from None

    def _change_pages(self, changes: dict[str, str], undo: ExitStack) -> list[socket.socket] | None:
        """Sockets for a new `metrics-port`, which `undo` closes; None if it stays."""
        if "metrics-port" not in changes:
            return None
        try:
            pages = self._take_pages(changes["metrics-port"])
        except OSError as error:
            raise NotAppliedError("metrics-port", str(error.strerror)) from None
        for listener in pages:
            undo.callback(listener.close)
        return pages

    def _take_pages(self, port: str) -> list[socket.socket]:
        """Sockets for metrics and health. Raises OSError."""
        return MetricsService.take(self._config.text("metrics-bind") or self._config.text("bind"), int(port))

    def _why_not_ready(self) -> str:
        return why_not_ready(
            is_serving=self._is_serving,
            is_going_down=self.shutdown.in_progress,
            status=self._plane.replication(),
            figures=self._cluster.figures() if self._cluster is not None else None,
            hold_text=self._metrics.hold_text(),
        )

    # -- what the data plane reports ------------------------------------------------------------------------

    def _published(self, event: Published) -> None:
        if self._cluster is not None:
            self._cluster.published(event.channel, event.message, event.sharded)
        elif self._sentinels is not None:
            self._sentinels.published(event.channel, event.message)

    def _replication_changed(self, event: Replication) -> None:
        primary = event.primary
        if self._log.role == "S" and primary is None:
            self._metrics.promotions += 1
        self._log.role = "S" if primary is not None else "M"
        if self._cluster is not None:
            self._cluster.replication_changed(event.status)
        else:
            # Before the next command is answered: it may be the CONFIG REWRITE of the same connection.
            self._config.values["replicaof"] = "" if primary is None else f"{primary[0]} {primary[1]}"

    def _stop_plane(self) -> None:
        self._log.warning("User requested shutdown..." if not self._exit_code else "Shutting down")
        self.bridge.flush()
        self._plane.stop()
        self._loop.call_later(STOP_TIMEOUT_S, self._give_up)

    def _plane_stopped(self, event: Stopped) -> None:
        error = event.error
        self._plane_runs = not error and self._plane_runs
        if error or not self.shutdown.is_final:
            self._log.warning(f"The data plane has stopped: {error or 'unasked'}")
            self._exit_code = 1
        self._end()

    def _give_up(self) -> None:
        if not self._ended.done():
            self._log.warning(f"The data plane did not end within {STOP_TIMEOUT_S} s")
            self._exit_code, self._plane_runs = 1, False
            self._end()

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(self._exit_code)

    def _unexpected(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        text = "".join(traceback.format_exception(error)) if error is not None else ""
        self._log.warning(f"{context.get('message', 'unexpected')}\n{text}".rstrip())
        self.fail("an error in the control plane that it was not made for, see above")


def zone_info(values: Mapping[str, str]) -> dict[str, str]:
    """What INFO and HELLO show of the zone."""
    return {"availability_zone": values[ZONE]}


def process_info(config: Config) -> dict[str, str]:
    """What INFO shows of this process and only the outside of the engine knows."""
    system = os.uname()
    return {
        "executable": sys.executable,
        "config_file": config.file,
        "process_id": str(os.getpid()),
        "process_supervised": config.text("supervised"),
        "run_id": os.urandom(20).hex(),
        "os": f"{system.sysname} {system.release} {system.machine}",
        **zone_info(config.values),
    }


def _check_room(clients: int) -> None:
    possible = make_room(clients)
    if possible < clients:
        raise NotAppliedError(
            "maxclients",
            "The operating system is not able to handle the specified number of clients, "
            f"try with {possible}",
        )


def _enter(folder: str, undo: ExitStack, at_end: ExitStack) -> str:
    """Make `folder` the working folder, until `undo` returns to the former one; its absolute path."""
    former = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    at_end.callback(os.close, former)
    try:
        os.chdir(folder)
    except (OSError, ValueError) as error:
        raise NotAppliedError("dir", getattr(error, "strerror", "") or str(error)) from None
    undo.callback(os.fchdir, former)
    return os.getcwd()
