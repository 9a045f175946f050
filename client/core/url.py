"""Reading URLs: ``redis://``, ``unix://``, ``sentinel://``, and what may follow the ``?``.

==========================================  ==========================================================
``redis://host:port,host:port/3``           nodes of one server or cluster; ``valkey://`` is the same
``rediss://``, ``valkeys://``               with TLS
``unix:///path/to/socket``                  a server on this machine
``sentinel://host:port,host:port/NAME``     Sentinels, and the primary that they watch
``sentinels://``                            with TLS to both
==========================================  ==========================================================

Of several nodes of a cluster, the first one that answers is asked for the topology. Credentials before
the ``@`` are for the nodes. What follows the ``?`` are options; an unknown one is refused:

===============================================  =====================================================
``db=3``                                         the number of the database
``username``, ``password``                       as before the ``@``
``protocol``, ``client_name``, ``retry``         as in ``connect()``
``connect_timeout_s``, ``reply_timeout_s``,
``call_timeout_s``
``sentinel_username``, ``sentinel_password``     what to log in to the Sentinels with
``sentinel_tls=no``                              no TLS to the Sentinels (``yes``: TLS to them alone, with
                                                 ``sentinel://``)
===============================================  =====================================================

>>> target = parse_url("redis://ann:s%40crt@db1:7000,db2/3?call_timeout_s=5")
>>> target.addresses
(Address(host='db1', port=7000), Address(host='db2', port=6379))
>>> target.username, target.password, target.database, target.options
('ann', 's@crt', 3, {'call_timeout_s': '5'})
>>> parse_url("unix:///run/garrison.sock?db=1").addresses
(Address(host='/run/garrison.sock', port=0),)
>>> target = parse_url("sentinel://:s%40crt@a,b:26380/orders?db=2&sentinel_password=x")
>>> target.addresses, target.primary_name
((Address(host='a', port=26379), Address(host='b', port=26380)), 'orders')
>>> target.database, target.options
(2, {'sentinel_password': 'x'})
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from garrison.client.core.habits import right_spelling
from garrison.client.core.topology import Address
from garrison.client.errors import UsageError

__all__ = [
    "DEFAULT_PORT",
    "DEFAULT_SENTINEL_PORT",
    "URL_SCHEMES",
    "Target",
    "parse_address",
    "parse_url",
]

DEFAULT_PORT = 6379
DEFAULT_SENTINEL_PORT = 26379

_PLAIN = ("redis", "valkey")
_TLS = ("rediss", "valkeys")
_SENTINELS = ("sentinel", "sentinels")
URL_SCHEMES = tuple(f"{scheme}://" for scheme in (*_PLAIN, *_TLS, "unix", *_SENTINELS))
"""What a URL begins with."""
_SENTINEL_FORM = "sentinel://host:port,host:port/NAME, with the name of the primary"
_OPTIONS = (
    *("db", "username", "password", "protocol", "client_name", "retry"),
    *("connect_timeout_s", "reply_timeout_s", "call_timeout_s"),
)
_SENTINEL_OPTIONS = (*_OPTIONS, "sentinel_username", "sentinel_password", "sentinel_tls")
_SWITCH = {"yes": True, "no": False}


class Target(NamedTuple):
    """The parts of a URL."""

    addresses: tuple[Address, ...]
    """Nodes, or Sentinels if there is a ``primary_name``. The path of a Unix socket is a host with port 0."""
    tls: bool
    username: str | None
    password: str | None
    database: int
    primary_name: str | None = None
    """The name under which the Sentinels know the primary."""
    options: Mapping[str, Any] = {}
    """Further settings of the URL, by name."""


def parse_url(url: str) -> Target:
    """Read a URL; a malformed one raises :class:`UsageError`."""
    parts = urlsplit(url)
    if parts.scheme in (*_PLAIN, *_TLS):
        return _parse_nodes(parts)
    if parts.scheme == "unix":
        return _parse_socket(parts)
    if parts.scheme in _SENTINELS:
        return _parse_sentinels(parts)
    raise UsageError(
        f"cannot connect to {_shown(parts) if parts.netloc else url!r}: write redis://host:port, "
        f"rediss://host:port (TLS) or unix:///path, or, for Sentinels, {_SENTINEL_FORM}"
    )


def _parse_nodes(parts: SplitResult) -> Target:
    username, password, hosts = _parse_login(parts.netloc)
    shown = _shown(parts)
    options = _parse_options(parts, _OPTIONS)
    path = parts.path.strip("/")
    if path and "db" in options:
        raise UsageError(f"{shown!r} names the database twice, in its path and as ?db=: write one of them")
    where, example = (f"the path of {shown!r}", "/0") if path else (f"db in {shown!r}", "db=0")
    return _target(
        options,
        addresses=tuple(parse_address(host) for host in hosts.split(",")),
        tls=parts.scheme in _TLS,
        login=(username, password),
        database=_parse_database(path or options.get("db", ""), where, example),
    )


def _parse_socket(parts: SplitResult) -> Target:
    username, password, host = _parse_login(parts.netloc)
    shown = _shown(parts)
    if host or not parts.path.strip("/"):
        raise UsageError(
            f"{shown!r} does not name a socket: write unix:///path/to/socket, with three slashes"
        )
    options = _parse_options(parts, _OPTIONS)
    return _target(
        options,
        addresses=(Address(unquote(parts.path), 0),),
        tls=False,
        login=(username, password),
        database=_parse_database(options.get("db", ""), f"db in {shown!r}", "db=0"),
    )


def _parse_sentinels(parts: SplitResult) -> Target:
    username, password, hosts = _parse_login(parts.netloc)
    shown = _shown(parts)
    name = unquote(parts.path.strip("/"))
    if not name:
        raise UsageError(f"{shown!r} does not say which primary: write {_SENTINEL_FORM}")
    if "/" in name:
        raise UsageError(f"{name!r} cannot be the name of a primary: the number of a database goes into ?db=")
    options = _parse_options(parts, _SENTINEL_OPTIONS)
    if "sentinel_tls" in options:
        if options["sentinel_tls"] not in _SWITCH:
            raise UsageError(f"sentinel_tls in {shown!r} must be yes or no, not {options['sentinel_tls']!r}")
        options["sentinel_tls"] = _SWITCH[options["sentinel_tls"]]
    return _target(
        options,
        addresses=tuple(parse_address(host, DEFAULT_SENTINEL_PORT) for host in hosts.split(",")),
        tls=parts.scheme == "sentinels",
        login=(username, password),
        database=_parse_database(options.get("db", ""), f"db in {shown!r}", "db=0"),
        primary_name=name,
    )


def _target(
    options: dict[str, Any],
    *,
    addresses: tuple[Address, ...],
    tls: bool,
    login: tuple[str | None, str | None],
    database: int,
    primary_name: str | None = None,
) -> Target:
    """Put the parts together; credentials among the options stand in for those before the ``@``."""
    options.pop("db", None)
    username, password = options.pop("username", login[0]), options.pop("password", login[1])
    return Target(addresses, tls, username, password, database, primary_name, options)


def _shown(parts: SplitResult) -> str:
    """The URL for a message: without credentials and options."""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _parse_options(parts: SplitResult, known: tuple[str, ...]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for option, value in parse_qsl(parts.query, keep_blank_values=True):
        if option not in known:
            advice = right_spelling(option) or f"it must be one of {', '.join(known)}"
            raise UsageError(f"unknown option {option!r} in {_shown(parts)!r}: {advice}")
        options[option] = value
    return options


def _parse_login(netloc: str) -> tuple[str | None, str | None, str]:
    login, at, hosts = netloc.rpartition("@")
    user, _, password = login.partition(":")
    return unquote(user) or None, unquote(password) if at and ":" in login else None, hosts


def _parse_database(text: str, where: str, example: str) -> int:
    if text and not text.isdecimal():
        raise UsageError(f"{where} must be the number of a database, such as {example}, not {text!r}")
    return int(text or 0)


def parse_address(text: str, default_port: int = DEFAULT_PORT) -> Address:
    """Read ``host``, ``host:port`` or ``[ipv6]:port``."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest[1:] if rest.startswith(":") else rest
    else:
        host, _, port = text.partition(":")
    if not port and host:
        return Address(host, default_port)
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise UsageError(f"cannot read {text!r} as an address: write host:port, with a port of 1 to 65535")
    return Address(host, int(port))
