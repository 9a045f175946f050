"""Commands that wait on the server: for how long, and what to undo when nobody waits for the reply any more.

A command that takes an element away (BLPOP, BZPOPMIN ...) may do so in the very moment in which its caller
is cancelled. Then :func:`put_back` says which commands return the element to the end it was taken from.
BLMOVE and BRPOPLPUSH need none: the element is in the destination. An entry of XREADGROUP is pending, unless
NOACK was asked for: then nothing can return it (:func:`cannot_return`).

>>> from garrison.client.core.commands import find_command
>>> row = find_command(["BLPOP"])
>>> patience_s(row, ["queue", "2.5"]), patience_s(row, ["queue", 0]) is None
(2.5, True)
>>> with_patience(row, ["queue", "2.5"], 1.25)
['queue', '1.250']
>>> put_back(row, ["queue", 0], [b"queue", b"job"])
[('LPUSH', b'queue', b'job')]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from garrison.client.core.commands import Command
from garrison.client.core.resp import Arg, to_bytes

__all__ = ["cannot_return", "patience_s", "put_back", "takes_away", "with_patience"]

_SHORTEST_S = 0.001  # 0 would mean: for ever.
_TAKING = frozenset((b"BLPOP", b"BRPOP", b"BLMPOP", b"BZPOPMIN", b"BZPOPMAX", b"BZMPOP"))
_FIRST = (b"BLMPOP", b"BZMPOP")
_PUSH = {b"BLPOP": "LPUSH", b"BRPOP": "RPUSH", b"LEFT": "LPUSH", b"RIGHT": "RPUSH"}


def patience_s(command: Command, args: Sequence[Arg]) -> float | None:
    """How long the server may wait, in seconds; None is for ever. What it will refuse counts as 0."""
    at, per_second = _patience_at(command, args)
    try:
        value = float(to_bytes(args[at]))
    except (ValueError, IndexError):
        return 0.0
    return None if value == 0 else value / per_second


def with_patience(command: Command, args: Sequence[Arg], left_s: float) -> list[Arg]:
    """The arguments for a new attempt, with the time that is left."""
    at, per_second = _patience_at(command, args)
    left_s = max(left_s, _SHORTEST_S)
    changed = list(args)
    changed[at] = f"{left_s:.3f}" if per_second == 1 else max(1, int(left_s * per_second))
    return changed


def _patience_at(command: Command, args: Sequence[Arg]) -> tuple[int, int]:
    """Which argument it is, and its units a second."""
    if command.keys_at == "streams":
        return [to_bytes(arg).upper() for arg in args].index(b"BLOCK") + 1, 1000
    return 0 if command.name in _FIRST else len(args) - 1, 1


def put_back(command: Command, args: Sequence[Arg], reply: Any) -> list[tuple[Arg, ...]]:
    """The commands that return what was taken; none if nothing was, or if it is safe elsewhere."""
    if not reply:
        return []
    if command.name in (b"BLPOP", b"BRPOP"):
        return [(_PUSH[command.name], reply[0], reply[1])]
    if command.name == b"BLMPOP":
        side = to_bytes(args[2 + int(to_bytes(args[1]))]).upper()
        return [(_PUSH[side], reply[0], *reversed(reply[1]))]
    # A member that somebody has added again meanwhile keeps its newer score: NX.
    if command.name in (b"BZPOPMIN", b"BZPOPMAX"):
        return [("ZADD", reply[0], "NX", _score(reply[2]), reply[1])]
    if command.name == b"BZMPOP":
        members = [part for member, score in reply[1] for part in (_score(score), member)]
        return [("ZADD", reply[0], "NX", *members)]
    return []


def takes_away(command: Command, args: Sequence[Arg]) -> bool:
    """Whether what the reply holds is nowhere else then."""
    return command.name in _TAKING or _is_without_ack(command, args)


def cannot_return(command: Command, args: Sequence[Arg], reply: Any) -> bool:
    """Whether something was taken that no command puts back: entries read with NOACK."""
    return bool(reply) and _is_without_ack(command, args)


def _is_without_ack(command: Command, args: Sequence[Arg]) -> bool:
    if command.name != b"XREADGROUP":
        return False
    words = [to_bytes(arg).upper() for arg in args]
    return b"NOACK" in words[: words.index(b"STREAMS")]


def _score(score: Any) -> Arg:
    """A score as it came: a double in RESP3, text in RESP2."""
    return repr(score) if isinstance(score, float) else to_bytes(score)
