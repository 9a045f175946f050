"""From what a server answers to what a typed method returns, the same for RESP2 and RESP3.

RESP3 has maps, sets, doubles and nested pairs where RESP2 has flat lists and text. Each function here takes
either form. Names of fields that the protocol fixes (of XINFO, BF.INFO ...) come as str, also where the
client does not decode.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NamedTuple

from garrison.client.commands.base import T

__all__ = [
    "Place",
    "StreamEntry",
    "as_bytes",
    "as_dict",
    "as_fields",
    "as_float",
    "as_floats",
    "as_ok",
    "as_pairs",
    "as_scan_step",
    "as_score_pairs",
    "as_set",
    "as_text",
    "each",
    "fields_of",
    "optional",
]

StreamEntry = tuple[T, dict[T, T]]
"""The id of an entry of a stream, and its fields with their values."""


class Place(NamedTuple, Generic[T]):
    """A member of a geo set that a search found; what was not asked for is None."""

    member: T
    distance: float | None = None
    """In the unit of the search."""
    hash: int | None = None
    """The score of the member: its cell of 52 bits."""
    position: tuple[float, float] | None = None
    """Longitude and latitude."""


def as_ok(reply: Any) -> bool:
    """True for ``OK``, False for null."""
    return reply is not None


def as_float(reply: Any) -> Any:
    """A floating point number, sent as text in RESP2; None stays None."""
    return None if reply is None else float(reply)


def as_floats(reply: Any) -> list[Any]:
    """Numbers, or None where there is none."""
    return [as_float(item) for item in reply]


def as_dict(reply: Any) -> Any:
    """A map: a dict in RESP3, names and values in turn in RESP2."""
    if isinstance(reply, dict):
        return reply
    return dict(zip(reply[::2], reply[1::2], strict=True))


def as_scan_step(reply: Any) -> Any:
    """One step of a scan: the next cursor, and a list."""
    return int(reply[0]), list(reply[1])


def as_set(reply: Any) -> Any:
    """A set, sent as a list in RESP2."""
    return set(reply)


def as_pairs(reply: Any) -> Any:
    """Pairs: nested in RESP3, flat in RESP2."""
    if reply and isinstance(reply[0], list):
        return [tuple(pair) for pair in reply]
    return list(zip(reply[::2], reply[1::2], strict=True))


def as_score_pairs(reply: Any) -> Any:
    """Members with their scores."""
    return [(member, float(score)) for member, score in as_pairs(reply)]


def as_text(reply: Any) -> str:
    """Text that is for people, as str in any client."""
    return reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply)


def as_bytes(reply: Any) -> Any:
    """A reply that is not text: bytes, even in a client that decodes."""
    return reply.encode("utf-8", "surrogateescape") if isinstance(reply, str) else reply


def as_fields(reply: Any) -> dict[str, Any]:
    """A map whose names the protocol fixes."""
    return {as_text(name): value for name, value in as_dict(reply).items()}


def fields_of(text: Any, separator: str = ":") -> dict[str, str]:
    """Lines of ``name:value``, as of INFO; others are left out."""
    lines = (line.partition(separator) for line in as_text(text).splitlines() if not line.startswith("#"))
    return {name: value for name, found, value in lines if found}


def each(convert: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    """A converter of lists from one of items."""
    return lambda reply: [convert(item) for item in reply]


def optional(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A converter that lets None through."""
    return lambda reply: None if reply is None else convert(reply)
