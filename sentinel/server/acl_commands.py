"""ACL: users and their rules, shown and changed."""

from __future__ import annotations

import secrets

from garrison.base import disk
from garrison.base.config_text import ConfigError, read_text
from garrison.base.reply import OK, Error
from garrison.sentinel.server.acl import DEFAULT, RuleError, RuleSet, User, read_users
from garrison.sentinel.server.clients import Client
from garrison.sentinel.server.command_info import as_set, help_reply
from garrison.sentinel.server.command_table import CATEGORIES, find, members, refusal
from garrison.sentinel.server.server import Server

GENPASS_BITS_MAX = 4096
NOT_AN_INTEGER = Error("ERR value is not an integer or out of range")
NO_FILE = Error(
    "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL "
    "SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in "
    "order to store users in the Redis configuration."
)

HELP = (
    "ACL <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CAT [<category>]",
    "    The categories, or the commands of one.",
    "DELUSER <username> [<username> ...]",
    "    Remove users.",
    "DRYRUN <username> <command> [<arg> ...]",
    "    Whether a user could run a command.",
    "GENPASS [<bits>]",
    "    A random password.",
    "GETUSER <username>",
    "    The rules of a user.",
    "LIST",
    "    All users as lines of a file.",
    "LOAD",
    "    Read the aclfile again.",
    "LOG [<count> | RESET]",
    "    What was denied.",
    "SAVE",
    "    Write the aclfile.",
    "SETUSER <username> <rule> [<rule> ...]",
    "    Create or change a user.",
    "USERS",
    "    The names of all users.",
    "WHOAMI",
    "    The user of this connection.",
    "HELP",
    "    Print this help.",
)


def _text(word: bytes) -> str:
    return word.decode("utf-8", "surrogateescape")


def _whoami(server: Server, client: Client, argv: list[bytes]) -> object:
    return client.user.name


def _users(server: Server, client: Client, argv: list[bytes]) -> object:
    return sorted(server.users.by_name)


def _list(server: Server, client: Client, argv: list[bytes]) -> object:
    return server.users.lines()


def _cat(server: Server, client: Client, argv: list[bytes]) -> object:
    if len(argv) == 2:
        return list(CATEGORIES)
    name = _text(argv[2])
    if name.lower() not in CATEGORIES:
        return Error(f"ERR Unknown category '{name}'")
    return members(name.lower())


def _getuser(server: Server, client: Client, argv: list[bytes]) -> object:
    user = server.users.get(_text(argv[2]))
    if user is None:
        return None
    flags = ["on" if user.on else "off", *(["nopass"] if user.nopass else [])]
    flags += [user.sanitize] if user.sanitize else []
    return {
        "flags": as_set(client, flags),
        "passwords": user.passwords,
        **_rules(user.root),
        "selectors": [_rules(selector) for selector in user.selectors],
    }


def _rules(rules: RuleSet) -> dict[str, str]:
    return {
        "commands": " ".join(rules.rules),
        "keys": " ".join(rules.keys),
        "channels": " ".join(f"&{pattern}" for pattern in rules.channels),
    }


def _setuser(server: Server, client: Client, argv: list[bytes]) -> object:
    try:
        user = server.users.set(_text(argv[2]), [_text(word) for word in argv[3:]])
    except RuleError as error:
        return Error(f"ERR {error}")
    for each in list(server.clients.values()):
        if each.user.name == user.name:
            each.user = user
            if not _may_still_hear(each, user):
                _let_go(client, each)
    return OK


def _may_still_hear(client: Client, user: User) -> bool:
    return all(user.may_hear(_text(name)) for name in client.channels) and all(
        user.may_hear(_text(name), is_pattern=True) for name in client.patterns
    )


def _let_go(asking: Client, client: Client) -> None:
    """Close a connection whose rights are gone; the one that asked for it gets its reply first."""
    if client is asking:
        client.server.loop.call_soon(client.close)
    else:
        client.abort()


