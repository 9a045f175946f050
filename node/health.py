"""`garrison health [ADDRESS]`: does a node answer? Light, because health checks run every few seconds.

Exit code 0 when the node answers PING, or asks for a password; 1 with one sentence otherwise. Without an
address it is the node of this machine, at the port that GARRISON_PORT names (6379 by default). A URL with
http or https asks a health page instead, such as that of a manager: exit code 0 when its status is 200.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl

    from garrison.base.endpoint import Endpoint

TIMEOUT_SECONDS = 1.5
ANSWER_BYTES_MAX = 256
"""Of a health page that is not well; the rest is not read."""
ALIVE = (b"+PONG", b"-NOAUTH", b"-LOADING", b"-MASTERDOWN")
USAGE = f"""\
usage: garrison health [ADDRESS] [--timeout SECONDS]

Exit code 0 if the node answers, or asks for a password; 1 if it does not; 2 for wrong usage.

  ADDRESS            host:port, a port of this machine, or redis://host:port;
                     the port that GARRISON_PORT names, or 6379, if not given;
                     http://host:port asks for /healthz there, as of a manager,
                     and http://host:port/readyz for /readyz
  --timeout SECONDS  how long to wait for it ({TIMEOUT_SECONDS})
  --help, -h         print this"""


def main(arguments: Sequence[str]) -> int:
    """Check one node."""
    words = list(arguments)
    if {"--help", "-h"} & set(words):
        print(USAGE)
        return 0
    try:
        timeout_s = _take_timeout(words)
        if len(words) == 1 and words[0].startswith(("http://", "https://")):
            return _check_page(words[0], timeout_s)
        endpoint = _endpoint(words)
    except ValueError as error:
        print(f"garrison health: {error}\n'garrison health --help' says more", file=sys.stderr)
        return 2
    try:
        reply = _ping(endpoint, timeout_s)
    except OSError as error:
        print(f"garrison health: {endpoint} does not answer: {error}", file=sys.stderr)
        return 1
    if reply.startswith(ALIVE):
        return 0
    print(f"garrison health: {endpoint} answers PING with {reply!r}", file=sys.stderr)
    return 1


def _take_timeout(words: list[str]) -> float:
    """Take the option out of the words. Raises ValueError."""
    for at, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name == "--timeout":
            value = value if equals else "".join(words[at + 1 : at + 2])
            del words[at : at + (1 if equals else 2)]
            try:
                seconds = float(value)
            except ValueError:
                seconds = 0.0
            if seconds <= 0:
                raise ValueError(f"--timeout {value}: give a number of seconds")
            return seconds
    return TIMEOUT_SECONDS


def _endpoint(words: Sequence[str]) -> Endpoint:
    """Whom to ask. Raises ValueError."""
    from garrison.base.endpoint import parse_endpoint

    strange = [word for word in words if word.startswith("-")]
    if strange:
        raise ValueError(f"there is no option '{strange[0]}'")
    if len(words) > 1:
        raise ValueError(f"one address, not {len(words)}")
    return parse_endpoint(words[0] if words else os.environ.get("GARRISON_PORT") or "6379")


def _check_page(url: str, timeout_s: float) -> int:
    """Ask a health page; the exit code. Raises ValueError for what is not a URL of a page."""
    import http.client
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    if not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError(f"{url!r}: write http://host:port, or http://host:port/readyz")
    port = parts.port
    page = parts.path if parts.path.strip("/") else "/healthz"
    if parts.scheme == "https":
        link: http.client.HTTPConnection = http.client.HTTPSConnection(
            parts.hostname, port, timeout=timeout_s, context=_trusting_context()
        )
    else:
        link = http.client.HTTPConnection(parts.hostname, port, timeout=timeout_s)
    try:
        link.request("GET", page)
        answer = link.getresponse()
        reason = answer.read(ANSWER_BYTES_MAX).decode(errors="replace").strip()
    except (OSError, http.client.HTTPException) as error:
        print(f"garrison health: {url} does not answer: {error}", file=sys.stderr)
        return 1
    finally:
        link.close()
    if answer.status == 200:
        return 0
    print(f"garrison health: {url} answers with status {answer.status}: {reason}", file=sys.stderr)
    return 1


def _trusting_context() -> ssl.SSLContext:
    """TLS that trusts any certificate: a health check asks whether the process lives, not who it is."""
    import ssl

    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _ping(endpoint: Endpoint, timeout_s: float) -> bytes:
    with socket.create_connection((endpoint.host, endpoint.port), timeout=timeout_s) as connection:
        if not endpoint.tls:
            connection.sendall(b"PING\r\n")
            return connection.recv(256)
        with _trusting_context().wrap_socket(connection, server_hostname=endpoint.host) as secured:
            secured.sendall(b"PING\r\n")
            return secured.recv(256)
