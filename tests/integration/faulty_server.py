"""A server, Garrison's or a real Redis, on a disk that fails when a test says so."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.conftest import find_free_port
from tests.integration.disk_faults import FaultyDisk

START_S_MAX = 60.0
ANSWER_S_MAX = 0.4
"""A reply that has not come by then waits for the disk."""
RESUMES_S_MAX = 5.0
"""Service is back so long after the disk works again."""
PROBE_PAUSE_S = 0.02


def until(condition: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    """Wait for it."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(PROBE_PAUSE_S)


class FaultyServer:
    """A server in the folder of a disk. Its log is beside the folder."""

    def __init__(self, disk: FaultyDisk, *words: str, kind: str = "garrison") -> None:
        if kind == "redis" and shutil.which("redis-server") is None:
            pytest.skip("redis-server is not installed: nothing to compare with")
        self.disk, self.kind = disk, kind
        self.log = disk.folder.parent / f"{disk.folder.name}.log"
        self.acknowledged: list[int] = []
        """Numbers whose SET was answered with OK."""
        self.words = words
        """What it is started with, the next time too."""
        self._port = find_free_port()
        self._next = 0
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self, *, faulty: bool = True) -> subprocess.Popen[bytes]:
        """Start the process, and wait for nothing."""
        program = ["redis-server"] if self.kind == "redis" else [sys.executable, "-m", "garrison", "node"]
        where = ["--port", str(self._port), "--dir", str(self.disk.folder)]
        environment = self.disk.environment() if faulty else dict(os.environ)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*program, *where, *self.words], stdout=log, stderr=log, env=environment
            )
        return self._process

    def start(self, *, faulty: bool = True) -> None:
        """Start the process, and wait until it serves."""
        process = self.launch(faulty=faulty)
        until(lambda: process.poll() is not None or self._serves(), "it serves", START_S_MAX)
        assert process.poll() is None, self.logged()[-2000:]

    def _serves(self) -> bool:
        try:
            with self.client() as client:
                return not client.info("persistence")["loading"]
        except redis.RedisError:
            return False

    def kill(self) -> None:
        """SIGKILL, if it still runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def restart(self, *, faulty: bool = True) -> None:
        """SIGKILL, and a start from what is on the disk."""
        self.kill()
        self.start(faulty=faulty)

    def client(self, timeout_s: float = 30.0) -> redis.Redis:
        """A client that tries nothing twice."""
        return redis.Redis(port=self._port, socket_timeout=timeout_s, retry=Retry(NoBackoff(), 0))

    def logged(self) -> str:
        return self.log.read_text()

    def persistence(self, field: str) -> str:
        with self.client() as client:
            return str(client.info("persistence")[field])

    def count(self, numbers: int = 1) -> str:
        """Write so many numbers; what the first one that was not let in got, or an empty text."""
        with self.client(ANSWER_S_MAX) as client:
            for _ in range(numbers):
                number = self._next
                try:
                    client.set(f"n:{number}", f"{number}:" + "x" * 100)
                except redis.TimeoutError:
                    return "no reply"
                except redis.ResponseError as error:
                    return str(error)
                finally:
                    self._next += 1
                self.acknowledged.append(number)
        return ""

    def until_refused(self) -> str:
        """Write until that is refused; the error."""
        refusals: list[str] = []

        def is_refused() -> bool:
            answer = self.count()
            if answer.startswith("MISCONF"):
                refusals.append(answer)
            return bool(refusals)

        until(is_refused, "writes are refused")
        return refusals[0]

    def heal(self) -> None:
        """The disk works again; so does the server, in time."""
        self.disk.heal()
        until(lambda: self.count() == "", "writes are taken again", RESUMES_S_MAX)

    def missing(self) -> list[int]:
        """Numbers that were acknowledged and are not there."""
        with self.client() as client, client.pipeline(transaction=False) as pipeline:
            for number in self.acknowledged:
                pipeline.get(f"n:{number}")
            found = pipeline.execute()
        return [
            number
            for number, value in zip(self.acknowledged, found, strict=True)
            if value != b"%d:" % number + b"x" * 100
        ]
