"""The life of a Sentinel's process: configuration, log, listener, core, signals, exit code.

The order matters. The folder is entered and the process goes to the background before anything else; the
ports are taken before the file is written, so that a second Sentinel started by mistake on the same file
touches nothing; the core's first record is carried out when the listener serves. Exit codes: 0 after an
orderly shutdown, 1 for everything else."""

from __future__ import annotations

import asyncio
import gc
import secrets
import traceback
from typing import Any

from garrison.base import process, stop_signals
from garrison.base.config_text import ConfigError, read_text
from garrison.base.daemon import Readiness
from garrison.base.descriptors import make_room
from garrison.base.log import Log
from garrison.base.metrics.service import MetricsService
from garrison.base.process import StartError, detach, enter, new_loop, write_pidfile
from garrison.base.reply import Error
from garrison.sentinel.config.config import Config
from garrison.sentinel.config.state_file import StateFile
from garrison.sentinel.server.acl import Users, read_users
from garrison.sentinel.server.dispatch import Commands
from garrison.sentinel.server.info_command import Info
from garrison.sentinel.server.pubsub import PUT
from garrison.sentinel.server.sentinel_metrics import SentinelMetrics
from garrison.sentinel.server.server import Server
from garrison.sentinel.shell.driver import Sentinel

LINKS_RESERVED = 8_192
"""Descriptors kept for links: 1,000 primaries with two replicas each take 6,000, and a few for Sentinels."""
SHUTDOWN_WORDS = frozenset({b"nosave", b"save", b"now", b"force", b"abort"})


def run(config: Config) -> int:
    """Be a Sentinel until it is shut down; the exit code."""
    try:
        config.values["dir"] = enter(config.text("dir"))
        StateFile(config.file).check()
        users = load_users(config)
        readiness = detach(
            config.text("logfile"), config.text("supervised"), daemonize=config.flag("daemonize")
        )
    except (StartError, ConfigError) as error:
        return process.refuse(error)
    return process.run(config, lambda log: _serve(config, log, users, readiness), role="X")


def _serve(config: Config, log: Log, users: Users, readiness: Readiness) -> int:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(_live(config, log, users, readiness))


async def _live(config: Config, log: Log, users: Users, readiness: Readiness) -> int:
    process = _Process(config, log, users, asyncio.get_running_loop())
    write_pidfile(config.text("pidfile"))
    return await process.live(readiness)


def load_users(config: Config) -> Users:
    """The users that the configuration or its aclfile names. Raises ConfigError."""
    path, password = config.text("aclfile"), config.text("requirepass")
    all_channels = config.text("acl-pubsub-default") == "allchannels"
    if path:
        return read_users(read_text(path), path, password, all_channels)
    lines = "".join(f"user {line}\n" for line in config.text("user").splitlines())
    return read_users(lines, config.file, password, all_channels)


def _room_for_clients(config: Config, log: Log) -> int:
    """Most clients, so that they and the links fit below the limit of open files."""
    wanted = config.integer("maxclients")
    fitting = make_room(wanted + LINKS_RESERVED)
    if fitting >= wanted + LINKS_RESERVED:
        return wanted
    possible = max(1, min(wanted, fitting // 2))
    if possible < wanted:
        log.warning(
            f"maxclients is {possible} instead of {wanted}: this process may open few files, and its "
            f"links to servers need some (raise 'ulimit -n')"
        )
    return possible


class _Process:
    """Puts the parts together and takes them apart again."""

    def __init__(self, config: Config, log: Log, users: Users, loop: asyncio.AbstractEventLoop) -> None:
        self._config = config
        self._log = log
        self._stopped = asyncio.Event()
        loop.set_exception_handler(self._unexpected)
        stop_signals.watch(loop, log, self._begin_shutdown)
        self._server = Server(config, users, log, loop, _room_for_clients(config, log))
        self._server.bind()
        log.starts("sentinel", config.text("port"), always_logo=config.text("always-show-logo") == "yes")
        self._sentinel = Sentinel(
            config, config.settings(), log, loop, lambda: self._server.users, self._server.publish
        )
        info = Info(config, self._server, secrets.token_hex(20), self._of_core)
        metrics = SentinelMetrics(info.reply, self._sentinel.core.figures, self._sentinel.failovers)
        self._pages = MetricsService(
            loop, log, metrics.collect, metrics.why_not_ready, config.text("metrics-token")
        )
        bind = config.text("metrics-bind") or config.text("bind")
        self._page_sockets = MetricsService.take(bind, config.integer("metrics-port"))
        Commands(self._server, self._sentinel.ask, info.reply, self._shutdown, self._sentinel.scripts.pending)

    def _unexpected(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """An exception that was not caught: a mistake of ours, which must not end the Sentinel silently."""
        error = context.get("exception")
        text = "".join(traceback.format_exception(error)) if error is not None else ""
        self._log.warning(f"{context.get('message', 'unexpected')}\n{text}".rstrip())

    def _of_core(self) -> str:
        scripts = self._sentinel.scripts
        return self._sentinel.core.info_section(scripts.running, scripts.queued)

    async def live(self, readiness: Readiness) -> int:
        await self._server.start()
        self._sentinel.start()
        self._pages.adopt(self._page_sockets)
        # What lives now lives long: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        readiness.notify()
        await self._stopped.wait()
        self._pages.close()
        await self._sentinel.close()
        await self._server.stop()
        self._log.warning("Sentinel is now ready to exit, bye bye...")
        return 0

    def _begin_shutdown(self, name: str) -> bool:
        self._stop()
        return True

    def _stop(self) -> None:
        self._log.warning("User requested shutdown...")
        self._stopped.set()

    def _shutdown(self, words: list[bytes]) -> object:
        """SHUTDOWN: stop without saving or waiting; the connection is closed without a reply."""
        flags = {word.lower() for word in words}
        alone = b"abort" in flags and len(words) > 1
        if not flags <= SHUTDOWN_WORDS or {b"save", b"nosave"} <= flags or alone:
            return Error("ERR syntax error")
        if b"abort" in flags:
            return Error("ERR No shutdown in progress.")
        self._stop()
        return PUT
