"""Reading ``redis://``, ``rediss://``, ``sentinel://`` and ``sentinels://`` URLs.

``rediss`` asks for TLS. Several nodes of one cluster may be named, separated by commas: the first one
that answers is asked for the topology.

``sentinel`` names Sentinels instead, and the primary that they watch; ``sentinels`` asks for TLS to both.
Credentials before the ``@`` are for the nodes. What follows the ``?`` are options:

=====================  =====================================================================
``db=3``               the number of the database
``sentinel_username``  what to log in to the Sentinels with
``sentinel_password``
``sentinel_tls=no``    no TLS to the Sentinels (``yes``: TLS to them alone, with ``sentinel://``)
=====================  =====================================================================

>>> parse_url("redis://ann:s%40crt@db1:7000,db2/3")
Target(addresses=(Address(host='db1', port=7000), Address(host='db2', port=6379)), tls=False, username='ann', password='s@crt', database=3, primary_name=None, options={})
>>> target = parse_url("sentinel://:s%40crt@a,b:26380/orders?db=2&sentinel_password=x")
>>> target.addresses, target.primary_name
((Address(host='a', port=26379), Address(host='b', port=26380)), 'orders')
>>> target.database, target.options
(2, {'sentinel_password': 'x'})
"""  # noqa: E501 the doctest's result is one line

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from garrison.client.core.topology import Address
from garrison.client.errors import UsageError

__all__ = ["DEFAULT_PORT", "DEFAULT_SENTINEL_PORT", "Target", "parse_address", "parse_url"]

DEFAULT_PORT = 6379
DEFAULT_SENTINEL_PORT = 26379

_SENTINEL_FORM = "sentinel://host:port,host:port/NAME, with the name of the primary"
_OPTIONS = ("db", "sentinel_username", "sentinel_password", "sentinel_tls")
_SWITCH = {"yes": True, "no": False}


class Target(NamedTuple):
    """The parts of a URL."""

    addresses: tuple[Address, ...]
    """Nodes, or Sentinels if there is a ``primary_name``."""
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
    if parts.scheme in ("redis", "rediss"):
        return _parse_nodes(url, parts)
    if parts.scheme in ("sentinel", "sentinels"):
        return _parse_sentinels(parts)
    raise UsageError(
        f"cannot connect to {url!r}: write redis://host:port or rediss://host:port (TLS), "
        f"or, for Sentinels, {_SENTINEL_FORM}"
    )


def _parse_nodes(url: str, parts: SplitResult) -> Target:
    username, password, hosts = _parse_login(parts.netloc)
    return Target(
        addresses=tuple(parse_address(host) for host in hosts.split(",")),
        tls=parts.scheme == "rediss",
        username=username,
        password=password,
        database=_parse_database(parts.path.strip("/"), f"the path of {url!r}", "/0"),
    )


def _parse_sentinels(parts: SplitResult) -> Target:
    username, password, hosts = _parse_login(parts.netloc)
    shown = f"{parts.scheme}://{hosts}{parts.path}"  # Without any password.
    name = unquote(parts.path.strip("/"))
    if not name:
        raise UsageError(f"{shown!r} does not say which primary: write {_SENTINEL_FORM}")
    if "/" in name:
        raise UsageError(f"{name!r} cannot be the name of a primary: the number of a database goes into ?db=")
    options: dict[str, Any] = {}
    for option, value in parse_qsl(parts.query, keep_blank_values=True):
        if option not in _OPTIONS:
            raise UsageError(
                f"unknown option {option!r} in {shown!r}: it must be one of {', '.join(_OPTIONS)}"
            )
        options[option] = value
    if "sentinel_tls" in options:
        if options["sentinel_tls"] not in _SWITCH:
            raise UsageError(f"sentinel_tls in {shown!r} must be yes or no, not {options['sentinel_tls']!r}")
        options["sentinel_tls"] = _SWITCH[options["sentinel_tls"]]
    return Target(
        addresses=tuple(parse_address(host, DEFAULT_SENTINEL_PORT) for host in hosts.split(",")),
        tls=parts.scheme == "sentinels",
        username=username,
        password=password,
        database=_parse_database(options.pop("db", ""), f"db in {shown!r}", "db=0"),
        primary_name=name,
        options=options,
    )


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
