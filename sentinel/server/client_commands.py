"""CLIENT: connections, looked at and closed."""

from __future__ import annotations

from collections.abc import Callable

from garrison.base.reply import OK, Error, Verbatim
from garrison.sentinel.server.clients import Client
from garrison.sentinel.server.command_info import help_reply
from garrison.sentinel.server.login import BAD_NAME, is_name
from garrison.sentinel.server.pubsub import PUT
from garrison.sentinel.server.server import Server

SYNTAX = Error("ERR syntax error")
KINDS = ("normal", "master", "replica", "slave", "pubsub")
PAUSE_MS_MAX = 2**53

HELP = (
    "CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CACHING (YES|NO)",
    "    Needs tracking, which a Sentinel has no use for.",
    "GETNAME",
    "    The name of this connection.",
    "GETREDIR",
    "    Where invalidations go: nowhere.",
    "ID",
    "    The id of this connection.",
    "INFO",
    "    Describe this connection.",
    "KILL <ip:port>",
    "KILL [ID <id>] [ADDR <ip:port>] [LADDR <ip:port>] [TYPE <type>] [USER <name>] [SKIPME (YES|NO)]",
    "    Close connections that match all that is given.",
    "LIST [TYPE (NORMAL|MASTER|REPLICA|PUBSUB)] [ID <id> [<id> ...]]",
    "    Describe connections.",
    "NO-EVICT (ON|OFF)",
    "    Kept for this connection, and without effect.",
    "PAUSE <milliseconds> [WRITE|ALL]",
    "    Let all commands wait; WRITE means none, for a Sentinel stores nothing.",
    "REPLY (ON|OFF|SKIP)",
    "    Whether replies are sent.",
    "SETNAME <name>",
    "    Name this connection.",
    "TRACKING (ON|OFF) [...]",
    "    Kept for this connection; a Sentinel has no keys to track.",
    "TRACKINGINFO",
    "    The state of tracking.",
    "UNBLOCK <id> [TIMEOUT|ERROR]",
    "    Nobody ever blocks here.",
    "UNPAUSE",
    "    End a pause.",
    "HELP",
    "    Print this help.",
)


def _text(word: bytes) -> str:
    return word.decode("utf-8", "surrogateescape")


def _integer(word: bytes) -> int | None:
    return int(word) if word.removeprefix(b"-").isdigit() and len(word) < 20 else None


def _id(server: Server, client: Client, argv: list[bytes]) -> object:
    return client.id


def _getname(server: Server, client: Client, argv: list[bytes]) -> object:
    return client.name or None


def _setname(server: Server, client: Client, argv: list[bytes]) -> object:
    name = _text(argv[2])
    if not is_name(name):
        return BAD_NAME
    client.name = name
    return OK


def _info(server: Server, client: Client, argv: list[bytes]) -> object:
    return Verbatim(client.describe() + "\n")


def _list(server: Server, client: Client, argv: list[bytes]) -> object:
    chosen = list(server.clients.values())
    if len(argv) == 4 and argv[2].upper() == b"TYPE":
        kind = _text(argv[3])
        if kind.lower() not in KINDS:
            return Error(f"ERR Unknown client type '{kind}'")
        chosen = [each for each in chosen if each.kind == kind.lower()]
    elif len(argv) > 3 and argv[2].upper() == b"ID":
        ids = [_integer(word) for word in argv[3:]]
        if None in ids:
            return Error("ERR Invalid client ID")
        chosen = [each for each in chosen if each.id in ids]
    elif len(argv) != 2:
        return SYNTAX
    return Verbatim("".join(each.describe() + "\n" for each in chosen))


def _kill(server: Server, client: Client, argv: list[bytes]) -> object:
    if len(argv) == 3:
        address = _text(argv[2])
        found = [each for each in server.clients.values() if each.address == address]
        if not found:
            return Error("ERR No such client")
        _close(client, found)
        return OK
    if len(argv) % 2:
        return SYNTAX
    tests: list[Callable[[Client], bool]] = []
    skip_me = True
    for name, word in zip(argv[2::2], argv[3::2], strict=True):
        if name.upper() == b"SKIPME":
            if word.lower() not in (b"yes", b"no"):
                return SYNTAX
            skip_me = word.lower() == b"yes"
            continue
        test = _kill_test(server, name.upper(), word)
        if isinstance(test, Error):
            return test
        tests.append(test)
    found = [each for each in server.clients.values() if all(test(each) for test in tests)]
    if skip_me:
        found = [each for each in found if each is not client]
    _close(client, found)
    return len(found)


