"""A real Sentinel process: how it starts, what it refuses, what it keeps, how it ends."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import find_free_port
from tests.integration.sentinels import (
    GARRISON,
    NAME,
    REDIS,
    Bench,
    address,
    redis_program,
    until,
    wait_until_seen,
)

needs_redis = pytest.mark.skipif(redis_program() is None, reason="no redis-server 7.0 on this machine")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    started = Bench(tmp_path)
    yield started
    started.close()


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "garrison", "sentinel", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


def test_its_lines_and_its_orderly_end(bench: Bench, tmp_path: Path) -> None:
    port = find_free_port()
    text = f"sentinel monitor {NAME} 127.0.0.1 {port} 2\npidfile {tmp_path}/pid\n"
    sentinel = bench.sentinel(GARRISON, text)
    sentinel.wait_until_ready()
    assert (tmp_path / "pid").read_text().strip() == str(sentinel.process.pid)
    myid = sentinel("SENTINEL", "MYID").decode()
    log = sentinel.text()
    order = ("Configuration loaded", "Running mode=sentinel", "Sentinel ID is " + myid, "# +monitor master")
    places = [log.index(words) for words in order]
    assert places == sorted(places)
    assert f"{sentinel.process.pid}:X " in log
    sentinel.process.terminate()
    assert sentinel.process.wait(10) == 0
    assert "# User requested shutdown..." in sentinel.text()
    assert "bye bye..." in sentinel.text()
    assert not (tmp_path / "pid").exists()


def test_its_id_and_state_outlive_it(bench: Bench) -> None:
    sentinel = bench.sentinel(GARRISON, "# mine\n")
    sentinel.wait_until_ready()
    myid = sentinel("SENTINEL", "MYID")
    assert sentinel("SENTINEL", "MONITOR", "other", "127.0.0.1", find_free_port(), 3) == "OK"
    assert sentinel("SENTINEL", "SET", "other", "auth-pass", "p q") == "OK"
    assert sentinel("ACL", "SETUSER", "joe", "on", ">x", "+ping") == "OK"
    assert sentinel("SENTINEL", "FLUSHCONFIG") == "OK"
    sentinel.kill()
    text = (sentinel.folder / f"sentinel-{sentinel.port}.conf").read_text()
    assert text.startswith(f"port {sentinel.port}\n# mine\n")
    assert 'sentinel auth-pass other "p q"' in text
    sentinel.start()
    sentinel.wait_until_ready()
    assert sentinel("SENTINEL", "MYID") == myid
    assert sentinel.map("SENTINEL", "MASTER", "other")["quorum"] == "3"
    assert sentinel("ACL", "USERS") == [b"default", b"joe"]


@needs_redis
def test_redis_starts_on_our_file_and_we_on_its(bench: Bench) -> None:
    primary = bench.node(REDIS)
    primary.wait_until_ready()
    bench.node(REDIS, primary=primary).wait_until_ready()
    ours, theirs = bench.watching(primary, [GARRISON, REDIS])
    for sentinel in (ours, theirs):
        sentinel("SENTINEL", "SET", NAME, "parallel-syncs", "3")
    wait_until_seen([ours, theirs], replicas=1)
    ids = [sentinel("SENTINEL", "MYID") for sentinel in (ours, theirs)]
    for sentinel in (ours, theirs):
        sentinel("SENTINEL", "FLUSHCONFIG")
        sentinel.kill()
    paths = [sentinel.folder / f"sentinel-{sentinel.port}.conf" for sentinel in (ours, theirs)]
    redis_on_ours = bench.sentinel_on(REDIS, paths[0], ours.port)
    ours_on_redis = bench.sentinel_on(GARRISON, paths[1], theirs.port)
    for swapped, myid in ((redis_on_ours, ids[0]), (ours_on_redis, ids[1])):
        swapped.wait_until_ready()
        assert swapped("SENTINEL", "MYID") == myid
        facts = swapped.map("SENTINEL", "MASTER", NAME)
        assert (facts["parallel-syncs"], facts["num-slaves"], facts["num-other-sentinels"]) == ("3", "1", "1")
        assert facts["down-after-milliseconds"] == "700"
    wait_until_seen([redis_on_ours, ours_on_redis], replicas=1)


def test_an_old_configuration_does_not_win(bench: Bench) -> None:
    """A Sentinel that is put back to its first file learns from the others where the primary is now."""
    primary = bench.node(GARRISON)
    primary.wait_until_ready()
    replica = bench.node(GARRISON, primary=primary)
    replica.wait_until_ready()
    sentinels = bench.watching(primary, [GARRISON] * 3)
    wait_until_seen(sentinels, replicas=1)
    backward = sentinels[0]
    path = backward.folder / f"sentinel-{backward.port}.conf"
    shutil.copy(path, backward.folder / "old.conf")
    backward.kill()
    primary.kill()
    for sentinel in sentinels[1:]:
        until("failed over", lambda sentinel=sentinel: address(sentinel) == replica.port)  # type: ignore[misc]
    shutil.copy(backward.folder / "old.conf", path)
    primary.start()
    backward.start()
    until("learned", lambda: address(backward) == replica.port)
    until("a replica again", lambda: primary("ROLE")[0] == b"slave")
    # The first answer may be that the promotion has closed this connection.
    until("the primary", lambda: replica("ROLE")[0] == b"master")
    assert {address(sentinel) for sentinel in sentinels} == {replica.port}


def test_what_it_refuses_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "s.conf"
    path.write_text("port 1\nsentinel monitor a 127.0.0.1 6379 0\n")
    refused = run(str(path))
    assert refused.returncode == 1
    assert f"{path}, line 2: 'sentinel monitor a 127.0.0.1 6379 0': Quorum must be 1" in refused.stderr
    (tmp_path / "device.conf").symlink_to(os.devnull)  # never the device itself: a mistake would replace it
    for words, reason in (
        (["--port", "1"], "keeps its state in its configuration file"),
        ([str(tmp_path / "device.conf")], "is not a file"),
        ([str(tmp_path / "nothing.conf")], "No such file or directory"),
    ):
        refused = run(*words)
        assert refused.returncode == 1
        assert reason in refused.stderr
        assert "Traceback" not in refused.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.conf"
    path.write_text("port 1\n")
    path.chmod(0o400)
    assert "is not writable" in run(str(path)).stderr
    path.chmod(0o600)
    tmp_path.chmod(0o500)
    assert "cannot be replaced" in run(str(path)).stderr
    tmp_path.chmod(0o700)


def test_a_port_in_use_changes_nothing(bench: Bench, tmp_path: Path) -> None:
    first = bench.sentinel(GARRISON, "")
    first.wait_until_ready()
    (tmp_path / "second.conf").write_text(f"port {first.port}\n")
    second = run(str(tmp_path / "second.conf"))
    assert second.returncode == 1
    assert f":{first.port}" in second.stdout
    assert (tmp_path / "second.conf").read_text() == f"port {first.port}\n"


def test_check_config(tmp_path: Path) -> None:
    path = tmp_path / "s.conf"
    path.write_text("maxmemory 1gb\nsentinel monitor a 127.0.0.1 6379 1\n")
    checked = run("--check-config", str(path))
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "without effect in a Sentinel: maxmemory" in checked.stdout
    assert path.read_text().count("\n") == 2, "nothing is written"


def test_in_the_background(bench: Bench, tmp_path: Path) -> None:
    port = find_free_port()
    path = tmp_path / "s.conf"
    path.write_text(f"port {port}\ndaemonize yes\npidfile {tmp_path}/pid\nlogfile {tmp_path}/log\n")
    assert run(str(path)).returncode == 0  # the first process ends when the Sentinel serves
    pid = int((tmp_path / "pid").read_text())
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"PING\r\nSHUTDOWN\r\n")
        assert connection.recv(100) == b"+PONG\r\n"
        assert connection.recv(100) == b""
    until("gone", lambda: not Path(f"/proc/{pid}").exists())
    assert not (tmp_path / "pid").exists()


def test_garbage_does_not_disturb_it(bench: Bench) -> None:
    sentinel = bench.sentinel(GARRISON, "")
    sentinel.wait_until_ready()
    rng = random.Random(7)
    pieces = [
        b"*3\r\n",
        b"$-5\r\n",
        b"*99999999\r\n",
        b"\0\xff",
        b"\r\n",
        b"SENTINEL ",
        b'"',
        b"$4\r\nPING\r\n",
    ]
    for _ in range(150):
        with socket.create_connection(("127.0.0.1", sentinel.port), timeout=10) as connection:
            try:
                connection.sendall(b"".join(rng.choices(pieces, k=8)) + rng.randbytes(rng.randrange(40)))
            except ConnectionError:
                pass
    for words in (["SENTINEL"], ["\xff\xfe", "x"], ["SENTINEL", "SET", "\xff", "\r\n", "x"], [""]):
        sentinel(*words)
    assert sentinel("PING") == "PONG"
    assert "Traceback" not in sentinel.text()


def test_passwords_among_sentinels_and_nodes(bench: Bench) -> None:
    primary = bench.node(GARRISON, "--requirepass", "nodes", "--masterauth", "nodes")
    sentinels = []
    for _ in range(2):
        text = (
            f"requirepass sentinels\nsentinel monitor {NAME} 127.0.0.1 {primary.port} 2\n"
            f"sentinel auth-pass {NAME} nodes\nsentinel down-after-milliseconds {NAME} 2000\n"
        )
        sentinels.append(bench.sentinel(GARRISON, text))
    for sentinel in sentinels:
        until("asks for a password", lambda sentinel=sentinel: str(sentinel("PING"))[:6] == "NOAUTH")  # type: ignore[misc]
        assert sentinel("AUTH", "sentinels") == "OK"
    wait_until_seen(sentinels, replicas=0)
    for sentinel in sentinels:
        assert sentinel("SENTINEL", "CKQUORUM", NAME).startswith("OK 2 usable Sentinels")


def test_a_notification_script_hears_of_warnings(bench: Bench, tmp_path: Path) -> None:
    script = tmp_path / "notify"
    script.write_text(f'#!/bin/sh\necho "$1 $2" >> {tmp_path}/heard\n')
    script.chmod(stat.S_IRWXU)
    port = find_free_port()
    text = (
        f"sentinel monitor {NAME} 127.0.0.1 {port} 1\nsentinel down-after-milliseconds {NAME} 200\n"
        f"sentinel notification-script {NAME} {script}\n"
    )
    bench.sentinel(GARRISON, text)
    wanted = f"+sdown master {NAME} 127.0.0.1 {port}"
    until("heard", lambda: wanted in (tmp_path / "heard").read_text().splitlines())


def test_a_sentinel_that_was_stopped_takes_nobody_for_dead(bench: Bench) -> None:
    primary = bench.node(GARRISON)
    primary.wait_until_ready()
    (sentinel,) = bench.watching(primary, [GARRISON], quorum=1)
    wait_until_seen([sentinel], replicas=0)
    sentinel("SENTINEL", "DEBUG", "tilt-trigger", "1000", "tilt-period", "1000")
    sentinel.process.send_signal(signal.SIGSTOP)
    time.sleep(1.8)  # the length of the stop is what is tested: longer than down-after and tilt-trigger
    sentinel.process.send_signal(signal.SIGCONT)
    until("in TILT", lambda: "+tilt #tilt mode entered" in sentinel.text())
    until("out of TILT", lambda: "-tilt #tilt mode exited" in sentinel.text())
    assert sentinel.map("SENTINEL", "MASTER", NAME)["flags"] == "master"
    assert "+sdown" not in sentinel.text()
    assert "+odown" not in sentinel.text()


def test_names_instead_of_addresses(bench: Bench) -> None:
    primary = bench.node(GARRISON)
    primary.wait_until_ready()
    text = (
        f"sentinel resolve-hostnames yes\nsentinel announce-hostnames yes\n"
        f"sentinel monitor {NAME} localhost {primary.port} 1\n"
    )
    sentinel = bench.sentinel(GARRISON, text)
    sentinel.wait_until_ready()
    until("linked", lambda: sentinel.map("SENTINEL", "MASTER", NAME)["flags"] == "master")
    assert len(sentinel.map("SENTINEL", "MASTER", NAME)["runid"]) == 40
    port = str(primary.port).encode()
    assert sentinel("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME) == [b"localhost", port]
    assert sentinel("SENTINEL", "CONFIG", "SET", "announce-hostnames", "no") == "OK"
    assert sentinel("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME) == [b"127.0.0.1", port]
