"""SIGTERM and SIGINT to a server: the first begins an orderly shutdown, the second ends the process at once.

BACKGROUND. uvloop drops a signal that arrives before its loop runs, even if a handler was added. So a server
calls :func:`watch` in its running loop, before it has opened anything. Until then the kernel's default action
ends the process at once or, for process 1 of a container, which has none, the handler of `garrison.__main__`.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from garrison.base.command_line import EXIT_FAILED

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from garrison.base.log import Log


def watch(loop: asyncio.AbstractEventLoop, log: Log, begin: Callable[[str], bool]) -> None:
    """Let the first SIGTERM or SIGINT `begin` a shutdown by its name, and the second end the process at once.

    `begin` returns False if a shutdown is under way already. Call it in the loop, while that runs.
    """
    received: list[str] = []

    def stop(name: str) -> None:
        if received:
            log.warning(f"Received {name} again, going down at once")
            os._exit(EXIT_FAILED)
        received.append(name)
        log.warning(f"Received {name} scheduling shutdown...")
        if not begin(name):
            received.clear()

    loop.add_signal_handler(signal.SIGTERM, stop, "SIGTERM")
    loop.add_signal_handler(signal.SIGINT, stop, "SIGINT")
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    import faulthandler

    faulthandler.register(signal.SIGUSR1, all_threads=True)
