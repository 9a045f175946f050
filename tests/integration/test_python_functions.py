"""Functions in Python: what they give, and that none of their faults harms the data or other clients."""

from __future__ import annotations

import concurrent.futures
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.integration.python_library import LIBRARY
from tests.integration.replicating import Field, Process

pytest.importorskip("garrison.node._engine", reason="the engine is not built here: pip install -e . first")

OPTIONS = ("--python-functions", "yes", "--python-function-timeout", "1000")
MORE = ("--python-function-calls-max", "8", "--python-function-retries-max", "1000")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    field = Field(tmp_path_factory.mktemp("python"))
    server = field.start("garrison", *OPTIONS, *MORE)
    server.client.function_load(LIBRARY.decode())
    yield server
    field.close()


@pytest.fixture
def client(server: Process) -> Iterator[Any]:
    with redis.Redis(port=server.port, protocol=2, socket_timeout=20) as client:
        client.flushall()
        yield client


def call(client: Any, name: str, *args: object, key: str = "k") -> Any:
    return client.execute_command("FCALL", name, 1, key, *args)


def error(client: Any, name: str, *args: object, key: str = "k") -> str:
    with pytest.raises(redis.ResponseError) as caught:
        call(client, name, *args, key=key)
    return str(caught.value)


def test_functions_read_and_write(client: Any) -> None:
    assert client.execute_command("FCALL_RO", "hello", 0, "you") == b"hello you"
    assert [call(client, "bump") for _ in range(3)] == [1, 2, 3]
    assert client.get("k") == b"3"
    client.set("stock", 5)
    reserved = client.execute_command("FCALL", "RESERVE", 2, "stock", "orders", 3)
    assert reserved == [b"left", 2, b"of", 5]
    with pytest.raises(redis.ResponseError, match=r"^SOLDOUT only 2 left$"):
        client.execute_command("FCALL", "reserve", 2, "stock", "orders", 3)
    assert (client.get("stock"), client.lrange("orders", 0, -1)) == (b"2", [b"3"])


def test_values_are_replies_of_both_protocols(server: Process, client: Any) -> None:
    wanted: list[Any] = [None, 1, b"-1.5", 1, b"text", b"\xff", b"FINE", [b"a", []], [b"k", [1]]]
    assert call(client, "values") == wanted
    with redis.Redis(port=server.port, protocol=3) as third:
        wanted = [None, 1, -1.5, True, b"text", b"\xff", b"FINE", [b"a", []], {b"k": [1]}]
        found = call(third, "values")
        found[-1] = {key: list(value) for key, value in found[-1].items()}
        assert found == wanted
    client.hset("h", "f", "v")
    client.zadd("z", {"a": 1.5})
    shown = call(client, "shown", "HGETALL h", "ZSCORE z a", "GET none")
    assert shown == b"[{b'f': b'v'}, 1.5, None]"


@pytest.mark.parametrize(
    ("name", "args", "words"),
    [
        ("half", (), "on line 51: ValueError: in the middle of it"),
        ("behind", (), "a function reads before it writes"),
        ("strange", (0,), "object has no RESP form"),
        ("strange", (1,), "does not fit into a reply"),
        ("strange", (3,), "ellipsis has no RESP form"),
        ("run", ("SET k half", "GET"), "Wrong number of args"),
        ("run", ("SET k half", "NONSENSE k"), "Unknown Redis command"),
        ("run", ("SET k half", "MULTI"), "not allowed from script"),
        ("run", ("SET k half", "CONFIG GET *"), "not allowed from script"),
        ("shown", ("SET k half",), "'set' writes: a function reads with db.read()"),
        ("greedy", (), "MemoryError (within python-function-memory-max)"),
        ("growing", (), "MemoryError (within python-function-memory-max)"),
        ("leaving", (), "has lost its worker: its process has ended with code 7"),
        ("crashing", (), "has lost its worker: its process was ended by signal 11"),
        ("endless", (), "has run for longer than python-function-timeout (1000 ms)"),
        ("noisy", (), "has lost its worker: it has sent"),
    ],
)
def test_failed_call_applies_nothing_and_the_next_one_works(
    client: Any, name: str, args: tuple[object, ...], words: str
) -> None:
    client.set("k", "whole")
    assert words in error(client, name, *args)
    assert client.get("k") == b"whole"
    assert call(client, "hello", "again") == b"hello again"


def test_error_of_a_read_keeps_its_code(client: Any) -> None:
    client.rpush("k", 1)
    assert error(client, "bump").startswith("WRONGTYPE Operation against a key")
    assert client.lrange("k", 0, -1) == [b"1"]


def test_write_that_fails_when_applied_is_told(client: Any) -> None:
    client.rpush("list", 1)
    text = error(client, "run", "SET a 1", "INCR list", "SET b 2")
    assert text.startswith("WRONGTYPE")
    assert "write 2 of 3 of the function; the others are applied, as in EXEC" in text
    assert client.mget("a", "b") == [b"1", b"2"]


def test_what_is_printed_goes_to_the_log(server: Process, client: Any) -> None:
    assert call(client, "printing", 5) == b"printed"
    assert call(client, "printing", 3000) == b"printed"
    deadline = time.monotonic() + 10
    while "line 4 +OK" not in server.log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert server.log.read_text().count(": line ") < 1000
    assert client.ping()


def test_fence_holds_against_accidents(client: Any) -> None:
    assert call(client, "reaching") == [b"OSError", b"OSError", b"ImportError", b"NameError", b"['LC_ALL']"]


