"""Rounds of write, SIGKILL, restart and compare: what each level of files promises, on real processes.

    python -m tests.integration.crash_rounds --level always --rounds 200 --during all

One client counts upwards, each number under a key of its own, and notes when each was acknowledged. The
node is killed in the midst of that, or of a rewrite, a save, a load or a replica's full sync
(`crash_sync.py`). After the restart it must have all numbers up to one, and that one is compared with
what was promised: `always` loses nothing that was acknowledged, `everysec` nothing that is older than a
second, snapshots have what the last one had. In another database there are other keys, so that a save, a
rewrite and a load take a while; none of them may be missing.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import redis

from tests.integration.crash_sync import SyncCrashes
from tests.integration.crashing_node import FILLING, LEVELS, CrashingNode, fill, filling

LOSS_S_MAX = 1.0
BATCH = 16
TOLD_EVERY = 20
"""So often a long campaign says how far it is."""
MOMENTS = ("write", "rewrite", "save", "load")


class Crashes:
    """A node in a folder, killed again and again."""

    def __init__(self, level: str, folder: Path, seed: int) -> None:
        self.level = level
        self._node = CrashingNode(level, folder)
        self._random = random.Random(seed)
        self._acknowledged: list[float] = []
        """When each number was acknowledged."""
        self._saved = 0
        """What the last snapshot that was completed holds at least."""
        self._saving: tuple[int, int] | None = None
        """What the snapshot under way will hold, and how many were completed before it."""
        self._is_filled = False

    def round(self, during: str) -> str:
        """Write for a moment, kill, start again, compare; what is wrong, or an empty text."""
        self._node.start()
        try:
            if not self._is_filled:
                self._fill()
            killer = threading.Timer(self._random.uniform(0.05, 0.5), self._node.kill)
            killer.start()
            try:
                self._write(during)
            finally:
                killer.join()
        finally:
            self._node.kill()
        killed = self._node.killed
        if during == "load":
            # In the midst of a start, most likely while it reads its files.
            self._node.launch()
            time.sleep(self._random.uniform(0.4, 1.1) * self._node.start_s)
            self._node.kill()
        self._node.start()
        try:
            with self._node.client() as client:
                found, others = self._found(client), filling(client)
        finally:
            self._node.kill()
        written, promised = len(self._acknowledged), self._promised(killed)
        del self._acknowledged[found:]
        self._saved, self._saving = min(self._saved, found), None
        if others != FILLING:
            return f"{others} of {FILLING} other keys are there"
        if found < promised:
            return f"{found} of {written} numbers are there, {promised} were promised"
        return ""

    def _fill(self) -> None:
        """Write the other keys, and let the level make them last."""
        with self._node.client() as client:
            fill(client)
            if self.level == "snapshot":
                client.save()
            else:
                client.execute_command("WAITAOF", 1, 0, 0)
        self._is_filled = True

    def _promised(self, killed: float) -> int:
        if self.level == "always":
            return len(self._acknowledged)
        if self.level == "everysec":
            return sum(at <= killed - LOSS_S_MAX for at in self._acknowledged)
        return self._saved

    def _write(self, during: str) -> None:
        """Count until the node is gone; somewhere on the way comes the moment."""
        begin_at = self._random.randrange(12)
        try:
            with self._node.client() as client:
                for turn in itertools.count():
                    self._count(client)
                    if turn == begin_at:
                        self._begin(client, during)
                    self._look_after_save(client)
        except redis.RedisError:
            return

    def _count(self, client: redis.Redis) -> None:
        first = len(self._acknowledged)
        with client.pipeline(transaction=self._random.random() < 0.3) as pipeline:
            for number in range(first, first + BATCH):
                pipeline.set(f"n:{number}", number)
            pipeline.execute()
        self._acknowledged += [time.monotonic()] * BATCH

    def _begin(self, client: redis.Redis, during: str) -> None:
        if during == "rewrite" and self.level != "snapshot":
            client.execute_command("BGREWRITEAOF")
        elif during in ("rewrite", "save") or self.level == "snapshot":
            self._saving = len(self._acknowledged), self._saves(client)
            client.bgsave()

    def _look_after_save(self, client: redis.Redis) -> None:
        if self._saving is not None and self._saves(client) > self._saving[1]:
            self._saved, self._saving = self._saving[0], None

    def _saves(self, client: redis.Redis) -> int:
        return int(client.info("persistence")["rdb_saves"])

    def _found(self, client: redis.Redis) -> int:
        """How many numbers are there from the first on; a hole is a fault of its own."""
        count = int(client.dbsize())
        with client.pipeline(transaction=False) as pipeline:
            for number in range(count):
                pipeline.get(f"n:{number}")
            wrong = [number for number, value in enumerate(pipeline.execute()) if value != b"%d" % number]
        assert not wrong, f"numbers are missing or wrong before later ones: {wrong[:5]}"
        return count


def campaign(level: str, rounds: int, seed: int, during: str = "all") -> list[str]:
    """What went wrong in so many rounds."""
    with tempfile.TemporaryDirectory() as folder:
        crashes = Crashes(level, Path(folder) / "node", seed)
        moments = (*MOMENTS, "sync") if during == "all" else (during,)
        work: dict[str, Callable[[str], str]] = dict.fromkeys(MOMENTS, crashes.round)
        sync: SyncCrashes | None = None
        outcomes: list[tuple[str, str]] = []
        if "sync" in moments:
            sync = SyncCrashes(level, Path(folder) / "sync", seed)
            work["sync"] = sync.round
        try:
            for number, moment in enumerate(itertools.islice(itertools.cycle(moments), rounds), start=1):
                outcomes.append((moment, work[moment](moment)))
                if number % TOLD_EVERY == 0:
                    broken = sum(bool(wrong) for _, wrong in outcomes)
                    print(f"{level}: {number} rounds, {broken} broken", file=sys.stderr, flush=True)
        finally:
            if sync is not None:
                sync.close()
    return [f"{moment}: {wrong}" for moment, wrong in outcomes if wrong]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--level", choices=LEVELS, required=True)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--during", choices=("all", *MOMENTS, "sync"), default="all")
    given = parser.parse_args()
    began = time.monotonic()
    wrong = campaign(given.level, given.rounds, given.seed, given.during)
    took = time.monotonic() - began
    print(f"{given.level}, during {given.during}: {given.rounds} rounds in {took:.0f} s, {len(wrong)} broken")
    for line in wrong:
        print(f"  {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
