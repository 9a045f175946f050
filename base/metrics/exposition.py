"""Metric families as text: the Prometheus text format 0.0.4 and OpenMetrics 1.0.0.

The formats are those of https://prometheus.io/docs/instrumenting/exposition_formats/ and
https://prometheus.io/docs/specs/om/open_metrics_spec/. prometheus_client writes both as well, and tests hold
ours against its parsers; but a node that has run every command once has 2,000 samples, for which it takes all
of the 10 ms that a scrape may cost the control plane.

BEHAVIOUR. Some names of the usual exporter are counters without the suffix ``_total``, and the quantiles of
its summary are percentages. The text format allows that; OpenMetrics does not, so there the samples are the
same, of an unknown type.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

TEXT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_TYPE: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_NOT_IN_NAMES: Final = re.compile(r"[^a-zA-Z0-9_]")
_OPENMETRICS: Final = "application/openmetrics-text"

Labels = Sequence[tuple[str, object]]
"""Names and values; a value may be any text."""


class Kind(StrEnum):
    """The type of a family."""

    GAUGE = "gauge"
    COUNTER = "counter"
    SUMMARY = "summary"


@dataclass(slots=True)
class Family:
    """A metric: its name, type and help, and the samples that `add` gives it."""

    name: str
    """As samples have it: that of a counter ends in ``_total``, bar the exporter's few that do not. What a
    name may not have becomes an underscore, as the exporter does."""
    kind: Kind
    help: str
    samples: dict[str, float] = field(default_factory=dict)
    """Values by name and labels. Of two with equal labels the later counts: readers want each series once."""
    suffixed: dict[str, dict[str, float]] = field(default_factory=dict)
    """The ``_sum`` and ``_count`` samples of a summary."""

    def __post_init__(self) -> None:
        # One bad name, and a reader refuses the whole page. Fields of INFO may have any.
        if not (self.name.isascii() and self.name.isidentifier()):
            self.name = _NOT_IN_NAMES.sub("_", self.name)

    def add(self, value: float, labels: Labels = (), suffix: str = "") -> Family:
        """Add a sample; `suffix` is ``_sum`` or ``_count`` of a summary. Gives the family itself."""
        samples = self.suffixed.setdefault(suffix, {}) if suffix else self.samples
        samples[f"{self.name}{suffix}{_label_text(labels)}"] = value
        return self


def gauge(name: str, help_text: str, value: float | None = None) -> Family:
    """A gauge, with its only sample if a value is given."""
    family = Family(name, Kind.GAUGE, help_text)
    return family if value is None else family.add(value)


def counter(name: str, help_text: str, value: float | None = None) -> Family:
    """A counter, with its only sample if a value is given."""
    family = Family(name, Kind.COUNTER, help_text)
    return family if value is None else family.add(value)


def _label_text(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join([f'{name}="{_escaped(value)}"' for name, value in labels]) + "}"


def _escaped(value: object) -> str:
    text = str(value)
    if "\\" in text or "\n" in text or '"' in text:
        text = text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    return text


def wants_openmetrics(accept: str) -> bool:
    """Whether an Accept header asks for OpenMetrics, in a version that there is."""
    for part in accept.split(","):
        kind, *parameters = (word.strip() for word in part.split(";"))
        if kind == _OPENMETRICS:
            values = dict(word.partition("=")[::2] for word in parameters)
            return values.get("version", "1.0.0") in ("0.0.1", "1.0.0") and values.get("q") != "0"
    return False


def render(families: Iterable[Family], *, openmetrics: bool = False) -> bytes:
    """The families that have samples as one text, in the order given."""
    pieces: list[str] = []
    for family in families:
        if family.samples:
            _write_openmetrics(family, pieces) if openmetrics else _write_text(family, pieces)
    if openmetrics:
        pieces.append("# EOF\n")
    return "".join(pieces).encode("utf-8", "replace")


def _write_text(family: Family, pieces: list[str]) -> None:
    pieces.append(_head(family.name, family.kind.value, family.help))
    pieces += _lines(family.samples)
    for samples in family.suffixed.values():
        pieces += _lines(samples)


def _write_openmetrics(family: Family, pieces: list[str]) -> None:
    name, kind = family.name, family.kind.value
    if family.kind is Kind.COUNTER and name.endswith("_total"):
        name = name.removesuffix("_total")
    elif family.kind is not Kind.GAUGE:
        kind = "unknown"
    pieces.append(_head(name, kind, family.help))
    pieces += _lines(family.samples)
    for suffix, samples in family.suffixed.items():
        pieces.append(_head(name + suffix, "unknown", family.help))
        pieces += _lines(samples)


def _lines(samples: dict[str, float]) -> list[str]:
    return [f"{series} {value}\n" for series, value in samples.items()]


def _head(name: str, kind: str, help_text: str) -> str:
    escaped = help_text.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {name} {escaped}\n# TYPE {name} {kind}\n"
