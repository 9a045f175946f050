"""Files of real processes: crashes, files of a real Redis, starts that must not go on."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
import redis

from tests.conftest import find_free_port
from tests.integration.crash_rounds import campaign

pytestmark = pytest.mark.timeout(180)


@pytest.mark.parametrize(
    ("level", "during", "rounds"),
    [("always", "all", 5), ("everysec", "rewrite", 2), ("everysec", "sync", 2), ("snapshot", "save", 2)],
)
def test_each_level_keeps_its_promise_through_crashes(level: str, during: str, rounds: int) -> None:
    assert campaign(level, rounds, seed=7, during=during) == []


Start = Callable[..., redis.Redis]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a server in the folder: garrison, or redis by its name."""
    running: list[subprocess.Popen[bytes]] = []

    def started(*words: str, server: str = "garrison") -> redis.Redis:
        for former in running:
            former.wait(30)
        port = find_free_port()
        command = ["redis-server"] if server == "redis" else [sys.executable, "-m", "garrison", "node"]
        running.append(
            subprocess.Popen(
                [*command, "--port", str(port), "--dir", str(tmp_path), *words], stdout=subprocess.DEVNULL
            )
        )
        client = redis.Redis(port=port)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                client.info("persistence")
                return client
            except redis.RedisError:
                time.sleep(0.02)
        raise AssertionError(f"{server} does not start")

    yield started
    for process in running:
        process.kill()
        process.wait()


def fill(client: redis.Redis) -> None:
    client.set("text", "a" * 1000, ex=10_000)
    client.rpush("list", *range(500))
    client.sadd("set", *range(500))
    client.hset("hash", mapping={f"f{n}": n for n in range(500)})
    client.zadd("scores", {f"m{n}": n for n in range(500)})
    client.xadd("stream", {"field": "value"})
    client.execute_command("SELECT", 3)
    client.set("elsewhere", 1)
    client.execute_command("SELECT", 0)


def digest(client: redis.Redis) -> dict[bytes, list[bytes]]:
    keys = sorted(cast("list[bytes]", client.keys()))
    return {key: client.execute_command("DEBUG", "DIGEST-VALUE", key) for key in keys}


@pytest.mark.parametrize("appendonly", ["no", "yes"])
@pytest.mark.parametrize(("writer", "reader"), [("garrison", "redis"), ("redis", "garrison")])
def test_files_of_one_server_are_read_by_the_other(
    start: Start, writer: str, reader: str, appendonly: str
) -> None:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    words = ("--appendonly", appendonly, "--save", "900 1", "--enable-debug-command", "yes")
    client = start(*words, server=writer)
    fill(client)
    wanted = digest(client)
    client.shutdown()
    client = start(*words, server=reader)
    assert digest(client) == wanted
    assert 0 < client.ttl("text") <= 10_000
    client.set("more", 1)
    wanted = digest(client)
    client.shutdown()
    assert digest(start(*words, server=writer)) == wanted


@pytest.mark.parametrize("content", [b"", b"no snapshot at all", b"REDIS0010\xfa"])
def test_damaged_snapshot_ends_the_start_and_stays(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "dump.rdb"
    file.write_bytes(content)
    command = [
        sys.executable,
        "-m",
        "garrison",
        "node",
        "--port",
        str(find_free_port()),
        "--dir",
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "dump.rdb is damaged" in done.stdout + done.stderr
    assert file.read_bytes() == content


def test_save_rule_writes_a_snapshot_by_itself(start: Start, tmp_path: Path) -> None:
    client = start("--save", "1 1")
    client.set("a", 1)
    deadline = time.monotonic() + 30
    while not (tmp_path / "dump.rdb").exists():
        assert time.monotonic() < deadline, "no snapshot was written"
        time.sleep(0.05)
    assert client.info("persistence")["rdb_changes_since_last_save"] == 0


def test_client_waits_for_its_own_disk(start: Start) -> None:
    client = start("--appendonly", "yes", "--save", "")
    client.set("a", 1)
    assert client.execute_command("WAITAOF", 1, 0, 5000) == [1, 0]
    client.config_set("appendonly", "no")
    with pytest.raises(redis.ResponseError, match="WAITAOF cannot be used when numlocal is set"):
        client.execute_command("WAITAOF", 1, 0, 100)
