"""Where a server is, as people write it: ``host:port``, a port of this machine, or a ``redis://`` URL."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

THIS_MACHINE = "127.0.0.1"
DEFAULT_PORT = 6379
_HAS_PORT = re.compile(r"^(\[.*\]|[^:]*):\d+$")
TLS_OF_SCHEME = {"redis": False, "valkey": False, "rediss": True, "valkeys": True}


class Endpoint(NamedTuple):
    """A server's address, and how a URL says to log in there."""

    host: str
    port: int
    username: str | None = None
    password: str | None = None
    tls: bool = False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_endpoint(text: str, default_port: int | None = None) -> Endpoint:
    """Read an address. With ``default_port`` a host may stand alone. ValueError says what is wrong.

    The refusal shows no password of a URL.
    """
    if "://" in text:
        return _parse_url(text)
    if text.isdecimal() and _is_port(text):
        return Endpoint(THIS_MACHINE, int(text))
    host, colon, port = text.rpartition(":")
    if default_port is not None and text and (not colon or text.endswith("]")):
        return Endpoint(text.strip("[]"), default_port)
    if not (colon and _is_port(port)):
        raise ValueError(
            f"{text!r} is not an address; write host:port, such as {THIS_MACHINE}:7000, "
            f"a port of this machine, or redis://host:port"
        )
    return Endpoint(host.strip("[]") or THIS_MACHINE, int(port))


def split_list(texts: Iterable[str]) -> list[str]:
    """The items of an option that may stand several times, each time with commas between its items."""
    return [item.strip() for text in texts for item in text.split(",") if item.strip()]


def parse_address_map(texts: Iterable[str]) -> dict[str, str]:
    """Read ``ANNOUNCED=REACHED`` pairs, several in a text with commas between. ValueError says what is wrong.

    Ports stand on both sides or on neither.
    """
    pairs: dict[str, str] = {}
    for pair in split_list(texts):
        announced, equals, reached = pair.partition("=")
        has_port = [_HAS_PORT.search(side) is not None for side in (announced, reached)]
        if not (equals and announced and reached) or len(set(has_port)) > 1:
            raise ValueError(
                f"{pair!r}: write the address that nodes announce, '=' and the one that works from here, "
                "such as 172.20.0.2:6379=127.0.0.1:7001, or both without a port"
            )
        pairs[announced] = reached
    return pairs


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 0 < int(text) < 65536


def _parse_url(text: str) -> Endpoint:
    from urllib.parse import unquote, urlsplit

    shown = hide_login(text)
    try:
        parts = urlsplit(text)
        port = parts.port if parts.port is not None else DEFAULT_PORT
    except ValueError as error:
        raise ValueError(f"{shown!r} is not an address: {error}") from None
    if parts.scheme not in TLS_OF_SCHEME:
        raise ValueError(f"{shown!r}: write redis://host:port, or rediss:// for TLS")
    if parts.path.strip("/") not in ("", "0") or parts.query or parts.fragment:
        raise ValueError(f"{shown!r}: only host, port and login are used; leave out what follows the port")
    return Endpoint(
        parts.hostname or THIS_MACHINE,
        port,
        unquote(parts.username) if parts.username else None,
        unquote(parts.password) if parts.password else None,
        TLS_OF_SCHEME[parts.scheme],
    )


def hide_login(url: str) -> str:
    """The URL without its password."""
    scheme, separator, rest = url.partition("://")
    login, at, place = rest.rpartition("@")
    user = login.partition(":")[0]
    return f"{scheme}{separator}{user}:***@{place}" if at else url
