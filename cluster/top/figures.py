"""Figures in the few columns that a table in a terminal has: `12.3k`, `1.2G`, `98%`, `1.3ms`.

A figure that is not known is `-`, never 0.
"""

UNKNOWN = "-"
COUNT_UNITS = ("", "k", "M", "G", "T")
BYTE_UNITS = ("B", "K", "M", "G", "T")
SECONDS_PER_MINUTE = 60
SECONDS_PER_HOUR = 3_600
SECONDS_PER_DAY = 86_400


def count(value: float | None) -> str:
    """At most 5 columns: ``9999``, ``12.3k``, ``1.23M``."""
    if value is None:
        return UNKNOWN
    return f"{value:.0f}" if abs(value) < 9_999.5 else _scaled(value, 1000, COUNT_UNITS)


def size(value: float | None) -> str:
    """Bytes in binary units, at most 5 columns: ``512B``, ``1.50M``."""
    return UNKNOWN if value is None else _scaled(value, 1024, BYTE_UNITS)


def _scaled(value: float, step: int, units: tuple[str, ...]) -> str:
    for unit in units:
        # 999.5 would be written with four digits; it is 1.00 of the next unit.
        if abs(value) < 999.5 or unit == units[-1]:
            break
        value /= step
    if unit == units[0]:
        return f"{value:.0f}{unit}"
    digits = 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
    return f"{value:.{digits}f}{unit}"


def percent(fraction: float | None) -> str:
    return UNKNOWN if fraction is None else f"{fraction * 100:.0f}%"


def microseconds(value: float | None) -> str:
    """``120us``, ``1.2ms``, ``3.4s``."""
    return UNKNOWN if value is None else _duration(value, (("us", 1000), ("ms", 1000), ("s", 0)))


def milliseconds(value: float | None) -> str:
    """``120ms``, ``3.4s``."""
    return UNKNOWN if value is None else _duration(value, (("ms", 1000), ("s", 0)))


def _duration(value: float, units: tuple[tuple[str, int], ...]) -> str:
    (smallest, step), *larger = units
    if value < step - 0.5:
        return f"{value:.0f}{smallest}"
    unit = smallest
    for next_unit, next_step in larger:
        value, unit, step = value / step, next_unit, next_step
        if not step or value < step - 0.5:
            break
    return f"{value:.0f}{unit}" if value >= 9.95 else f"{value:.1f}{unit}"


def age(seconds: float) -> str:
    """How long something lasts or is past, in words: ``3 s``, ``2 min``, ``5 h``, ``4 days``."""
    if seconds < 2 * SECONDS_PER_MINUTE:
        return f"{max(seconds, 0):.0f} s"
    if seconds < 2 * SECONDS_PER_HOUR:
        return f"{seconds / SECONDS_PER_MINUTE:.0f} min"
    if seconds < 2 * SECONDS_PER_DAY:
        return f"{seconds / SECONDS_PER_HOUR:.0f} h"
    return f"{seconds / SECONDS_PER_DAY:.0f} days"
