"""SentinelCore: one Sentinel as a state machine.

HOW TO DRIVE IT. Every input is a method that takes the time and returns nothing; the effects gather until
`take()`, which hands them over as one record to be carried out from top to bottom (see
`effects.Effects`).

    core = SentinelCore(settings, rng, now_ms=..., wall_ms=...)
    carry_out(core.take())                     # first: may save a new id, opens links, publishes +monitor
    core.tick(now_ms)                          # at least every TICK_MS_MAX, and at next_deadline_ms()
    core.link_up(link_id, local_ip, now_ms)    # a Connect effect succeeded
    core.link_down(link_id, now_ms)            # it failed, or the peer closed; pending replies are lost
    core.answered(link_id, token, reply, now_ms)   # reply: bytes, int, None, list of these, or ReplyError
    core.message(link_id, channel, payload, now_ms)  # a subscribed link received a message (bytes, bytes)
    core.resolved(host, address, now_ms)       # the answer to a Resolve effect
    core.command(ticket, argv, now_ms)         # a client sent SENTINEL ..., INFO's section, ROLE or PUBLISH
    core.info_section(running, queued) -> str  # the text of INFO sentinel, without the heading
    core.save_failed(reason, now_ms)           # a persist effect could not be carried out ...
    core.saved(now_ms)                         # ... and one could
    core.unsent(sends, why, now_ms)            # these Send effects were not carried out, and never will be

TIME. `now_ms` is a clock in milliseconds that never goes back and runs on while the process is stopped
(CLOCK_BOOTTIME); a gap between ticks is how a Sentinel knows that it was asleep (TILT). `wall_ms` is the
time since 1970 and only shown. Read pending replies from the sockets before calling tick after a pause.

LINKS. The core numbers them. A link is a plain connection that speaks RESP2: what is sent on it, AUTH and
SUBSCRIBE included, the core sends. Replies of one link arrive in the order of its commands. `Send` on a
link that has just broken is ignored by the shell.

COMMANDS. `argv[0]` is the command in any case: SENTINEL and its subcommands, ROLE, PUBLISH (for the hello
channel only). Every ticket gets exactly one reply, in the effects of the same step. SENTINEL
PENDING-SCRIPTS is the shell's own, since it runs the scripts.

TILT. Timers that do not run on time, by more than `tilt-trigger`, mean that this process or machine was
stopped. For `tilt-period` the Sentinel then only watches: it starts nothing, carries nothing on, and
tells no other that a primary is down. A change of the wall clock means nothing here, since nothing is
measured by it.

A DISK THAT REFUSES. While the configuration cannot be saved the Sentinel watches as ever, but takes no
part: it starts no failover and gives up an election that it wanted to win, it sends no order, hello or
question for votes, and refuses commands. Nothing of that is made up for later; what is still right then is
decided anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from garrison.sentinel.core import describe, state_lines
from garrison.sentinel.core.commands import Commands
from garrison.sentinel.core.context import AWAKE_STEP_MS, AWAKE_STEP_MS_MAX, Context, Randomness
from garrison.sentinel.core.down import Down
from garrison.sentinel.core.effects import Effects, Level, Send
from garrison.sentinel.core.failover import Failovers
from garrison.sentinel.core.figures import SentinelFigures, figures
from garrison.sentinel.core.hello import Hellos
from garrison.sentinel.core.instances import Address, Instance, Primary
from garrison.sentinel.core.links import Links
from garrison.sentinel.core.lost_data import LostData
from garrison.sentinel.core.monitors import Monitors
from garrison.sentinel.core.polling import Polling
from garrison.sentinel.core.roles import Roles
from garrison.sentinel.core.settings import SentinelSettings
from garrison.sentinel.core.votes import Votes

TICK_MS_MAX: Final = 100
"""The longest time between two ticks; `next_deadline_ms` may ask for an earlier one."""
SAVE_RETRY_MS: Final = 100
"""How soon a configuration that could not be saved is tried again."""
ROUNDS_MAX: Final = 8
"""How often one input may make the same server be looked at again; what is left waits for the next tick."""


class SentinelCore:
    """See the module's documentation."""

    def __init__(self, settings: SentinelSettings, rng: Randomness, *, now_ms: int, wall_ms: int) -> None:
        context = self._context = Context(settings, rng, now_ms, wall_ms)
        self._links = Links(context)
        self._monitors = Monitors(context, self._links)
        lost_data = LostData(context)
        self._roles = Roles(context, self._monitors, lost_data)
        self._polling = Polling(context, self._roles)
        self._down = Down(context, lost_data)
        self._votes = Votes(context)
        self._failovers = Failovers(
            context, self._down, self._votes, self._polling, self._roles, self._monitors
        )
        self._hellos = Hellos(context, self._links, self._monitors)
        self._commands = Commands(
            context, self._links, self._monitors, self._hellos, self._votes, self._down, self._failovers
        )
        self._last_tick_ms = self._input_ms = now_ms
        self._went_back_ms = 0
        self._save_again_ms = 0
        self._start()

    def _start(self) -> None:
        context = self._context
        if not context.my_id:
            context.my_id = f"{context.rng.getrandbits(160):040x}"
        context.save()
        context.say(Level.WARNING, f"Sentinel ID is {context.my_id}")
        for monitor in context.settings.monitors:
            primary = self._monitors.add(monitor)
            for host, port, run_id in monitor.known_sentinels:
                if run_id != context.my_id and run_id not in primary.peers:
                    self._hellos.remember(primary, run_id, Address(host, port))

    # Inputs.

    def tick(self, now_ms: int) -> None:
        """The timer."""
        self._pass_time(now_ms)
        gap_ms = now_ms - self._last_tick_ms
        self._last_tick_ms = now_ms
        self._watch_clock(gap_ms)
        self._advance()

    def _watch_clock(self, gap_ms: int) -> None:
        context, tunables = self._context, self._context.tunables
        if gap_ms < 0 or gap_ms > tunables.tilt_trigger:
            context.tilt_since_ms = context.now_ms
            context.event("+tilt", None, "#tilt mode entered")
        elif context.in_tilt and context.now_ms - context.tilt_since_ms > tunables.tilt_period:
            context.tilt_since_ms = 0
            context.event("-tilt", None, "#tilt mode exited")
            for instance in context.all_instances():
                # Who was down before TILT may be up: a failover that goes on now must not choose by that.
                if not isinstance(instance, Primary):
                    self._down.check(instance)
                context.look_now(instance)

    def link_up(self, link_id: int, local_ip: str, now_ms: int) -> None:
        """A Connect effect succeeded; `local_ip` is our own address on it."""
        self._pass_time(now_ms)
        self._links.up(link_id, local_ip)
        self._advance()

    def link_down(self, link_id: int, now_ms: int) -> None:
        """A Connect effect failed, or an established connection is gone."""
        self._pass_time(now_ms)
        self._links.down(link_id)
        self._advance()

    def answered(self, link_id: int, token: int, reply: object, now_ms: int) -> None:
        """A reply: bytes, int, None, a list of these, or ReplyError. Anything else is ignored."""
        self._pass_time(now_ms)
        self._links.answered(link_id, token, reply)
        self._advance()

    def message(self, link_id: int, channel: bytes, payload: bytes, now_ms: int) -> None:
        """A message of a channel that we listen to."""
        self._pass_time(now_ms)
        found = self._context.connection(link_id)
        if found is not None:
            found[1].received_ms = self._context.now_ms
            self._hellos.received(payload)
        self._advance()

    def resolved(self, host: str, address: str, now_ms: int) -> None:
        """The answer to a Resolve effect; without an address the last one is kept."""
        self._pass_time(now_ms)
        if self._context.resolved(host, address):
            for instance in self._context.all_instances():
                if instance.address.host == host:
                    self._context.look_now(instance)
        self._advance()

    def command(self, ticket: int, argv: Sequence[bytes], now_ms: int) -> None:
        """A client's command; see COMMANDS above."""
        self._pass_time(now_ms)
        value = self._commands.answer(argv)
        self._context.effects.replies.append((ticket, value))
        self._advance()

    def save_failed(self, reason: str, now_ms: int) -> None:
        """The configuration could not be written: it is tried again after SAVE_RETRY_MS."""
        self._pass_time(now_ms)
        context = self._context
        context.save()
        self._save_again_ms = context.now_ms + SAVE_RETRY_MS
        context.unsaved_reason = reason
        if not context.is_unsaved:
            context.unsaved_since_ms = context.now_ms
            for primary in context.primaries.values():
                self._failovers.give_up_unsaved(primary)

    def saved(self, now_ms: int) -> None:
        """The configuration was written."""
        self._pass_time(now_ms)
        context = self._context
        if not context.is_unsaved:
            return
        for_ms = context.now_ms - context.unsaved_since_ms
        context.say(Level.WARNING, f"The configuration is saved again, after {for_ms} ms without")
        context.unsaved_since_ms, context.unsaved_reason = 0, ""
        for primary in context.primaries.values():
            context.look_now(primary)

    def unsent(self, sends: Sequence[Send], why: str, now_ms: int) -> None:
        """These commands were not sent."""
        self._pass_time(now_ms)
        self._context.unsent(sends, why)
        self._advance()

    def _pass_time(self, now_ms: int) -> None:
        context = self._context
        step_ms = now_ms - self._input_ms
        self._input_ms = now_ms
        if step_ms < 0:
            # It must not, but it did: go on from where we were, rather than stand still until it is there.
            self._went_back_ms -= step_ms
            context.wall_offset_ms += step_ms
            step_ms = 0
        context.awake_ms += AWAKE_STEP_MS if step_ms > AWAKE_STEP_MS_MAX else step_ms
        context.now_ms += step_ms

    def _advance(self) -> None:
        """Look at everything whose time has come."""
        for _ in range(ROUNDS_MAX):
            instances = list(self._context.due())
            if not instances:
                return
            for instance in instances:
                if not instance.is_gone:
                    self._look_at(instance)

    def _look_at(self, instance: Instance) -> None:
        """Do what is due for one server: connect, ask, judge whether it is down, fail over."""
        self._links.upkeep(instance)
        self._links.watch(instance)
        self._polling.poll(instance)
        if self._context.in_tilt:
            return
        self._down.check(instance)
        if isinstance(instance, Primary):
            self._failovers.step(instance)
            self._down.ask(instance)

    # Outputs.

    def next_deadline_ms(self) -> int:
        """When `tick` is wanted at the latest, by the clock of the inputs."""
        due_ms = self._context.next_due_ms()
        latest_ms = self._last_tick_ms + TICK_MS_MAX
        return latest_ms if due_ms is None else min(latest_ms, due_ms - self._went_back_ms)

    def take(self) -> Effects:
        """All effects since the last call."""
        context = self._context
        taken, context.effects = context.effects, Effects()
        if context.must_save and not (context.is_unsaved and context.now_ms < self._save_again_ms):
            context.must_save = False
            taken.persist = state_lines.lines(context)
        return taken

    def info_section(self, running_scripts: int = 0, queued_scripts: int = 0) -> str:
        """INFO sentinel, without its heading."""
        return describe.info_section(self._context, running_scripts, queued_scripts)

    def figures(self) -> SentinelFigures:
        """What is watched, in numbers."""
        return figures(self._context)

    @property
    def my_id(self) -> str:
        return self._context.my_id

    @property
    def context(self) -> Context:
        """For the simulator's checkers; a shell has no business with it."""
        return self._context
