"""The table of fields and metrics; that its names are the exporter's is tested in tests/integration."""

from __future__ import annotations

import re

from garrison.base.metrics.exposition import Kind
from garrison.base.metrics.info_names import METRICS, MICROSECONDS


def test_names_are_valid_and_given_once() -> None:
    names = [metric.name for metric in METRICS.values()]
    assert len(names) == len(set(names)) > 100
    assert all(re.fullmatch(r"redis_[a-z0-9_]+", name) for name in names)


def test_a_few_rows() -> None:
    assert METRICS["used_memory"] == ("redis_memory_used_bytes", Kind.GAUGE)
    assert METRICS["keyspace_hits"] == ("redis_keyspace_hits_total", Kind.COUNTER)
    assert METRICS["uptime_in_seconds"] == ("redis_uptime_in_seconds", Kind.GAUGE)
    assert METRICS.keys() > MICROSECONDS
