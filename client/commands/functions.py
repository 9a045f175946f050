"""Libraries of functions, on all primaries: loading, listing, deleting, saving and restoring.

Unlike cached scripts, libraries belong to the data: they are replicated, saved in files and survive
restarts. Each primary of a cluster has its own; what changes them here goes to all primaries at once. A
primary that fails makes the call fail, while others may have carried it out: repeat it, with
``replace=True`` where something was loaded.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from garrison.client.commands.arguments import flag, option
from garrison.client.commands.base import T
from garrison.client.commands.replies import as_bytes, as_dict, as_fields, as_text
from garrison.client.commands.script_cache import FlushMode, ScriptCacheCommands, end_running
from garrison.client.core.resp import Arg

__all__ = ["Function", "FunctionCommands", "FunctionStats", "Library", "RestorePolicy", "RunningFunction"]

RestorePolicy = Literal["APPEND", "REPLACE", "FLUSH"]
"""On libraries that are there already: refuse, replace those of the same name, or delete all first."""


class Function(NamedTuple):
    """One function of a library."""

    name: str
    description: str | None
    flags: frozenset[str]
    """Such as ``no-writes``, ``allow-oom``, ``allow-stale``, ``no-cluster``."""


class Library(NamedTuple):
    """One loaded library."""

    name: str
    engine: str
    """The language, ``LUA``."""
    functions: list[Function]
    """In the order of their names."""
    code: str | None
    """The source, where it was asked for."""


class RunningFunction(NamedTuple):
    """What a busy node is running."""

    name: str
    command: list[bytes]
    """The call with its keys and arguments."""
    duration_ms: int


class FunctionStats(NamedTuple):
    """What one primary says about its functions."""

    running: RunningFunction | None
    engines: dict[str, dict[str, int]]
    """For each language ``libraries_count`` and ``functions_count``."""


class FunctionCommands(ScriptCacheCommands[T]):
    """The FUNCTION commands, carried out on all primaries."""

    async def function_load(self, code: Arg, replace: bool = False) -> str:
        """Load a library on all primaries; its name. Without ``replace`` the name must be free."""
        replies = await self.call_primaries("FUNCTION", "LOAD", *flag(replace, "REPLACE"), code)
        return as_text(next(iter(replies.values())))

    async def function_list(
        self, library: Arg | None = None, withcode: bool = False
    ) -> dict[str, list[Library]]:
        """The libraries of each primary by ``host:port``; ``library`` is a pattern such as ``billing*``."""
        words = (*option("LIBRARYNAME", library), *flag(withcode, "WITHCODE"))
        replies = await self.call_primaries("FUNCTION", "LIST", *words)
        return {
            address: sorted(map(as_library, libraries), key=lambda found: found.name)
            for address, libraries in replies.items()
        }

    async def function_delete(self, library: Arg) -> bool:
        """Delete a library on all primaries. Always True."""
        await self.call_primaries("FUNCTION", "DELETE", library)
        return True

    async def function_flush(self, mode: FlushMode | None = None) -> bool:
        """Delete all libraries on all primaries. Always True."""
        await self.call_primaries("FUNCTION", "FLUSH", *([mode] if mode else []))
        return True

    async def function_dump(self) -> bytes:
        """All libraries of one primary for :meth:`function_restore`, as the server packs them.

        The primaries are taken to have the same ones, as after :meth:`function_load`.
        """
        await self._router.settled()
        connection = await self._router.any_node().connection()
        dump: bytes = as_bytes(await connection.call("FUNCTION", "DUMP"))
        return dump

    async def function_restore(self, payload: bytes, policy: RestorePolicy = "APPEND") -> bool:
        """Restore what :meth:`function_dump` gave on all primaries. Always True."""
        await self.call_primaries("FUNCTION", "RESTORE", payload, policy)
        return True

    async def function_stats(self) -> dict[str, FunctionStats]:
        """What each primary runs at the moment, and how many libraries it has, by ``host:port``."""
        replies = await self.call_primaries("FUNCTION", "STATS")
        return {address: _as_stats(reply) for address, reply in replies.items()}

    async def function_kill(self) -> bool:
        """End the functions that run over their time on any primary, as ``script_kill`` does. Always True."""
        return await end_running(self._router, self.settings, "FUNCTION")


def as_library(reply: Any) -> Library:
    fields = as_fields(reply)
    functions = sorted(map(_as_function, fields["functions"]), key=lambda function: function.name)
    code = fields.get("library_code")
    name, engine = as_text(fields["library_name"]), as_text(fields["engine"])
    return Library(name, engine, functions, None if code is None else as_text(code))


def _as_function(reply: Any) -> Function:
    fields = as_fields(reply)
    description = fields["description"]
    return Function(
        as_text(fields["name"]),
        None if description is None else as_text(description),
        frozenset(map(as_text, fields["flags"])),
    )


def _as_stats(reply: Any) -> FunctionStats:
    fields = as_fields(reply)
    running = fields["running_script"]
    engines = {as_text(name): as_fields(counts) for name, counts in as_dict(fields["engines"]).items()}
    return FunctionStats(None if running is None else _as_running(as_fields(running)), engines)


def _as_running(fields: dict[str, Any]) -> RunningFunction:
    words = [as_bytes(word) for word in fields["command"]]
    return RunningFunction(as_text(fields["name"]), words, int(fields["duration_ms"]))
