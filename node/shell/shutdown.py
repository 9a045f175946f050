"""How a node goes down: SHUTDOWN, SIGTERM and SIGINT.

BEHAVIOUR. A primary of a cluster or under Sentinels gives its role to a replica first, unless NOW is given or
`shutdown-hand-over` is off. Writes are paused and lagging replicas get `shutdown-timeout` seconds to catch
up, unless NOW is given or there are none; ABORT calls it off while it waits. Then what was written is put on
the disk: the append-only file is synced, and a snapshot is written if there are rules of `save` or SAVE is
given, and NOSAVE is not. If that fails the node stays up, unless FORCE is given. At last the data plane
writes what it has buffered, closes its sockets and ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from garrison.base.clock import boot_ms
from garrison.base.log import Log
from garrison.node.border import Pause, PauseMode, Unpause
from garrison.node.config import Config
from garrison.node.shell.bridge import Bridge

POLL_MS = 20
SAVE_PAUSE_MS = 24 * 3600 * 1000
"""How long writes are held at most while the last snapshot is written."""
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
        self._flags: set[str] = set()
        self._waiting: asyncio.TimerHandle | None = None
        self._saving = False
        self._aborted: list[Callable[[str], None]] = []
        self._deadline_ms = 0
        self._handing: asyncio.Task[None] | None = None
        self.hand_over: Callable[[float], Coroutine[None, None, None]] | None = None
        """Gives the primary's role away within so many seconds, if this node has one to give."""
        self.is_final = False
        self.may_save = False
        """Whether the data is all here: what is half read is not written over the files it is read from."""

    @property
    def in_progress(self) -> bool:
        waiting = self._handing is not None or self._waiting is not None
        return waiting or self._saving or self.is_final

    def begin(self, flags: set[str], aborted: Callable[[str], None] | None = None) -> None:
        """Start the shutdown. `aborted` is called if it is called off."""
        if aborted is not None:
            self._aborted.append(aborted)
        if self.in_progress:
            return
        self._flags = flags
        timeout_s = self._config.integer("shutdown-timeout")
        if self.hand_over is None or "now" in flags or not timeout_s or not self.may_save:
            self._catch_up()
            return
        self._handing = asyncio.get_running_loop().create_task(self.hand_over(timeout_s))
        self._handing.add_done_callback(self._handed)

    def _handed(self, task: asyncio.Task[None]) -> None:
        self._handing = None
        if task.cancelled():
            return
        if task.exception() is not None:
            self._log.warning(f"Handing over failed: {task.exception()}")
        self._catch_up()

    def _catch_up(self) -> None:
        """Wait for replicas that are behind."""
        timeout_ms = self._config.integer("shutdown-timeout") * 1000
        if "now" in self._flags or not timeout_ms or not self._lagging():
            self._sync()
            return
        self._log.notice(f"{self._lagging()} replicas are behind, waiting up to {timeout_ms} ms for them")
        self._deadline_ms = boot_ms() + timeout_ms
        self._bridge.post(Pause(self._deadline_ms, PauseMode.WRITE))
        self._wait()

    def abort(self) -> bool:
        """Call it off; whether there was anything to call off."""
        if self._handing is not None:
            self._handing.cancel()
            self._handing = None
        elif self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        else:
            return False
        self._call_off("Shutdown called off")
        return True

    def _call_off(self, why: str) -> None:
        self._saving = False
        self._bridge.post(Unpause())
        for aborted in self._aborted:
            aborted("ERR Errors trying to SHUTDOWN. Check logs.")
        self._aborted.clear()
        self._log.notice(why)

    def _lagging(self) -> int:
        return self._bridge.plane.replication().lagging

    def _wait(self) -> None:
        self._waiting = None
        lagging = self._lagging()
        if not lagging or boot_ms() >= self._deadline_ms:
            if lagging:
                self._log.warning(f"{lagging} replicas are still behind; they lose the writes that they lack")
            self._sync()
            return
        self._waiting = asyncio.get_running_loop().call_later(POLL_MS / 1000, self._wait)

    def _sync(self) -> None:
        """What was written goes to the append-only file, and from now on nothing is."""
        if not self.may_save:
            self._end()
            return
        self._saving = True
        self._bridge.post(Pause(boot_ms() + SAVE_PAUSE_MS, PauseMode.WRITE))
        self._bridge.persist(self._synced, snapshot=False)

    def _synced(self, error: str) -> None:
        if self._failed("The append-only file cannot be synced", error):
            return
        wanted = "save" in self._flags or (self._config.text("save") and "nosave" not in self._flags)
        if not wanted:
            self._end()
            return
        self._log.notice("Saving the final RDB snapshot before exiting.")
        self._bridge.persist(self._saved, snapshot=True)

    def _saved(self, error: str) -> None:
        if not self._failed("Error trying to save the DB", error):
            self._end()

    def _failed(self, what: str, error: str) -> bool:
        """Whether an error keeps the node up."""
        if not error:
            return False
        self._log.warning(f"{what}: {error}")
        if "force" in self._flags:
            return False
        self._call_off(f"{what}, can't exit. SHUTDOWN FORCE goes down without it")
        return True

    def _end(self) -> None:
        self.is_final = True
        self._finish()
