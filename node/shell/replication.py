"""What the cluster core has to know of replication, put together from what the data plane tells.

The data plane reports role, offset and whether the link is up and in sync. From these and from what we asked
of it follows the rest: a replica holds a whole copy once the link to the primary that it follows has been up,
and writes stand still once a request that was posted after the pause has been answered.
"""

from __future__ import annotations

from typing import Any

from garrison.node.core.world import ReplicationFacts
from garrison.node.shell.bridge import Bridge


class ReplicationView:
    """The facts for the core, and the pause of writes whose success is one of them."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._synced = False
        self._pauses = 0
        self._paused_until_ms = 0

    def facts(self, state: dict[str, Any], now_ms: int) -> ReplicationFacts:
        """The facts at `now_ms`, from an account of the data plane."""
        link_up = state.get("link") == "up"
        is_replica = state.get("role") == "slave"
        self._synced = is_replica and (self._synced or link_up)
        return ReplicationFacts(
            offset=state.get("offset", 0),
            link_up=is_replica and link_up,
            link_down_since_ms=state.get("last_io_ms", 0) if is_replica and not link_up else 0,
            synced=self._synced,
            writes_paused=now_ms < self._paused_until_ms,
        )

    def follow(self, host: str, port: int) -> None:
        """Follow another primary: what we hold is no copy of its data yet."""
        self._synced = False
        self._bridge.post("follow", host, port)

    def pause(self, until_ms: int) -> None:
        """Pause writes; the facts say so when the data plane has done it."""
        self._pauses += 1
        asked = self._pauses

        def done(_: bytes) -> None:
            if asked == self._pauses:
                self._paused_until_ms = until_ms

        self._bridge.post("pause", until_ms, "write")
        self._bridge.run([b"PING"], done)

    def resume(self) -> None:
        self._pauses += 1
        self._paused_until_ms = 0
        self._bridge.post("unpause")


def primary_of_role(reply: bytes) -> str:
    """Host and port, with a blank between, that a ROLE reply names as the primary; empty on a primary."""
    lines = reply.split(b"\r\n")
    if len(lines) < 6 or lines[2] != b"slave":
        return ""
    return f"{lines[4].decode('utf-8', 'replace')} {lines[5].removeprefix(b':').decode()}"
