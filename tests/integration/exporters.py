"""The usual exporter as a process, and what two texts of metrics have in common."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conftest import find_free_port

EXPORTER = "prometheus-redis-exporter"
START_TIMEOUT_S = 20.0

OF_THE_EXPORTER_ITSELF = re.compile(
    r"redis_exporter_.*|redis_target_scrape_request_errors_total|redis_last_key_groups_scrape_duration_.*"
)
"""Metrics about the exporter's own work: a server that answers itself has none of it."""
FIELDS_OF_OURS = re.compile(
    r"redis_cluster_bus_.*|redis_cluster_data|redis_cluster_keys_stray|redis_cluster_write_lease"
)
"""What the exporter makes of fields in CLUSTER INFO that only Garrison has: words become 0. We give them with
their meaning, as garrison_bus_*, garrison_cluster_data_lost and garrison_cluster_lease."""

Name = tuple[str, str, tuple[str, ...]]
"""The name of a sample, the type of its family and the names of its labels."""
Sample = tuple[str, tuple[tuple[str, str], ...]]
_LINE = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def get(url: str, **headers: str) -> str:
    request = urllib.request.Request(url, headers={name.capitalize(): text for name, text in headers.items()})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(answer.read().decode())


@contextmanager
def exporting(port: int) -> Iterator[str]:
    """The exporter's page for a server; skips where there is no exporter."""
    program = shutil.which(EXPORTER)
    if program is None:
        pytest.skip(f"{EXPORTER} is not installed: nothing to compare names with")
    own_port = find_free_port()
    process = subprocess.Popen(
        [program, f"-redis.addr=redis://127.0.0.1:{port}", f"-web.listen-address=127.0.0.1:{own_port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{own_port}"
        deadline = time.monotonic() + START_TIMEOUT_S
        while not _answers(f"{url}/health"):
            assert process.poll() is None
            assert time.monotonic() < deadline, f"{EXPORTER} does not start"
            time.sleep(0.02)
        yield f"{url}/metrics"
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return bool(get(url))
    except OSError:
        return False


def samples(text: str) -> dict[Sample, float]:
    """The samples of a text in the Prometheus format whose names begin with ``redis_``."""
    found: dict[Sample, float] = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line) if line.startswith("redis_") else None
        if match is not None and not OF_THE_EXPORTER_ITSELF.fullmatch(match[1]):
            labels = tuple(sorted(_LABEL.findall(match[2] or "")))
            found[match[1], labels] = float(match[3])
    return found


def names(text: str) -> set[Name]:
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    found = set()
    for name, labels in samples(text):
        family = name if name in types else re.sub("_(sum|count)$", "", name)
        found.add((name, types[family], tuple(label for label, _ in labels)))
    return found
