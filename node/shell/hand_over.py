"""Giving this primary's role away before it goes down, so that nobody waits for an election.

BEHAVIOUR. In a cluster the replica with the most data is told CLUSTER FAILOVER; under Sentinels one of them
is told to fail over in a coordinated way. Both hold writes for some milliseconds and lose none. It is done
when this node has become a replica; for a moment longer it redirects its clients. If whoever was asked
refuses, goes away or takes too long, the next one is asked, and at last the shutdown goes on without it: all
nodes of a cluster may be going down at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from garrison.base.clock import boot_ms
from garrison.base.log import Log
from garrison.node.shell.bridge import Bridge

POLL_S: Final = 0.01
ANSWER_TIMEOUT_S: Final = 2.0
"""How long one who is asked may take to answer, and then to let another node take over."""
HEARTBEAT_S: Final = 1.5
"""How long a replica in sync may take to say so to the others."""
POLLS_PER_PING: Final = 10
REDIRECT_S: Final = 0.2
"""How long clients are redirected afterwards: whoever is in the middle of its work is not cut off."""


@dataclass(frozen=True, slots=True)
class Heir:
    """Who is asked to arrange it, and how."""

    host: str
    port: int
    user: str
    password: str
    command: tuple[str, ...]


class HandOver:
    """Create it with what names the heirs; `run` it once."""

    def __init__(self, bridge: Bridge, log: Log, heirs: Callable[[], Sequence[Heir]]) -> None:
        self._bridge = bridge
        self._log = log
        self._heirs = heirs

    async def run(self, timeout_s: float) -> None:
        """Give the role away if there is somebody to take it. Never raises for what others do."""
        deadline_ms = boot_ms() + int(timeout_s * 1000)
        for heir in await self._known_heirs():
            if self._is_replica() or boot_ms() >= deadline_ms:
                return
            error = await self._ask(heir, min(deadline_ms, boot_ms() + int(ANSWER_TIMEOUT_S * 1000)))
            if error:
                self._log.notice(f"{heir.host}:{heir.port} does not take over: {error}")
            else:
                self._log.notice(f"Handed over, as arranged with {heir.host}:{heir.port}")
                await asyncio.sleep(REDIRECT_S)

    async def _known_heirs(self) -> Sequence[Heir]:
        """A replica that is in sync may not have said so yet on the way by which heirs are known."""
        until_ms = boot_ms() + int(HEARTBEAT_S * 1000)
        while True:
            heirs = self._heirs()
            in_sync = self._bridge.plane.replication().replicas > 0
            if heirs or not in_sync or self._is_replica() or boot_ms() >= until_ms:
                return heirs
            await asyncio.sleep(POLL_S)

    def _is_replica(self) -> bool:
        return self._bridge.plane.replication().is_replica

    async def _ask(self, heir: Heir, deadline_ms: int) -> str:
        """Ask, and wait until this node is a replica; why it does not become one, or an empty text."""
        # A node that never hands over never needs the client.
        from garrison.client.connection import open_connection
        from garrison.client.errors import ClientError

        connection = None
        try:
            connection = await open_connection(
                heir.host,
                heir.port,
                username=heir.user or None,
                password=heir.password or None,
                timeout=ANSWER_TIMEOUT_S,
            )
            await connection.call(*heir.command)
            while boot_ms() < deadline_ms:
                for _ in range(POLLS_PER_PING):
                    if self._is_replica():
                        return ""
                    await asyncio.sleep(POLL_S)
                await connection.call("PING")
        except (ClientError, OSError, TimeoutError) as error:
            return str(error) or type(error).__name__
        finally:
            if connection is not None:
                connection.shut()
        return "nothing has happened in time"
