"""Scripts that run for long or take too much: who waits, who is told, how they end."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.commands.resp import Failure
from tests.commands.wire import Server, Wire, start_garrison

LOOP = "while true do end"
BUSY = "BUSY Redis is busy running a script. You can only call {} KILL or SHUTDOWN NOSAVE."
LIBRARY = "#!lua name=loops\nredis.register_function('loop', function() while true do end end)"


def until_busy(wire: Wire) -> str:
    """Wait until commands are answered BUSY; the answer."""
    for _ in range(500):
        reply = wire("GET", "k")
        if isinstance(reply, Failure) and reply.startswith("BUSY"):
            return str(reply)
        time.sleep(0.01)
    raise AssertionError("the server was never busy")


@pytest.fixture
def quick(r: Wire) -> Iterator[Wire]:
    """A server that says BUSY after a tenth of a second."""
    r("CONFIG", "SET", "busy-reply-threshold", "100")
    yield r
    r("CONFIG", "SET", "busy-reply-threshold", "5000")


def test_others_are_told_and_the_script_is_killed(quick: Wire) -> None:
    other = quick.another()
    quick.send("EVAL", LOOP, "0")
    assert until_busy(other) == BUSY.format("SCRIPT")
    assert other.error("PING") == BUSY.format("SCRIPT")
    assert other.error("FUNCTION", "KILL") == BUSY.format("SCRIPT")
    assert other.error("SHUTDOWN") == BUSY.format("SCRIPT")
    assert other("SCRIPT", "KILL") == "OK"
    assert str(quick.read()).startswith("ERR Script killed by user with SCRIPT KILL.")
    assert other("PING") == "PONG"


def test_function_is_killed(quick: Wire) -> None:
    other = quick.another()
    quick("FUNCTION", "FLUSH")
    quick("FUNCTION", "LOAD", LIBRARY)
    quick.send("FCALL", "loop", "0")
    assert until_busy(other) == BUSY.format("FUNCTION")
    assert other.error("SCRIPT", "KILL") == BUSY.format("FUNCTION")
    running = other.map("FUNCTION", "STATS")[b"running_script"]
    assert b"loop" in (running.values() if isinstance(running, dict) else running)
    assert other("FUNCTION", "KILL") == "OK"
    assert isinstance(quick.read(), Failure)
    quick("FUNCTION", "FLUSH")


@pytest.mark.parametrize(
    "loop",
    [
        "while true do pcall(function() while true do end end) end",
        "while true do redis.pcall('PING') end",
        "while true do pcall(redis.call, 'NOTHING') end",
        "local f = function() while true do end end while true do xpcall(f, f) end",
        "while true do coroutine.wrap(function() while true do end end)() end",
        "while true do string.find(string.rep('a', 10000), string.rep('a-', 20) .. 'b') end",
    ],
)
def test_killed_script_cannot_go_on(servers: dict[str, Server | str], loop: str) -> None:
    server = servers["garrison"]
    assert isinstance(server, Server)
    caller, other = Wire(server), Wire(server)
    other("CONFIG", "SET", "busy-reply-threshold", "50")
    caller.send("EVAL", loop, "0")
    until_busy(other)
    assert other("SCRIPT", "KILL") == "OK"
    assert isinstance(caller.read(), Failure)
    assert other("PING") == "PONG"
    other("CONFIG", "SET", "busy-reply-threshold", "5000")
    caller.close()
    other.close()


def test_script_in_a_transaction_is_killed(quick: Wire) -> None:
    other = quick.another()
    quick("MULTI")
    quick("SET", "a", "1")
    quick("EVAL", LOOP, "0")
    quick("INCR", "a")
    quick.send("EXEC")
    until_busy(other)
    killed = other("SCRIPT", "KILL")
    if isinstance(killed, Failure):
        pytest.fail(str(killed))
    replies = quick.read()
    assert replies[0] == "OK"
    assert isinstance(replies[1], Failure)
    assert replies[2] == 2


def own_garrison(tmp_path_factory: pytest.TempPathFactory, *more: str) -> Server:
    server = start_garrison(tmp_path_factory.mktemp("garrison"), *more)
    assert isinstance(server, Server), server
    return server


def test_others_wait_until_then_and_see_all_or_nothing(servers: dict[str, Server | str]) -> None:
    server = servers["garrison"]
    assert isinstance(server, Server)
    caller, other = Wire(server), Wire(server)
    caller("DEL", "n")
    loop = "for i = 1, 300000 do redis.call('INCR', 'n') end return redis.call('GET', 'n')"
    caller.send("EVAL", loop, "0")
    seen = set()
    for _ in range(10):
        seen.add(other("GET", "n"))
    assert caller.read() == b"300000"
    assert seen <= {None, b"300000"}
    caller.close()
    other.close()


def test_script_that_has_written_ends_with_shutdown_nosave(tmp_path_factory: pytest.TempPathFactory) -> None:
    server = own_garrison(tmp_path_factory, "--busy-reply-threshold", "50")
    try:
        caller, other = Wire(server), Wire(server)
        caller.send("EVAL", "redis.call('SET', 'a', 1) " + LOOP, "0")
        until_busy(other)
        assert other.error("SCRIPT", "KILL").startswith("UNKILLABLE")
        assert other.error("SHUTDOWN", "SAVE").startswith("BUSY")
        other.send("SHUTDOWN", "NOSAVE")
        server.process.wait(20)
    finally:
        server.stop()


def test_client_that_has_gone_does_not_stop_its_script(servers: dict[str, Server | str]) -> None:
    server = servers["garrison"]
    assert isinstance(server, Server)
    caller, other = Wire(server), Wire(server)
    other("DEL", "n")
    caller.send("EVAL", "for i = 1, 3000000 do end redis.call('SET', 'n', 'done')", "0")
    caller.close()
    other.until(b"done", "GET", "n")
    other.close()


BOMBS = [
    "local s = string.rep('x', 1024) while true do s = s .. s end",
    "local t = {} while true do t[#t + 1] = {} end",
    "return string.rep('x', 2^31 - 1)",
    "local t = {} for i = 1, 1e9 do t[i] = i end",
    "local t = 'x' for i = 1, 40 do t = {t, t} end return t",
    "local t = 'x' for i = 1, 40 do t = {t, t} end return cjson.encode(t)",
    "local t = 'x' for i = 1, 15 do t = {t, t, t, t, t, t, t, t} end return #cmsgpack.pack(t)",
    "local t = {} for i = 1, 1e6 do t[i] = string.rep('x', 1000) end return table.concat(t)",
    "return string.format('%99999999d', 1)",
    "return struct.pack('!1073741824 b d', 1, 2)",
    "local function f() return f() + 1 end return f()",
    "local function f(n) return pcall(f, n + 1) end return f(1)",
    "local f f = function(s) return (s:gsub('.', f)) end return f('x')",
    "return setmetatable({}, {__index = function(t, k) return t[k] end}).x",
    "local s = 'return ' .. string.rep('(', 100000) .. '1' .. string.rep(')', 100000) return loadstring(s)()",
    "return string.find(string.rep('a', 100000), string.rep('a?', 100000) .. 'b')",
    "return unpack({}, 1, 1e8)",
    "return select('#', unpack({}, 1, 7999)) .. string.rep('x', -1)",
    "return cjson.decode(string.rep('[', 1e6))",
    "return cmsgpack.unpack(string.rep('\\145', 1e6))",
    "error(setmetatable({}, {__tostring = function() error('x') end}))",
    "error({1})",
    "error({err = {}})",
    "return loadstring('\\27Lua' .. string.rep('x', 100))",
    "return loadstring(string.dump(function() end))",
    "return tostring(newproxy)",
    "return {err = 'a\\r\\n:1\\r\\n+OK'}",
    "return redis.error_reply('x\\r\\n$3\\r\\nabc')",
    "return redis.status_reply('x\\r\\n$3\\r\\nabc')",
    "error('x\\r\\n$3\\r\\nabc\\0def')",
]


@pytest.mark.parametrize("bomb", BOMBS)
def test_bomb_harms_nobody(bombed: Server, bomb: str) -> None:
    wire = Wire(bombed)
    wire("SET", "k", "v")
    wire("EVAL", bomb, "0")
    assert wire("PING") == "PONG"
    assert wire("EVAL", "return {1, KEYS[1], #ARGV, type(redis.call)}", "1", "k") == [1, b"k", 0, b"function"]
    assert wire("GET", "k") == b"v"
    wire.close()


@pytest.fixture(scope="module")
def bombed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A node whose interpreters may hold little."""
    server = own_garrison(tmp_path_factory, "--lua-memory-max", "64mb")
    yield server
    server.stop()


