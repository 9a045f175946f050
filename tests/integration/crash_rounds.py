"""Rounds of write, SIGKILL, restart and compare: what each level of files promises, on real processes.

    python -m tests.integration.crash_rounds --level always --rounds 200

One client counts upwards, each number under a key of its own, and notes when each was acknowledged. After
the restart the node must have all numbers up to one, and that one is compared with what was promised:
`always` loses nothing that was acknowledged, `everysec` nothing that is older than a second, snapshots have
what the last one had.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import subprocess
import sys
import tempfile
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
LOSS_S_MAX = 1.0
START_S_MAX = 30.0
BATCH = 16


class Crashes:
    """A node in a folder, killed again and again."""

    def __init__(self, level: str, folder: Path, seed: int) -> None:
        self.level = level
        self._folder = folder
        self._random = random.Random(seed)
        self._port = find_free_port()
        self._acknowledged: list[float] = []
        """When each number was acknowledged."""
        self._saved = 0
        """What the last snapshot that was completed holds at least."""

    def round(self) -> str:
        """Write for a moment, kill, start again, compare; what is wrong, or an empty text."""
        node = self._start()
        try:
            self._write(until=time.monotonic() + self._random.uniform(0.05, 0.6))
        finally:
            node.kill()
            node.wait()
        killed = time.monotonic()
        node = self._start()
        try:
            with self._client() as client:
                found = self._found(client)
        finally:
            node.kill()
            node.wait()
        written = len(self._acknowledged)
        promised = self._promised(killed)
        del self._acknowledged[found:]
        self._saved = min(self._saved, found)
        if found < promised:
            return f"{found} of {written} numbers are there, {promised} were promised"
        return ""

    def _promised(self, killed: float) -> int:
        if self.level == "always":
            return len(self._acknowledged)
        if self.level == "everysec":
            return sum(at <= killed - LOSS_S_MAX for at in self._acknowledged)
        return self._saved

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "garrison", "node", "--port", str(self._port)]
        with (self._folder / "log").open("ab") as log:
            node = subprocess.Popen(
                [*command, *LEVELS[self.level], "--dir", str(self._folder)], stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_S_MAX
        while time.monotonic() < deadline and node.poll() is None:
            try:
                with self._client() as client:
                    if not client.info("persistence")["loading"]:
                        return node
            except redis.RedisError:
                time.sleep(0.01)
        node.kill()
        raise AssertionError(f"the node does not start: {(self._folder / 'log').read_text()[-2000:]}")

    def _client(self) -> redis.Redis:
        return redis.Redis(port=self._port, socket_timeout=30, retry=Retry(NoBackoff(), 0))

    def _write(self, until: float) -> None:
        with self._client() as client:
            while time.monotonic() < until:
                first = len(self._acknowledged)
                with client.pipeline(transaction=self._random.random() < 0.3) as pipeline:
                    for number in range(first, first + BATCH):
                        pipeline.set(f"n:{number}", number)
                    pipeline.execute()
                self._acknowledged += [time.monotonic()] * BATCH
                match self._random.randrange(60):
                    case 0 if self.level == "snapshot":
                        client.save()
                        self._saved = len(self._acknowledged)
                    case 1 if self.level != "snapshot":
                        # One may be under way already.
                        with contextlib.suppress(redis.ResponseError):
                            client.execute_command("BGREWRITEAOF")

    def _found(self, client: redis.Redis) -> int:
        """How many numbers are there from the first on; a hole is a fault of its own."""
        count = int(client.dbsize())
        with client.pipeline(transaction=False) as pipeline:
            for number in range(count):
                pipeline.exists(f"n:{number}")
            missing = [number for number, there in enumerate(pipeline.execute()) if not there]
        assert not missing, f"numbers are missing before later ones: {missing[:5]}"
        return count


def campaign(level: str, rounds: int, seed: int) -> list[str]:
    """What went wrong in so many rounds."""
    with tempfile.TemporaryDirectory() as folder:
        crashes = Crashes(level, Path(folder), seed)
        return [wrong for wrong in (crashes.round() for _ in range(rounds)) if wrong]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--level", choices=LEVELS, required=True)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    wrong = campaign(given.level, given.rounds, given.seed)
    print(f"{given.level}: {given.rounds} rounds, {len(wrong)} broken promises")
    for line in wrong:
        print(f"  {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
