"""The commands that clients of a Sentinel may send: one table, from which dispatch, COMMAND and ACLs come.

Names, arities, flags and categories are those of Redis 7.0 in Sentinel mode. QUIT and RESET, which 7.0 forgot
there, and what only Garrison has are marked as extra: they work, and COMMAND does not list them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from garrison.sentinel.core.subcommand_table import ROWS as SENTINEL_ROWS

CATEGORIES = (
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
)

_LOADED = ("noscript", "loading", "stale")


@dataclass(slots=True)
class Command:
    """One command or subcommand. A negative arity is the least number of words."""

    name: str
    arity: int
    flags: tuple[str, ...]
    categories: tuple[str, ...]
    summary: str
    tips: tuple[str, ...] = ()
    extra: bool = False
    subcommands: dict[str, Command] = field(default_factory=dict)

    @property
    def needs_no_login(self) -> bool:
        return "no_auth" in self.flags


def _family(container: Command, *members: Command) -> Command:
    """A container whose members are named `container|member`."""
    for member in members:
        container.subcommands[member.name] = member
        member.name = f"{container.name}|{member.name}"
    return container


def _plain(name: str, arity: int, summary: str, *categories: str, tips: tuple[str, ...] = ()) -> Command:
    return Command(name, arity, _LOADED, ("slow", *categories), summary, tips)


def _admin(name: str, arity: int, summary: str, *categories: str, tips: tuple[str, ...] = ()) -> Command:
    return Command(
        name, arity, ("admin", *_LOADED), ("admin", "slow", "dangerous", *categories), summary, tips
    )


def _help(*categories: str) -> Command:
    return Command("help", 2, ("loading", "stale"), ("slow", *categories), "Show the subcommands.")


def _sentinel(name: str, arity: int, summary: str, extra: bool = False) -> Command:
    return Command(name, arity, ("admin",), ("admin", "slow", "dangerous"), summary, extra=extra)


def _command(name: str, arity: int, summary: str, *tips: str) -> Command:
    return Command(name, arity, ("loading", "stale"), ("slow", "connection"), summary, tips)


_ACL = _family(
    Command("acl", -2, (), ("slow",), "Users and what they may do."),
    _plain("cat", -2, "List the categories, or the commands of one."),
    _admin("deluser", -3, "Remove users and close their connections."),
    _admin("dryrun", -4, "Say whether a user could run a command."),
    _plain("genpass", -2, "Draw a random password."),
    _admin("getuser", 3, "Show the rules of a user."),
    _help(),
    _admin("list", 2, "Show all users as lines of a file."),
    _admin("load", 2, "Read the file of users again."),
    _admin("log", -2, "Show what was denied."),
    _admin("save", 2, "Write the file of users."),
    _admin("setuser", -3, "Create a user or change its rules."),
    _admin("users", 2, "List the names of all users."),
    _plain("whoami", 2, "Show the name of this connection's user."),
)

_NONDETERMINISTIC = ("nondeterministic_output",)

_CLIENT = _family(
    Command("client", -2, (), ("slow",), "Connections of clients."),
    _plain("caching", 3, "Choose caching for the next command.", "connection"),
    _plain("getname", 2, "Show the name of this connection.", "connection"),
    _plain("getredir", 2, "Show where invalidations of this connection go.", "connection"),
    _help("connection"),
    _plain("id", 2, "Show the id of this connection.", "connection"),
    _plain("info", 2, "Describe this connection.", "connection", tips=_NONDETERMINISTIC),
    _admin("kill", -3, "Close connections.", "connection"),
    _admin("list", -2, "Describe all connections.", "connection", tips=_NONDETERMINISTIC),
    _admin("no-evict", 3, "Keep this connection when memory is short.", "connection"),
    _admin("pause", -3, "Let all commands wait for a while.", "connection"),
    _plain("reply", 3, "Choose whether replies are sent.", "connection"),
    _plain("setname", 3, "Name this connection.", "connection"),
    _plain("tracking", -3, "Switch client-side caching on or off.", "connection"),
    _plain("trackinginfo", 2, "Show the state of client-side caching.", "connection"),
    _admin("unblock", -3, "Wake a client that waits in a blocking command.", "connection"),
    _admin("unpause", 2, "End a pause.", "connection"),
)

_COMMAND = _family(
    _command("command", -1, "Describe the commands.", "nondeterministic_output_order"),
    _command("count", 2, "Count the commands."),
    _command("docs", -2, "Explain commands.", "nondeterministic_output_order"),
    _command("getkeys", -4, "Find the keys in a command."),
    _command("getkeysandflags", -4, "Find the keys in a command, and how they are used."),
    _help("connection"),
    _command("info", -2, "Describe some commands.", "nondeterministic_output_order"),
    _command("list", -2, "List the names of commands.", "nondeterministic_output_order"),
)

BEYOND_REDIS = frozenset(
    {"primaries", "primary", "get-primary-addr-by-name", "is-primary-down-by-addr", "status"}
)
"""Subcommands of SENTINEL that Redis 7.0 does not know."""

_SENTINEL = _family(
    Command("sentinel", -2, ("admin",), ("admin", "slow", "dangerous"), "What is monitored, and how."),
    *(
        _help() if row.name == "help" else _sentinel(row.name, row.arity, row.help, row.name in BEYOND_REDIS)
        for row in SENTINEL_ROWS
    ),
)

_LOGIN = (*_LOADED, "fast", "no_auth", "allow_busy")
_PUBSUB = ("pubsub", *_LOADED)

_ROWS = (
    _ACL,
    Command("auth", -2, _LOGIN, ("fast", "connection"), "Log in."),
    _CLIENT,
    _COMMAND,
    Command("hello", -1, _LOGIN, ("fast", "connection"), "Choose the protocol, and log in."),
    Command(
        "info",
        -1,
        ("loading", "stale"),
        ("slow", "dangerous"),
        "Describe the process and what it monitors.",
        (*_NONDETERMINISTIC, "request_policy:all_shards", "response_policy:special"),
    ),
    Command(
        "ping",
        -1,
        ("fast",),
        ("fast", "connection"),
        "Answer.",
        ("request_policy:all_shards", "response_policy:all_succeeded"),
    ),
    Command("psubscribe", -2, _PUBSUB, ("pubsub", "slow"), "Hear the channels that match patterns."),
    Command(
        "publish",
        3,
        ("pubsub", "loading", "stale", "fast"),
        ("pubsub", "fast"),
        "Take a Sentinel's hello.",
    ),
    Command("punsubscribe", -1, _PUBSUB, ("pubsub", "slow"), "Stop hearing patterns."),
    Command(
        "role",
        1,
        (*_LOADED, "fast"),
        ("admin", "fast", "dangerous"),
        "Say that this is a Sentinel.",
    ),
    _SENTINEL,
    Command(
        "shutdown",
        -1,
        ("admin", *_LOADED, "no_multi", "allow_busy"),
        ("admin", "slow", "dangerous"),
        "End the process.",
    ),
    Command("subscribe", -2, _PUBSUB, ("pubsub", "slow"), "Hear channels."),
    Command("unsubscribe", -1, _PUBSUB, ("pubsub", "slow"), "Stop hearing channels."),
    Command("quit", -1, _LOGIN, ("fast", "connection"), "Close this connection.", extra=True),
    Command("reset", 1, _LOGIN, ("fast", "connection"), "Make this connection as new.", extra=True),
)

COMMANDS: dict[str, Command] = {row.name: row for row in _ROWS}

EVERY: dict[str, Command] = {
    command.name: command for row in _ROWS for command in (row, *row.subcommands.values())
}
"""Commands and subcommands by their full names, such as `client|list`."""


def listed() -> list[Command]:
    """What COMMAND shows, without subcommands."""
    return [row for row in _ROWS if not row.extra]


def members(category: str) -> list[str]:
    """The full names of the commands of a category."""
    return [name for name, command in EVERY.items() if category in command.categories]


def find(argv: list[bytes]) -> Command | None:
    """The command or subcommand that a request names; a container where it has no such member."""
    row = COMMANDS.get(_name(argv[0]))
    if row is None or not row.subcommands or len(argv) < 2:
        return row
    return row.subcommands.get(_name(argv[1]), row)


def _name(word: bytes) -> str:
    return word.decode("utf-8", "replace").lower()


def refusal(argv: list[bytes], command: Command | None) -> str:
    """Why a request cannot be run: no such command or subcommand, or the wrong number of words; or empty."""
    if command is None:
        return unknown_command(argv)
    if command.subcommands and len(argv) > 1:
        return _unknown_subcommand(argv)
    if len(argv) != command.arity if command.arity > 0 else len(argv) < -command.arity:
        return f"ERR wrong number of arguments for '{command.name}' command"
    return ""


def _unknown_subcommand(argv: list[bytes]) -> str:
    shown, container = argv[1][:128].decode("utf-8", "backslashreplace"), _name(argv[0]).upper()
    return f"ERR unknown subcommand '{shown}'. Try {container} HELP."


QUOTED_BYTES_MAX = 128
"""How much of a command that does not exist its error quotes."""


def unknown_command(argv: list[bytes]) -> str:
    quoted = b""
    for word in argv[1:]:
        if len(quoted) >= QUOTED_BYTES_MAX:
            break
        quoted += b"'%b' " % word.partition(b"\0")[0][: QUOTED_BYTES_MAX - len(quoted)]
    text = b"unknown command '%b', with args beginning with: %b" % (argv[0][:QUOTED_BYTES_MAX], quoted)
    return "ERR " + text.decode("utf-8", "surrogateescape")
