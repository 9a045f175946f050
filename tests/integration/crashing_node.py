"""A node of a level of files that is started and killed in one folder, and keys that make its files big."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.conftest import find_free_port

LEVELS = {
    "always": ("--appendonly", "yes", "--appendfsync", "always", "--save", ""),
    "everysec": ("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
    "snapshot": ("--appendonly", "no", "--save", ""),
}
START_S_MAX = 60.0
FILLING = 20_000
"""Keys that make the files big."""
FILLING_DB = 1
FILLING_BYTES = 500
FILLING_BATCH = 1_000


class CrashingNode:
    """Starts a node in its folder, and kills it, again and again."""

    def __init__(self, level: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = find_free_port()
        self.start_s = 1.0
        """How long the last start took."""
        self.killed = 0.0
        """When it was last killed."""
        self._folder, self._words = folder, LEVELS[level]
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the process, and wait for nothing."""
        command = [sys.executable, "-m", "garrison", "node", "--port", str(self.port), *self._words]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen([*command, "--dir", str(self._folder)], stdout=log, stderr=log)
        return self._process

    def start(self) -> None:
        """Start the process, and wait until it has read its files."""
        process, began = self.launch(), time.monotonic()
        while time.monotonic() < began + START_S_MAX and process.poll() is None:
            try:
                with self.client() as client:
                    if not client.info("persistence")["loading"]:
                        self.start_s = time.monotonic() - began
                        return
            except redis.RedisError:
                time.sleep(0.01)
        self.kill()
        raise AssertionError(f"the node does not start: {(self._folder / 'log').read_text()[-2000:]}")

    def kill(self) -> None:
        """SIGKILL, if it still runs."""
        process = self._process
        if process is not None and process.poll() is None:
            self.killed = time.monotonic()
            process.kill()
            process.wait()

    def client(self, db: int = 0) -> redis.Redis:
        """A client that tries nothing twice."""
        return redis.Redis(port=self.port, db=db, socket_timeout=30, retry=Retry(NoBackoff(), 0))


def fill(client: redis.Redis) -> None:
    """Write the keys that make the files big."""
    with client.pipeline(transaction=False) as pipeline:
        pipeline.execute_command("SELECT", FILLING_DB)
        for first in range(0, FILLING, FILLING_BATCH):
            numbers = range(first, first + FILLING_BATCH)
            pipeline.mset({f"filling:{number}": f"{number}:" + "x" * FILLING_BYTES for number in numbers})
        pipeline.execute_command("SELECT", 0)
        pipeline.execute()


def filling(client: redis.Redis) -> int:
    """How many of them are there."""
    with client.pipeline(transaction=False) as pipeline:
        pipeline.execute_command("SELECT", FILLING_DB)
        pipeline.dbsize()
        pipeline.execute_command("SELECT", 0)
        return int(pipeline.execute()[1])
