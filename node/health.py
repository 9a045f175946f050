"""`garrison health [host:port]`: does a node answer? Light, because health checks run every few seconds.

Exit code 0 when the node answers PING, or asks for a password; 1 with one sentence otherwise. Without an
address it is the node of this machine, at the port that GARRISON_PORT names (6379 by default).
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence

TIMEOUT_SECONDS = 1.5
ALIVE = (b"+PONG", b"-NOAUTH", b"-LOADING", b"-MASTERDOWN")


def main(arguments: Sequence[str]) -> int:
    """Check one node."""
    address = arguments[0] if arguments else f"127.0.0.1:{os.environ.get('GARRISON_PORT', '6379')}"
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        print(f"garrison health: '{address}' is not an address; write host:port", file=sys.stderr)
        return 2
    try:
        with socket.create_connection((host, int(port)), timeout=TIMEOUT_SECONDS) as connection:
            connection.sendall(b"PING\r\n")
            reply = connection.recv(256)
    except OSError as error:
        print(f"garrison health: {address} does not answer: {error}", file=sys.stderr)
        return 1
    if reply.startswith(ALIVE):
        return 0
    print(f"garrison health: {address} answers PING with {reply!r}", file=sys.stderr)
    return 1
