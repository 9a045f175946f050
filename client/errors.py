"""Every error the client raises: one tree, each message saying what was wrong and what to do.

::

    ClientError
    ├── ReplyError                    the server answered with an error (``.code``, ``.message``)
    │   ├── RedirectError             the slot is served elsewhere (``.slot``, ``.address``)
    │   │   ├── MovedError            ... from now on
    │   │   └── AskError              ... for this one command
    │   ├── NotNowError               the same command may succeed a moment later
    │   │   ├── TryAgainError         keys of a slot on the move are split between two nodes
    │   │   ├── ClusterDownError      the cluster (or this slot) is not served
    │   │   ├── LoadingError          the node is reading its data
    │   │   ├── BusyError             a script has run over its time: others wait, or it is killed
    │   │   ├── MasterDownError       a replica without its primary, configured not to serve stale data
    │   │   └── ReadOnlyError         a write reached a replica
    │   ├── NoScriptError             the node does not have a script of this digest
    │   ├── CrossSlotError            keys of one command hash to different slots
    │   ├── AuthenticationError       missing or wrong credentials, or no permission
    │   ├── WrongTypeError            the key holds another type
    │   └── TransactionAbortedError   EXEC refused the transaction (EXECABORT)
    ├── ConnectionFailedError         no connection could be opened; nothing was sent
    ├── ConnectionLostError           an open connection broke (``.maybe_executed``)
    ├── CallTimeoutError              the deadline of the call passed (``.maybe_executed``)
    ├── ProtocolError                 the peer does not speak RESP
    ├── WatchError                    a watched key was changed: the transaction did not run
    ├── TopologyError                 no node of the cluster knows who owns which slot
    ├── TooManyWaitingError           a named limit on waiting callers was reached
    ├── SubscriberOverflowError       a subscriber read more slowly than messages came
    ├── RecipeError                   a recipe of ``garrison.client.recipes`` could not keep its promise
    │   ├── NotAcquiredError          a lock, permit or leadership was not free within the time to wait
    │   ├── HoldLostError             ... was held, and is no longer: stop what it protects
    │   ├── QueueFullError            the queue holds as many jobs as it may
    │   ├── InProgressError           another caller is at work on the same idempotency key
    │   └── KeyReusedError            an idempotency key came with another request than before
    └── UsageError                    the call itself cannot work, whatever the server does

``CallTimeoutError`` and ``NotAcquiredError`` are also a :class:`TimeoutError`, the two connection errors
are also :class:`ConnectionError`, and ``UsageError`` is also a :class:`ValueError`, so that code which
knows only Python's own names catches them.
"""

from __future__ import annotations

__all__ = [
    "AskError",
    "AuthenticationError",
    "BusyError",
    "CallTimeoutError",
    "ClientError",
    "ClusterDownError",
    "ConnectionFailedError",
    "ConnectionLostError",
    "CrossSlotError",
    "HoldLostError",
    "InProgressError",
    "KeyReusedError",
    "LoadingError",
    "MasterDownError",
    "MovedError",
    "NoScriptError",
    "NotAcquiredError",
    "NotNowError",
    "ProtocolError",
    "QueueFullError",
    "ReadOnlyError",
    "RecipeError",
    "RedirectError",
    "ReplyError",
    "SubscriberOverflowError",
    "TooManyWaitingError",
    "TopologyError",
    "TransactionAbortedError",
    "TryAgainError",
    "UsageError",
    "WatchError",
    "WrongTypeError",
    "reply_error",
]


class ClientError(Exception):
    """The root: ``except ClientError`` catches whatever this package raises on purpose."""


class ReplyError(ClientError):
    """The server's error reply: ``code`` is its first word (``"WRONGTYPE"``), ``message`` what follows.

    ``str(error)`` is the whole line.
    """

    def __init__(self, line: str) -> None:
        super().__init__(line)
        self.code, _, self.message = line.partition(" ")


class RedirectError(ReplyError):
    """A redirect: ``slot`` is served at ``address`` = (host, port).

    The host is ``""`` where the node does not know under which name its peers are reached; it
    then means "the host you asked".
    """

    def __init__(self, line: str) -> None:
        super().__init__(line)
        words = line.split(" ")
        try:
            self.slot = int(words[1])
            host, _, port = words[2].rpartition(":")
            self.address: tuple[str, int] = ("" if host == "?" else host, int(port))
        except (IndexError, ValueError):
            raise ProtocolError(f"cannot read the redirect {line!r}: expected 'slot host:port'") from None


class MovedError(RedirectError):
    """The slot belongs to another node: the slot map is out of date."""


class AskError(RedirectError):
    """The key is on the node that the slot is moving to: ask there once, the owner has not changed."""


class NotNowError(ReplyError):
    """The server cannot serve this command at the moment; the client retries it until the deadline."""


