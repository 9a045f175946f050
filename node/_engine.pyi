"""The typed contract between the control plane (Python) and the data plane (Rust): batches of tuples.

Events, control plane <- data plane, as `drain()` returns them in the order in which they happened:

    ("command", ticket: int, client: dict, argv: list[bytes], facts: dict[str, int])
        A client waits for the control plane. client: id, addr, laddr, resp (2 or 3), user, name. facts: what
        only the engine knows, for CLUSTER: "keys_total" and, for SETSLOT, "keys_in_slot".
    ("published", channel: bytes, message: bytes, sharded: bool)   a PUBLISH that the bus has to carry; or,
        without a cluster, one on the channel of the Sentinels
    ("replication", state: dict)    after a change: see `replication()`
    ("slept", ms: int)    more time has passed than a turn takes; writes are held
    ("hold_ended",)    writes are no longer held for the Sentinels: by "release", or by a REPLICAOF
    ("ran", ticket: int, reply: bytes)    the raw RESP reply to a ("run", ...)
    ("applied", ticket: int, error: str)    the answer to ("settings", ...); an empty error for success
    ("log", level: str, message: str)    level: debug, verbose, notice or warning
    ("stopped", error: str)    the last event; an empty error where it was asked for

Requests, control plane -> data plane, as `post()` takes them, carried out in order:

    ("reply", ticket: int, reply: bytes)    raw RESP for the client that waits; each ticket exactly once
    ("settings", ticket: int, values: dict[str, str])    canonical values; applied whole or not at all
    ("slots", owners: bytes, endpoints: list[tuple[str, int]], me: int, serving: int, state: str,
     migrating: list[tuple[int, int]], importing: list[tuple[int, int]], shard_channels_when_down: bool)
        The slot table, whole. owners: 16,384 little-endian u16, an index into endpoints (host, port) or
        0xFFFF for nobody. me, serving: index of this node, and of the node whose slots its data belongs to
        (itself or its primary). state: "ok", "down", or "reads" (down, but reads are allowed). migrating,
        importing:
        (slot, index of the other node).
    ("lease", until_ms: int)    writes are acknowledged until then
    ("follow", host: str, port: int) | ("promote",)    replication role
    ("pause", until_ms: int, mode: str) | ("unpause",)    mode: "write" or "all"
    ("release",)    let writes go that are held for the Sentinels (at the start, or after a sleep)
    ("watch_sleep", ms_max: int)    hold writes after a sleep of more than this; 0 for never
    ("empty",)    delete all keys
    ("run", ticket: int, argv: list[bytes])    run a command as the node itself
    ("publish", channel: bytes, message: bytes, sharded: bool)    deliver what the bus brought
    ("drop_slots", ranges: list[tuple[int, int]])    delete the keys of slots, first and last inclusive
    ("reset_statistics",)    CONFIG RESETSTAT
    ("facts", values: dict[str, str])    fields of INFO that only the process knows, such as config_file

All times in milliseconds are on CLOCK_BOOTTIME, the clock that runs on while the process or machine sleeps.
"""

from typing import Any, final

__all__ = ["DataPlane"]

@final
class DataPlane:
    """One thread that owns the client sockets and the keyspace."""

    def __new__(cls, settings: dict[str, str]) -> DataPlane:
        """Take the settings (canonical values by directive); nothing is bound yet. Raises ValueError."""

    def start(self, held: bool = False) -> None:
        """Bind and start the thread; `held` holds writes from the first command on, until "release".

        Raises OSError whose message names address and port.
        """

    def fileno(self) -> int:
        """A descriptor that is readable while events wait."""

    def drain(self) -> list[tuple[Any, ...]]:
        """All events that wait, oldest first; clears the descriptor. Never blocks."""

    def post(self, requests: list[tuple[Any, ...]]) -> None:
        """Queue requests and wake the thread once. Raises ValueError for a malformed one. Never blocks."""

    def replication(self) -> dict[str, Any]:
        """Role and progress, cheaply, at any time:

        role ("master" or "slave"), offset (produced by a primary, processed by a replica), link ("up" when
        it is in sync, else "down"), last_io_ms (of the primary's last byte, 0 for never), replicas (that are
        connected and in sync), lagging (those that are behind).
        """

    def stop(self) -> None:
        """Ask the thread to end: close the sockets after what is buffered was written. Idempotent."""

    def join(self) -> None:
        """Wait until the thread has ended, without the GIL."""
