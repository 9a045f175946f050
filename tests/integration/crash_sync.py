"""A replica that is killed in the midst of a full sync: it comes back with its former data or the new,
not a mix.

Before each round the replica takes a write of its own, so that only a full sync can join it to the
primary again. After the kill it is started by itself, and compared with what was on its disk: what it
had confirmed (WAITAOF, or a snapshot) is there, the other keys are complete, and with `always` its own
write is there if the new data is not.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from pathlib import Path

import redis

from tests.integration.crashing_node import FILLING, CrashingNode, fill, filling

OWN_DB = 2
SYNC_S_MAX = 30.0


class SyncCrashes:
    """A primary that lasts, and a replica that is killed again and again."""

    def __init__(self, level: str, folder: Path, seed: int) -> None:
        self.level = level
        self._random = random.Random(seed)
        self._primary = CrashingNode("snapshot", folder / "primary")
        self._replica = CrashingNode(level, folder / "replica")
        self._primary.start()
        self._written = 0
        self._confirmed = 0
        """Numbers that are on the replica's disk."""
        self._sync_s = 0.5
        """How long a full sync takes."""
        self._rounds = 0
        with self._primary.client() as client:
            fill(client)

    def close(self) -> None:
        self._primary.kill()
        self._replica.kill()

    def round(self, _during: str) -> str:
        """Begin a full sync, kill, start again, compare; what is wrong, or an empty text."""
        self._rounds += 1
        is_whole = self._rounds % 3 == 1
        at_begin = self._written
        self._replica.start()
        try:
            with self._replica.client(OWN_DB) as client:
                client.set("own", self._rounds)
            with self._replica.client() as client:
                client.execute_command("REPLICAOF", "127.0.0.1", self._primary.port)
                self._join(client, is_whole)
        finally:
            self._replica.kill()
        self._replica.start()
        try:
            with self._replica.client() as client, self._replica.client(OWN_DB) as others:
                return self._compare(client, others.get("own"), at_begin)
        finally:
            self._replica.kill()

    def _join(self, replica: redis.Redis, is_whole: bool) -> None:
        """Count at the primary while the replica syncs; to the end, or until it is killed on the way."""
        began = time.monotonic()
        seen: float | None = None
        killer = threading.Timer(self._random.uniform(0.0, 1.1) * self._sync_s, self._replica.kill)
        with (
            self._primary.client() as primary,
            contextlib.suppress(*(() if is_whole else (redis.RedisError,))),
        ):
            while not self._is_up(replica) or not is_whole:
                assert time.monotonic() < began + SYNC_S_MAX, "the full sync does not end"
                primary.set(f"n:{self._written}", self._written)
                self._written += 1
                if seen is None and self._is_syncing(replica):
                    seen = time.monotonic()
                    if not is_whole:
                        killer.start()
            self._confirm(primary, replica)
            self._sync_s = time.monotonic() - (seen or began)
        if not is_whole:
            killer.join()

    def _is_up(self, replica: redis.Redis) -> bool:
        return bool(replica.info("replication")["master_link_status"] == "up")

    def _is_syncing(self, replica: redis.Redis) -> bool:
        return bool(replica.info("replication")["master_sync_in_progress"]) or self._is_up(replica)

    def _confirm(self, primary: redis.Redis, replica: redis.Redis) -> None:
        """Have the replica put all on its disk that was written so far."""
        written = self._written
        if self.level == "snapshot":
            assert primary.wait(1, 10_000) == 1
            replica.save()
        else:
            # It counts a replica only when its log is whole after the sync.
            assert primary.execute_command("WAITAOF", 0, 1, 30_000)[1] == 1
        self._confirmed = written

    def _compare(self, client: redis.Redis, own: bytes | None, at_begin: int) -> str:
        found, others = int(client.dbsize()), filling(client)
        with client.pipeline(transaction=False) as pipeline:
            for number in range(found):
                pipeline.get(f"n:{number}")
            wrong = [number for number, value in enumerate(pipeline.execute()) if value != b"%d" % number]
        if wrong:
            return f"numbers are missing or wrong before later ones: {wrong[:5]}"
        if found < self._confirmed:
            return f"{found} numbers are there, {self._confirmed} were on the replica's disk"
        if others not in ((0, FILLING) if found == 0 else (FILLING,)):
            return f"{others} of {FILLING} other keys are there, beside {found} numbers"
        if self.level == "always" and found < at_begin and own != b"%d" % self._rounds:
            return f"neither the former data with its last write nor the new: {found} numbers, {own!r}"
        return ""