def _kill_test(server: Server, name: bytes, word: bytes) -> Callable[[Client], bool] | Error:
    """What one option of CLIENT KILL asks of a connection."""
    text = _text(word)
    if name == b"ID":
        number = _integer(word)
        if number is None or number < 1:
            return Error("ERR client-id should be greater than 0")
        return lambda each: each.id == number
    if name == b"TYPE":
        if text.lower() not in KINDS:
            return Error(f"ERR Unknown client type '{text}'")
        return lambda each: each.kind == text.lower()
    if name == b"USER":
        if server.users.get(text) is None:
            return Error(f"ERR No such user '{text}'")
        return lambda each: each.user.name == text
    if name == b"ADDR":
        return lambda each: each.address == text
    if name == b"LADDR":
        return lambda each: each.local_address == text
    return SYNTAX


def _close(client: Client, found: list[Client]) -> None:
    """Close these; the one that asked for it gets its reply first."""
    for each in found:
        if each is client:
            client.server.loop.call_soon(client.close)
        else:
            each.abort()


def _no_evict(server: Server, client: Client, argv: list[bytes]) -> object:
    if argv[2].lower() not in (b"on", b"off"):
        return SYNTAX
    client.no_evict = argv[2].lower() == b"on"
    return OK


def _pause(server: Server, client: Client, argv: list[bytes]) -> object:
    milliseconds = _integer(argv[2])
    mode = argv[3].upper() if len(argv) == 4 else b"ALL"
    if mode not in (b"ALL", b"WRITE") or len(argv) > 4:
        return Error("ERR CLIENT PAUSE mode must be WRITE or ALL")
    if milliseconds is None or milliseconds > PAUSE_MS_MAX:
        return Error("ERR timeout is not an integer or out of range")
    if milliseconds < 0:
        return Error("ERR timeout is negative")
    if mode == b"ALL" and milliseconds:
        server.pause(milliseconds / 1000)
    return OK


def _unpause(server: Server, client: Client, argv: list[bytes]) -> object:
    server.unpause()
    return OK


def _reply(server: Server, client: Client, argv: list[bytes]) -> object:
    match argv[2].lower():
        case b"on":
            client.replies_on, client.skip_replies = True, 0
            return OK
        case b"off":
            client.replies_on = False
        case b"skip":
            client.skip_replies = 1 if client.replies_on else 0
        case _:
            return SYNTAX
    return PUT


def _tracking(server: Server, client: Client, argv: list[bytes]) -> object:
    if argv[2].lower() not in (b"on", b"off"):
        return SYNTAX
    client.tracking = argv[2].lower() == b"on"
    return OK


def _trackinginfo(server: Server, client: Client, argv: list[bytes]) -> object:
    redirect = 0 if client.tracking else -1
    return {"flags": ["on" if client.tracking else "off"], "redirect": redirect, "prefixes": []}


def _getredir(server: Server, client: Client, argv: list[bytes]) -> object:
    return 0 if client.tracking else -1


def _caching(server: Server, client: Client, argv: list[bytes]) -> object:
    return Error(
        "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode "
        "enabled"
    )


def _unblock(server: Server, client: Client, argv: list[bytes]) -> object:
    if len(argv) == 4 and argv[3].upper() not in (b"TIMEOUT", b"ERROR"):
        return Error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
    if _integer(argv[2]) is None:
        return Error("ERR value is not an integer or out of range")
    return 0


def _help(server: Server, client: Client, argv: list[bytes]) -> object:
    return help_reply(HELP)


HANDLERS = {
    "client|caching": _caching,
    "client|getname": _getname,
    "client|getredir": _getredir,
    "client|help": _help,
    "client|id": _id,
    "client|info": _info,
    "client|kill": _kill,
    "client|list": _list,
    "client|no-evict": _no_evict,
    "client|pause": _pause,
    "client|reply": _reply,
    "client|setname": _setname,
    "client|tracking": _tracking,
    "client|trackinginfo": _trackinginfo,
    "client|unblock": _unblock,
    "client|unpause": _unpause,
}
