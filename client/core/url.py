"""Reading ``redis://`` and ``rediss://`` URLs.

``rediss`` asks for TLS. Several nodes of one cluster may be named, separated by commas: the first one
that answers is asked for the topology.

>>> parse_url("redis://ann:s%40crt@db1:7000,db2/3")
Target(addresses=(Address(host='db1', port=7000), Address(host='db2', port=6379)), tls=False, username='ann', password='s@crt', database=3)
"""  # noqa: E501 the doctest's result is one line

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from garrison.client.core.topology import Address
from garrison.client.errors import UsageError

__all__ = ["DEFAULT_PORT", "Target", "parse_address", "parse_url"]

DEFAULT_PORT = 6379


class Target(NamedTuple):
    """What a URL says."""

    addresses: tuple[Address, ...]
    tls: bool
    username: str | None
    password: str | None
    database: int


def parse_url(url: str) -> Target:
    """Read a URL; a malformed one raises :class:`UsageError`."""
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss"):
        raise UsageError(f"cannot connect to {url!r}: write redis://host:port or rediss://host:port (TLS)")
    login, at, hosts = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    addresses = tuple(parse_address(host) for host in hosts.split(","))
    path = parts.path.strip("/")
    if path and not path.isdecimal():
        raise UsageError(f"the path of {url!r} must be the number of a database, such as /0, not {path!r}")
    return Target(
        addresses=addresses,
        tls=parts.scheme == "rediss",
        username=unquote(user) or None,
        password=unquote(password) if at and ":" in login else None,
        database=int(path or 0),
    )


def parse_address(text: str) -> Address:
    """Read ``host``, ``host:port`` or ``[ipv6]:port``."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest[1:] if rest.startswith(":") else rest
    else:
        host, _, port = text.partition(":")
    if not port and host:
        return Address(host, DEFAULT_PORT)
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise UsageError(f"cannot read {text!r} as an address: write host:port, with a port of 1 to 65535")
    return Address(host, int(port))
