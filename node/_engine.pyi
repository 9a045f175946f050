"""The engine's extension module. What crosses between it and the control plane: ``node/border/``."""

from typing import Any, final

from garrison.node.border import Event, ReplicationStatus, Request

__all__ = [
    "REDIS_VERSION",
    "VERSION",
    "AofScan",
    "BareEngine",
    "DataPlane",
    "RdbDiff",
    "RdbLines",
    "RdbScan",
    "border",
    "echo_request",
    "example_events",
    "read_manifest",
]

REDIS_VERSION: str
"""The version of Redis whose behaviour a node matches, as INFO says."""
VERSION: str
"""The version of the crates."""

def border() -> dict[str, tuple[str, ...]]:
    """What Rust knows of `garrison.node.border`: the fields of each class, the words of each enumeration."""

def echo_request(request: Request) -> Request:
    """Read a request and build it again, for tests. Raises ValueError for one that is not understood."""

def example_events() -> list[Event]:
    """One event of each kind, for tests."""

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

    def drain(self) -> list[Event]:
        """All events that wait, oldest first; clears the descriptor. Never blocks."""

    def post(self, requests: list[Request]) -> None:
        """Queue requests and wake the thread once. Never blocks.

        Raises ValueError, and queues nothing, if one of them is not understood."""

    def replication(self) -> ReplicationStatus:
        """Role and progress, cheaply, at any time."""

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

    def request(self, request: Request) -> None:
        """A request of the control plane, as `DataPlane.post` takes it. Raises ValueError."""

    def link_connected(self, channel: int) -> None:
        """The connection that a ("follow", ..., channel) action asked for stands.

        A channel is 0 for the stream, 1 for the snapshot of a full sync.
        """

    def link_received(self, channel: int, bytes: bytes) -> None:
        """The primary has sent bytes."""

    def link_closed(self, channel: int, why: str) -> None:
        """A connection to the primary is gone, or could not be had."""

    def migration_ended(self, ticket: int, replies: list[str], error: str) -> None:
        """The target of a ("migrate", ...) action has sent all replies, or has failed: then `error` says
        why."""

    def end_turn(
        self, cron: bool, replies_boot_ms: int
    ) -> tuple[list[tuple[Any, ...]], list[tuple[int, bytes, bool]], tuple[bytes, bytes], list[Event]]:
        """The turn ends; `cron` for background work; `replies_boot_ms` is the time when the replies leave.

        Gives, to be carried out in this order: actions, ("follow", host, port, channel), ("unfollow",
        channel)
        and ("migrate", (ticket, host, port, request, replies to wait for, timeout_ms)); outputs, (session,
        bytes, whether to close behind them), replicas first; bytes for the primary, for each channel; events,
        as `DataPlane.drain` gives them.
        """

    def next_deadline_ms(self) -> int | None:
        """When a turn is due (boot clock); None if only background work is."""

    def replication(self) -> ReplicationStatus:
        """As `DataPlane.replication`."""

    def value(self, key: bytes) -> bytes | None:
        """The string at a key of database 0, past its expiry or not; None where there is none."""

    def contents(self) -> dict[bytes, bytes]:
        """The DUMP payload of every key of database 0."""

def read_manifest(
    text: bytes,
) -> tuple[tuple[str, int] | None, list[tuple[str, int]], list[tuple[str, int]]]:
    """The files of an append-only file as (name, number): the base, the increments, the history.

    Raises ValueError that names the line.
    """

@final
class RdbScan:
    """A walk over an RDB file that sums up, and lists its keys where that is wanted.

    `build` makes each value, as loading does, instead of stepping over it. Raises OSError.
    """

    def __new__(
        cls,
        path: str,
        now_ms: int,
        *,
        build: bool = False,
        rows: bool = False,
        separator: bytes = ...,
        depth: int = 1,
        biggest_max: int = 0,
        prefixes_max: int = 0,
    ) -> RdbScan: ...
    def step(
        self,
    ) -> list[tuple[int, bytes, str, str, int, int, int, int | None, int | None, int | None]] | None:
        """Read some megabytes; None behind the end. With `rows`, a tuple for each key: database, key, type,
        encoding, elements, bytes, bytes in the file, expiry in Unix milliseconds, idle seconds, frequency.

        Raises ValueError that names the file, the offset and what to do; OSError.
        """

    def offset(self) -> int:
        """How much of the file has been read."""

    def facts(self) -> dict[str, Any]:
        """What stands around the keys, and how many there are, as far as the file was read."""

    def report(self, prefixes: int) -> dict[str, Any]:
        """Sums of (keys, elements, bytes, bytes in the file): by type, database, prefix, expiry, idleness."""

@final
class RdbLines:
    """The keys of an RDB file with their values, as lines of JSON. Raises OSError."""

    def __new__(
        cls,
        path: str,
        *,
        pattern: bytes | None = None,
        types: list[str] = ...,
        dbs: list[int] = ...,
    ) -> RdbLines: ...
    def step(self) -> bytes | None:
        """Some lines; None behind the end. Raises ValueError for a damaged file, behind its sound lines."""

@final
class RdbDiff:
    """Two RDB files compared by key, with at most `keys_max` keys in memory. Raises OSError."""

    def __new__(cls, old: str, new: str, keys_max: int) -> RdbDiff: ...
    def step(self) -> list[tuple[str, int, bytes, str]] | None:
        """Read some megabytes; None at the end. For each difference: `added`, `removed`, `value`, `expiry` or
        `value and expiry`, with database, key and type. Raises ValueError for a damaged file."""

@final
class AofScan:
    """A look at one part of an append-only file; `until` is the last Unix second wanted. Raises OSError."""

    def __new__(cls, path: str, until: int | None = None) -> AofScan: ...
    def step(self) -> dict[str, Any] | None:
        """Read some megabytes; at the end what was found, None before it."""

    def offset(self) -> int:
        """How much of the file has been read, at least."""