def test_memory_error_names_the_setting(bombed: Server) -> None:
    wire = Wire(bombed)
    assert "not enough memory within lua-memory-max" in wire.error("EVAL", BOMBS[1], "0")
    assert int(wire("EVAL", "return collectgarbage('count')", "0")) < 20_000
    wire.close()


def test_info_tells_memory_and_scripts(bombed: Server) -> None:
    wire = Wire(bombed)
    wire("SCRIPT", "FLUSH")
    for number in range(600):
        wire("EVAL", f"return {number}", "0")
    fields = dict(
        line.split(":", 1) for line in bytes(wire("INFO", "memory")).decode().splitlines() if ":" in line
    )
    assert int(fields["number_of_cached_scripts"]) == 500
    assert int(fields["used_memory_vm_eval"]) > 10_000
    assert fields["used_memory_lua"] == fields["used_memory_vm_eval"]
    assert int(fields["used_memory_scripts_eval"]) > 10_000
    wire("FUNCTION", "LOAD", "REPLACE", LIBRARY)
    fields = dict(
        line.split(":", 1) for line in bytes(wire("INFO", "memory")).decode().splitlines() if ":" in line
    )
    assert (fields["number_of_functions"], fields["number_of_libraries"]) == ("1", "1")
    assert int(fields["used_memory_vm_functions"]) > 10_000
    wire.close()


def test_loaded_script_is_not_evicted(bombed: Server) -> None:
    wire = Wire(bombed)
    kept = wire("SCRIPT", "LOAD", "return 'kept'")
    for number in range(600):
        wire("EVAL", f"return {number}", "0")
    assert wire("EVALSHA", kept, "0") == b"kept"
    wire.close()
