"""Mass insertion: every reply is counted, and what goes wrong is said."""

from __future__ import annotations

from tests.unit.cli.conftest import Cli, ScriptedServer
from tests.unit.client.servers import ServerProcess


def test_replies_and_errors_are_counted(any_server: ServerProcess, cli: Cli) -> None:
    commands = b"FLUSHALL\r\n" + b"".join(
        b"*3\r\n$3\r\nSET\r\n$%d\r\nkey:%d\r\n$1\r\nv\r\n" % (len(b"key:%d" % number), number)
        for number in range(20_000)
    )
    code, output, errors = cli("-p", any_server.port, "--pipe", stdin=commands + b"LPUSH key:1 x\r\nPING")
    assert code == 1
    assert output.decode().splitlines()[-1] == "errors: 1, replies: 20003"
    assert errors.startswith(b"WRONGTYPE")
    assert cli("-p", any_server.port, "DBSIZE")[1] == b"20000\n"


def test_nothing_to_send_is_a_success(any_server: ServerProcess, cli: Cli) -> None:
    code, output, _ = cli("-p", any_server.port, "--pipe")
    assert (code, output.splitlines()[-1]) == (0, b"errors: 0, replies: 0")


def test_data_that_ends_within_a_command_is_noticed(any_server: ServerProcess, cli: Cli) -> None:
    data = b"PING\r\n*2\r\n$3\r\nGET\r\n$1000\r\nab"
    code, output, errors = cli("-p", any_server.port, "--pipe", "--pipe-timeout", 0.3, stdin=data)
    assert (code, output.splitlines()[-1]) == (1, b"errors: 0, replies: 1")
    assert b"--pipe-timeout" in errors


def test_server_that_hangs_up_is_noticed(scripted: ScriptedServer, cli: Cli) -> None:
    scripted.script = lambda command: None
    code, _, errors = cli("-p", scripted.port, "--pipe", stdin=b"*1\r\n$4\r\nPING\r\n")
    assert (code, b"closed the connection" in errors) == (1, True)
