"""One command and out: output and exit code are those of the real redis-cli; and lines from a pipe."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from garrison.base.command_line import EXIT_PIPE_CLOSED, EXIT_STOPPED
from tests.conftest import find_free_port
from tests.unit.cli.conftest import Cli, ScriptedServer, redis_cli
from tests.unit.client.servers import ServerProcess

FILL = b"""FLUSHALL
SET k "a b\\x00\\n"
SET n 7
RPUSH l a b c d e f g h i j k
HSET h f1 v1 f2 v2
SADD s only
ZADD z 1.5 a 2 b
XADD x 1-1 f v
XADD x 1-2 g w
"""
COMMANDS = [
    "GET k",
    "GET nothing",
    "INCR n",
    "DECR n",
    "LRANGE l 0 -1",
    "LRANGE nothing 0 -1",
    "HGETALL h",
    "HGETALL nothing",
    "SMEMBERS s",
    "SMEMBERS nothing",
    "ZRANGE z 0 -1 WITHSCORES",
    "ZSCORE z a",
    "XRANGE x - +",
    "XREAD STREAMS x 0",
    "XINFO STREAM x FULL",
    "SET k2 v NX GET PX",
    "LPUSH k v",
    "NOSUCH",
    "CONFIG GET maxmemory",
    "PING",
    "ECHO quit",
    "EXISTS k n nothing",
    "CLIENT GETNAME",
    "COMMAND DOCS nosuch",
]


@pytest.fixture
def port(any_server: ServerProcess, cli: Cli) -> int:
    if shutil.which("redis-cli") is None:
        pytest.skip("redis-cli is not installed: this test needs the real one")
    assert cli("-p", any_server.port, stdin=FILL)[0] == 0
    return any_server.port


@pytest.mark.parametrize(
    "form", [[], ["--raw"], ["--no-raw"], ["--csv"], ["-3", "--no-raw"], ["-3", "--raw"]]
)
def test_output_is_that_of_redis_cli(port: int, cli: Cli, form: list[str]) -> None:
    lines = "\n".join(COMMANDS).encode()
    theirs, ours = redis_cli("-p", port, *form, stdin=lines), cli("-p", port, *form, stdin=lines)
    assert ours[1] == theirs[1]


@pytest.mark.parametrize(
    "words",
    [
        ["-r", 3, "INCR", "n"],
        ["-e", "NOSUCH"],
        ["NOSUCH"],
        ["-n", 3, "GET", "k"],
        ["-d", ",", "LRANGE", "l", 0, -1],
        ["-D", ";", "-r", 2, "GET", "n"],
        ["--quoted-input", "SET", '"a\\x00b"', "'c d'"],
        ["-3", "--csv", "ZRANGE", "z", 0, -1, "WITHSCORES"],
        ["--no-raw", "INFO", "nosuch"],
        ["QUIT"],
        ["--scan", "--pattern", "k*"],
    ],
)
def test_options_do_what_they_do_in_redis_cli(port: int, cli: Cli, words: list[object]) -> None:
    theirs = redis_cli("-p", port, *words)
    if words[:1] == ["-r"]:
        redis_cli("-p", port, "SET", "n", 7)
    ours = cli("-p", port, *words)
    assert ours[:2] == theirs[:2]
    assert (ours[2] == b"") == (theirs[2] == b"")


def test_arguments_come_from_standard_input(redis_server: ServerProcess, cli: Cli) -> None:
    data = bytes(range(256))
    assert cli("-p", redis_server.port, "-x", "SET", "binary", stdin=data)[1] == b"OK\n"
    assert cli("-p", redis_server.port, "GET", "binary")[1] == data + b"\n"
    assert cli("-p", redis_server.port, "-X", "TAG", "SET", "TAG", "v", stdin=b"name")[1] == b"OK\n"
    assert cli("-p", redis_server.port, "GET", "name")[1] == b"v\n"
    code, _, errors = cli("-p", redis_server.port, "-X", "TAG", "GET", "name")
    assert (code, b"-X TAG" in errors) == (1, True)


def test_json_is_one_document_a_reply(redis_server: ServerProcess, cli: Cli) -> None:
    cli("-p", redis_server.port, stdin=b"HSET j f 1\n")
    assert json.loads(cli("-p", redis_server.port, "--json", "HGETALL", "j")[1]) == {"f": "1"}
    _, output, _ = cli("-p", redis_server.port, "--json", stdin=b"GET nothing\nNOSUCH\n")
    nothing, refusal = (json.loads(line) for line in output.splitlines())
    assert (nothing, list(refusal)) == (None, ["error"])


def test_url_and_eval_of_a_file(redis_server: ServerProcess, cli: Cli, tmp_path: Path) -> None:
    script = tmp_path / "script.lua"
    script.write_text("return {KEYS[1], ARGV[1]}")
    url = f"redis://127.0.0.1:{redis_server.port}/2"
    assert cli(url, "--eval", script, "key", ",", "argument")[1] == b"key\nargument\n"
    assert b"db=2" in cli(url, "CLIENT", "INFO")[1]
    code, _, errors = cli(url, "--eval", tmp_path / "none.lua")
    assert (code, b"cannot read" in errors) == (1, True)


def test_lines_of_a_pipe_are_split_repeated_and_ended_by_quit(redis_server: ServerProcess, cli: Cli) -> None:
    lines = b'SET p 1\n\nGET "p\n2 GET p\nquit\nGET p\n'
    code, output, errors = cli("-p", redis_server.port, stdin=lines)
    assert (code, output, errors) == (0, b"OK\nInvalid argument(s)\n1\n1\n", b"")


def test_refused_connection_is_one_line(cli: Cli) -> None:
    port = find_free_port()
    for words in (["PING"], [], ["--scan"], ["--pipe"], ["--stat"], ["--latency"], ["--bigkeys"]):
        code, output, errors = cli("-p", port, *words)
        assert (code, output) == (1, b"")
        expected = f"cannot connect to 127.0.0.1:{port}: Connection refused: is a server listening there?"
        assert errors.decode() == f"garrison cli: {expected}\n"


def test_server_that_hangs_up_is_one_line(scripted: ScriptedServer, cli: Cli) -> None:
    scripted.script = lambda command: None
    code, _, errors = cli("-p", scripted.port, "GET", "k")
    assert (code, errors.count(b"\n"), b"closed the connection" in errors) == (1, 1, True)


def test_peer_that_speaks_something_else_is_one_line(scripted: ScriptedServer, cli: Cli) -> None:
    scripted.script = lambda command: b"HTTP/1.1 400 Bad Request\r\n\r\n"
    code, _, errors = cli("-p", scripted.port, "GET", "k")
    assert (code, errors.count(b"\n"), b"does not speak RESP" in errors) == (1, 1, True)


def test_wrong_option_is_one_line(cli: Cli) -> None:
    assert cli("--bigkey") == (1, b"", b"garrison cli: no option '--bigkey'; did you mean '--bigkeys'?\n")


def test_help_and_version(cli: Cli) -> None:
    assert cli("--help")[1].startswith(b"usage: garrison cli")
    assert cli("--version")[1].startswith(b"garrison cli ")


def test_password_is_sent_and_warned_of(
    scripted: ScriptedServer, cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert b"Warning" in cli("-p", scripted.port, "-a", "pw", "--user", "ann", "PING")[2]
    assert cli("-p", scripted.port, "-a", "pw", "--no-auth-warning", "PING")[2] == b""
    (tmp_path / "password").write_text("file\nnot this\n")
    assert cli("-p", scripted.port, "--password-file", tmp_path / "password", "PING")[2] == b""
    assert cli("-p", scripted.port, "--password-file", tmp_path / "none", "PING")[0] == 1
    monkeypatch.setenv("GARRISONCLI_AUTH", "env")
    assert cli("-p", scripted.port, "PING")[2] == b""
    logins = [command for command in scripted.commands if command[0] == b"AUTH"]
    assert logins == [[b"AUTH", b"ann", b"pw"], [b"AUTH", b"pw"], [b"AUTH", b"file"], [b"AUTH", b"env"]]


def test_refused_login_is_said_and_the_command_sent(scripted: ScriptedServer, cli: Cli) -> None:
    replies = {b"AUTH": b"-WRONGPASS no\r\n"}
    scripted.script = lambda command: replies.get(command[0], b"+PONG\r\n")
    code, output, errors = cli("-p", scripted.port, "-a", "pw", "--no-auth-warning", "PING")
    assert (code, output, errors) == (0, b"PONG\n", b"AUTH failed: WRONGPASS no\n")


def test_refused_database_stops_before_the_command(scripted: ScriptedServer, cli: Cli) -> None:
    """A write must not go to database 0 instead."""
    scripted.script = lambda command: b"-ERR DB index is out of range\r\n"
    code, _, errors = cli("-p", scripted.port, "-n", 99, "SET", "k", "v")
    assert (code, [command[0] for command in scripted.commands]) == (1, [b"SELECT"])
    assert b"SELECT 99 failed" in errors


def test_reader_that_has_enough_ends_it_quietly(scripted: ScriptedServer) -> None:
    scripted.script = lambda command: b"$65536\r\n" + b"x" * 65536 + b"\r\n"
    command = [sys.executable, "-m", "garrison", "cli", "-p", str(scripted.port), "-r", "1000", "GET", "k"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1000)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == EXIT_PIPE_CLOSED


def test_unix_socket_is_connected_to(tmp_path: Path, cli: Cli) -> None:
    path = tmp_path / "s.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
    code, _, errors = cli("-s", path, "PING")
    assert (code, str(path).encode() in errors) == (1, True)


def test_ctrl_c_ends_a_command_that_waits(scripted: ScriptedServer) -> None:
    sent = threading.Event()

    def script(command: list[bytes]) -> bytes:
        sent.set()
        return b""

    scripted.script = script
    command = [sys.executable, "-m", "garrison", "cli", "-p", str(scripted.port), "BLPOP", "k", "0"]
    # A run in the background ignores Ctrl-C, and what it starts would, too.
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert sent.wait(60)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60) == (b"", b"")
        assert process.returncode == EXIT_STOPPED
