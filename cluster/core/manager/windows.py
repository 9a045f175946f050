"""When jobs may begin: windows in local time, also over midnight and when clocks change.

A window of a day runs from `begins` to `ends` of that day, or of the next when `ends` is not after `begins`;
its weekday is that of its beginning. When clocks go forward, a time that does not exist counts as if they had
not (02:30 is then 03:30); when they go back, a window begins at the first and ends at the second of the two
equal times. So a window is never lost, and never shorter than what it says by more than the lost hour.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from garrison.cluster.core.manager.desired import WEEKDAYS, Window
from garrison.cluster.core.manager.jobs import JobKind

DAYS_AHEAD_MAX = 8
"""Each weekday comes within a week; one more day for windows that began yesterday."""


def is_open(window: Window, now_ms: int) -> bool:
    """Whether a moment is inside a window; its end is not."""
    return any(begin_ms <= now_ms < end_ms for begin_ms, end_ms in _spans(window, now_ms, days_ahead=1))


def next_opening_ms(window: Window, now_ms: int) -> int | None:
    """When a window is open next: `now_ms` when it is open; None when it never opens."""
    spans = _spans(window, now_ms, days_ahead=DAYS_AHEAD_MAX)
    return min((max(begin_ms, now_ms) for begin_ms, end_ms in spans if end_ms > now_ms), default=None)


def may_begin_ms(windows: Iterable[Window], kind: JobKind, now_ms: int) -> int | None:
    """When a job of this kind may begin: `now_ms`, or later; None when no window ever lets it.

    Without any window it may at any time.
    """
    listed = list(windows)
    if not listed:
        return now_ms
    openings = [next_opening_ms(w, now_ms) for w in listed if not w.jobs or kind in w.jobs]
    return min((opening for opening in openings if opening is not None), default=None)


def _spans(window: Window, now_ms: int, days_ahead: int) -> Iterator[tuple[int, int]]:
    """The spans of a window around a moment, as (begin, end) in Unix milliseconds."""
    zone = ZoneInfo(window.timezone)
    today = datetime.fromtimestamp(now_ms / 1000, zone).date()
    for offset in range(-2, days_ahead + 1):
        day = today + timedelta(days=offset)
        if WEEKDAYS[day.weekday()] in window.days:
            span = _span(window, day, zone)
            if span[0] < span[1]:
                yield span


def _span(window: Window, day: date, zone: ZoneInfo) -> tuple[int, int]:
    last = day if window.ends > window.begins else day + timedelta(days=1)
    begin = datetime.combine(day, window.begins, zone)
    end = datetime.combine(last, window.ends, zone)
    return _unix_ms(begin), max(_unix_ms(end), _unix_ms(end.replace(fold=1)))


def _unix_ms(local: datetime) -> int:
    return int(local.astimezone(UTC).timestamp() * 1000)
