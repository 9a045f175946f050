"""Lines of --stat and --latency."""

from __future__ import annotations

from garrison.cli.core.measurements import HEADER_EVERY_LINES, Latency, StatLines, shown_bytes
from garrison.client.commands.replies import fields_of

INFO = (
    b"used_memory:2097152\r\nconnected_clients:3\r\ntotal_commands_processed:%d\r\n"
    b"db0:keys=5,expires=0\r\ndb11:keys=2\r\n"
)


def test_rates_are_counted_from_one_info_to_the_next() -> None:
    lines = StatLines()
    header, first = lines.next(fields_of(INFO % 100), 0.0)
    (second,) = lines.next(fields_of(INFO % 150), 2.0)
    assert header.split()[:2] == ["keys", "mem"]
    assert first.split() == ["7", "2.00M", "3", "0", "100", "(+0)", "0", "0"]
    assert second.split() == ["7", "2.00M", "3", "0", "150", "(+50)", "25", "0"]


def test_header_comes_back_now_and_then() -> None:
    lines = StatLines()
    counts = [len(lines.next({}, 1.0)) for _ in range(HEADER_EVERY_LINES + 1)]
    assert counts == [2, *[1] * (HEADER_EVERY_LINES - 1), 2]


def test_latency_without_a_sample_is_zero() -> None:
    assert Latency().raw_line(",") == "0.00,0.00,0.00,0"
    assert Latency().document()["count"] == 0


def test_sizes_have_the_unit_that_fits() -> None:
    assert [shown_bytes(size) for size in (0, 1023, 1024, 5 * 1024**3)] == ["0B", "1023B", "1.00K", "5.00G"]
