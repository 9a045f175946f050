"""Listening sockets from the words of a `bind` directive.

``*`` stands for every IPv4 address, ``::*`` for every IPv6 address; a leading ``-`` makes an address
optional, so that a machine without IPv6 starts with the default ``* -::*``.
"""

from __future__ import annotations

import errno
import socket

_ANYWHERE = {"*": "0.0.0.0", "::*": "::"}
_NOT_HERE = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT}


def listen(bind: str, port: int, backlog: int) -> list[socket.socket]:
    """Sockets that listen on `port` of every address. Raises OSError that names address and port."""
    sockets: list[socket.socket] = []
    try:
        for word in bind.split():
            optional, address = word.startswith("-"), word.removeprefix("-")
            listener = _listen_on(_ANYWHERE.get(address, address), port, backlog, optional)
            if listener is not None:
                sockets.append(listener)
    except OSError:
        for listener in sockets:
            listener.close()
        raise
    return sockets


def _listen_on(address: str, port: int, backlog: int, optional: bool) -> socket.socket | None:
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(
            address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        if optional:
            return None
        raise OSError(error.errno, f"{address}:{port}: {error.strerror}") from None
    listener = None
    try:
        listener = socket.socket(family, kind | socket.SOCK_NONBLOCK, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(target)
        listener.listen(backlog)
    except OSError as error:
        if listener is not None:
            listener.close()
        if optional and error.errno in _NOT_HERE:
            return None
        raise OSError(error.errno, f"cannot listen on {address}:{port}: {error.strerror}") from None
    return listener
