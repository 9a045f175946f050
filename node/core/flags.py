"""The flags of a node as the bus and nodes.conf carry them, and their names in CLUSTER NODES."""

from __future__ import annotations

from typing import Final

PRIMARY: Final = 1
REPLICA: Final = 2
PFAIL: Final = 4
"""Possibly failing: silent towards this node for longer than the node timeout."""
FAIL: Final = 8
"""Failing: silent towards a majority of the voting primaries."""
MYSELF: Final = 16
HANDSHAKE: Final = 32
"""Being introduced: we have its address, not yet its id."""
NOADDR: Final = 64
MEET: Final = 128
"""The first frame to it is MEET rather than PING."""
MIGRATE_TO: Final = 256
"""A primary that has or had replicas, hence one that an idle replica may move to."""
NO_FAILOVER: Final = 512
EXTENSIONS: Final = 1024

_NAMES: Final = (
    (MYSELF, "myself"),
    (PRIMARY, "master"),
    (REPLICA, "slave"),
    (PFAIL, "fail?"),
    (FAIL, "fail"),
    (HANDSHAKE, "handshake"),
    (NOADDR, "noaddr"),
    (NO_FAILOVER, "nofailover"),
)
_BITS: Final = {name: bit for bit, name in _NAMES}


def to_text(flags: int) -> str:
    """The comma-separated names that CLUSTER NODES prints, ``noflags`` if there are none."""
    return ",".join(name for bit, name in _NAMES if flags & bit) or "noflags"


def from_text(text: str) -> int:
    """The reverse of :func:`to_text`; raises KeyError with the name that is unknown."""
    if text == "noflags":
        return 0
    flags = 0
    for name in text.split(","):
        flags |= _BITS[name]
    return flags
