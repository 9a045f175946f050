"""What a function returns, as a RESP reply with holes where the replies to its writes will stand."""

from __future__ import annotations

from typing import Any

from garrison.base.reply import Raw, Simple, pieces_of
from garrison.functions.core.api import Pending

Status = Simple
"""A status line such as ``Status("OK")``; other texts are bulk strings."""

INTEGER_MAX = (1 << 63) - 1


class _Hole(Raw):
    """The place of a reply that is not known yet."""

    number: int


def in_pieces(value: object, protocol: int) -> tuple[list[bytes], list[int]]:
    """The pieces of a reply, and the number of the write whose reply stands behind each but the last.

    Raises TypeError or ValueError for a value that cannot be a reply.

        >>> in_pieces([1, Pending(0)], 2)
        ([b'*2\\r\\n:1\\r\\n', b''], [0])
    """
    pieces: list[bytes] = [b""]
    holes: list[int] = []
    for piece in pieces_of(_checked(value), protocol):
        if isinstance(piece, _Hole):
            holes.append(piece.number)
            pieces.append(b"")
        else:
            pieces[-1] += piece
    return pieces, holes


def _checked(value: Any) -> Any:
    kind = type(value)
    if kind is int and not -INTEGER_MAX - 1 <= value <= INTEGER_MAX:
        raise ValueError(f"the integer {str(value)[:30]} does not fit into a reply: return it as text")
    if kind is Pending:
        hole = _Hole()
        hole.number = value.index
        return hole
    if kind in (list, tuple):
        return [_checked(item) for item in value]
    if kind is dict:
        return {key: _checked(item) for key, item in value.items()}
    if isinstance(value, Raw):
        raise TypeError("raw RESP cannot be returned")
    return value
