"""The image: lean, without what only a build needs, and with the prompt in it."""

from __future__ import annotations

import time

import docker
import pytest

from tests.containers.conftest import IMAGE, Compose

pytestmark = [pytest.mark.timeout(1800), pytest.mark.containers]
MEGABYTES_MAX = 180
"""About 174, of which the manager and `garrison top` need 20; 344 before the image was made lean."""


def inside(cluster: Compose, *words: str) -> str:
    """Run a command in a container of its own; what it prints."""
    entry, *arguments = words
    output = cluster.engine.containers.run(
        IMAGE, arguments, entrypoint=[entry], remove=True, network_mode="none"
    )
    return bytes(output).decode()


def test_image_is_lean(cluster: Compose) -> None:
    size = cluster.engine.images.get(IMAGE).attrs["Size"]
    assert size <= MEGABYTES_MAX * 1_000_000


def test_image_has_what_runs_and_nothing_that_builds(cluster: Compose) -> None:
    tools = ("gcc", "cargo", "rustc", "strip", "pip")
    found = inside(
        cluster, "sh", "-c", f"for tool in {' '.join(tools)}; do command -v $tool || true; done; id -un"
    )
    assert found.split() == ["garrison"]
    with pytest.raises(docker.errors.ContainerError, match="No module named"):
        inside(cluster, "python3", "-c", "import setuptools")
    assert inside(cluster, "garrison", "cli", "--version").startswith("garrison cli ")
    assert "usage: garrison" in inside(cluster, "garrison", "help")
    zone = inside(cluster, "python3", "-c", "import zoneinfo; print(zoneinfo.ZoneInfo('Europe/Berlin'))")
    assert zone == "Europe/Berlin\n"


@pytest.mark.parametrize("delay_s", [0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6])
def test_container_stops_at_any_moment(cluster: Compose, delay_s: float) -> None:
    container = cluster.engine.containers.run(IMAGE, detach=True, network_mode="none")
    try:
        time.sleep(delay_s)
        container.stop(timeout=10)
        # 137 had to be killed. A signal that comes before our process has begun ends the runtime's, with 2.
        assert container.wait()["StatusCode"] in (0, 2, 143), container.logs()
    finally:
        container.remove(force=True)
