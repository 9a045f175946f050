"""Redis's tools at our cluster: redis-cli --cluster moves slots, redis-benchmark loads; our own prompt."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
import redis

from tests.unit.client.servers import ServerProcess, running_cluster

KEYS = 2000
MOVED_SLOTS = 60
TOOL_SECONDS_MAX = 100


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[ServerProcess]]:
    """Three primaries, three replicas; formed by redis-cli --cluster create."""
    with running_cluster("garrison", tmp_path_factory.mktemp("tools"), node_timeout_ms=5000) as nodes:
        yield nodes


def run(program: str, *words: object) -> str:
    """What a tool says; it must end well. Skips where it is not installed."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    command = [program, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TOOL_SECONDS_MAX)
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def primaries(node: ServerProcess) -> list[dict[str, str]]:
    """The lines of CLUSTER NODES that are primaries: id, port and how many slots."""
    found = []
    for line in node.cli("CLUSTER", "NODES").splitlines():
        fields = line.split()
        if "master" in fields[2]:
            ranges = [part.split("-") for part in fields[8:]]
            count = sum(int(each[-1]) - int(each[0]) + 1 for each in ranges)
            port = fields[1].partition("@")[0].rpartition(":")[2]
            found.append({"id": fields[0], "port": port, "slots": str(count)})
    return found


def until_redis_cli_is_content(node: ServerProcess) -> None:
    """Gossip tells the others of new owners; until they agree, `--cluster check` ends with an error."""
    if shutil.which("redis-cli") is None:
        pytest.skip("redis-cli is not installed")
    command = ["redis-cli", "--cluster", "check", f"127.0.0.1:{node.port}"]
    deadline = time.monotonic() + TOOL_SECONDS_MAX
    while True:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TOOL_SECONDS_MAX)
        if done.returncode == 0:
            break
        assert time.monotonic() < deadline, done.stdout + done.stderr
        time.sleep(0.1)
    assert "[OK] All nodes agree about slots configuration." in done.stdout
    assert "[OK] All 16384 slots covered." in done.stdout
    assert "[WARNING]" not in done.stdout


def test_redis_cli_reshards_with_every_key(cluster: list[ServerProcess]) -> None:
    entry = cluster[0]
    with redis.RedisCluster(host="127.0.0.1", port=entry.port) as client:
        client.mset_nonatomic({f"key:{number}": number for number in range(KEYS)})
        source, target, _ = primaries(entry)
        words = ["--cluster", "reshard", f"127.0.0.1:{entry.port}", "--cluster-yes"]
        words += ["--cluster-from", source["id"], "--cluster-to", target["id"]]
        run("redis-cli", *words, "--cluster-slots", MOVED_SLOTS)
        until_redis_cli_is_content(entry)
        slots = {node["id"]: int(node["slots"]) for node in primaries(entry)}
        assert slots[source["id"]] == int(source["slots"]) - MOVED_SLOTS
        assert slots[target["id"]] == int(target["slots"]) + MOVED_SLOTS
        values = client.mget_nonatomic([f"key:{number}" for number in range(KEYS)])
    assert values == [str(number).encode() for number in range(KEYS)]


def test_redis_benchmark_loads_every_primary(cluster: list[ServerProcess]) -> None:
    entry = cluster[0]
    before = {node["port"]: calls(node["port"]) for node in primaries(entry)}
    words = ["-p", entry.port, "-n", 3000, "-c", 12, "-r", 1000, "-t", "set,get", "-q"]
    out = run("redis-benchmark", "--cluster", *words)
    assert "SET:" in out
    assert "GET:" in out
    assert "requests per second" in out
    for port, (sets, gets) in before.items():
        more_sets, more_gets = calls(port)
        assert more_sets > sets, f"no SET reached the primary on port {port}"
        assert more_gets > gets, f"no GET reached the primary on port {port}"


def calls(port: str) -> tuple[int, int]:
    """How many SETs and GETs a node has executed."""
    with redis.Redis(port=int(port)) as client:
        stats = client.info("commandstats")
    sets, gets = (int(stats.get(f"cmdstat_{name}", {}).get("calls", 0)) for name in ("set", "get"))
    return sets, gets


def test_garrison_cli_shows_redirects_as_redis_cli(cluster: list[ServerProcess]) -> None:
    """The bytes of both, through redirects and over all primaries."""
    entry = ["-p", str(cluster[0].port), "-c"]
    lines = b"".join(b"SET walk:%d 1\nGET walk:%d\n" % (number, number) for number in range(20))
    ours, theirs = ["garrison", "cli"], ["redis-cli"]
    told = [pipe(program, *entry, "--no-raw", stdin=lines) for program in (ours, theirs)]
    assert b"-> Redirected to slot [" in told[0]
    assert told[0] == told[1]
    keys = pipe(ours, *entry, "--scan", "--pattern", "walk:*").split()
    assert sorted(keys) == sorted(b"walk:%d" % number for number in range(20))


def pipe(program: list[str], *words: str, stdin: bytes = b"") -> bytes:
    command = [sys.executable, "-m", *program] if program[0] == "garrison" else program
    done = subprocess.run(
        [*command, *words], input=stdin, capture_output=True, check=True, timeout=TOOL_SECONDS_MAX
    )
    return done.stdout
