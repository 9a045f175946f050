"""Walking over all keys: sizes, memory, hot keys, patterns, a whole cluster."""

from __future__ import annotations

import pytest

from tests.unit.cli.conftest import Cli, ScriptedServer
from tests.unit.client.servers import ServerProcess

FILL = b"FLUSHALL\nSET a 12345\nSET b 1\nRPUSH l 1 2 3\nHSET h f 1 g 2\nSADD s 1\nZADD z 1 a\nXADD x * f v\n"


@pytest.fixture
def port(any_server: ServerProcess, cli: Cli) -> int:
    cli("-p", any_server.port, stdin=FILL)
    return any_server.port


def test_biggest_keys_of_each_type_are_found(port: int, cli: Cli) -> None:
    code, output, _ = cli("-p", port, "--bigkeys")
    lines = output.decode().splitlines()
    assert code == 0
    assert "Biggest string found 'a' has 5 bytes" in lines
    assert "Biggest list   found 'l' has 3 items" in lines
    assert "Biggest stream found 'x' has 1 entries" in lines
    assert "7 keys were looked at; their names take 7 bytes (1.00 on average)" in lines
    assert any(line.startswith("[") and "so far" in line for line in lines)


@pytest.mark.parametrize("form", ["--json", "--quoted-json"])
def test_json_leaves_progress_out(port: int, cli: Cli, form: str) -> None:
    code, output, _ = cli("-p", port, form, "--bigkeys")
    assert (code, b"so far" in output, b"7 keys were looked at" in output) == (0, False, True)


def test_memory_is_measured_by_the_server(port: int, cli: Cli) -> None:
    expected = int(cli("-p", port, "MEMORY", "USAGE", "h", "SAMPLES", 1)[1])
    output = cli("-p", port, "--memkeys-samples", 1)[1].decode()
    assert f"Biggest hash   found 'h' has {expected} bytes" in output


def test_pattern_and_type_choose_keys(port: int, cli: Cli) -> None:
    assert b"1 keys were looked at" in cli("-p", port, "--bigkeys", "--pattern", "a*")[1]
    assert cli("-p", port, "--scan", "--type", "hash")[1] == b"h\n"
    assert cli("-p", port, "--scan", "--quoted-pattern", '"\\x61"')[1] == b"a\n"
    assert cli("-p", port, "--scan", "--quoted-pattern", '"open')[0] == 1


def test_hot_keys_need_an_lfu_policy(port: int, cli: Cli) -> None:
    code, _, errors = cli("-p", port, "--hotkeys")
    assert (code, errors.count(b"\n"), b"LFU" in errors) == (1, 1, True)
    cli("-p", port, "CONFIG", "SET", "maxmemory-policy", "allkeys-lfu")
    try:
        cli("-p", port, "-r", 200, "GET", "b")
        lines = cli("-p", port, "--hotkeys")[1].decode().splitlines()
        assert next(line for line in lines if line.startswith("counter")).endswith("key 'b'")
    finally:
        cli("-p", port, "CONFIG", "SET", "maxmemory-policy", "noeviction")


def test_all_primaries_are_walked_over_with_c(
    redis_server: ServerProcess, port: int, scripted: ScriptedServer, cli: Cli
) -> None:
    """Two servers stand for the primaries of a cluster; a third knows them."""
    cli("-p", redis_server.port, stdin=b"SET scan:first 1\nDEL scan:second\n")
    cli("-p", port, stdin=b"SET scan:second 1\n")
    slots = [(0, 8000, redis_server.port), (8001, 16383, port)]
    ranges = [b"*3\r\n:%d\r\n:%d\r\n*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n" % each for each in slots]
    scripted.script = lambda command: b"*2\r\n" + b"".join(ranges)
    scan = ["-c", "--scan", "--pattern", "scan:*"]
    assert cli("-p", scripted.port, *scan)[1] == b"scan:first\nscan:second\n"
    assert b"2 strings" in cli("-p", scripted.port, "-c", "--bigkeys", "--pattern", "scan:*")[1]
    assert scripted.commands.count([b"CLUSTER", b"SLOTS"]) == 2, "each run asks for the topology once"


def test_redirects_need_a_cluster(redis_server: ServerProcess, cli: Cli) -> None:
    code, _, errors = cli("-p", redis_server.port, "-c", "--scan")
    assert (code, b"cluster support disabled" in errors) == (1, True)
