"""Replies of both protocols give the same values."""

from __future__ import annotations

from typing import Any

import pytest

from garrison.client.commands import replies


@pytest.mark.parametrize(
    ("convert", "resp2", "resp3", "value"),
    [
        (replies.as_dict, [b"a", b"1"], {b"a": b"1"}, {b"a": b"1"}),
        (replies.as_pairs, [b"a", b"1"], [[b"a", b"1"]], [(b"a", b"1")]),
        (replies.as_score_pairs, [b"a", b"1.5"], [[b"a", 1.5]], [(b"a", 1.5)]),
        (replies.as_score_pairs, [], [], []),
        (replies.as_set, [b"a"], {b"a"}, {b"a"}),
        (replies.as_float, b"inf", float("inf"), float("inf")),
        (replies.as_floats, [b"1", None], [1.0, None], [1.0, None]),
        (replies.as_fields, [b"a", 1], {"a": 1}, {"a": 1}),
        (replies.as_bytes, "\udcff", b"\xff", b"\xff"),
        (replies.as_text, b"\xc3\xa9", "\u00e9", "\u00e9"),
        (replies.fields_of, b"# Server\r\na:1:2\r\n\r\n", "a:1:2\n", {"a": "1:2"}),
        (replies.each(bool), [1, 0], [True, False], [True, False]),
        (replies.optional(int), b"5", "5", 5),
    ],
)
def test_both_protocols(convert: Any, resp2: Any, resp3: Any, value: Any) -> None:
    assert convert(resp2) == value
    assert convert(resp3) == value
    assert type(convert(resp2)) is type(convert(resp3)) is type(value)


def test_null_stays_null() -> None:
    assert replies.as_float(None) is None
    assert replies.optional(int)(None) is None
    assert [replies.as_ok(None), replies.as_ok(b"OK")] == [False, True]
