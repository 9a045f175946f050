"""COMMAND: the table of commands, described to clients."""

from __future__ import annotations

from collections.abc import Iterable

from garrison.base import glob
from garrison.base.reply import Error, Simple
from garrison.sentinel.server.clients import Client
from garrison.sentinel.server.command_since import SINCE
from garrison.sentinel.server.command_table import CATEGORIES, EVERY, Command, find, listed, members
from garrison.sentinel.server.server import Server

HELP = (
    "COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "(no subcommand)",
    "    Describe all commands.",
    "COUNT",
    "    The number of commands.",
    "DOCS [<command> ...]",
    "    What commands are for.",
    "GETKEYS <command> [<arg> ...]",
    "    The keys in a command; a Sentinel's have none.",
    "GETKEYSANDFLAGS <command> [<arg> ...]",
    "    The same, with how they are used.",
    "INFO [<command> ...]",
    "    Describe some commands.",
    "LIST [FILTERBY (MODULE <name>|ACLCAT <category>|PATTERN <pattern>)]",
    "    The names of commands.",
    "HELP",
    "    Print this help.",
)


def help_reply(lines: tuple[str, ...]) -> list[Simple]:
    return [Simple(line) for line in lines]


def as_set(client: Client, items: Iterable[object]) -> object:
    """A set in RESP3, a list in RESP2, where their order stays."""
    return frozenset(items) if client.protocol == 3 else list(items)


def _describe(client: Client, command: Command) -> list[object]:
    return [
        command.name,
        command.arity,
        as_set(client, (Simple(flag) for flag in command.flags)),
        0,
        0,
        0,
        as_set(client, (Simple(f"@{category}") for category in command.categories)),
        as_set(client, command.tips),
        as_set(client, ()),
        [_describe(client, member) for member in command.subcommands.values() if not member.extra],
    ]


def _named(word: bytes) -> Command | None:
    return EVERY.get(word.decode("utf-8", "replace").lower())


def _command(server: Server, client: Client, argv: list[bytes]) -> object:
    return [_describe(client, command) for command in listed()]


def _count(server: Server, client: Client, argv: list[bytes]) -> object:
    return len(listed())


def _info(server: Server, client: Client, argv: list[bytes]) -> object:
    if len(argv) == 2:
        return _command(server, client, argv)
    found = [_named(word) for word in argv[2:]]
    return [None if command is None else _describe(client, command) for command in found]


def _documented(command: Command) -> dict[str, object]:
    group = {"sentinel": "sentinel", "subscribe": "pubsub", "psubscribe": "pubsub", "publish": "pubsub"}
    family = command.name.partition("|")[0]
    known = group.get(family, "connection" if "connection" in command.categories else "server")
    found: dict[str, object] = {"summary": command.summary}
    if command.name in SINCE:
        found["since"] = SINCE[command.name]
    found["group"] = known
    if command.subcommands:
        found["subcommands"] = {
            member.name: _documented(member) for member in command.subcommands.values() if not member.extra
        }
    return found


def _docs(server: Server, client: Client, argv: list[bytes]) -> object:
    named = [_named(word) for word in argv[2:]] if len(argv) > 2 else listed()
    return {command.name: _documented(command) for command in named if command is not None}


def _list(server: Server, client: Client, argv: list[bytes]) -> object:
    names = [
        member.name for row in listed() for member in (row, *row.subcommands.values()) if not member.extra
    ]
    if len(argv) == 2:
        return names
    if len(argv) != 5 or argv[2].upper() != b"FILTERBY":
        return Error("ERR syntax error")
    wanted = argv[4].decode("utf-8", "replace")
    match argv[3].upper():
        case b"MODULE":
            return []
        case b"ACLCAT":
            in_category = members(wanted.lower()) if wanted.lower() in CATEGORIES else []
            return [name for name in names if name in in_category]
        case b"PATTERN":
            return [name for name in names if glob.matches(wanted, name)]
    return Error("ERR syntax error")


def _getkeys(server: Server, client: Client, argv: list[bytes]) -> object:
    command = find(argv[2:])
    if command is None or command.subcommands:
        return Error("ERR Invalid command specified")
    return Error("ERR The command has no key arguments")


def _help(server: Server, client: Client, argv: list[bytes]) -> object:
    return help_reply(HELP)


HANDLERS = {
    "command": _command,
    "command|count": _count,
    "command|docs": _docs,
    "command|getkeys": _getkeys,
    "command|getkeysandflags": _getkeys,
    "command|help": _help,
    "command|info": _info,
    "command|list": _list,
}
