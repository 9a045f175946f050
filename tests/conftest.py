"""What every test of the house may use: options, markers, free ports and the root of the repository."""

from __future__ import annotations

import itertools
import os
import random
import socket
import tracemalloc  # noqa: F401  pytest imports it while it reports a warning, which fails half-way through an import
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from garrison.cluster.local import ports as local_ports

# Properties hold on a busy machine too: no example has a deadline, and slow drawing is not a failure.
# The examples are the same in every run, which so fails by what has changed; --hypothesis-profile=explore
# draws new ones each time.
PATIENT: dict[str, Any] = {
    "deadline": None,
    "max_examples": 60,
    "suppress_health_check": [hypothesis.HealthCheck.too_slow],
}
hypothesis.settings.register_profile("garrison", derandomize=True, **PATIENT)
hypothesis.settings.register_profile("explore", **PATIENT)
hypothesis.settings.load_profile("garrison")

ROOT = Path(__file__).resolve().parent.parent
COMPONENTS = ("base", "cli", "functions", "node", "sentinel", "cluster", "client")
"""The folders of the repository that are packages of `garrison`."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--sim-seeds", type=int, default=5, help="seeds that each simulation runs (make sim SEEDS=)"
    )
    parser.addoption(
        "--soak-seconds", type=int, default=0, help="length of the soak tests; 0 leaves them out"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "containers: needs a container engine and Compose")
    config.addinivalue_line("markers", "soak: runs for as long as --soak-seconds says (make soak)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # They need the image that test_compose.py builds: at the end, no worker stands and waits for that.
    items.sort(key=lambda item: item.path.name in ("test_image.py", "test_sentinel_compose.py"))
    if config.getoption("--soak-seconds") > 0:
        return
    for item in items:
        if item.get_closest_marker("soak") is not None:
            item.add_marker(pytest.mark.skip(reason="a soak test: run it with make soak SECONDS=600"))


@pytest.fixture(scope="session")
def sim_seeds(request: pytest.FixtureRequest) -> range:
    """The seeds that a simulation test runs."""
    return range(1, int(request.config.getoption("--sim-seeds")) + 1)


@pytest.fixture(scope="session")
def soak_seconds(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--soak-seconds"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The top folder of the repository."""
    return ROOT


@pytest.fixture
def free_port() -> int:
    """A TCP port that nothing listens on now, whose bus port (+ 10000) is free and valid too."""
    return find_free_port()


# Ports of the tests' servers and, 10,000 above, of their buses. Both lie below the range the kernel takes
# the ports of outgoing connections from: one of those may take a bus port that was free a moment ago.
# Each worker of a parallel run has a share of its own, here and for local clusters.
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


def share_of(first: int, below: int) -> tuple[int, int]:
    """This worker's part of a range of ports."""
    size = (below - first) // WORKERS
    return first + WORKER * size, first + (WORKER + 1) * size


PORTS_FROM, PORTS_BELOW = share_of(12_000, 20_000)
local_ports.PORTS_FROM, local_ports.PORTS_BELOW = share_of(local_ports.PORTS_FROM, local_ports.PORTS_BELOW)
_candidates = itertools.cycle(random.sample(range(PORTS_FROM, PORTS_BELOW), PORTS_BELOW - PORTS_FROM))


def find_free_port() -> int:
    """A free port whose companion 10,000 above is free as well; no port twice before all were given."""
    for port in itertools.islice(_candidates, PORTS_BELOW - PORTS_FROM):
        if _is_free(port) and _is_free(port + 10_000):
            return port
    raise RuntimeError(f"no free port between {PORTS_FROM} and {PORTS_BELOW}")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True
