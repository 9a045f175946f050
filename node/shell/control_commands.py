"""The control commands that a client may send: who answers CONFIG, CLUSTER, SHUTDOWN and their like.

Commands come from the data plane with a ticket; each ticket gets exactly one reply, except after a SHUTDOWN
that succeeds, where the connection just ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from garrison.base.reply import OK, Error
from garrison.node.border import Command
from garrison.node.core.command_values import SUPERSEDED
from garrison.node.shell.bridge import Bridge
from garrison.node.shell.config_commands import ConfigCommands
from garrison.node.shell.debug_commands import BusUnderTest, DebugCommands
from garrison.node.shell.shutdown import Shutdown, ShutdownError, parse_flags

NO_CLUSTER = Error("ERR This instance has cluster support disabled")
GOING_DOWN = Error("ERR This node is going down, so it takes over nothing")
LOOPBACK = ("127.", "[::1]:", "::1:", "/")

Done = Callable[[object], None]


class ClusterCommands(BusUnderTest, Protocol):
    """Answers CLUSTER on a node of a cluster; the reply comes later, by ticket."""

    def command(self, command: Command) -> None: ...
    def is_closed(self, client: int) -> bool: ...


class Commands:
    """Answers the commands that the data plane hands up."""

    def __init__(
        self, bridge: Bridge, config: ConfigCommands, shutdown: Shutdown, cluster: ClusterCommands | None
    ) -> None:
        self._bridge = bridge
        self._config = config
        self._shutdown = shutdown
        self._cluster = cluster
        self._debug = DebugCommands(config, cluster)
        bridge.on(Command, self.take)

    def take(self, command: Command) -> None:
        """One command; `args[0]` is its name in any case."""
        argv, client = command.args, command.client
        name = argv[0].upper()

        def done(value: object) -> None:
            self._bridge.reply(command.ticket, client, value)

        if self._cluster is not None and self._cluster.is_closed(client.id):
            done(SUPERSEDED)
        elif name == b"CLUSTER":
            self._answer_cluster(command)
        elif name == b"CONFIG":
            self._config.answer(argv, client.addr.startswith(LOOPBACK), done)
        elif name == b"DEBUG":
            done(self._debug.answer(argv))
        elif name == b"SHUTDOWN":
            self._answer_shutdown(argv[1:], done)
        elif name in (b"REPLICAOF", b"SLAVEOF"):
            done(Error(f"ERR {name.decode()} not allowed in cluster mode."))
        else:
            done(Error(f"ERR '{name.decode('utf-8', 'replace')}' is not built yet"))

    def _answer_cluster(self, command: Command) -> None:
        if self._cluster is None:
            self._bridge.reply(command.ticket, command.client, NO_CLUSTER)
        elif self._shutdown.in_progress and _is_failover(command):
            self._bridge.reply(command.ticket, command.client, GOING_DOWN)
        else:
            self._cluster.command(command)

    def _answer_shutdown(self, words: list[bytes], done: Done) -> None:
        try:
            flags = parse_flags(words)
            if "abort" in flags:
                done(OK if self._shutdown.abort() else Error("ERR No shutdown in progress."))
                return
            self._shutdown.begin(flags, lambda text: done(Error(text)))
        except ShutdownError as error:
            done(Error(str(error)))


def _is_failover(command: Command) -> bool:
    return len(command.args) > 1 and command.args[1].upper() == b"FAILOVER"
