"""HyperLogLogs: how many different values there were, within 1 %, in 12 KB."""

from __future__ import annotations

from garrison.client.commands.base import CommandSet, Reply, T
from garrison.client.commands.replies import as_ok
from garrison.client.core.commands import command
from garrison.client.core.resp import Arg, Key

__all__ = ["HyperLogLogCommands"]

_PFADD = command("PFADD")
_PFCOUNT = command("PFCOUNT")
_PFMERGE = command("PFMERGE")


class HyperLogLogCommands(CommandSet[T]):
    """The commands on HyperLogLogs."""

    def pfadd(self, key: Key, *values: Arg) -> Reply[bool]:
        """Add values; whether the estimate may have changed."""
        return self._keyed(_PFADD, (key, *values), bool)

    def pfcount(self, *sources: Key) -> Reply[int]:
        """About how many different values were added to these keys of one slot together."""
        return self._routed(_PFCOUNT, sources)

    def pfmerge(self, dest: Key, *sources: Key) -> Reply[bool]:
        """Add all values of some keys to another of their slot. Always True."""
        return self._routed(_PFMERGE, (dest, *sources), as_ok)
