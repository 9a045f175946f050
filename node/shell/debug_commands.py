"""The subcommands of DEBUG that concern the bus and the configuration file; the engine answers the others.

The engine has checked the permission and the number of words. The texts are Redis's, since tests read them.
"""

from __future__ import annotations

from typing import Protocol

from garrison.base.reply import OK, Error
from garrison.node.shell.config_commands import ConfigCommands

NO_CLUSTER = Error("ERR Debug option only available for cluster mode enabled setup!")


class BusUnderTest(Protocol):
    """The bus of a node of a cluster, as far as tests interfere with it."""

    def ignore_packets(self, kind: int) -> None: ...
    def kill_links(self, node_id: str, *, to: bool, coming: bool) -> bool: ...


class DebugCommands:
    """Answers DEBUG for one node; `bus` is None outside a cluster."""

    def __init__(self, config: ConfigCommands, bus: BusUnderTest | None) -> None:
        self._config = config
        self._bus = bus

    def answer(self, argv: list[bytes]) -> object:
        """The reply to a command that the engine has handed up."""
        words = [word.decode("utf-8", "surrogateescape") for word in argv[1:]]
        name = words[0].upper()
        if name == "CONFIG-REWRITE-FORCE-ALL":
            return self._config.rewrite(whole=True)
        if name == "DROP-CLUSTER-PACKET-FILTER":
            return self._ignore_packets(words[1])
        return self._kill_links(words[1:])

    def _ignore_packets(self, word: str) -> object:
        try:
            kind = int(word)
        except ValueError:
            return Error("ERR value is not an integer or out of range")
        if self._bus is not None:
            self._bus.ignore_packets(kind)
        return OK

    def _kill_links(self, words: list[str]) -> object:
        if self._bus is None:
            return NO_CLUSTER
        action, direction, node_id = words
        if action.lower() != "kill":
            return Error(
                "ERR unknown subcommand or wrong number of arguments for 'CLUSTERLINK'. Try DEBUG HELP."
            )
        to, coming = direction.lower() in ("to", "all"), direction.lower() in ("from", "all")
        if not to and not coming:
            return Error(f"ERR Unknown direction {direction}")
        if not self._bus.kill_links(node_id, to=to, coming=coming):
            return Error(f"ERR Unknown node {node_id}")
        return OK
