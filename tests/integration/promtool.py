"""What the shipped alert rules make of real scrapes: Debian's promtool evaluates them over fed series."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.error
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT
from tests.integration.exporters import get

RULES = ROOT / "deploy" / "prometheus" / "garrison.rules.yml"
INTERVAL_S = 15
STEPS = 60
"""The state is fed for so many scrapes: 15 minutes, longer than any alert waits."""
_SAMPLE = re.compile(r"(\w+)(\{.*\})? (\S+)")


def promtool(
    *words: str, folder: Path = RULES.parent, page: str | None = None, codes: tuple[int, ...] = (0,)
) -> str:
    """The output of a run that ends with one of these codes; skips where there is no promtool."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed (Debian's package prometheus): alert rules are not checked")
    done = subprocess.run(
        [program, *words], input=page, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode in codes, f"promtool {' '.join(words)}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def check_page(page: str) -> None:
    """Prometheus's own reader takes the page; its advice on names (3) is against the usual exporter's."""
    promtool("check", "metrics", page=page, codes=(0, 3))


@dataclass
class Target:
    """A process that is scraped as Prometheus would."""

    job: str
    port: int
    cluster: str = "c"

    def scrape(self) -> dict[str, float]:
        """Samples by series, `up` among them."""
        labels = f'job="{self.job}",instance="{self.port}",cluster="{self.cluster}"'
        page = self.page()
        found = {f"up{{{labels}}}": float(bool(page))}
        for line in page.splitlines():
            if not line.startswith("#"):
                match = _SAMPLE.fullmatch(line)
                assert match is not None, f"not a sample: {line}"
                inner = match[2][1:-1] + "," if match[2] else ""
                found[f"{match[1]}{{{inner}{labels}}}"] = float(match[3])
        return found

    def page(self) -> str:
        """The page of its metrics; empty when it does not answer."""
        try:
            return get(f"http://127.0.0.1:{self.port}/metrics")
        except (OSError, urllib.error.URLError):
            return ""

    def value(self, start: str) -> float:
        """The largest value now of the series whose text begins so; 0 without one."""
        return max((value for series, value in self.scrape().items() if series.startswith(start)), default=0)


def scrape(targets: list[Target]) -> dict[str, float]:
    for target in targets:
        if page := target.page():
            check_page(page)
    return {series: value for target in targets for series, value in target.scrape().items()}


def _values(series: str, before: dict[str, float], after: float) -> str:
    """A counter goes on as it did between two scrapes; what else there is stays as it is."""
    name = series.partition("{")[0]
    step = max(0.0, after - before.get(series, after)) if name.endswith("_total") else 0.0
    return f"{after:f}+{step:f}x{STEPS}"


def check_firing(folder: Path, before: dict[str, float], after: dict[str, float], expected: set[str]) -> None:
    """Exactly these alerts fire in the end, when the state that two scrapes show lasts."""
    end = f"{INTERVAL_S * STEPS}s"
    samples = [
        {"labels": json.dumps(name).join(("{alertname=", "}")), "value": 1} for name in sorted(expected)
    ]
    document: dict[str, Any] = {
        "rule_files": [str(RULES)],
        "evaluation_interval": f"{INTERVAL_S}s",
        "tests": [
            {
                "interval": f"{INTERVAL_S}s",
                "input_series": [
                    {"series": series, "values": _values(series, before, value)}
                    for series, value in after.items()
                ],
                "promql_expr_test": [
                    {
                        "expr": 'group by (alertname) (ALERTS{alertstate="firing"})',
                        "eval_time": end,
                        "exp_samples": samples,
                    }
                ],
            }
        ],
    }
    path = folder / "fed.test.yml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    promtool("test", "rules", str(path), folder=folder)
