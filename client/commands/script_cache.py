"""The scripts that servers remember, on all primaries: loading, asking, forgetting, and ending one that runs.

A script is cached by each node for itself, and not for ever: a node that restarts, or becomes primary, may
not have it. So nothing may depend on a script being loaded; ``register_script`` depends on nothing.
"""

from __future__ import annotations

import asyncio
from typing import Literal

from garrison.client.commands.base import T
from garrison.client.commands.cluster_wide import ClusterWideCommands
from garrison.client.commands.replies import as_text
from garrison.client.core.resp import Arg
from garrison.client.errors import NoScriptError, ReplyError
from garrison.client.nodes import Node
from garrison.client.router import Router
from garrison.client.settings import Settings

__all__ = ["FlushMode", "ScriptCacheCommands", "end_running"]

FlushMode = Literal["SYNC", "ASYNC"]
"""Whether the server frees memory before it answers, or in the background."""


class ScriptCacheCommands(ClusterWideCommands[T]):
    """The SCRIPT commands, carried out on all primaries."""

    settings: Settings

    async def script_load(self, script: Arg) -> str:
        """Load a script on all primaries; the SHA1 digest of its source in hexadecimal."""
        replies = await self.call_primaries("SCRIPT", "LOAD", script)
        return as_text(next(iter(replies.values())))

    async def script_exists(self, *shas: Arg) -> list[bool]:
        """For each digest, whether all primaries have its script."""
        replies = await self.call_primaries("SCRIPT", "EXISTS", *shas)
        return [all(on_each) for on_each in zip(*replies.values(), strict=True)]

    async def script_flush(self, sync_type: FlushMode | None = None) -> bool:
        """Forget all scripts on all primaries. Always True."""
        await self.call_primaries("SCRIPT", "FLUSH", *([sync_type] if sync_type else []))
        return True

    async def script_show(self, sha: Arg) -> T:
        """The source of a script (Valkey 8, Garrison), from a primary that has it.

        Raises :class:`~garrison.client.errors.NoScriptError` when none has.
        """
        await self._router.settled()
        missing = NoScriptError("NOSCRIPT no primary has a script of this digest: load it first")
        for node in self._router.primaries():
            connection = await node.connection()
            try:
                source: T = await connection.call("SCRIPT", "SHOW", sha)
            except NoScriptError as error:
                missing = error
            else:
                return source
        raise missing

    async def script_kill(self) -> bool:
        """End the scripts that run over their time on any primary. Always True.

        Raises :class:`~garrison.client.errors.ReplyError`: ``NOTBUSY`` when none of them runs a script so
        long, ``UNKILLABLE`` when a script has written and the server does not undo that. A new client
        cannot connect to a busy server (it says ``BUSY``): one that is connected can, also if its own call
        is waiting.
        """
        return await end_running(self._router, self.settings, "SCRIPT")


async def end_running(router: Router, settings: Settings, family: Literal["SCRIPT", "FUNCTION"]) -> bool:
    """KILL on all primaries, past the connections that wait for what is to be ended."""
    await router.settled()
    # A server that is busy accepts no CLIENT SETNAME and no SELECT.
    bare = settings.model_copy(update={"client_name": None, "database": 0})
    kills = (_end_on(node, bare, family) for node in router.primaries())
    outcomes = await asyncio.gather(*kills, return_exceptions=True)
    failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    idle = [error for error in failures if isinstance(error, ReplyError) and error.code == "NOTBUSY"]
    for error in failures:
        if error not in idle or len(idle) == len(outcomes):
            raise error
    return True


async def _end_on(node: Node, settings: Settings, family: str) -> None:
    connection = await node.connection_apart(settings)
    try:
        await connection.call(family, "KILL")
    finally:
        connection.shut()
