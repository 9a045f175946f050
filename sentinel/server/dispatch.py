"""Run one request: the checks in Redis's order, then the command.

What concerns connections, users and the process is answered here and in the modules beside; SENTINEL,
ROLE and PUBLISH are the core's."""

from __future__ import annotations

from collections.abc import Callable

from garrison.base.reply import OK, Error, Simple
from garrison.sentinel.server import acl_commands, client_commands, command_info, login, pubsub
from garrison.sentinel.server.clients import Client
from garrison.sentinel.server.command_table import Command, find, refusal
from garrison.sentinel.server.server import Server

Handler = Callable[[Server, Client, list[bytes]], object]

NOAUTH = Error("NOAUTH Authentication required.")
NO_CHANNEL = "NOPERM this user has no permissions to access one of the channels used as arguments"
CORES = frozenset({"sentinel", "role", "publish"})
WHILE_SUBSCRIBED = frozenset(
    {"ping", "subscribe", "unsubscribe", "psubscribe", "punsubscribe", "quit", "reset"}
)
OF_CHANNELS = frozenset({"subscribe", "psubscribe", "publish"})


class Commands:
    """The commands of a Sentinel. The core and the process are reached through the three callables."""

    def __init__(
        self,
        server: Server,
        ask_core: Callable[[Client, list[bytes]], None],
        info: Callable[[list[bytes]], object],
        shutdown: Callable[[list[bytes]], object],
        pending_scripts: Callable[[], object],
    ) -> None:
        self._server = server
        self._ask_core = ask_core
        self._pending_scripts = pending_scripts
        self._handlers: dict[str, Handler] = {
            **login.HANDLERS,
            **pubsub.HANDLERS,
            **client_commands.HANDLERS,
            **acl_commands.HANDLERS,
            **command_info.HANDLERS,
            "ping": _ping,
            "quit": _quit,
            "info": lambda server, client, argv: info(argv[1:]),
            "shutdown": lambda server, client, argv: shutdown(argv[1:]),
        }
        server.run = self.run

    def run(self, client: Client, argv: list[bytes]) -> None:
        """Answer one request of a client."""
        server = self._server
        command = find(argv)
        problem = refusal(argv, command)
        if problem or command is None:
            client.reply(Error(problem))
            return
        client.last_command = command.name
        denial = self._denial(client, command, argv)
        if denial is not None:
            client.reply(denial)
            return
        server.counters.commands += 1
        self._execute(client, command, argv)

    def _execute(self, client: Client, command: Command, argv: list[bytes]) -> None:
        family = command.name.partition("|")[0]
        if command.name == "sentinel|pending-scripts":
            client.reply(self._pending_scripts())
        elif family in CORES:
            client.waits = True
            self._ask_core(client, argv)
        else:
            value = self._handlers[command.name](self._server, client, argv)
            if value is not pubsub.PUT:
                client.reply(value)

    def _denial(self, client: Client, command: Command, argv: list[bytes]) -> Error | None:
        """Why this client may not run this command now; None if it may."""
        server = self._server
        if not server.is_authenticated(client):
            return None if command.needs_no_login else NOAUTH
        if not command.needs_no_login:
            denial = denied(server, client, command, argv)
            if denial is not None:
                return denial
        if client.protocol == 2 and client.subscriptions and command.name not in WHILE_SUBSCRIBED:
            return Error(
                f"ERR Can't execute '{command.name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / "
                f"RESET are allowed in this context"
            )
        return None


def denied(server: Server, client: Client, command: Command, argv: list[bytes]) -> Error | None:
    """Why the client's user may not run a command; noted for ACL LOG."""
    channels = channels_of(command, argv)
    reason = client.user.denial(command.name, channels, are_patterns=command.name == "psubscribe")
    if not reason:
        return None
    what, _, channel = reason.partition(" ")
    server.denied(client, what, channel or command.name)
    if what == "channel":
        server.counters.denied_channel += 1
        return Error(NO_CHANNEL)
    server.counters.denied_command += 1
    return Error(f"NOPERM this user has no permissions to run the '{command.name}' command")


def channels_of(command: Command, argv: list[bytes]) -> list[str]:
    """The channels that a request is about."""
    if command.name not in OF_CHANNELS:
        return []
    words = argv[1:2] if command.name == "publish" else argv[1:]
    return [word.decode("utf-8", "surrogateescape") for word in words]


def _ping(server: Server, client: Client, argv: list[bytes]) -> object:
    if len(argv) > 2:
        return Error("ERR wrong number of arguments for 'ping' command")
    if client.protocol == 2 and client.subscriptions:
        return [b"pong", argv[1] if len(argv) > 1 else b""]
    return argv[1] if len(argv) > 1 else Simple("PONG")


def _quit(server: Server, client: Client, argv: list[bytes]) -> object:
    client.reply(OK)
    client.close()
    return pubsub.PUT
