"""Results of functions as replies with holes."""

from __future__ import annotations

import pytest

from garrison.base.reply import Raw
from garrison.functions import Pending, Status
from garrison.functions.core.replies import in_pieces


def test_values_are_encoded_in_both_protocols() -> None:
    assert in_pieces(None, 2) == ([b"$-1\r\n"], [])
    assert in_pieces({"a": True}, 3) == ([b"%1\r\n$1\r\na\r\n#t\r\n"], [])
    assert in_pieces([Status("OK"), 1.5], 2) == ([b"*2\r\n+OK\r\n$3\r\n1.5\r\n"], [])


def test_pending_replies_are_holes() -> None:
    assert in_pieces(Pending(0), 2) == ([b"", b""], [0])
    nested = [Pending(1), (b"x", {b"k": Pending(0)})]
    assert in_pieces(nested, 2) == ([b"*2\r\n", b"*2\r\n$1\r\nx\r\n*2\r\n$1\r\nk\r\n", b""], [1, 0])


@pytest.mark.parametrize(
    "value", [object(), [Ellipsis], 1 << 63, [-(1 << 63) - 1], Raw(b"+OK\r\n"), {"k": object}]
)
def test_what_is_no_reply_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        in_pieces(value, 3)


def test_endless_value_is_refused() -> None:
    value: list[object] = []
    value.append(value)
    with pytest.raises(RecursionError):
        in_pieces(value, 2)