class TryAgainError(NotNowError):
    """During a slot migration some of the command's keys are here and some already there."""


class ClusterDownError(NotNowError):
    """The cluster, or the slot of this command, has no serving primary at the moment."""


class LoadingError(NotNowError):
    """The node is loading its data set."""


class BusyError(NotNowError):
    """A script or function has run over its time and blocks the node; nothing of this command was executed.

    ``client.script_kill()`` or ``function_kill()`` ends it.
    """


class MasterDownError(NotNowError):
    """The replica has lost its primary and is configured not to serve stale data."""


class ReadOnlyError(NotNowError):
    """A write reached a replica, usually a primary that has just been demoted."""


class NoScriptError(ReplyError):
    """The node does not have a script of this digest: it restarted, or is a new one. Nothing was executed."""


class CrossSlotError(ReplyError):
    """The keys of one command hash to different slots; give them a common ``{tag}`` or split the call."""


class AuthenticationError(ReplyError):
    """Missing or wrong credentials, or a command, key or channel that the user may not use."""


class WrongTypeError(ReplyError):
    """The key holds a value of another type than the command works on."""


class TransactionAbortedError(ReplyError):
    """EXEC ran nothing, because a command of the transaction was refused when it was queued."""


class ConnectionFailedError(ClientError, ConnectionError):
    """No connection could be opened. Nothing was sent, so nothing was executed."""


class ConnectionLostError(ClientError, ConnectionError):
    """The connection broke while the command waited for its reply.

    ``maybe_executed`` is False when the command certainly never left this process, so that
    sending it again is safe; True when the server may have executed it.
    """

    def __init__(self, message: str, *, maybe_executed: bool) -> None:
        super().__init__(message)
        self.maybe_executed = maybe_executed


class CallTimeoutError(ClientError, TimeoutError):
    """The call's deadline passed. ``maybe_executed`` as in :class:`ConnectionLostError`."""

    def __init__(self, message: str, *, maybe_executed: bool) -> None:
        super().__init__(message)
        self.maybe_executed = maybe_executed


class ProtocolError(ClientError):
    """The peer's bytes are not RESP; the connection is closed. Check host, port and TLS."""


class WatchError(ClientError):
    """The transaction did not run, as a watched key was changed or its slot moved: read again, and retry."""


class TopologyError(ClientError):
    """No known node gave a slot map, or the map has no owner for the slot."""


class TooManyWaitingError(ClientError):
    """More callers wait for room on one connection than ``callers_waiting_max`` allows."""


class SubscriberOverflowError(ClientError):
    """Messages came faster than the subscriber took them; ``dropped`` of them were discarded."""

    def __init__(self, message: str, *, dropped: int) -> None:
        super().__init__(message)
        self.dropped = dropped


class RecipeError(ClientError):
    """The root of what the recipes of :mod:`garrison.client.recipes` raise on their own account."""


class NotAcquiredError(RecipeError, TimeoutError):
    """What was waited for was not free within the time to wait: somebody else holds it."""


class HoldLostError(RecipeError):
    """A lock, permit or leadership expired or was taken while it was held.

    What it protects may be done by somebody else now; only a fencing token tells the two apart. ``what``
    names what was lost.
    """

    def __init__(self, message: str, *, what: str) -> None:
        super().__init__(message)
        self.what = what


class QueueFullError(RecipeError):
    """The queue holds as many jobs as ``jobs_max`` allows: let the workers catch up, and try again."""


class InProgressError(RecipeError):
    """Another caller is at work on the same idempotency key; ``retry_after_s`` bounds how long."""

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class KeyReusedError(RecipeError):
    """The idempotency key was used before, with another request: the caller's mistake."""


class UsageError(ClientError, ValueError):
    """The call cannot work as written; the message says how to write it."""


# The first word of an error reply decides its class; every other word is a plain ReplyError.
_CLASS_BY_CODE: dict[str, type[ReplyError]] = {
    "MOVED": MovedError,
    "ASK": AskError,
    "TRYAGAIN": TryAgainError,
    "CLUSTERDOWN": ClusterDownError,
    "LOADING": LoadingError,
    "BUSY": BusyError,
    "NOSCRIPT": NoScriptError,
    "MASTERDOWN": MasterDownError,
    "READONLY": ReadOnlyError,
    "CROSSSLOT": CrossSlotError,
    "NOAUTH": AuthenticationError,
    "WRONGPASS": AuthenticationError,
    "NOPERM": AuthenticationError,
    "WRONGTYPE": WrongTypeError,
    "EXECABORT": TransactionAbortedError,
}


def reply_error(line: str) -> ReplyError:
    """Turn the line of an error reply into the matching exception (the parser calls this)."""
    return _CLASS_BY_CODE.get(line.partition(" ")[0], ReplyError)(line)
