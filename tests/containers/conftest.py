"""The Compose files, each brought up for the tests of one module, under a project name of its own.

Skips with a printed reason where no engine runs, where Compose is missing, or where the base image cannot
be had. The image is built once. The machine's own extra authorities (*.crt in
/usr/local/share/ca-certificates) are handed in for the build, which needs them behind an inspecting proxy,
and removed afterwards.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container
from docker.models.networks import Network

IMAGE = "garrison:latest"
PASSWORD = "garrison"
"""The one that the Compose files set while GARRISON_PASSWORD is not given."""
BUILD_SECONDS_MAX = 1500
SCRAPE = """
import sys, urllib.request
name, *services = sys.argv[1:]
for service in services:
    lines = urllib.request.urlopen(f"http://{service}:9121/metrics", timeout=5).read().decode().splitlines()
    print(*[line for line in lines if line.startswith(f"{name} ")])
"""
EXTRA_AUTHORITIES = Path("/usr/local/share/ca-certificates")


@dataclass
class Compose:
    """A Compose file and what runs of it."""

    engine: docker.DockerClient
    command: tuple[str, ...]
    root: Path
    file: str
    project: str
    settings: dict[str, str] = field(default_factory=dict)
    variants: tuple[str, ...] = ()
    """Compose files that are added to it."""

    def run(self, *words: str, seconds: int = 300) -> str:
        """One command of Compose; its output, and a failure that shows it."""
        files = [word for name in (self.file, *self.variants) for word in ("-f", name)]
        done = subprocess.run(
            [*self.command, "-p", self.project, *files, *words],
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=seconds,
            env={**_environment(), **self.settings, "DOCKER_BUILDKIT": "0"},
        )
        assert done.returncode == 0, f"{' '.join(words)}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    @contextmanager
    def up(self) -> Iterator[Compose]:
        """Its services, until the end of the block."""
        try:
            self.run("up", "-d")
            yield self
        finally:
            self.run("down", "-v", "--remove-orphans")

    def container(self, service: str) -> Container:
        """The container of a service."""
        found = self.engine.containers.list(
            all=True,
            filters={
                "label": [
                    f"com.docker.compose.project={self.project}",
                    f"com.docker.compose.service={service}",
                ]
            },
        )
        assert found, f"service {service} has no container"
        return found[0]

    def inside(self, service: str, *words: str) -> str:
        """Run a command in the container of a service."""
        code, output = self.container(service).exec_run(list(words))
        text = bytes(output).decode(errors="replace")
        assert code == 0, f"{service}: {' '.join(words)}: {text}"
        return text

    def scrape(self, service: str, name: str, *targets: str) -> list[str]:
        """Sample `name`, without labels, of each target's metrics port, asked from a service beside it."""
        return self.inside(service, "python3", "-c", SCRAPE, name, *targets).splitlines()

    def health(self, service: str) -> str:
        """What the service's health check says."""
        return str(self.container(service).attrs["State"]["Health"]["Status"])

    def published(self) -> set[tuple[str, str]]:
        """Where this machine listens for a service: address and port, of all that runs."""
        found = self.engine.containers.list(filters={"label": f"com.docker.compose.project={self.project}"})
        bindings = [one for each in found for one in each.attrs["NetworkSettings"]["Ports"].values() if one]
        return {(one["HostIp"], one["HostPort"]) for several in bindings for one in several}

    @property
    def network(self) -> Network:
        """The network that all services share."""
        return self.engine.networks.get(f"{self.project}_default")

    def _address_of(self, container: Container) -> str:
        """Its address in that network."""
        return str(container.attrs["NetworkSettings"]["Networks"][self.network.name]["IPAddress"])

    @contextmanager
    def at_another_address(self, service: str, *, restart: bool = True) -> Iterator[None]:
        """Move a service, as it starts again or as it runs. Its old address is taken until the block ends."""
        container = self.container(service)
        before = self._address_of(container)
        if restart:
            container.stop()
        self.network.disconnect(container)
        squatters: list[Container] = []
        try:
            while not squatters or self._address_of(squatters[-1]) != before:
                squatters.append(
                    self.engine.containers.run(
                        IMAGE, ["300"], detach=True, entrypoint=["sleep"], network=self.network.name
                    )
                )
                squatters[-1].reload()
            self.network.connect(container, aliases=[service])
            if restart:
                container.start()
            yield
        finally:
            for squatter in squatters:
                squatter.remove(force=True, v=True)


def _environment() -> dict[str, str]:
    """This process's, without what would change the Compose files' defaults, which are under test."""
    changes = (
        "GARRISON_PASSWORD",
        "GARRISON_PUBLISH",
        "GARRISON_OUTSIDE",
        "GARRISON_MANAGER_TOKEN",
        "GARRISON_MANAGER_READ_TOKEN",
    )
    return {name: value for name, value in os.environ.items() if name not in changes}


def compose_command() -> tuple[str, ...] | None:
    """Compose of the generation that is here."""
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0:
        return ("docker", "compose")
    return ("docker-compose",) if shutil.which("docker-compose") else None


def _reason_to_skip() -> str:
    if os.environ.get("GARRISON_TEST_CONTAINERS") == "0":
        return "container tests are switched off by GARRISON_TEST_CONTAINERS=0"
    if shutil.which("docker") is None:
        return "no docker on this machine"
    try:
        docker.from_env().ping()
    except docker.errors.DockerException as error:
        return f"no container engine answers: {error}"
    return "" if compose_command() else "no Compose on this machine"


QUICK_BUILD = (
    *("--build-arg", "CARGO_PROFILE_RELEASE_LTO=off"),
    *("--build-arg", "CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16"),
    *("--build-arg", "CARGO_PROFILE_RELEASE_OPT_LEVEL=1"),
)
"""What is tested is the image, not the speed of its engine."""


@pytest.fixture(scope="session")
def cluster(root: Path) -> Compose:
    """docker-compose.yml with its image, not up."""
    reason = _reason_to_skip()
    if reason:
        pytest.skip(reason)
    made = subprocess.run([str(root / "deploy/base-image")], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"the base image cannot be had: {made.stderr.strip()[-300:]}")
    command = compose_command()
    assert command is not None
    settings = {"GARRISON_CLUSTER_NODE_TIMEOUT": "2000", "GARRISON_MANAGER_LEASE_MS": "3000"}
    cluster = Compose(docker.from_env(), command, root, "docker-compose.yml", "garrison-test", settings)
    with _alone():
        handed_in = _hand_in_authorities(root / "deploy/ca")
        try:
            cluster.run("build", *QUICK_BUILD, "node-1", seconds=BUILD_SECONDS_MAX)
        finally:
            for certificate in handed_in:
                certificate.unlink(missing_ok=True)
    return cluster


@contextmanager
def _alone() -> Iterator[None]:
    """No other worker of this machine builds meanwhile: the second one finds the image's layers made."""
    with (Path(tempfile.gettempdir()) / "garrison-test-image.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def sentinel_group(cluster: Compose) -> Compose:
    """deploy/compose/sentinel.yml, which runs the same image, not up."""
    settings = {"GARRISON_DOWN_AFTER_MS": "3000"}
    return replace(
        cluster, file="deploy/compose/sentinel.yml", project="garrison-sentinel-test", settings=settings
    )


def _hand_in_authorities(folder: Path) -> list[Path]:
    copied = []
    for certificate in EXTRA_AUTHORITIES.glob("*.crt"):
        target = folder / certificate.name
        if not target.exists():
            shutil.copy(certificate, target)
            copied.append(target)
    return copied
