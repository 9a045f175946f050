"""Holding something for as long as one can prove it: what locks, semaphores and leaders have in common.

BACKGROUND
    The server forgets a holder that does not come back within ``ttl_s``, because a dead one never would. So
    holding is a promise with an end, and the holder must know that end better than anybody else.

INVARIANTS
    * A hold counts as valid until ``ttl_s`` after the *sending* of the last call that confirmed it, by this
      process's monotonic clock, less a margin of 1 % for clocks of different pace. The server's deadline,
      which begins when the call arrives, is later.
    * Within ``async with ... hold()`` the work is cancelled at that moment, unless a renewal has moved it on.
      So work that awaits never goes on beyond its hold; :class:`HoldLostError` says that it was cut short.
    * A token of 128 random bits names the holder: nobody renews or releases what another holds.

WHAT IT DOES NOT PROMISE
    * A process that does not run (suspended, swapped out, in a long computation) cannot be cancelled; it
      may act for a moment after its hold has passed. A write that is already on its way cannot be called
      back.
    * Replication is asynchronous: a primary that dies just after it has granted may be replaced by a
      replica that does not know of it, and grants again. Two callers then hold the same until the first
      one's next renewal. ``min-replicas-to-write`` and a short ``ttl_s`` make that rarer, not impossible.
    * So what must never happen twice is protected by :attr:`Hold.fencing_token`: it grows with each grant,
      and the resource itself refuses a number smaller than one that it has seen.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from secrets import token_hex
from typing import Any, NamedTuple

from garrison.client.client import Client
from garrison.client.core.resp import Arg
from garrison.client.errors import (
    CallTimeoutError,
    ClientError,
    ConnectionLostError,
    HoldLostError,
    NotAcquiredError,
)
from garrison.client.recipes.basics import milliseconds

__all__ = ["Answer", "Hold", "HoldScripts", "Holder", "ScriptHolder"]

_PACE_MARGIN_SHARE = 0.01
_RENEWALS_PER_TTL = 3
_POLL_INTERVAL_MIN_S = 0.005


class Answer(NamedTuple):
    """What the server said to one attempt to take."""

    granted: bool
    number: int
    """The fencing token; when refused, after how many milliseconds the first holder's time is over."""


class HoldScripts(NamedTuple):
    """The steps of a holder in Lua; the first argument is the token, the second the ttl in milliseconds."""

    take: str
    """Answers 1 and the fencing token, or 0 and the milliseconds of :class:`Answer`."""
    renew: str
    """Answers whether the token still holds it."""
    give_back: str
    """Answers whether the token still held it."""


class Hold:
    """One grant: that this caller holds it, until when, and with which fencing token."""

    def __init__(self, holder: Holder, token: str, fencing_token: int, valid_until: float) -> None:
        self.token = token
        self.fencing_token = fencing_token
        """Larger than that of every earlier grant; hand it to the resource with each write."""
        self._holder = holder
        self._valid_until = valid_until
        self._scope: asyncio.Timeout | None = None
        self._renewing: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"Hold({self._holder.what}, fencing_token={self.fencing_token}, {self.remaining_s:.3f} s left)"

    @property
    def remaining_s(self) -> float:
        """For how many seconds it is certainly held, unless it is renewed; 0 when it is over."""
        return max(0.0, self._valid_until - asyncio.get_running_loop().time())

    @property
    def is_valid(self) -> bool:
        """Whether it is held now, as far as this process can know."""
        return self.remaining_s > 0

    async def renew(self) -> bool:
        """Hold it for ``ttl_s`` from now; False when somebody else may have it: it is over then."""
        sent = asyncio.get_running_loop().time()
        renewed = self.is_valid and await self._holder._renew(self.token)
        self._confirm(sent + self._holder.valid_s if renewed else sent)
        return renewed

    async def release(self) -> bool:
        """Give it back; whether it was still held. Needed only without ``async with``."""
        await self._stop_renewing()
        self._valid_until = 0.0
        try:
            return await self._holder._give_back(self.token)
        except (ConnectionLostError, CallTimeoutError) as error:
            if not error.maybe_executed:
                raise
            # Whether the first attempt has given it back is not known, and a second one cannot tell.
            await self._holder._give_back(self.token)
            return True

    def _confirm(self, valid_until: float) -> None:
        self._valid_until = valid_until
        if self._scope is not None and not self._scope.expired():
            self._scope.reschedule(valid_until)

    def _start_renewing(self) -> None:
        self._renewing = asyncio.create_task(self._renew_again_and_again())

    async def _stop_renewing(self) -> None:
        task, self._renewing = self._renewing, None
        if task is not None:
            task.cancel()
            await asyncio.wait((task,))

    async def _renew_again_and_again(self) -> None:
        pause_s = self._holder.ttl_s / _RENEWALS_PER_TTL
        while self.is_valid:
            await asyncio.sleep(min(pause_s, self.remaining_s))
            try:
                async with asyncio.timeout(self.remaining_s):
                    if not await self.renew():
                        return
            except (ClientError, TimeoutError):
                pause_s = self._holder.poll_interval_s  # Until it is over: a failover may end before that.
            else:
                pause_s = self._holder.ttl_s / _RENEWALS_PER_TTL


