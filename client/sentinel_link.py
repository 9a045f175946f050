"""One Sentinel: asking it, and listening to what it announces.

Two connections: one for questions, opened when there is one, and one for the announcements, kept open by
:meth:`SentinelLink.listen`. Both are small; a program has a handful of Sentinels. A Sentinel that does not
answer within ``sentinel_timeout_s`` is given up for this time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from random import Random
from typing import Any

from garrison.client.connection import Connection
from garrison.client.core.resp import encode_command
from garrison.client.core.routing import backoff
from garrison.client.core.sentinel_replies import (
    Reason,
    Refusal,
    Report,
    questions,
    read_names,
    read_report,
    read_switch,
)
from garrison.client.core.topology import Address
from garrison.client.errors import AuthenticationError, ClientError, ReplyError
from garrison.client.nodes import NodePool
from garrison.client.settings import Settings

__all__ = ["SentinelLink", "settings_for_sentinels"]

_log = logging.getLogger(__name__)
_SUBSCRIBE = encode_command("SUBSCRIBE", "+switch-master")
_PING = encode_command("PING")


def settings_for_sentinels(settings: Settings) -> Settings:
    """The client's settings with the credentials and the patience that Sentinels get."""
    own: dict[str, Any] = {
        "username": settings.sentinel_username,
        "password": settings.sentinel_password,
        "database": 0,
        "decode": True,
        "connect_timeout_s": settings.sentinel_timeout_s,
        "reply_timeout_s": settings.sentinel_timeout_s,
    }
    return settings.model_copy(update=own)


class SentinelLink:
    """One Sentinel, for one client."""

    def __init__(
        self,
        address: Address,
        name: str,
        pool: NodePool,
        rng: Random,
        on_answer: Callable[[Address, Report | Refusal], None],
        on_news: Callable[[Address], None],
    ) -> None:
        self.address = address
        self._name = name
        self._pool = pool
        self._rng = rng
        self._on_answer = on_answer
        self._on_news = on_news
        self._node = pool.announced(address)
        self._asking: asyncio.Task[None] | None = None
        self._ask_again = False
        self._listening: asyncio.Task[None] | None = None

    def close(self) -> None:
        for task in (self._asking, self._listening):
            if task is not None:
                task.cancel()
        self._node.close()

    # ---- asking --------------------------------------------------------------------------------

    def ask(self) -> None:
        """Ask; the answer goes to ``on_answer``. While it is being asked, once more afterwards."""
        if self._asking is not None:
            self._ask_again = True
            return
        self._asking = asyncio.create_task(self._ask(), name=f"garrison: ask Sentinel {self.address}")

    async def _ask(self) -> None:
        while True:
            self._ask_again = False
            answer = await self._answer()
            if not self._ask_again or isinstance(answer, Refusal):
                break
        self._asking = None
        self._on_answer(self.address, answer)

    async def _answer(self) -> Report | Refusal:
        try:
            connection = await self._node.connection()
            answer = read_report(await connection.call_many(questions(self._name)), self._name)
            if isinstance(answer, Refusal) and answer.reason is Reason.UNKNOWN_NAME:
                names = ", ".join(read_names(await connection.call("SENTINEL", "MASTERS"))) or "nothing"
                answer = Refusal(answer.reason, f"{answer.text}; it monitors: {names}")
            return answer
        except AuthenticationError as error:
            text = f"{error} (give sentinel_username, sentinel_password)"
            return Refusal(Reason.NOT_ALLOWED, text)
        except ClientError as error:
            # The limits of its connection have another name among the user's options.
            text = str(error).replace("connect_timeout_s", "sentinel_timeout_s")
            return Refusal(Reason.UNREACHABLE, text.replace("reply_timeout_s", "sentinel_timeout_s"))

    # ---- listening -----------------------------------------------------------------------------

    def listen(self) -> None:
        """Listen to its announcements from now on, whatever happens to the connection."""
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen(), name=f"garrison: listen to {self.address}")

    async def _listen(self) -> None:
        settings = self._pool.settings
        attempt = 0
        while True:
            attempt += 1
            try:
                if await self._stay_subscribed():
                    attempt = 1
            except (OSError, ClientError) as error:
                _log.debug("cannot listen to Sentinel %s: %s", self.address, error)
            pause_s = backoff(
                attempt, settings.backoff_first_s, settings.sentinel_reconnect_interval_max_s, self._rng
            )
            await asyncio.sleep(pause_s)

    async def _stay_subscribed(self) -> bool:
        """Subscribe and stay until the connection ends; whether the subscription was accepted."""
        connection = await self._node.connection_apart()
        is_subscribed = False

        def on_push(push: Any) -> None:
            nonlocal is_subscribed
            if isinstance(push, ReplyError):
                _log.warning("Sentinel %s lets nobody listen: %s", self.address, push)
                connection.shut()
            if not isinstance(push, list):
                return
            kind, *rest = push
            if kind == "subscribe":
                # Whatever was announced before this moment was not received.
                is_subscribed = True
                self._on_news(self.address)
            elif kind == "message" and read_switch(rest[1], self._name):
                self._on_news(self.address)

        try:
            connection.push_only = True
            connection.on_push = on_push
            connection.write_now(_SUBSCRIBE)
            await self._stay(connection)
        finally:
            connection.shut()
        return is_subscribed

    async def _stay(self, connection: Connection) -> None:
        settings = self._pool.settings
        while not connection.is_closed:
            await asyncio.wait((connection.closed,), timeout=settings.subscriber_ping_interval_s)
            if connection.received_ago_s() > settings.subscriber_ping_interval_s + settings.reply_timeout_s:
                return
            connection.write_now(_PING)
