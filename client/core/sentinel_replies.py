"""What a Sentinel says when it is asked about a primary, and what a node says when it is asked for its role.

A Sentinel is asked with :func:`questions`, in one go; :func:`read_report` turns the replies into a
:class:`Report`, or a :class:`Refusal` with the reason in words. Text may come as bytes or as str, maps
as maps (RESP3) or as flat lists (RESP2).

>>> primary = ["name", "db", "ip", "10.0.0.1", "port", "6379", "flags", "master", "config-epoch", "7"]
>>> other = ["ip", "10.0.0.8", "port", "26379", "runid", "b" * 40]
>>> report = read_report([primary, ["10.0.0.1", "6379"], [other], "a" * 40], "db")
>>> report.primary, report.epoch, report.others[0].address
(Address(host='10.0.0.1', port=6379), 7, Address(host='10.0.0.8', port=26379))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple

from garrison.client.core.topology import Address
from garrison.client.errors import AuthenticationError, ReplyError

__all__ = [
    "Other",
    "Reason",
    "Refusal",
    "Report",
    "Role",
    "questions",
    "read_names",
    "read_report",
    "read_role",
    "read_switch",
]


class Reason(Enum):
    """Why a Sentinel named no primary."""

    UNREACHABLE = "it did not answer"
    UNKNOWN_NAME = "it does not monitor a primary of this name"
    NOT_ALLOWED = "it wants other credentials"
    UNREADABLE = "it answered something else"


class Refusal(NamedTuple):
    """A Sentinel that named no primary, with the words for the user."""

    reason: Reason
    text: str


class Other(NamedTuple):
    """Another Sentinel of the same primary; its id is "" when not yet known."""

    id: str
    address: Address


class Report(NamedTuple):
    """The answer of one Sentinel."""

    id: str
    """The Sentinel's own run id; "" if the reply lacks it."""
    primary: Address
    epoch: int
    """The configuration epoch: of two claims, the one with the higher epoch is the newer."""
    flags: str
    """The state in the Sentinel's eyes, such as ``master,s_down``."""
    others: tuple[Other, ...]


class Role(Enum):
    """The role and offset that a node reported."""

    PRIMARY = "primary"
    REPLICA = "replica"
    UNREACHABLE = "unreachable"
    UNREADABLE = "server of another kind"


def questions(name: str) -> list[tuple[str, ...]]:
    """What to ask, in this order.

    MASTER comes before GET-MASTER-ADDR-BY-NAME: if a failover comes between the two, a new address is
    paired with an old epoch and loses, and never an old address with a new epoch, which would win.
    """
    return [
        ("SENTINEL", "MASTER", name),
        ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name),
        ("SENTINEL", "SENTINELS", name),
        ("SENTINEL", "MYID"),
    ]


def read_report(replies: Sequence[Any], name: str) -> Report | Refusal:
    """Read the replies to :func:`questions`; errors are among them as values."""
    primary, address, others, own_id = replies
    if isinstance(primary, ReplyError):
        return _read_error(primary, name)
    if address is None:
        return Refusal(Reason.UNKNOWN_NAME, f"it monitors nothing named {name!r}")
    try:
        fields = _fields(primary)
        return Report(
            id="" if isinstance(own_id, ReplyError) else _text(own_id),
            primary=Address(_text(address[0]), int(address[1])),
            epoch=int(fields["config-epoch"]),
            flags=_text(fields.get("flags", "")),
            others=() if isinstance(others, ReplyError) else tuple(_read_others(others)),
        )
    except (TypeError, ValueError, IndexError, KeyError, ReplyError) as error:
        text = f"its answer cannot be read ({error!r}): {primary!r:.200}"
        return Refusal(Reason.UNREADABLE, text)


def _read_error(error: ReplyError, name: str) -> Refusal:
    if isinstance(error, AuthenticationError):
        text = f"{error} (give sentinel_username, sentinel_password)"
        return Refusal(Reason.NOT_ALLOWED, text)
    if "no such master" in error.message.lower() or "no such primary" in error.message.lower():
        return Refusal(Reason.UNKNOWN_NAME, f"it monitors nothing named {name!r}")
    if "unknown command" in error.message.lower():
        return Refusal(Reason.UNREADABLE, f"it is not a Sentinel ({error})")
    return Refusal(Reason.UNREADABLE, str(error))


def _read_others(reply: Any) -> list[Other]:
    rows = [_fields(row) for row in reply]
    return [
        Other(_text(row.get("runid", "")), Address(_text(row["ip"]), int(row["port"])))
        for row in rows
        if int(row["port"])
    ]


def read_names(reply: Any) -> list[str]:
    """The names in a reply to SENTINEL MASTERS; none of a reply that is something else."""
    try:
        return sorted(_text(_fields(row)["name"]) for row in reply)
    except (TypeError, ValueError, IndexError, KeyError):
        return []


def read_switch(message: Any, name: str) -> bool:
    """Whether the data of a ``+switch-master`` message are about this primary.

    >>> read_switch(b"db 10.0.0.1 6379 10.0.0.2 6379", "db")
    True
    """
    # A name may hold no space, as it is one word of the configuration.
    return _text(message).split(" ", 1)[0] == name


def read_role(reply: Any) -> Role:
    """Read the reply to ROLE, or to HELLO for a user who may not ask ROLE."""
    try:
        word = _fields(reply)["role"] if _is_map(reply) else reply[0]
    except (TypeError, ValueError, IndexError, KeyError):
        return Role.UNREADABLE
    return Role.PRIMARY if _text(word) in ("master", "primary") else Role.REPLICA


def _is_map(reply: Any) -> bool:
    """HELLO tells a map, in RESP2 a flat list that begins with ``server``; ROLE a list of another kind."""
    return isinstance(reply, Mapping) or _text(reply[0]) == "server"


def _fields(entry: Any) -> dict[str, Any]:
    """A map in RESP3, a flat list of names and values in RESP2."""
    if isinstance(entry, Mapping):
        return {_text(name): value for name, value in entry.items()}
    return {_text(name): value for name, value in zip(entry[::2], entry[1::2], strict=True)}


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
