"""The Sentinel as it runs: the core, driven by what comes from sockets and clocks.

INVARIANTS. The effects of a step are carried out from top to bottom: what is to be kept is on disk,
synced, before a link is written, an event published or a client answered. If it cannot be kept, or only late,
what was decided with it is void: no order, hello or vote leaves later than in the step that wanted it
(`Effects.without_promises`). Events and scripts wait for the disk. Replies that lie ready are read
before a tick after a pause, so that a process that was stopped does not take others for dead.
BEHAVIOUR. Inputs of one turn of the loop gather in the core and are carried out together at its end: a
hundred answers of a hundred servers cost one pass."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
from collections import Counter
from collections.abc import Callable
from typing import Final

from garrison.base.clock import boot_ms, wall_ms
from garrison.base.log import Log
from garrison.base.reply import Error
from garrison.sentinel.config.config import Config
from garrison.sentinel.config.state_file import StateFile
from garrison.sentinel.core.commands import unsaved
from garrison.sentinel.core.effects import Effects, Event, Level
from garrison.sentinel.core.sentinel import SentinelCore
from garrison.sentinel.core.settings import SentinelSettings
from garrison.sentinel.server.acl import Users
from garrison.sentinel.server.clients import Client
from garrison.sentinel.shell.scripts import Scripts
from garrison.sentinel.shell.sockets import LinkLimits, Links

LATE_TICK_MS: Final = 200
"""A tick that comes later than this lets the sockets be read first."""
SAVE_MS_MAX: Final = 1_000
"""A configuration that took longer to save is on disk; what was decided with it is too old to be sent."""
HELD_EVENTS_MAX: Final = 10_000
"""Events, and scripts, that wait for the disk to take the configuration; older ones are dropped."""

SWITCHED: Final = "+switch-master"
"""The event that names a new primary; its text begins with the name under which it is watched."""

Publish = Callable[[bytes, bytes], int]


class Sentinel:
    """Drives one core. It is the owner of the links."""

    def __init__(
        self,
        config: Config,
        settings: SentinelSettings,
        log: Log,
        loop: asyncio.AbstractEventLoop,
        users: Callable[[], Users],
        publish: Publish,
    ) -> None:
        self._log = log
        self._loop = loop
        self._config = config
        self._users = users
        self._publish = publish
        self._file = StateFile(config.file)
        self._changed: dict[str, str] = {}
        self.failovers: Counter[str] = Counter()
        """How often each primary was replaced, by name."""
        self._tickets = itertools.count(1)
        self._asking: dict[int, Client] = {}
        self._held: Effects | None = None
        self._scheduled = self._closed = self._complained = False
        self._timer: asyncio.TimerHandle | None = None
        self._tick_due_ms = 0
        limits = LinkLimits(
            config.integer("link-connect-timeout-ms"),
            config.integer("link-output-bytes-max"),
            config.integer("link-reply-bytes-max"),
        )
        self.links = Links(self, loop, limits)
        self.scripts = Scripts(
            loop,
            log,
            lambda: (settings.tunables.script_max_runtime, settings.tunables.script_retry_delay),
            running_max=config.integer("scripts-running-max"),
            queue_length_max=config.integer("scripts-queue-length-max"),
            retries_max=config.integer("script-retries-max"),
        )
        rng = random.Random(os.urandom(32))
        self.core = SentinelCore(settings, rng, now_ms=boot_ms(), wall_ms=wall_ms())

    def start(self) -> None:
        """Carry out the first record and start the timer."""
        self._carry_out_all()
        self._set_timer()

    async def close(self) -> None:
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self.links.close()
        await self.scripts.close()

    # -- inputs --------------------------------------------------------------------------------------------

    def ask(self, client: Client, argv: list[bytes]) -> None:
        """A command of a client for the core. It is carried out at once: the client waits."""
        ticket = next(self._tickets)
        self._asking[ticket] = client
        self.core.command(ticket, argv, boot_ms())
        self._carry_out_all()

    def link_up(self, link_id: int, local_ip: str) -> None:
        self.core.link_up(link_id, local_ip, boot_ms())
        self._schedule()

    def link_down(self, link_id: int) -> None:
        if not self._closed:
            self.core.link_down(link_id, boot_ms())
            self._schedule()

    def answered(self, link_id: int, token: int, reply: object) -> None:
        self.core.answered(link_id, token, reply, boot_ms())
        self._schedule()

    def message(self, link_id: int, channel: bytes, payload: bytes) -> None:
        self.core.message(link_id, channel, payload, boot_ms())
        self._schedule()

    def resolved(self, host: str, address: str) -> None:
        self.core.resolved(host, address, boot_ms())
        self._schedule()

    def link_problem(self, text: str) -> None:
        self._log.warning(text)

    # -- time ----------------------------------------------------------------------------------------------

    def _set_timer(self) -> None:
        self._tick_due_ms = max(self.core.next_deadline_ms(), boot_ms() + 1)
        self._timer = self._loop.call_later((self._tick_due_ms - boot_ms()) / 1000, self._timer_fired)

    def _timer_fired(self) -> None:
        if boot_ms() - self._tick_due_ms > LATE_TICK_MS:
            # The sockets are read between two turns of the timers; then the tick sees what lay ready.
            self._timer = self._loop.call_later(0.001, self._tick)
        else:
            self._tick()

    def _tick(self) -> None:
        try:
            self.core.tick(boot_ms())
            self._carry_out_all()
        finally:
            self._set_timer()  # a mistake of ours is logged by the loop; it must not stop the clock

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._end_of_turn)

    def _end_of_turn(self) -> None:
        self._scheduled = False
        if not self._closed:
            self._carry_out_all()

    # -- effects -------------------------------------------------------------------------------------------

    def _carry_out_all(self) -> None:
        effects = self.core.take()
        if not effects:
            return
        if effects.configured:
            self._configure(effects.configured)
        if effects.persist is not None:
            self._save_and_carry_out(effects)
        elif self._held is not None:
            self._carry_out_without_promises(effects)
        else:
            self._carry_out(effects)

    def _save_and_carry_out(self, effects: Effects) -> None:
        assert effects.persist is not None
        began_ms = boot_ms()
        users = self._users()
        keep_users = users.changed and not self._config.text("aclfile")
        try:
            self._file.save(effects.persist, users.lines() if keep_users else None, self._changed)
        except (OSError, ValueError) as error:
            self._complain(error)
            why = getattr(error, "strerror", None) or str(error)
            refusal = unsaved(why) if self._held is None else None
            self.core.save_failed(why, boot_ms())
            self._carry_out_without_promises(effects, refusal)
            return
        self._log.notice("Sentinel new configuration saved on disk")
        self._complained = False
        self.core.saved(boot_ms())
        took_ms = boot_ms() - began_ms
        if took_ms > SAVE_MS_MAX:
            why = f"saving the configuration took {took_ms} ms"
            self._log.warning(f"{why}: what was decided before that is not carried out")
            self._carry_out_without_promises(effects, unsaved(why))
            effects = Effects()
        held, self._held = self._held, None
        if held is not None:
            held.merge(effects)
            effects = held
        self._carry_out(effects)

    def _carry_out(self, effects: Effects) -> None:
        self.links.carry_out(effects.wire)
        for event in effects.events:
            self._deliver(event)
        self._reply(effects)
        for script in effects.scripts:
            self.scripts.run(script)
        if effects.exit_code is not None:
            self._log.warning("Ending at once, as SENTINEL SIMULATE-FAILURE asked for")
            os._exit(effects.exit_code)

    def _carry_out_without_promises(self, effects: Effects, refusal: Error | None = None) -> None:
        """The rest of the record waits until something is saved."""
        now, void = effects.without_promises(refusal)
        self.core.unsent(void, "the configuration could not be saved in time", boot_ms())
        if self._held is None:
            self._held = Effects()
        self._held.merge(effects)
        del self._held.events[:-HELD_EVENTS_MAX]
        del self._held.scripts[:-HELD_EVENTS_MAX]
        self._carry_out(now)

    def _complain(self, error: OSError | ValueError) -> None:
        if not self._complained:
            self._complained = True
            self._log.warning(
                f"WARNING: Sentinel was not able to save the new configuration on disk!!!: {error}. It takes "
                f"no part in anything until it can"
            )

    def _deliver(self, event: Event) -> None:
        self._log.write(event.level.value, f"{event.name} {event.text}" if event.name else event.text)
        if event.name == SWITCHED:
            self.failovers[event.text.partition(" ")[0]] += 1
        if event.name and event.level is not Level.DEBUG:
            self._publish(event.name.encode(), event.text.encode("utf-8", "surrogateescape"))

    def _reply(self, effects: Effects) -> None:
        for ticket, value in effects.replies:
            client = self._asking.pop(ticket, None)
            if client is not None:
                client.answered(value)

    def _configure(self, configured: dict[str, str]) -> None:
        for name, value in configured.items():
            self._config.values[name] = value
            self._changed[name] = value
            if name == "loglevel":
                self._log.set_level(value)