class Holder(ABC):
    """What can be held: how it is waited for, kept and given back; a subclass says it to the server."""

    what = "hold"

    def __init__(
        self, client: Client[Any], *, ttl_s: float, poll_interval_s: float, rng: Random | None = None
    ) -> None:
        self.ttl_s = ttl_s
        """How long the server remembers a holder that does not renew."""
        self.poll_interval_s = poll_interval_s
        """How long a waiting caller sleeps between two attempts, on average."""
        self.valid_s = ttl_s * (1 - _PACE_MARGIN_SHARE)
        self._ttl_ms = milliseconds(ttl_s, "ttl_s")
        milliseconds(poll_interval_s, "poll_interval_s")
        self._client = client
        self._rng = rng if rng is not None else Random()
        self._cleaning: set[asyncio.Task[None]] = set()

    @abstractmethod
    async def _take(self, token: str) -> Answer:
        """Try once to take; a second attempt with the same token must find what the first one took."""

    @abstractmethod
    async def _renew(self, token: str) -> bool:
        """Extend by the ttl; False when this token does not hold it."""

    @abstractmethod
    async def _give_back(self, token: str) -> bool:
        """Release; False when this token does not hold it."""

    async def acquire(self, wait_s: float | None = None) -> Hold:
        """Wait until it is free, at most ``wait_s`` seconds (None: for ever; 0: try once), and take it.

        The caller renews and releases it. Raises :class:`NotAcquiredError` when the time is over. Who waits
        has no place in a line: whoever asks first after it is free gets it.
        """
        loop = asyncio.get_running_loop()
        deadline = None if wait_s is None else loop.time() + wait_s
        token = token_hex(16)
        while True:
            sent = loop.time()
            try:
                answer = await self._take(token)
            except BaseException:
                self._clean(token)
                raise
            if answer.granted:
                return Hold(self, token, answer.number, sent + self.valid_s)
            pause_s = min(self._pause_s(), max(_POLL_INTERVAL_MIN_S, answer.number / 1000))
            if deadline is not None:
                left_s = deadline - loop.time()
                if left_s <= 0:
                    raise NotAcquiredError(f"{self.what} is held by others, and was not free in {wait_s:g} s")
                pause_s = min(pause_s, left_s)
            await asyncio.sleep(pause_s)

    @asynccontextmanager
    async def hold(self, wait_s: float | None = None, *, renew: bool = True) -> AsyncIterator[Hold]:
        """Take it as :meth:`acquire` does, renew it while the block runs, and give it back at the end.

        Without ``renew`` the block has ``ttl_s``. Raises :class:`NotAcquiredError`, and
        :class:`HoldLostError` when it was lost meanwhile: the block is cancelled then.
        """
        hold = await self.acquire(wait_s)
        completed = False
        scope = asyncio.timeout_at(hold._valid_until)
        try:
            async with scope:
                hold._scope = scope
                if renew:
                    hold._start_renewing()
                yield hold
            completed = True
        except TimeoutError as error:
            if scope.expired():
                text = f"{self.what} was lost while it was held: its work was cancelled"
                raise HoldLostError(text, what=self.what) from error
            raise
        finally:
            hold._scope = None
            was_held = await self._end(hold, completed)
        if not was_held:
            text = f"{self.what} was no longer held when it was given back"
            raise HoldLostError(text, what=self.what)

    async def _end(self, hold: Hold, completed: bool) -> bool:
        """Release; only after work that has completed does a failure matter: else its own error does."""
        try:
            return await hold.release() or not completed
        except ClientError:
            if completed:
                raise
            return True

    def _pause_s(self) -> float:
        return self.poll_interval_s * (0.5 + self._rng.random())

    def _clean(self, token: str) -> None:
        """Give back in the background what an attempt that failed or was cancelled may have taken."""
        task = asyncio.create_task(self._try_to_give_back(token))
        self._cleaning.add(task)
        task.add_done_callback(self._cleaning.discard)

    async def _try_to_give_back(self, token: str) -> None:
        try:
            await self._give_back(token)
        except ClientError:
            pass  # It ends with its ttl.


class ScriptHolder(Holder):
    """A holder whose steps are scripts on the same keys; ``_details`` are further arguments of taking."""

    _details: tuple[Arg, ...] = ()

    def __init__(
        self,
        client: Client[Any],
        scripts: HoldScripts,
        keys: tuple[str, ...],
        *,
        ttl_s: float,
        poll_interval_s: float,
    ) -> None:
        super().__init__(client, ttl_s=ttl_s, poll_interval_s=poll_interval_s)
        self._keys = keys
        self._take_script = client.register_script(scripts.take, repeatable=True)
        self._renew_script = client.register_script(scripts.renew, repeatable=True)
        self._give_back_script = client.register_script(scripts.give_back)

    async def _take(self, token: str) -> Answer:
        granted, number = await self._take_script(self._keys, (token, self._ttl_ms, *self._details))
        return Answer(bool(granted), int(number))

    async def _renew(self, token: str) -> bool:
        return bool(await self._renew_script(self._keys, (token, self._ttl_ms)))

    async def _give_back(self, token: str) -> bool:
        return bool(await self._give_back_script(self._keys, [token]))