def test_conflicting_calls_are_repeated_and_none_is_lost(server: Process, client: Any) -> None:
    def bumps(_: int) -> None:
        with redis.Redis(port=server.port) as own:
            for _ in range(50):
                call(own, "bump")
                own.incr("k")

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(bumps, range(4)))
    assert client.get("k") == b"400"


def test_flood_is_refused_above_the_bound_and_others_are_served(server: Process, client: Any) -> None:
    others = [redis.Redis(port=server.port, protocol=2, socket_timeout=20) for _ in range(16)]
    connections = [other.connection_pool.get_connection() for other in others]
    for connection in connections:
        connection.send_command("FCALL", "endless", 1, "k")
    begun = time.monotonic()
    assert client.set("other", 1)
    assert time.monotonic() - begun < 0.5
    refused = 0
    for connection in connections[8:]:
        with pytest.raises(
            redis.ResponseError, match="python-function-calls-max calls of functions in Python"
        ):
            connection.read_response()
        refused += 1
    assert refused == 8
    for _ in range(8):
        assert client.execute_command("FUNCTION", "KILL") == b"OK"
        time.sleep(0.01)
    for connection in connections[:8]:
        with pytest.raises(redis.ResponseError, match="killed by FUNCTION KILL"):
            connection.read_response()
    with pytest.raises(redis.ResponseError, match=r"^NOTBUSY|No scripts in execution"):
        client.execute_command("FUNCTION", "KILL")
    assert client.get("k") is None
    for other in others:
        other.close()


def test_stats_and_list_show_python(server: Process, client: Any) -> None:
    with redis.Redis(port=server.port, protocol=2, socket_timeout=20) as other:
        connection = other.connection_pool.get_connection()
        connection.send_command("FCALL", "endless", 1, "k")
        deadline = time.monotonic() + 5
        while (stats := client.execute_command("FUNCTION", "STATS"))[1] is None:
            assert time.monotonic() < deadline
        assert stats[1][:4] == [b"name", b"endless", b"command", [b"FCALL", b"endless", b"1", b"k"]]
        assert stats[3][2:] == [b"PYTHON", [b"libraries_count", 1, b"functions_count", stats[3][3][3]]]
        client.execute_command("FUNCTION", "KILL")
        with pytest.raises(redis.ResponseError, match="FUNCTION KILL"):
            connection.read_response()
    library = client.function_list("lib")[0]
    assert library[:4] == [b"library_name", b"lib", b"engine", b"PYTHON"]
    hello = next(each for each in library[5] if each[1] == b"hello")
    assert hello == [b"name", b"hello", b"description", b"says hello", b"flags", [b"no-writes"]]


def test_rules_of_calls(client: Any) -> None:
    with pytest.raises(redis.ResponseError, match="write flag using"):
        client.execute_command("FCALL_RO", "bump", 1, "k")
    with client.pipeline(transaction=True) as pipe:
        pipe.execute_command("FCALL", "bump", 1, "k")
        with pytest.raises(redis.ResponseError, match="cannot be called in a transaction"):
            pipe.execute()
    with pytest.raises(redis.ResponseError, match="Error registering functions"):
        client.function_load("#!python name=other\n@function(flags=X)\ndef f(): ...")


F = "@function\ndef f(keys, args, db): ..."


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("@function\ndef f(keys, args, db):\n  return (", "on line 5: SyntaxError: '(' was never closed"),
        (f"x = 1 / 0\n{F}", "on line 3: ZeroDivisionError"),
        (f"import os\n{F}", "a library may import"),
        (f"{F}\ndef g(): ...\nfunction(name='g')(g)", "decorators for f, but registers f, g"),
        (f"while True: pass\n{F}", "python-function-timeout"),
    ],
)
def test_library_is_tried_out_before_it_is_loaded(client: Any, code: str, words: str) -> None:
    with pytest.raises(redis.ResponseError) as caught:
        client.function_load(f"#!python name=other\nfrom garrison.functions import function\n{code}")
    assert words in str(caught.value)
    assert client.function_list("other") == []
    assert call(client, "hello", "still") == b"hello still"


def test_worker_that_was_killed_from_outside_is_replaced(server: Process, client: Any) -> None:
    call(client, "bump")
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    assert children
    for child in children:
        os.kill(int(child), signal.SIGKILL)
    time.sleep(0.1)
    assert call(client, "bump") == 2


def test_replica_and_files_get_effects(tmp_path: Path) -> None:
    field = Field(tmp_path)
    try:
        primary = field.start("garrison", *OPTIONS, "--appendonly", "yes")
        replica = field.start("garrison")
        with redis.Redis(port=primary.port) as client, redis.Redis(port=replica.port) as other:
            other.replicaof("127.0.0.1", primary.port)
            client.function_load(LIBRARY.decode())
            client.set("stock", 9)
            client.execute_command("FCALL", "reserve", 2, "stock", "orders", 4)
            assert client.wait(1, 10_000) == 1
            assert other.function_list("lib")[0][1] == b"lib"
            assert (other.get("stock"), other.lrange("orders", 0, -1)) == (b"5", [b"4"])
            stats = other.info("commandstats")
            assert "cmdstat_fcall" not in stats
            assert stats["cmdstat_decrby"]["calls"] == 1
            with pytest.raises(redis.ResponseError, match="python-functions"):
                other.execute_command("FCALL_RO", "hello", 0, "you")
        written = b"".join(path.read_bytes() for path in primary.folder.glob("appendonlydir/*.aof"))
        assert b"RPUSH" in written
        assert b"FCALL" not in written
        assert written.rindex(b"MULTI") < written.rindex(b"RPUSH") < written.rindex(b"EXEC")
    finally:
        field.close()
