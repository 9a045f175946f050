"""From what a caller gives to the words of a command: options, lists of keys, times.

Times are taken as redis-py takes them: a lifetime as a number or a :class:`~datetime.timedelta`, a moment
as a Unix time or a :class:`~datetime.datetime` (a naive one is local time, as everywhere in Python).
Fractions of the unit are cut off.

>>> in_seconds(timedelta(minutes=2)), in_milliseconds(timedelta(seconds=1.5))
(120, 1500)
>>> many(["a", "b"], "c")
['a', 'b', 'c']
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

from garrison.client.core.resp import Arg, Key
from garrison.client.errors import UsageError

__all__ = [
    "Args",
    "Keys",
    "Lifetime",
    "Moment",
    "Side",
    "bound",
    "conditions",
    "counted",
    "flag",
    "in_milliseconds",
    "in_seconds",
    "lifetime",
    "limit",
    "many",
    "one_of",
    "option",
    "pairs",
    "unix_milliseconds",
    "unix_seconds",
]

Args: TypeAlias = Arg | Iterable[Arg]
"""One argument, or several in a list."""
Keys: TypeAlias = Key | Iterable[Key]
"""One key, or several in a list."""
Lifetime: TypeAlias = int | timedelta
Moment: TypeAlias = int | datetime
Side: TypeAlias = Literal["LEFT", "RIGHT"]
"""An end of a list."""

_MILLISECOND = timedelta(milliseconds=1)


# ---- times -----------------------------------------------------------------------------------------


def in_seconds(value: Lifetime) -> int:
    """A lifetime in whole seconds."""
    return value // timedelta(seconds=1) if isinstance(value, timedelta) else value


def in_milliseconds(value: Lifetime) -> int:
    """A lifetime in whole milliseconds."""
    return value // _MILLISECOND if isinstance(value, timedelta) else value


def unix_seconds(value: Moment) -> int:
    """A moment as a Unix time in whole seconds."""
    return int(value.timestamp()) if isinstance(value, datetime) else value


def unix_milliseconds(value: Moment) -> int:
    """A moment as a Unix time in whole milliseconds."""
    if not isinstance(value, datetime):
        return value
    return int(value.replace(microsecond=0).timestamp()) * 1000 + value.microsecond // 1000


def lifetime(
    *,
    ex: Lifetime | None = None,
    px: Lifetime | None = None,
    exat: Moment | None = None,
    pxat: Moment | None = None,
    **switches: bool,
) -> tuple[Arg, ...]:
    """The one option that says how long a value lives: ``EX`` to ``PXAT``, or one of the ``switches``."""
    return one_of(
        {
            "EX": None if ex is None else in_seconds(ex),
            "PX": None if px is None else in_milliseconds(px),
            "EXAT": None if exat is None else unix_seconds(exat),
            "PXAT": None if pxat is None else unix_milliseconds(pxat),
            **{name.upper(): given for name, given in switches.items()},
        }
    )


# ---- options ---------------------------------------------------------------------------------------


def flag(wanted: bool, word: str) -> tuple[str, ...]:
    """An option without a value: its word, or nothing."""
    return (word,) if wanted else ()


def option(word: str, value: Arg | None) -> tuple[Arg, ...]:
    """An option with a value: both, or nothing when it is None."""
    return () if value is None else (word, value)


def one_of(options: Mapping[str, Any]) -> tuple[Arg, ...]:
    """The words of the one option that is given (is neither None nor False); more than one is an error.

    >>> one_of({"EX": None, "PX": 5}), one_of({"KEEPTTL": True}), one_of({"EX": None})
    (('PX', 5), ('KEEPTTL',), ())
    """
    given = [(name, value) for name, value in options.items() if value is not None and value is not False]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(name for name, _ in given)} exclude each other: give one of them")
    if not given:
        return ()
    name, value = given[0]
    return (name,) if value is True else (name, value)


def conditions(*, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False) -> tuple[str, ...]:
    """The words NX, XX, GT and LT as given; the server says which of them exclude each other."""
    if nx and xx:
        raise UsageError("nx (only if absent) and xx (only if present) exclude each other: give one of them")
    return (*flag(nx, "NX"), *flag(xx, "XX"), *flag(gt, "GT"), *flag(lt, "LT"))


def limit(offset: int | None, count: int | None) -> tuple[Arg, ...]:
    """``LIMIT offset count``, for which both are needed."""
    if (offset is None) != (count is None):
        raise UsageError("an offset and a number belong together: give both, or neither")
    return () if offset is None or count is None else ("LIMIT", offset, count)


def bound(value: Arg) -> Arg:
    """An end of a range of scores; infinities in the server's spelling.

    >>> bound(float("-inf")), bound("(5"), bound(2.5)
    ('-inf', '(5', 2.5)
    """
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return "+inf" if value > 0 else "-inf"
    return value


# ---- many ------------------------------------------------------------------------------------------


def many(first: Any, *more: Any) -> list[Any]:
    """All values of a call that takes one, several, or a list of them."""
    values: list[Any] = []
    for value in (first, *more):
        if isinstance(value, (bytes, str, bytearray, memoryview)) or not isinstance(value, Iterable):
            values.append(value)
        else:
            values += value
    return values


def counted(keys: Sequence[Arg], count: int | None = None) -> list[Arg]:
    """Keys behind their number, which is checked if the caller gave it too."""
    if not keys:
        raise UsageError("no keys: give at least one")
    if count is not None and count != len(keys):
        raise UsageError(f"{count} keys are announced, but {len(keys)} are given")
    return [len(keys), *keys]


def pairs(values: Mapping[Any, Arg], what: str = "key") -> list[Arg]:
    """Names and values in turn; an empty mapping is an error."""
    if not values:
        raise UsageError(f"no {what}s: give a mapping with at least one {what} and its value")
    return [part for pair in values.items() for part in pair]
