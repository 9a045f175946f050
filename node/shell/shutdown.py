"""How a node goes down: SHUTDOWN, SIGTERM and SIGINT.

BEHAVIOUR. Writes are paused and lagging replicas get `shutdown-timeout` seconds to catch up, unless NOW is
given or there are none; ABORT calls it off while it waits. Then the data plane writes what it has buffered,
closes its sockets and ends. Nothing is saved to disk: snapshots are not built yet, so SAVE is refused unless
FORCE is given, and a plain SHUTDOWN says in the log that the data is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from garrison.base.clock import boot_ms
from garrison.base.log import Log
from garrison.node.border import Pause, PauseMode, Unpause
from garrison.node.config import Config
from garrison.node.shell.bridge import Bridge

POLL_MS = 20
FLAGS = {"save", "nosave", "now", "force", "abort"}


class ShutdownError(Exception):
    """Why the node stays up; the text is a RESP error."""


def parse_flags(words: list[bytes]) -> set[str]:
    """The flags of a SHUTDOWN command. Raises ShutdownError."""
    flags = [word.decode("utf-8", "replace").lower() for word in words]
    chosen = set(flags)
    alone = "abort" in chosen and len(flags) > 1
    if not chosen <= FLAGS or alone or {"save", "nosave"} <= chosen:
        raise ShutdownError("ERR syntax error")
    return chosen


class Shutdown:
    """At most one shutdown at a time; `finish` is called once, when the data plane may be stopped."""

    def __init__(self, config: Config, bridge: Bridge, log: Log, finish: Callable[[], None]) -> None:
        self._config = config
        self._bridge = bridge
        self._log = log
        self._finish = finish
        self._waiting: asyncio.TimerHandle | None = None
        self._aborted: list[Callable[[str], None]] = []
        self._deadline_ms = 0
        self.is_final = False

    @property
    def in_progress(self) -> bool:
        return self._waiting is not None or self.is_final

    def begin(self, flags: set[str], aborted: Callable[[str], None] | None = None) -> None:
        """Start the shutdown. `aborted` is called if it is called off. Raises ShutdownError."""
        if "save" in flags and "force" not in flags:
            self._log.warning("SHUTDOWN SAVE refused: snapshots are not built yet")
            raise ShutdownError(
                "ERR Errors trying to SHUTDOWN: snapshots are not built yet; NOSAVE goes down without"
            )
        if aborted is not None:
            self._aborted.append(aborted)
        if self.in_progress:
            return
        if self._config.text("save") and "nosave" not in flags:
            self._log.warning("The data is not saved: snapshots are not built yet ('save' has no effect)")
        timeout_ms = self._config.integer("shutdown-timeout") * 1000
        if "now" in flags or not timeout_ms or not self._lagging():
            self._end()
            return
        self._log.notice(f"{self._lagging()} replicas are behind, waiting up to {timeout_ms} ms for them")
        self._deadline_ms = boot_ms() + timeout_ms
        self._bridge.post(Pause(self._deadline_ms, PauseMode.WRITE))
        self._wait()

    def abort(self) -> bool:
        """Call it off; whether there was anything to call off."""
        if self._waiting is None:
            return False
        self._waiting.cancel()
        self._waiting = None
        self._bridge.post(Unpause())
        for aborted in self._aborted:
            aborted("ERR Errors trying to SHUTDOWN. Check logs.")
        self._aborted.clear()
        self._log.notice("Shutdown called off")
        return True

    def _lagging(self) -> int:
        return self._bridge.plane.replication().lagging

    def _wait(self) -> None:
        self._waiting = None
        lagging = self._lagging()
        if not lagging or boot_ms() >= self._deadline_ms:
            if lagging:
                self._log.warning(f"{lagging} replicas are still behind; they lose the writes that they lack")
            self._end()
            return
        self._waiting = asyncio.get_running_loop().call_later(POLL_MS / 1000, self._wait)

    def _end(self) -> None:
        self.is_final = True
        self._finish()
