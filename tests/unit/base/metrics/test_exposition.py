"""Metric families as text, read by the readers of prometheus_client."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from garrison.base.metrics.exposition import Family, Kind, counter, gauge, render, wants_openmetrics


def families() -> list[Family]:
    latencies = Family("redis_latency_percentiles_usec", Kind.SUMMARY, "Microseconds.")
    for command in ("get", "set"):
        latencies.add(1.5, (("cmd", command), ("quantile", "99.9")))
        latencies.add(30, (("cmd", command),), "_sum").add(7, (("cmd", command),), "_count")
    return [
        gauge("redis_up", "Whether it \\ answers.\nReally.", 1),
        counter("redis_commands_total", "Calls.").add(3, [("cmd", "get")]).add(2.5, [("cmd", "set")]),
        counter("redis_total_reads_processed", "Reads, of an old name.", 4),
        latencies,
        gauge("garrison_nothing", "Without a sample."),
    ]


def test_text_has_types_and_samples() -> None:
    text = render(families()).decode()
    assert "# HELP redis_up Whether it \\\\ answers.\\nReally.\n# TYPE redis_up gauge\nredis_up 1\n" in text
    assert "# TYPE redis_commands_total counter\n" in text
    assert "# TYPE redis_total_reads_processed counter\nredis_total_reads_processed 4\n" in text
    assert 'redis_latency_percentiles_usec_sum{cmd="get"} 30\n' in text
    assert "garrison_nothing" not in text


@given(st.text(min_size=1))
def test_any_field_has_a_name_that_readers_take(field: str) -> None:
    name = gauge(f"redis_{field}", "A field of INFO.", 1).name
    assert re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", name)
    assert name == f"redis_{field}" or not re.fullmatch("[a-zA-Z0-9_]*", field)


@pytest.mark.parametrize("openmetrics", [False, True])
def test_both_formats_hold_the_same_samples(openmetrics: bool) -> None:
    text = render(families(), openmetrics=openmetrics).decode()
    read = list(read_openmetrics(text) if openmetrics else read_text(text))
    samples = {
        (s.name.removesuffix("_total"), tuple(s.labels.items()), s.value) for f in read for s in f.samples
    }
    assert samples == {
        ("redis_up", (), 1.0),
        ("redis_commands", (("cmd", "get"),), 3.0),
        ("redis_commands", (("cmd", "set"),), 2.5),
        ("redis_total_reads_processed", (), 4.0),
        *(("redis_latency_percentiles_usec_sum", (("cmd", c),), 30.0) for c in ("get", "set")),
        *(("redis_latency_percentiles_usec_count", (("cmd", c),), 7.0) for c in ("get", "set")),
        *(
            ("redis_latency_percentiles_usec", (("cmd", c), ("quantile", "99.9")), 1.5)
            for c in ("get", "set")
        ),
    }


def test_openmetrics_types_are_those_that_it_permits() -> None:
    text = render(families(), openmetrics=True).decode()
    types = {family.name: family.type for family in read_openmetrics(text)}
    assert types["redis_commands"] == "counter"
    assert types["redis_total_reads_processed"] == "unknown"
    assert types["redis_latency_percentiles_usec"] == "unknown"
    assert text.endswith("\n# EOF\n")


@given(st.text(), st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53))
def test_any_label_and_number_survives(label: str, value: float) -> None:
    label = label.encode("utf-8", "replace").decode()
    text = render([gauge("a", "Help.").add(value, [("name", label)])], openmetrics=True).decode()
    (family,) = read_openmetrics(text)
    (sample,) = family.samples
    assert (sample.labels, sample.value) == ({"name": label}, float(value))


def test_of_equal_labels_the_later_sample_counts() -> None:
    """As of a replica that has come again, beside its old connection."""
    family = gauge("a", "Help.").add(1, [("ip", "x")]).add(2, [("ip", "y")]).add(3, [("ip", "x")])
    lines = render([family]).decode().splitlines()
    assert lines[2:] == ['a{ip="x"} 3', 'a{ip="y"} 2']


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain;version=0.0.4", False),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5", True),
        ("application/openmetrics-text; version=2.0.0, text/plain", False),
        ("application/openmetrics-text;q=0", False),
        (";;;,=,", False),
    ],
)
def test_accept_header_decides_the_format(accept: str, wanted: bool) -> None:
    assert wants_openmetrics(accept) is wanted
