"""The life of a node process: configuration, log, data plane, control plane, signals, exit code.

The order matters. The folder is entered and the process goes to the background before any thread exists; the
cluster's file is locked and read before a port is bound, so that a damaged file never shows a listening node;
the line that supervisors wait for comes when both planes serve. Exit codes: 0 after an orderly shutdown, 1
for everything else.
"""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

from garrison.base import process
from garrison.base.daemon import Readiness
from garrison.base.log import Log
from garrison.base.process import EXIT_FAILED, StartError, detach, enter, new_loop, write_pidfile
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
    write_pidfile(config.text("pidfile"))
    if config.flag("disable-thp"):
        _refuse_huge_pages(log)
    _make_room_for_clients(config, log)
    mode = "cluster" if config.flag("cluster-enabled") else "standalone"
    with asyncio.Runner(loop_factory=new_loop) as runner:
        loop = runner.get_loop()
        plane = _engine.DataPlane(config.engine_settings())
        control = ControlPlane(config, log, plane, loop)
        _watch_signals(config, log, control, loop)
        control.prepare()
        log.starts(mode, config.text("port"), always_logo=config.flag("always-show-logo"))
        return runner.run(_main(control, log, readiness))


async def _main(control: ControlPlane, log: Log, readiness: Readiness) -> int:
    log.role = "M"
    log.warning("Server initialized")
    if await control.start():
        log.notice("Ready to accept connections")
        readiness.notify()
    return await control.wait()


def _watch_signals(config: Config, log: Log, control: ControlPlane, loop: asyncio.AbstractEventLoop) -> None:
    """The first SIGTERM or SIGINT goes down in order, the second at once."""
    received: list[str] = []

    def stop(name: str) -> None:
        if received:
            log.warning(f"Received {name} again, going down at once")
            os._exit(EXIT_FAILED)
        received.append(name)
        log.warning(f"Received {name} scheduling shutdown...")
        flags = set(config.text(f"shutdown-on-{name.lower()}").split()) - {"default"}
        if not control.request_shutdown(flags):
            received.clear()

    loop.add_signal_handler(signal.SIGTERM, stop, "SIGTERM")
    loop.add_signal_handler(signal.SIGINT, stop, "SIGINT")
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    import faulthandler

    faulthandler.register(signal.SIGUSR1, all_threads=True)
