"""The primary that Sentinels name, for a client without a cluster: carrying out what the discovery decides.

BACKGROUND
    Whom to ask and whom to believe is :class:`garrison.client.core.sentinel.Discovery`'s business. This
    file has the connections, the tasks and the clock.

INVARIANTS
    * All slots go to the node that the discovery believes to be the primary, else to ``nobody``. A
      connection to it is opened only by the check of its role: a node that has restarted meanwhile gets
      no command before it has been asked what it is.
    * At most one round runs, and two start at least ``refresh_interval_min_s`` apart. News from a
      Sentinel wait for no round.

BEHAVIOUR
    * A round is begun by a lost connection, by commands that wait in silence, by an error that says
      "not a primary now", and by callers that find none. It is not repeated while nobody calls.
    * ``+switch-master`` of any Sentinel makes that Sentinel be asked; its answer, with the epoch, is
      what counts, so the same news from several Sentinels do no harm.
    * When the primary changes, no command is written to the old one any more, also none that waited
      for room; idle connections to it are closed at once, subscriptions too. One with commands in flight
      is given ``silence_refresh_s`` for their replies, unless it has been silent for so long already;
      what is then unanswered is decided like any lost connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

from garrison.client.connection import Connection
from garrison.client.core.routing import backoff
from garrison.client.core.sentinel import Ask, Discovery, Effect
from garrison.client.core.sentinel_replies import Reason, Refusal, Report, Role, read_role
from garrison.client.core.slots import SLOT_COUNT
from garrison.client.core.topology import Address
from garrison.client.errors import (
    AuthenticationError,
    ClientError,
    ConnectionFailedError,
    TopologyError,
    UsageError,
)
from garrison.client.nodes import Node, NodePool
from garrison.client.router import Router
from garrison.client.sentinel_link import SentinelLink
from garrison.client.settings import Settings

__all__ = ["SentinelRouter"]


class SentinelRouter(Router):
    """All slots to one primary, found and followed with the help of Sentinels."""

    finds_primaries = True

    def __init__(
        self,
        pool: NodePool,
        sentinels: NodePool,
        name: str,
        seeds: Sequence[Address],
        settings: Settings,
        rng: Random,
    ) -> None:
        super().__init__(pool, settings, rng)
        self._name = name
        self._sentinels = sentinels
        self._discovery = Discovery(
            seeds,
            patience_s=settings.refresh_hedge_s,
            memory_s=settings.sentinel_memory_s,
            doubt_s=settings.sentinel_doubt_s,
            sentinels_max=settings.sentinels_max,
        )
        self._links: dict[Address, SentinelLink] = {}
        self._checks: dict[Address, asyncio.Task[None]] = {}
        self._current: Node | None = None
        """The last primary: its connections are closed when another follows."""
        self._current_told = Address("", 0)
        self._is_started = False
        self._refreshing: asyncio.Task[None] | None = None
        self._refreshed_at = float("-inf")
        self._round_over: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._refusal: ClientError | None = None
        self._loop = asyncio.get_running_loop()
        pool.on_lost = self._on_lost
        pool.on_silent = self.request_refresh

    # ---- the start -----------------------------------------------------------------------------

    async def start(self) -> None:
        """Find the primary within ``call_timeout_s``; fails at once when no Sentinel can name one."""
        attempt = 0
        settings = self._settings
        try:
            async with asyncio.timeout(settings.call_timeout_s):
                while self._discovery.primary is None:
                    await self.refresh()
                    self._raise_if_hopeless()
                    attempt += 1
                    if self._discovery.primary is None:
                        pause_s = backoff(
                            attempt, settings.backoff_first_s, settings.backoff_max_s, self._rng
                        )
                        await self.changed(pause_s)
        except TimeoutError:
            text = f"no primary of {self._name!r} within {settings.call_timeout_s:g} s (call_timeout_s)"
            raise ConnectionFailedError(f"{text}: {self._discovery.describe()}") from None
        self._is_started = True
        for link in self._links.values():
            link.listen()

    def _raise_if_hopeless(self) -> None:
        """Waiting helps when a failover is under way, and not when no Sentinel can name a primary."""
        if self._refusal is not None:
            raise self._refusal
        reasons = self._discovery.refusals()
        said = self._discovery.describe()
        if Reason.UNKNOWN_NAME in reasons:
            raise UsageError(f"no Sentinel knows a primary named {self._name!r}: {said}")
        if reasons == {Reason.NOT_ALLOWED}:
            raise AuthenticationError(f"NOAUTH every Sentinel wants other credentials: {said}")
        if reasons:
            raise ConnectionFailedError(f"no Sentinel names a primary of {self._name!r}: {said}")

    # ---- the router's side ---------------------------------------------------------------------

    def _unserved(self, what: str) -> TopologyError:
        if self._pool.is_closed:
            raise UsageError("the client is closed: connect() makes a new one")
        text = f"no primary of {self._name!r} is known at the moment"
        return TopologyError(f"{text}: {self._discovery.describe()}")

    def explain(self, error: ClientError | None) -> str:
        return "" if isinstance(error, TopologyError) else f"What is known: {self._discovery.describe()}"

    async def settled(self) -> None:
        deadline = self._loop.time() + self._settings.call_timeout_s
        while self._discovery.primary is None and self._loop.time() < deadline and not self._pool.is_closed:
            self.request_refresh()
            await self.changed(self._settings.backoff_max_s)
        if self._discovery.primary is None:
            raise self._unserved("any slot")

    def request_refresh(self) -> None:
        """Start a round in the background, unless one is under way."""
        if self._refreshing is None and not self._pool.is_closed:
            self._refreshing = asyncio.create_task(self._round(), name="garrison: ask Sentinels")

    async def refresh(self) -> None:
        self.request_refresh()
        if self._refreshing is not None:
            await asyncio.shield(self._refreshing)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for task in (self._refreshing, *self._checks.values()):
            if task is not None:
                task.cancel()
        for link in self._links.values():
            link.close()
        self._sentinels.close()

    async def _round(self) -> None:
        """Ask everyone, and wait until it is decided what follows from the answers."""
        try:
            interval_s = self._settings.refresh_interval_min_s
            wait_s = self._refreshed_at + interval_s * (1 + self._rng.random() / 2) - self._loop.time()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            self._refreshed_at = self._loop.time()
            self.refresh_count += 1
            self._refusal = None
            self._round_over = self._loop.create_future()
            self._carry_out(self._discovery.begin(self._loop.time()))
            await self._round_over
        finally:
            self._refreshing = self._round_over = None

    # ---- what comes in -------------------------------------------------------------------------

    def _on_lost(self, node: Node, _error: ClientError) -> None:
        if node is self._current:
            self._discovery.lost(self._current_told)
            self._follow()
            self.request_refresh()

    def _on_answer(self, sentinel: Address, answer: Report | Refusal) -> None:
        self._carry_out(self._discovery.received(sentinel, answer, self._loop.time()))

    def _on_news(self, sentinel: Address) -> None:
        self._carry_out(self._discovery.news(sentinel))

    def _on_timer(self) -> None:
        self._timer = None
        self._carry_out(self._discovery.tick(self._loop.time()))

    # ---- what goes out -------------------------------------------------------------------------

    def _carry_out(self, effects: list[Effect]) -> None:
        if self._pool.is_closed:
            return
        self._follow()
        for effect in effects:
            if isinstance(effect, Ask):
                self._link_to(effect.sentinel).ask()
            else:
                task = asyncio.create_task(self._check(effect.node), name=f"garrison: check {effect.node}")
                self._checks[effect.node] = task
        known = set(self._discovery.sentinels)
        for address in self._links.keys() - known:
            self._links.pop(address).close()
        self._set_timer()
        is_busy = self._discovery.is_busy(self._loop.time())
        if not is_busy and self._round_over is not None and not self._round_over.done():
            self._round_over.set_result(None)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self._discovery.next_deadline(self._loop.time())
        if deadline is not None:
            self._timer = self._loop.call_at(deadline, self._on_timer)

    def _link_to(self, sentinel: Address) -> SentinelLink:
        link = self._links.get(sentinel)
        if link is None:
            link = self._links[sentinel] = SentinelLink(
                sentinel, self._name, self._sentinels, self._rng, self._on_answer, self._on_news
            )
            if self._is_started:
                link.listen()
        return link

    async def _check(self, address: Address) -> None:
        limit_s = self._settings.connect_timeout_s
        try:
            async with asyncio.timeout(limit_s):
                connection = await self._pool.announced(address).connection()
                role = await _ask_role(connection)
            text = f"it says that it is a {role.value}"
        except AuthenticationError as error:
            role, text = Role.UNREACHABLE, str(error)
            self._refusal = error
        except ClientError as error:
            role, text = Role.UNREACHABLE, str(error)
        except TimeoutError:
            role, text = (
                Role.UNREACHABLE,
                f"it did not tell its role within {limit_s:g} s (connect_timeout_s)",
            )
        self._checks.pop(address, None)
        self._carry_out(self._discovery.checked(address, role, text, self._loop.time()))

    # ---- following the primary -----------------------------------------------------------------

    def _follow(self) -> None:
        """Make the routes say what the discovery believes."""
        primary = self._discovery.primary
        node = self.nobody if primary is None else self._pool.announced(primary)
        if self.routes[0] is node:
            return
        self.routes[:] = [node] * SLOT_COUNT
        if node is not self.nobody:
            assert primary is not None, "only nobody has no address"
            old, self._current, self._current_told = self._current, node, primary
            if old is not None and old is not node:
                self._leave(old)
        self._announce()

    def _leave(self, old: Node) -> None:
        reason = f"Sentinels have named another primary of {self._name!r}"
        if old.leave(reason, at_once=old.is_silent):
            self._pool.forget(old)
        else:
            self._loop.call_later(self._settings.silence_refresh_s, self._leave_now, old, reason)

    def _leave_now(self, old: Node, reason: str) -> None:
        if old is not self._current:
            old.leave(reason, at_once=True)
            self._pool.forget(old)


async def _ask_role(connection: Connection) -> Role:
    """Ask a node for its role: by ROLE, or by HELLO if the user may not call ROLE."""
    try:
        return read_role(await connection.call("ROLE"))
    except AuthenticationError as error:
        if error.code != "NOPERM":
            raise
        return read_role(await connection.call("HELLO", connection.protocol_version))