def _deluser(server: Server, client: Client, argv: list[bytes]) -> object:
    names = [_text(word) for word in argv[2:]]
    if DEFAULT in names:
        return Error("ERR The 'default' user cannot be removed")
    removed = {name for name in names if server.users.remove(name)}
    for each in list(server.clients.values()):
        if each.user.name in removed:
            _let_go(client, each)
    return len(removed)


def _dryrun(server: Server, client: Client, argv: list[bytes]) -> object:
    from garrison.sentinel.server.dispatch import channels_of

    name = _text(argv[2])
    user = server.users.get(name)
    if user is None:
        return Error(f"ERR User '{name}' not found")
    command = find(argv[3:])
    if command is None:
        return Error(f"ERR Command '{_text(argv[3])}' not found")
    problem = refusal(argv[3:], command)
    if problem:
        return Error(problem)
    channels = channels_of(command, argv[3:])
    denial = user.denial(command.name, channels, are_patterns=command.name == "psubscribe")
    if not denial:
        return OK
    if denial == "command":
        return f"This user has no permissions to run the '{command.name}' command"
    return f"This user has no permissions to access the '{denial.partition(' ')[2]}' channel"


def _genpass(server: Server, client: Client, argv: list[bytes]) -> object:
    if len(argv) > 3:
        return Error("ERR wrong number of arguments for 'acl|genpass' command")
    bits = 256
    if len(argv) == 3:
        if not argv[2].removeprefix(b"-").isdigit():
            return NOT_AN_INTEGER
        bits = int(argv[2][:8])
        if not 0 < bits <= GENPASS_BITS_MAX:
            return Error(
                "ERR ACL GENPASS argument must be the number of bits for the output password, a positive "
                f"number up to {GENPASS_BITS_MAX}"
            )
    digits = (bits + 3) // 4
    return secrets.token_hex((digits + 1) // 2)[:digits]


def _log(server: Server, client: Client, argv: list[bytes]) -> object:
    count = 10
    if len(argv) == 3:
        if argv[2].upper() == b"RESET":
            server.acl_log.clear()
            return OK
        if not argv[2].removeprefix(b"-").isdigit():
            return NOT_AN_INTEGER
        count = max(0, int(argv[2][:10]))
    now_s = server.seconds()
    return [
        {
            "count": entry["count"],
            "reason": entry["reason"],
            "context": entry["context"],
            "object": entry["object"],
            "username": entry["username"],
            "age-seconds": round(now_s - float(str(entry["at"])), 3),
            "client-info": entry["client-info"],
        }
        for entry in list(server.acl_log)[:count]
    ]


def _save(server: Server, client: Client, argv: list[bytes]) -> object:
    path = server.config.text("aclfile")
    if not path:
        return NO_FILE
    try:
        disk.replace(path, "\n".join(server.users.lines()) + "\n", mode=0o600)
    except OSError as error:
        server.log.warning(f"Saving the users in {path} failed: {error}")
        return Error(
            "ERR There was an error trying to save the ACLs. Please check the server logs for more "
            "information"
        )
    server.users.changed = False
    return OK


def _load(server: Server, client: Client, argv: list[bytes]) -> object:
    path = server.config.text("aclfile")
    if not path:
        return NO_FILE
    try:
        users = read_users(
            read_text(path), path, "", server.config.text("acl-pubsub-default") == "allchannels"
        )
    except ConfigError as error:
        return Error(f"ERR {error}")
    old, server.users = server.users, users
    for each in list(server.clients.values()):
        former, now = old.get(each.user.name), users.get(each.user.name)
        if now is None or former is None or former.describe() != now.describe():
            _let_go(client, each)
        else:
            each.user = now
    return OK


def _help(server: Server, client: Client, argv: list[bytes]) -> object:
    return help_reply(HELP)


HANDLERS = {
    "acl|cat": _cat,
    "acl|deluser": _deluser,
    "acl|dryrun": _dryrun,
    "acl|genpass": _genpass,
    "acl|getuser": _getuser,
    "acl|help": _help,
    "acl|list": _list,
    "acl|load": _load,
    "acl|log": _log,
    "acl|save": _save,
    "acl|setuser": _setuser,
    "acl|users": _users,
    "acl|whoami": _whoami,
}
