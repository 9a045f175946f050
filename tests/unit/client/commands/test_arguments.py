"""From arguments to words, without a server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from garrison.client.commands.arguments import (
    bound,
    conditions,
    counted,
    in_milliseconds,
    in_seconds,
    lifetime,
    many,
    pairs,
    unix_milliseconds,
    unix_seconds,
)
from garrison.client.errors import UsageError


def test_lifetimes() -> None:
    assert [in_seconds(5), in_seconds(timedelta(days=2, seconds=1.9))] == [5, 172_801]
    assert [in_milliseconds(5), in_milliseconds(timedelta(seconds=1, microseconds=1999))] == [5, 1001]


def test_moments() -> None:
    moment = datetime(2030, 1, 2, 3, 4, 5, 678_900, UTC)
    assert unix_seconds(moment) == 1_893_553_445
    assert unix_milliseconds(moment) == 1_893_553_445_678
    elsewhere = moment.astimezone(timezone(timedelta(hours=5)))
    assert unix_milliseconds(elsewhere) == unix_milliseconds(moment)
    local = moment.astimezone().replace(tzinfo=None)
    assert unix_milliseconds(local) == unix_milliseconds(moment)
    assert [unix_seconds(7), unix_milliseconds(7)] == [7, 7]


def test_one_lifetime_at_most() -> None:
    assert lifetime() == ()
    assert lifetime(px=timedelta(seconds=1)) == ("PX", 1000)
    assert lifetime(ex=None, keepttl=True) == ("KEEPTTL",)
    assert lifetime(ex=0) == ("EX", 0)  # The server says what is wrong with it.
    with pytest.raises(UsageError, match="EX and KEEPTTL exclude each other"):
        lifetime(ex=1, keepttl=True)


def test_one_key_or_many() -> None:
    assert many("abc") == ["abc"]
    assert many(b"abc", "d") == [b"abc", "d"]
    assert many(("a", "b"), ["c"], 5) == ["a", "b", "c", 5]
    assert many(key for key in "ab") == ["a", "b"]
    assert counted(["a", "b"], 2) == [2, "a", "b"]
    with pytest.raises(UsageError, match="at least one"):
        counted([])
    with pytest.raises(UsageError, match="at least one field"):
        pairs({}, "field")


def test_conditions_and_bounds() -> None:
    assert conditions(xx=True, gt=True) == ("XX", "GT")
    assert [bound(float("inf")), bound(float("-inf")), bound(1.5), bound("(1")] == ["+inf", "-inf", 1.5, "(1"]
