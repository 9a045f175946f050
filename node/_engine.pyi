"""The typed contract between the control plane (Python) and the data plane (Rust): batches of tuples.

Events, control plane <- data plane, as `drain()` returns them in the order in which they happened:

    ("command", ticket: int, client: dict, argv: list[bytes], facts: dict[str, int])
        A client waits for the control plane. client: id, addr, laddr, resp (2 or 3), user, name. facts: what
        only the engine knows, for CLUSTER: "keys_total" and, for SETSLOT, "keys_in_slot".
    ("published", channel: bytes, message: bytes, sharded: bool)
        A PUBLISH that the bus has to carry; or, without a cluster, one on the channel of the Sentinels.
    ("replication", state: dict, primary: tuple[str, int] | None)
        After a change of the role, the link or the data: see `replication()`; and whom this node follows,
        both as they were at that moment.
    ("slept", ms: int, round: int)
        More time has passed than a turn takes; writes are held. round: the number of this hold, counted
        from 1; a data plane that starts held starts in hold 1.
    ("hold_ended",)    writes are no longer held for the Sentinels, by their word or by a REPLICAOF
    ("ran", ticket: int, reply: bytes)    the raw RESP reply to a ("run", ...)
    ("applied", ticket: int, error: str)    the answer to ("settings", ...); an empty error for success
    ("log", level: str, message: str)    level: debug, verbose, notice or warning
    ("stopped", error: str)    the last event; an empty error where it was asked for

Requests, control plane -> data plane, as `post()` takes them, carried out in order:

    ("reply", ticket: int, reply: bytes)    raw RESP for the client that waits; each ticket exactly once
    ("settings", ticket: int, values: dict[str, str])    canonical values; applied whole or not at all
    ("slots", owners: bytes, endpoints: list[tuple[str, int, int]], me: int, serving: int, state: str,
     migrating: list[tuple[int, int]], importing: list[tuple[int, int]], shard_channels_when_down: bool,
     has_data: bool)
        The slot table, whole. owners: 16,384 little-endian u16, an index into endpoints (host, port, how
        many of its replicas must have a key that moves there) or 0xFFFF for nobody. me, serving: index of
        this node, and of the node whose slots its data belongs to (itself or its primary). state: "ok",
        "down", or "reads" (down, but reads are allowed). migrating, importing: (slot, index of the other
        node). has_data: False on an owner that has lost the data of its slots, which serves them to nobody.
    ("lease", until_ms: int)    writes are acknowledged until then
    ("follow", host: str, port: int, order: int) | ("promote", order: int)
        The replication role; the number of the order comes back in `replication()`.
    ("pause", until_ms: int, mode: str) | ("unpause",)    mode: "write" or "all"
    ("release", round: int) | ("follow_in_hold", host: str, port: int, round: int)
        What the Sentinels say of who is the primary ends the hold of this number, and no later one.
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

__all__ = ["BareEngine", "DataPlane"]

@final
class DataPlane:
    """One thread that owns the client sockets and the keyspace."""

    def __new__(cls, settings: dict[str, str]) -> DataPlane:
        """Take the settings (canonical values by directive); nothing is bound yet. Raises ValueError."""

    def start(self, held: bool = False) -> None:
        """Bind and start the thread; `held` holds writes from the first command on, as hold 1.

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
        it is in sync, else "down"), last_io_ms (of the primary's last byte, 0 for never), replicas (that
        are connected and in sync), lagging (those that are behind), order (the number of the last "follow"
        or "promote"), data_order (that under which the data became what it is), history, previous_history
        (40 hex digits each), parted_at (the offset up to which the previous history is this one's, or
        None), writes_paused (whether "pause" holds writes, so that the offset stands still)."""

    def stop(self) -> None:
        """Ask the thread to end: close the sockets after what is buffered was written. Idempotent."""

    def join(self) -> None:
        """Wait until the thread has ended, without the GIL."""

@final
class BareEngine:
    """The engine without sockets, threads and clock, for the simulator: whoever drives it is the reactor.

    `begin_turn`, any number of inputs, `end_turn`. All times are milliseconds.
    """

    def __new__(cls, settings: dict[str, str], seed: int, unix_ms: int, boot_ms: int) -> BareEngine:
        """An empty keyspace. Raises ValueError for a setting that is not understood."""

    def begin_turn(self, unix_ms: int, boot_ms: int) -> None:
        """A turn begins at this time."""

    def open(self, address: str) -> int:
        """A client connects; the number of its session."""

    def close(self, key: int) -> None:
        """A client's connection is gone."""

    def receive(self, key: int, bytes: bytes) -> None:
        """A client has sent bytes; whole requests are carried out."""

    def request(self, request: tuple[Any, ...]) -> None:
        """A request of the control plane, as `DataPlane.post` takes it. Raises ValueError."""

    def link_connected(self) -> None:
        """The connection that a ("follow", ...) action asked for stands."""

    def link_received(self, bytes: bytes) -> None:
        """The primary has sent bytes."""

    def link_closed(self, why: str) -> None:
        """The connection to the primary is gone, or could not be had."""

    def migration_ended(self, ticket: int, replies: list[str], error: str) -> None:
        """The target of a ("migrate", ...) action has sent all replies, or has failed: then `error` says
        why."""

    def end_turn(
        self, cron: bool, replies_boot_ms: int
    ) -> tuple[list[tuple[Any, ...]], list[tuple[int, bytes, bool]], bytes, list[tuple[Any, ...]]]:
        """The turn ends; `cron` for background work; `replies_boot_ms` is the time when the replies leave.

        Gives, to be carried out in this order: actions, ("follow", host, port), ("unfollow",) and ("migrate",
        (ticket, host, port, request, replies to wait for, timeout_ms)); outputs, (session, bytes, whether to
        close behind them), replicas first; bytes for the primary; events, as `DataPlane.drain` gives them.
        """

    def next_deadline_ms(self) -> int | None:
        """When a turn is due (boot clock); None if only background work is."""

    def replication(self) -> dict[str, Any]:
        """As `DataPlane.replication`."""

    def value(self, key: bytes) -> bytes | None:
        """The string at a key of database 0, past its expiry or not; None where there is none."""

    def contents(self) -> dict[bytes, bytes]:
        """The DUMP payload of every key of database 0."""
