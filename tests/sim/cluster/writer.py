"""A client on the node's own machine, that nothing can cut off: it writes to the node's slots all the time.

It knows what was acknowledged to it, and by WAIT what a replica has confirmed; the checks hear of both.
"""

from __future__ import annotations

import binascii
from collections import deque
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .node import SimNode

PERIOD_MS = 40
WAIT_ONE_IN = 3
UNANSWERED_MAX = 8


@cache
def key_of_slot(slot: int) -> bytes:
    """The name of a key in a slot."""
    return _names()[slot]


@cache
def _names() -> dict[int, bytes]:
    names: dict[int, bytes] = {}
    number = 0
    while len(names) < 16384:
        name = b"k%d" % number
        names.setdefault(binascii.crc_hqx(name, 0) % 16384, name)
        number += 1
    return names


class Writer:
    """Writes to slots of its node while that owns any. Values are numbers that only grow."""

    def __init__(self, node: SimNode) -> None:
        self._node = node
        self._session = node.plane.open_local("writer")
        self._sent: deque[tuple[bytes, bytes] | None] = deque()
        """What was sent and not answered: a key with its value, or None for a WAIT."""
        self._last: tuple[bytes, bytes] | None = None
        self._plan()

    def _plan(self) -> None:
        node, life = self._node, self._node.life

        def fire() -> None:
            if node.up and node.life == life and not node.sim.quiet:
                if not node.paused:
                    node.input(self._write)
                self._plan()

        node.sim.schedule(PERIOD_MS + node.sim.rng.randrange(3), fire)

    def _write(self) -> None:
        node = self._node
        self.listen()
        if not node.plane.is_open(self._session):
            # What was not answered when the engine closed the connection was not acknowledged.
            self._session, self._last = node.plane.open_local("writer"), None
            self._sent.clear()
        me = node.core.context.me
        if not me.is_primary() or not me.slots or len(self._sent) >= UNANSWERED_MAX:
            return
        slot = (me.slots & -me.slots).bit_length() - 1 + node.sim.rng.randrange(3)
        if not me.slots >> slot & 1:
            return
        key, value = key_of_slot(slot), b"%d" % node.sim.next_value()
        self._sent.append((key, value))
        node.plane.say(self._session, b"SET", key, value)
        if node.sim.rng.randrange(WAIT_ONE_IN) == 0:
            self._sent.append(None)
            node.plane.say(self._session, b"WAIT", b"1", b"200")
        self.listen()

    def listen(self) -> None:
        """Take the replies that have come."""
        checks = self._node.sim.checks
        for line in self._node.plane.take_output(self._session).split(b"\r\n")[:-1]:
            sent = self._sent.popleft()
            if sent is None:
                if self._last is not None and not line.startswith((b"-", b":0")):
                    checks.confirmed(self._node, *self._last)
            elif line == b"+OK":
                self._last = sent
                checks.acknowledged(self._node, *sent)
            else:
                self._last = None
