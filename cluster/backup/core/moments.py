"""Points and spans of time as people write them."""

import re
from datetime import UTC, datetime, timedelta

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_moment(text: str) -> datetime:
    """A point in time: ``2026-11-29T17:03:07Z`` (without a zone it is local time), or Unix seconds.

    ValueError says what is allowed.
    """
    try:
        if re.fullmatch(r"\d{9,11}(\.\d+)?", text):
            return datetime.fromtimestamp(float(text), UTC)
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r} is not a time; write 2026-11-29T17:03:07Z, 2026-11-29T17:03:07+01:00, without a zone "
            "for local time, or Unix seconds"
        ) from None


def parse_span(text: str) -> timedelta:
    """A span of time: ``30d``, ``12h``, ``2w``. ValueError says what is allowed."""
    found = re.fullmatch(r"(\d{1,6})([smhdw])", text.strip().lower())
    if not found:
        raise ValueError(f"{text!r} is not a span of time; write a number and s, m, h, d or w, as 30d")
    return timedelta(**{UNITS[found[2]]: int(found[1])})
