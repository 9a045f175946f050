"""`garrison aof` beside redis-check-aof, on what a real Redis wrote, and back."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest
import redis

from tests.commands.wire import start_redis

pytest.importorskip("garrison.node._engine", reason="the engine is not built here: pip install -e . first")

from garrison.node.files.aof_cli import main as aof
from garrison.node.files.rdb_cli import main as rdb

pytestmark = pytest.mark.skipif(
    shutil.which("redis-server") is None or shutil.which("redis-check-aof") is None,
    reason="a real Redis is not here",
)

NAME = "with blank's.aof"
OPTIONS = ("--appendonly", "yes", "--appendfilename", NAME, "--aof-timestamp-enabled", "yes", "--save", "")


def written(folder: Path) -> Path:
    """What a real Redis leaves behind: a base of 100 keys, and an increment with a transaction."""
    server = start_redis("redis-server", folder, *OPTIONS)
    try:
        with redis.Redis(port=server.port) as client:
            client.mset({f"key:{number}": number for number in range(100)})
            client.bgrewriteaof()
            while client.info("persistence")["aof_rewrite_in_progress"]:
                time.sleep(0.01)
            client.set("before", 1)
            with client.pipeline(transaction=True) as pipeline:
                pipeline.set("one", 1).set("two", 2).execute()
    finally:
        server.stop()
    return folder / "appendonlydir"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("redis"))


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "appendonlydir"))


def their_code(folder: Path) -> int:
    command = ["redis-check-aof", str(folder / f"{NAME}.manifest")]
    return subprocess.run(command, capture_output=True, check=False).returncode


def last_part(folder: Path) -> Path:
    return max(folder.glob("*.incr.aof"))


def test_folder_of_redis_is_sound(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert aof(["check", str(folder)]) == their_code(folder) == 0
    out = capsys.readouterr().out
    assert "100 keys as RDB, 0 commands: sound" in out
    assert rdb(["check", str(next(folder.glob("*.base.rdb")))]) == 0


@pytest.mark.parametrize("bytes_lost", [1, 20, 60])
def test_repaired_end_is_sound_for_redis_too(
    folder: Path, bytes_lost: int, capsys: pytest.CaptureFixture[str]
) -> None:
    part = last_part(folder)
    part.write_bytes(part.read_bytes()[:-bytes_lost])
    assert aof(["check", str(folder)]) == their_code(folder) == 1
    assert aof(["fix", str(folder), "--yes"]) == 0
    assert aof(["check", str(folder)]) == their_code(folder) == 0
    server = start_redis("redis-server", folder.parent, *OPTIONS)
    try:
        with redis.Redis(port=server.port) as client:
            # The transaction is gone as a whole.
            assert client.mget("before", "one", "two") == [b"1", None, None]
            assert client.dbsize() == 101
    finally:
        server.stop()


def test_damaged_base_has_the_exit_code_of_redis(folder: Path) -> None:
    base = next(folder.glob("*.base.rdb"))
    damaged = bytearray(base.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    base.write_bytes(damaged)
    assert aof(["check", str(folder)]) == their_code(folder) == 1
