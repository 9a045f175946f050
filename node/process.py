"""The life of a node process: configuration, log, data plane, control plane, signals, exit code.

The order matters. The folder is entered and the process goes to the background before any thread exists; the
cluster's file is locked and read before a port is bound, so that a damaged file never shows a listening node;
the line that supervisors wait for comes when both planes serve. Exit codes: 0 after an orderly shutdown, 1
for everything else.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from garrison.base import process, stop_signals
from garrison.base.daemon import Readiness
from garrison.base.log import Log
from garrison.base.process import StartError, detach, enter, new_loop, write_pidfile
from garrison.node.config import Config, ConfigError
from garrison.node.title import show_title

if TYPE_CHECKING:
    from garrison.node.shell.control import ControlPlane


PR_SET_THP_DISABLE = 41
"""From linux/prctl.h."""


def run(config: Config) -> int:
    """Be a node until it is shut down; the exit code."""
    try:
        readiness = _prepare(config)
    except (StartError, ConfigError) as error:
        return process.refuse(error)
    return process.run(config, lambda log: _serve(config, log, readiness))


def _prepare(config: Config) -> Readiness:
    """Everything that must happen before there is a thread."""
    config.values["dir"] = enter(config.text("dir"))
    return detach(config.text("logfile"), config.text("supervised"), daemonize=config.flag("daemonize"))


def _refuse_huge_pages(log: Log) -> None:
    """Huge pages of this process would be cleared whole, and kept whole, for a few bytes of each."""
    import ctypes

    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0):
        log.warning(f"disable-thp: the kernel refuses it: {os.strerror(ctypes.get_errno())}")


def _make_room_for_clients(config: Config, log: Log) -> None:
    from garrison.base.descriptors import files_max, make_room

    wanted = config.integer("maxclients")
    possible = make_room(wanted)
    if possible < wanted:
        log.warning(
            f"maxclients is {possible} instead of {wanted}: this process may open no more than "
            f"{files_max()} files (raise 'ulimit -n')"
        )
        config.values["maxclients"] = str(possible)


def _serve(config: Config, log: Log, readiness: Readiness) -> int:
    from garrison.node import _engine
    from garrison.node.shell.control import ControlPlane

    show_title(config)
    if config.flag("disable-thp"):
        _refuse_huge_pages(log)
    _make_room_for_clients(config, log)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        plane = _engine.DataPlane(config.engine_settings())
        control = ControlPlane(config, log, plane, runner.get_loop())
        return runner.run(_main(config, control, log, readiness))


async def _main(config: Config, control: ControlPlane, log: Log, readiness: Readiness) -> int:
    def begin_shutdown(name: str) -> bool:
        flags = set(config.text(f"shutdown-on-{name.lower()}").split()) - {"default"}
        return control.request_shutdown(flags)

    stop_signals.watch(asyncio.get_running_loop(), log, begin_shutdown)
    write_pidfile(config.text("pidfile"))
    control.prepare()
    mode = "cluster" if config.flag("cluster-enabled") else "standalone"
    log.starts(mode, config.text("port"), always_logo=config.flag("always-show-logo"))
    log.role = "M"
    log.warning("Server initialized")
    if await control.start():
        log.notice("Ready to accept connections")
        readiness.notify()
    return await control.wait()
