"""`garrison doctor` at real servers with planted faults: ours and Redis 7, a cluster, a group of Sentinels.

What it says to type is typed, and the finding is then gone.
"""

from __future__ import annotations

import asyncio
import json
import shlex
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from garrison.__main__ import main
from garrison.client import open_connection
from garrison.cluster.core.topology import Address
from garrison.cluster.local.cluster import LocalCluster
from garrison.cluster.local.sentinel_group import NAME, LocalGroup
from tests.integration.processes import wait_stopped
from tests.integration.sentinels import until
from tests.integration.shards import keys_in
from tests.unit.client.servers import ServerProcess, running_server

pytestmark = pytest.mark.timeout(120)
DOCTOR_SECONDS_MAX = 60
KEYS = 1_500
NOT_SIMPLY_TYPED = {"one-host", "clock-unsynchronised", "huge-pages", "overcommit", "somaxconn"}
"""Findings about this machine, which a test does not change."""


def doctor(port: int, *options: str) -> tuple[int, dict[str, Any]]:
    """Exit code and document of a run."""
    command = [sys.executable, "-m", "garrison", "doctor", str(port), "--json", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=DOCTOR_SECONDS_MAX)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def doctor_here(capsys: pytest.CaptureFixture[str], port: int, *options: str) -> tuple[int, dict[str, Any]]:
    """As :func:`doctor`, in this process, which saves its start."""
    capsys.readouterr()
    code = main(["doctor", str(port), "--json", *options])
    return code, json.loads(capsys.readouterr().out)


