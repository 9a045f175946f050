"""Every limit and waiting time of the client, by name, with its unit last.

``connect(url, call_timeout_s=5)`` passes such names on; an unknown name or a value out of range is
refused with a message that says what is allowed. How the times relate::

    call_timeout_s      the caller's patience: all attempts, redirects and pauses of one call together
      reply_timeout_s     a connection with commands in flight from which no byte came for so long is
                          taken for dead and closed; its commands are retried or reported
      silence_refresh_s   ... and of which the other nodes are asked, in a cluster, whether it lives
      connect_timeout_s   opening one connection, the handshake included
      sentinel_timeout_s  connecting to a Sentinel, and then its answer
      backoff_*_s         the pause between two attempts, doubled each time, with jitter
"""

from __future__ import annotations

from typing import Annotated, TypedDict

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from garrison.client.core.habits import right_spelling
from garrison.client.core.routing import RetryPolicy
from garrison.client.errors import UsageError

__all__ = ["Options", "Settings", "make_settings"]

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Count = Annotated[int, Field(ge=1)]


class Settings(BaseModel):
    """The options of :func:`garrison.client.connect` that are numbers or switches."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    username: str | None = None
    password: str | None = Field(default=None, repr=False)
    client_name: str | None = None
    """Shown by CLIENT LIST on the server."""
    database: Annotated[int, Field(ge=0)] = 0
    protocol: Annotated[int, Field(ge=2, le=3)] = 3
    """The RESP version to ask for; a server that does not know HELLO is spoken to in RESP2."""
    decode: bool = False
    """Replies as str (UTF-8, undecodable bytes kept by surrogateescape) instead of bytes."""

    connect_timeout_s: Seconds = 2.0
    reply_timeout_s: Seconds = 5.0
    keepalive_idle_s: Annotated[int, Field(ge=1, le=32_767)] = 60
    """An idle connection is probed by the kernel after this time, so that firewalls do not forget it. When
    three probes, a sixth of this time apart, are not answered, the peer is taken for gone: a call that waits
    for ever notices a machine that lost its power."""
    call_timeout_s: Seconds = 30.0
    """Long enough to see a failover at the default cluster-node-timeout of 15 s through."""

    in_flight_commands_max: Count = 8_192
    """Per connection; further callers wait."""
    in_flight_bytes_max: Count = 16 * 1024 * 1024
    """Per connection, of commands not yet answered; one command may exceed it alone."""
    callers_waiting_max: Count = 100_000
    """Per connection; beyond it a call fails at once with TooManyWaitingError."""
    socket_buffer_bytes_max: Count = 1024 * 1024
    """Most written bytes that the socket has not taken; beyond it callers wait."""

    apart_connections_max: Count = 1_024
    """Connections for calls that wait (BLPOP ...) or watch (WATCH); beyond it such a call fails at once."""
    apart_idle_max: Annotated[int, Field(ge=0)] = 16
    """Of these, how many a node are kept for the next such call."""

    retry: RetryPolicy = "safe"
    """What to send again after a connection broke with the command perhaps executed: ``safe``, those
    commands that a second execution does not harm (the table is in ``core/commands.py``); ``always``,
    every command; ``never``, none. Commands that certainly were not executed are always sent again."""
    redirects_max: Count = 16
    """MOVED and ASK followed within one call without a pause."""
    backoff_first_s: Seconds = 0.01
    backoff_max_s: Seconds = 0.25
    reconnect_interval_min_s: Seconds = 0.05
    """After a failed attempt to connect, callers get its error for this long before the next attempt."""
    refresh_interval_min_s: Seconds = 0.1
    """Two topology refreshes start at least this far apart."""
    silence_refresh_s: Seconds = 0.5
    """When commands wait so long without a byte coming, the other nodes are asked for the topology; if
    the silent node has lost its slots meanwhile, its connection is given up before reply_timeout_s."""
    refresh_hedge_s: Seconds = 0.25
    """A node that has not answered with the topology after this time is not waited for alone; after the first
    Sentinel's answer, the others are waited for so long."""

    sentinel_username: str | None = None
    sentinel_password: str | None = Field(default=None, repr=False)
    """Credentials for Sentinels; username and password are for the nodes."""
    sentinel_tls: bool | None = None
    """Whether to speak TLS to Sentinels; None, as to the nodes."""
    sentinel_timeout_s: Seconds = 1.0
    """A Sentinel that cannot be connected to, or does not answer, within this time is left out this once."""
    sentinel_memory_s: Seconds = 60.0
    """How long the last answer of a silent Sentinel counts."""
    sentinel_doubt_s: Seconds = 10.0
    """A primary that only a minority of the Sentinels names is waited for so long, when it is not reached."""
    sentinel_reconnect_interval_max_s: Seconds = 2.0
    """The longest pause before listening to a Sentinel is tried again."""
    sentinels_max: Count = 64
    """Sentinels to talk to; those that the others name beyond it are left out."""

    subscriber_messages_max: Count = 10_000
    """Messages that wait in a subscription for their reader; beyond it the overflow policy acts."""
    subscriber_bytes_max: Count = 64 * 1024 * 1024
    """Bytes of the messages that wait in a subscription; beyond it the overflow policy acts."""
    subscriber_ping_interval_s: Seconds = 10.0
    """A subscriber's connection is pinged this often, so that a dead one is noticed in silence too."""


class Options(TypedDict, total=False):
    """The keyword options of :func:`garrison.client.connect`: the fields of :class:`Settings` but ``decode``.

    Editors and type checkers read the names and types here; what they mean stands at :class:`Settings`.
    """

    username: str | None
    password: str | None
    client_name: str | None
    database: int
    protocol: int
    connect_timeout_s: float
    reply_timeout_s: float
    keepalive_idle_s: int
    call_timeout_s: float
    in_flight_commands_max: int
    in_flight_bytes_max: int
    callers_waiting_max: int
    socket_buffer_bytes_max: int
    apart_connections_max: int
    apart_idle_max: int
    retry: RetryPolicy
    redirects_max: int
    backoff_first_s: float
    backoff_max_s: float
    reconnect_interval_min_s: float
    refresh_interval_min_s: float
    silence_refresh_s: float
    refresh_hedge_s: float
    sentinel_username: str | None
    sentinel_password: str | None
    sentinel_tls: bool | None
    sentinel_timeout_s: float
    sentinel_memory_s: float
    sentinel_doubt_s: float
    sentinel_reconnect_interval_max_s: float
    sentinels_max: int
    subscriber_messages_max: int
    subscriber_bytes_max: int
    subscriber_ping_interval_s: float


def make_settings(options: dict[str, object]) -> Settings:
    """Build the settings from keyword options; a wrong one raises :class:`UsageError`."""
    try:
        return Settings.model_validate(options)
    except ValidationError as error:
        problems = "; ".join(_describe(problem) for problem in error.errors())
        raise UsageError(problems) from None


def _describe(problem: object) -> str:
    assert isinstance(problem, dict)
    name = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        advice = right_spelling(name) or f"known are {', '.join(sorted(Settings.model_fields))}"
        return f"unknown option {name!r}: {advice}"
    return f"option {name}={problem['input']!r}: {problem['msg']}"
