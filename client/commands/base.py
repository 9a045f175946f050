"""What the typed methods need from whoever carries them out.

The same methods serve the client, where a call is carried out when it is awaited, and a pipeline,
where it is queued. So a method here is not ``async``: it hands its command to :meth:`_keyed` or
:meth:`_split` and returns what that returns, a coroutine in both cases. ``T`` is ``bytes``, or
``str`` when the client decodes.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Generic, TypeVar

from garrison.client.core.commands import Command
from garrison.client.core.fanout import Part
from garrison.client.core.resp import Arg
from garrison.client.errors import UsageError

__all__ = ["CommandSet", "Convert", "Merge", "T", "as_dict", "as_float", "as_pairs", "flag", "one_of"]

T = TypeVar("T", bytes, str)

Convert = Callable[[Any], Any]
Merge = Callable[[Sequence[Part], Sequence[Any]], Any]


class CommandSet(Generic[T]):
    """The base of all groups of typed methods."""

    def _keyed(
        self, command: Command, args: Sequence[Arg], convert: Convert | None = None
    ) -> Coroutine[Any, Any, Any]:
        """Carry out a command whose first argument is its key."""
        raise NotImplementedError

    def _split(
        self, command: Command, args: Sequence[Arg], step: int, merge: Merge
    ) -> Coroutine[Any, Any, Any]:
        """Carry out a command that may be split by slot, its arguments in groups of ``step``."""
        raise NotImplementedError


def as_dict(reply: Any) -> Any:
    """A map: a dict in RESP3, names and values in turn in RESP2."""
    if isinstance(reply, dict):
        return reply
    return dict(zip(reply[::2], reply[1::2], strict=True))


def as_pairs(reply: Any) -> Any:
    """Pairs: nested in RESP3, flat in RESP2."""
    if reply and isinstance(reply[0], list):
        return [tuple(pair) for pair in reply]
    return list(zip(reply[::2], reply[1::2], strict=True))


def as_float(reply: Any) -> Any:
    """A floating point number, sent as text."""
    return None if reply is None else float(reply)


def flag(wanted: bool, word: str) -> tuple[str, ...]:
    """An option without a value: its word, or nothing."""
    return (word,) if wanted else ()


def one_of(options: Mapping[str, Any]) -> tuple[str, Any] | None:
    """The one option that is given (is neither None nor False); more than one is an error.

    >>> one_of({"EX": None, "PX": 5})
    ('PX', 5)
    """
    given = [(name, value) for name, value in options.items() if value is not None and value is not False]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(name for name, _ in given)} exclude each other: give one of them")
    return given[0] if given else None