def findings(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Code -> the first finding of it; a deployment with one subject."""
    (subject,) = document["subjects"]
    found: dict[str, dict[str, Any]] = {}
    for each in subject["findings"]:
        found.setdefault(each["code"], each)
    return found


def words_of(command: str) -> list[str]:
    words = shlex.split(command)
    assert words[0] == "garrison"
    return words[1:]


def type_in(command: str) -> None:
    words = [sys.executable, "-m", "garrison", *words_of(command)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=DOCTOR_SECONDS_MAX)
    assert done.returncode == 0, done.stdout + done.stderr


# One node.


@pytest.fixture(params=["garrison", "redis"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ServerProcess]:
    with running_server(request.param, tmp_path, "--maxmemory", "200mb", "--appendonly", "yes") as running:
        yield running


def test_node_in_good_order_has_no_danger(server: ServerProcess, capsys: pytest.CaptureFixture[str]) -> None:
    code, document = doctor_here(capsys, server.port, "--min-severity", "warning")
    assert (code, document["ok"]) == (0, True)
    assert findings(document).keys() <= NOT_SIMPLY_TYPED
    unseen = {each["code"] for each in document["subjects"][0]["not_looked_at"]}
    assert not unseen & {"huge-pages", "open-files", "clock-skew", "slow-commands", "weak-password"}
    server.stop()
    code, document = doctor_here(capsys, server.port, "--timeout", "0.3")
    assert (code, document["ok"]) == (3, False)
    assert "no answer" in document["error"]


def test_planted_faults_of_a_node_are_found_and_mended(
    server: ServerProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    (server.directory / "dump.rdb").mkdir()  # A snapshot cannot be renamed to a folder.
    for name, value in {
        "tcp-keepalive": "0",
        "client-output-buffer-limit": "pubsub 0 0 0",
        "appendfsync": "no",
        "slowlog-log-slower-than": "0",
        "protected-mode": "no",
    }.items():
        assert server.cli("CONFIG", "SET", name, value) == "OK"
    script = f"for n = 1, {KEYS} do redis.call('SET', 'page:' .. n, n, 'EX', 1000) end return 1"
    assert server.cli("EVAL", script, "0") == "1"
    assert server.cli("HSET", "cart", "a", "1") == "1"
    assert server.cli("SETRANGE", "film", str(8 * 1024**2), "x")
    assert server.cli("HGETALL", "cart")
    assert server.cli("KEYS", "film") == "film"
    server.cli("BGSAVE")
    until("a failed snapshot", lambda: "rdb_last_bgsave_status:err" in server.cli("INFO"))

    code, document = doctor_here(capsys, server.port, "--deep")
    found = findings(document)
    assert (code, document["ok"]) == (1, False)
    assert {
        "save-failed",
        "noeviction-cache",
        "no-keepalive",
        "pubsub-unlimited",
        "never-synced",
        "keys-called",
        "whole-values",
        "big-values",
    } <= found.keys()
    assert document["subjects"][0]["findings"][0]["severity"] == "error"
    assert found["noeviction-cache"]["evidence"] == {"keys": KEYS + 2, "expires": KEYS}
    assert "open-to-all" not in found, "it is bound to loopback"

    (server.directory / "dump.rdb").rmdir()
    mended = ("save-failed", "noeviction-cache", "no-keepalive", "pubsub-unlimited", "never-synced")
    for finding in mended:
        for command in found[finding]["commands"]:
            if "REWRITE" not in command:  # It was started without a file.
                assert main(words_of(command)) == 0
    until("a good snapshot", lambda: "rdb_last_bgsave_status:ok" in server.cli("INFO"))
    code, document = doctor_here(capsys, server.port)
    assert code == 0
    assert not findings(document).keys() & set(mended)


def test_user_of_the_documentation_sees_everything(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (root / "docs" / "doctor.md").read_text()
    words = text[text.index("ACL SETUSER doctor") :].partition("```")[0].split()
    assert len(words) > 10
    with running_server("redis", tmp_path) as server:
        assert server.cli(*words) == "OK"
        assert server.cli("SETRANGE", "film", str(8 * 1024**2), "x")
        _, everything = doctor_here(capsys, server.port, "--deep")
        login = ("--user", "doctor", "--pass", "LONG-PASSWORD")
        _, document = doctor_here(capsys, server.port, "--deep", *login)
    assert "big-values" in findings(document)
    assert findings(document).keys() == findings(everything).keys()
    unseen = [each["subjects"][0]["not_looked_at"] for each in (document, everything)]
    assert unseen[0] == unseen[1]


# A cluster.


@pytest_asyncio.fixture(loop_scope="function")
async def cluster() -> AsyncIterator[LocalCluster]:
    async with LocalCluster() as running:
        yield running


async def call(address: Address, *words: str) -> Any:
    connection = await open_connection(address.host, address.port)
    try:
        return await connection.call(*words)
    finally:
        await connection.close()


async def test_planted_faults_of_a_cluster_are_found(cluster: LocalCluster) -> None:
    state = await cluster.wait_healthy()
    first, second, third = state.primaries
    (replica,) = state.replicas_of(third.id)
    moved = next(iter(state.slots_of[first.id]))
    await call(first.address, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    await call(second.address, "CONFIG", "SET", "cluster-node-timeout", "30000")
    await call(second.address, "CLUSTER", "SETSLOT", str(moved), "IMPORTING", first.id)
    await call(first.address, "CLUSTER", "SETSLOT", str(moved), "MIGRATING", second.id)
    (key,) = keys_in(state.slots_of[first.id] - {moved}, 1)
    await call(first.address, "SET", key, "1")
    stopped = cluster.node(replica.address)
    stopped.signal(signal.SIGSTOP)
    assert stopped.process is not None
    await asyncio.to_thread(wait_stopped, stopped.process.pid)
    try:
        code, document = await asyncio.to_thread(doctor, second.address.port, "--timeout", "1")
    finally:
        stopped.signal(signal.SIGCONT)
    found = findings(document)
    assert code == 1
    subject = document["subjects"][0]
    assert (subject["kind"], subject["nodes"], subject["nodes_silent"]) == ("cluster", 6, 1)
    assert {
        "open",
        "unreachable",
        "settings-differ",
        "node-timeouts-differ",
        "node-timeout",
        "no-files",
        "one-host",
    } <= found.keys()
    assert found["unreachable"]["where"] == str(replica.address)
    assert found["unreachable"]["severity"] == "warning", "it owns no slots"
    assert found["settings-differ"]["commands"] == [
        f"garrison cli -h 127.0.0.1 -p {first.address.port} CONFIG SET maxmemory-policy noeviction"
    ]
    await cluster.wait_healthy()
    for name in ("settings-differ", "node-timeouts-differ", "open"):
        for command in found[name]["commands"]:
            await asyncio.to_thread(type_in, command)
    _, document = await asyncio.to_thread(doctor, first.address.port)
    assert not findings(document).keys() & {"settings-differ", "node-timeouts-differ", "open", "unreachable"}


# Sentinels.


async def test_planted_faults_of_sentinels_are_found() -> None:
    async with LocalGroup(replicas=1, sentinels=3) as group:
        one, two, three = group.sentinels
        for sentinel in (one, two, three):
            await group.call(sentinel, "SENTINEL", "SET", NAME, "quorum", "1")
        await group.call(two, "SENTINEL", "SET", NAME, "down-after-milliseconds", "45000")
        await group.call(group.nodes[0], "CONFIG", "SET", "requirepass", "foobared")
        await group.call(group.nodes[1], "CONFIG", "SET", "replica-read-only", "no")
        await three.stop()
        code, document = await asyncio.to_thread(doctor, one.address.port, "--pass", "foobared")
    found = findings(document)
    assert code == 1
    subject = document["subjects"][0]
    assert (subject["kind"], subject["name"], subject["nodes"]) == ("sentinel", NAME, 2)
    assert {
        "quorum-of-one",
        "sentinel-settings-differ",
        "sentinel-silent",
        "sentinels-on-one-host",
        "weak-password",
        "no-masterauth",
        "passwords-differ",
        "replica-writable",
    } <= found.keys()
    assert found["sentinel-silent"]["where"] == str(three.address)
    assert found["weak-password"]["severity"] == "error"
    assert "foobared" not in json.dumps(document)
