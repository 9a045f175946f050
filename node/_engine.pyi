"""The engine's extension module. What crosses between it and the control plane: ``node/border/``."""

from typing import Any, final

from garrison.node.border import Event, ReplicationStatus, Request

__all__ = ["REDIS_VERSION", "VERSION", "BareEngine", "DataPlane", "border", "echo_request", "example_events"]

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
    ) -> tuple[list[tuple[Any, ...]], list[tuple[int, bytes, bool]], bytes, list[Event]]:
        """The turn ends; `cron` for background work; `replies_boot_ms` is the time when the replies leave.

        Gives, to be carried out in this order: actions, ("follow", host, port), ("unfollow",) and ("migrate",
        (ticket, host, port, request, replies to wait for, timeout_ms)); outputs, (session, bytes, whether to
        close behind them), replicas first; bytes for the primary; events, as `DataPlane.drain` gives them.
        """

    def next_deadline_ms(self) -> int | None:
        """When a turn is due (boot clock); None if only background work is."""

    def replication(self) -> ReplicationStatus:
        """As `DataPlane.replication`."""

    def value(self, key: bytes) -> bytes | None:
        """The string at a key of database 0, past its expiry or not; None where there is none."""

    def contents(self) -> dict[bytes, bytes]:
        """The DUMP payload of every key of database 0."""
