"""AUTH, HELLO and RESET: who a connection is, and which protocol it speaks."""

from __future__ import annotations

from garrison.base.reply import OK, Error, Simple
from garrison.sentinel.server.acl import DEFAULT
from garrison.sentinel.server.clients import Client
from garrison.sentinel.server.server import Server

REDIS_VERSION = "7.0.15"
"""The level whose behaviour we match."""

WRONG = Error("WRONGPASS invalid username-password pair or user is disabled.")
NO_PASSWORD = Error(
    "ERR AUTH <password> called without any password configured for the default user. Are you sure your "
    "configuration is correct?"
)
HELLO_NOAUTH = Error(
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> "
    "<pass> option can be used to authenticate the client and select the RESP protocol version at the same "
    "time"
)
BAD_NAME = Error("ERR Client names cannot contain spaces, newlines or special characters.")


def _text(word: bytes) -> str:
    return word.decode("utf-8", "surrogateescape")


def is_name(name: str) -> bool:
    """Whether a connection may be called so."""
    return all("!" <= character <= "~" for character in name)


def log_in(server: Server, client: Client, username: str, password: str) -> bool:
    user = server.users.get(username)
    if user is None or not user.accepts(password):
        server.counters.denied_auth += 1
        server.denied(client, "auth", "AUTH", username)
        return False
    client.user, client.logged_in = user, True
    return True


def _auth(server: Server, client: Client, argv: list[bytes]) -> object:
    if len(argv) > 3:
        return Error("ERR syntax error")
    if len(argv) == 2 and server.users.default.nopass:
        return NO_PASSWORD
    username = _text(argv[1]) if len(argv) == 3 else DEFAULT
    return OK if log_in(server, client, username, _text(argv[-1])) else WRONG


def _hello(server: Server, client: Client, argv: list[bytes]) -> object:
    protocol = client.protocol
    if len(argv) > 1:
        if not argv[1].isdigit():
            return Error("ERR Protocol version is not an integer or out of range")
        protocol = int(argv[1][:4])
        if protocol not in (2, 3):
            return Error("NOPROTO unsupported protocol version")
    options = _hello_options(argv[2:])
    if isinstance(options, Error):
        return options
    name, login = options
    if login is not None and not log_in(server, client, *login):
        return WRONG
    if not server.is_authenticated(client):
        return HELLO_NOAUTH
    if name is not None:
        client.name = name
    client.protocol = protocol
    return {
        "server": "redis",
        "version": REDIS_VERSION,
        "proto": protocol,
        "id": client.id,
        "mode": "sentinel",
        "modules": [],
    }


def _hello_options(words: list[bytes]) -> tuple[str | None, tuple[str, str] | None] | Error:
    """The name and the login that HELLO carries, or what is wrong with them."""
    name: str | None = None
    login: tuple[str, str] | None = None
    at = 0
    while at < len(words):
        option, left = words[at].upper(), len(words) - at - 1
        if option == b"AUTH" and left >= 2:
            login = (_text(words[at + 1]), _text(words[at + 2]))
            at += 3
        elif option == b"SETNAME" and left:
            name = _text(words[at + 1])
            if not is_name(name):
                return BAD_NAME
            at += 2
        else:
            return Error(f"ERR Syntax error in HELLO option '{_text(words[at])}'")
    return name, login


def _reset(server: Server, client: Client, argv: list[bytes]) -> object:
    for channel in list(client.channels):
        server.unsubscribe(client, channel)
    for pattern in list(client.patterns):
        server.unsubscribe(client, pattern, is_pattern=True)
    client.user, client.logged_in, client.protocol, client.name = server.users.default, False, 2, ""
    client.replies_on, client.skip_replies = True, 0
    client.no_evict = client.tracking = False
    return Simple("RESET")


HANDLERS = {"auth": _auth, "hello": _hello, "reset": _reset}
