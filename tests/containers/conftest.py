"""The Compose file, brought up once for all tests of this folder, under a project name of its own.

Skips with a printed reason where no engine runs, where Compose is missing, or where the base image cannot
be had. The machine's own extra authorities (*.crt in /usr/local/share/ca-certificates) are handed in for
the build, which needs them behind an inspecting proxy, and removed afterwards.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container

from garrison.client import connect

PROJECT = "garrison-test"
BUILD_SECONDS_MAX = 1500
NODES = tuple(f"node-{number}" for number in range(1, 7))
EXTRA_AUTHORITIES = Path("/usr/local/share/ca-certificates")


@dataclass
class Compose:
    """The running Compose project."""

    engine: docker.DockerClient
    command: tuple[str, ...]
    root: Path

    def run(self, *words: str, seconds: int = 300) -> str:
        """One command of Compose; its output, and a failure that shows it."""
        done = subprocess.run(
            [*self.command, "-p", PROJECT, *words],
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=seconds,
            env={**os.environ, "GARRISON_CLUSTER_NODE_TIMEOUT": "2000", "DOCKER_BUILDKIT": "0"},
        )
        assert done.returncode == 0, f"{' '.join(words)}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def container(self, service: str) -> Container:
        """The container of a service."""
        found = self.engine.containers.list(
            all=True,
            filters={
                "label": [f"com.docker.compose.project={PROJECT}", f"com.docker.compose.service={service}"]
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

    async def wait_until_serving(self, seconds: float = 90.0) -> None:
        """Wait until the cluster is formed, and answers reads and writes in every shard, from the host."""
        deadline = time.monotonic() + seconds
        while self.container("form").attrs["State"]["Status"] != "exited":
            assert time.monotonic() < deadline, "the cluster is not formed"
            time.sleep(0.5)
        while True:
            try:
                client = await connect("redis://127.0.0.1:7001", call_timeout_s=5.0)
                try:
                    for number in range(30):
                        await client.set(f"probe:{number}", number)
                    return
                finally:
                    await client.close()
            except Exception as error:
                if time.monotonic() > deadline:
                    raise AssertionError(f"the cluster does not serve: {error!r}") from error
                time.sleep(0.5)


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


@pytest.fixture(scope="session")
def compose(root: Path) -> Iterator[Compose]:
    """The six nodes, up."""
    reason = _reason_to_skip()
    if reason:
        pytest.skip(reason)
    made = subprocess.run([str(root / "deploy/base-image")], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"the base image cannot be had: {made.stderr.strip()[-300:]}")
    command = compose_command()
    assert command is not None
    running = Compose(docker.from_env(), command, root)
    handed_in = _hand_in_authorities(root / "deploy/ca")
    try:
        running.run("build", "node-1", seconds=BUILD_SECONDS_MAX)
        running.run("up", "-d")
        yield running
    finally:
        for certificate in handed_in:
            certificate.unlink(missing_ok=True)
        running.run("down", "-v", "--remove-orphans")


def _hand_in_authorities(folder: Path) -> list[Path]:
    copied = []
    for certificate in EXTRA_AUTHORITIES.glob("*.crt"):
        target = folder / certificate.name
        if not target.exists():
            shutil.copy(certificate, target)
            copied.append(target)
    return copied
