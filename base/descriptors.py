"""File descriptors: each client takes one, and so do files, links of the bus and listening sockets."""

from __future__ import annotations

import resource

RESERVED = 128
"""Descriptors reserved for everything that is not a client."""


FEWEST = 64
"""Below this not even a server without clients can work."""


def files_max() -> int:
    """How many files this process may open, after raising its limit as far as it may."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return 1 << 30 if hard == resource.RLIM_INFINITY else hard


def make_room(clients: int) -> int:
    """Raise this process's limit so that `clients` fit; how many do fit."""
    wanted = clients + RESERVED
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return clients
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    except (OSError, ValueError):
        allowed = soft
    return min(clients, max(allowed - RESERVED, 1))
