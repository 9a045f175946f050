"""Times and spans are read as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from garrison.cluster.backup.core.moments import parse_moment, parse_span

WANTED = datetime(2026, 11, 29, 17, 3, 7, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-11-29T17:03:07Z", "2026-11-29 18:03:07+01:00", "1795971787"])
def test_moment_is_read(text: str) -> None:
    assert parse_moment(text) == WANTED


def test_moment_without_zone_is_local() -> None:
    assert parse_moment("2026-11-29T17:03:07") == datetime(2026, 11, 29, 17, 3, 7).astimezone(UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "17:03", "12"])
def test_other_words_are_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time; write 2026"):
        parse_moment(text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("30d", timedelta(days=30)), ("12H", timedelta(hours=12)), ("2w", timedelta(weeks=2))],
)
def test_span_is_read(text: str, wanted: timedelta) -> None:
    assert parse_span(text) == wanted


@pytest.mark.parametrize("text", ["", "30", "d", "-3d", "9999999d"])
def test_other_words_are_no_span(text: str) -> None:
    with pytest.raises(ValueError, match="is not a span of time"):
        parse_span(text)
