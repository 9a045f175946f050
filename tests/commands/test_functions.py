"""FUNCTION and FCALL: function libraries, against a real Redis 7.0."""

from __future__ import annotations

from typing import Any

import pytest

from tests.commands.resp import Failure
from tests.commands.wire import Peers, Server, Wire, start_garrison

LIBRARY = """#!lua name=mylib
redis.register_function('echo', function(keys, args) return {keys[1], args[1], #keys, #args} end)
redis.register_function('put', function(keys, args) return redis.call('SET', keys[1], args[1]) end)
redis.register_function{
  function_name = 'peek',
  callback = function(keys) return redis.call('GET', keys[1]) end,
  flags = {'no-writes', 'allow-oom'},
  description = 'Reads a key.',
}
redis.register_function{function_name = 'cheat', callback = function(keys)
  return redis.call('SET', keys[1], 1) end, flags = {'no-writes'}}
redis.register_function('fail', function() error('x') end)
redis.register_function('wrong', function() return redis.call('INCR') end)
redis.register_function('globals', function() return KEYS end)
redis.register_function('assign', function() y = 1 end)
redis.register_function('late', function() return redis.register_function('z', function() end) end)
"""


@pytest.fixture(autouse=True)
def _no_libraries(servers: dict[str, Server | str]) -> None:
    for server in servers.values():
        if isinstance(server, Server):
            wire = Wire(server)
            wire("FUNCTION", "FLUSH")
            wire.close()


def test_functions_are_called(peers: Peers) -> None:
    assert peers.same("FUNCTION", "LOAD", LIBRARY) == b"mylib"
    for words in [
        ("FCALL", "echo", "1", "k", "a", "b"),
        ("FCALL", "ECHO", "0"),
        ("FCALL", "put", "1", "k", "v"),
        ("FCALL", "peek", "1", "k"),
        ("FCALL_RO", "peek", "1", "k"),
        ("FCALL_RO", "put", "1", "k", "v"),
        ("FCALL_RO", "cheat", "1", "k"),
        ("FCALL", "cheat", "1", "k"),
        ("FCALL", "fail", "0"),
        ("FCALL", "wrong", "0"),
        ("FCALL", "globals", "0"),
        ("FCALL", "assign", "0"),
        ("FCALL", "late", "0"),
        ("FCALL", "nothing", "0"),
        ("FCALL", "echo"),
        ("FCALL", "echo", "x"),
        ("FCALL", "echo", "-1"),
        ("FCALL", "echo", "3", "k"),
        ("FUNCTION", "STATS"),
        ("FUNCTION", "KILL"),
        ("FUNCTION", "DELETE", "nothing"),
        ("FUNCTION", "DELETE", "mylib"),
        ("FCALL", "echo", "0"),
        ("FUNCTION", "FLUSH", "x"),
        ("FUNCTION", "LIST"),
        ("FUNCTION", "LIST", "LIBRARYNAME"),
        ("FUNCTION", "LIST", "x"),
        ("FUNCTION", "NOTHING"),
    ]:
        peers.same(*words)


BAD_SOURCES = [
    "return 1",
    "#!lua\nreturn 1",
    "#!lua name=l\nreturn 1",
    "#!lua name=l-3\nreturn 1",
    "#!lua name=\nreturn 1",
    "#!lua name=l x=1\nreturn 1",
    "#!lua name=l name=m\nreturn 1",
    "#!ruby name=l\nreturn 1",
    "#!lua name=l",
    "#!lua name=l\nx x",
    "#!lua name=l\nredis.call('ping')",
    "#!lua name=l\nredis.pcall('ping')",
    "#!lua name=l\nredis.setresp(3)",
    "#!lua name=l\nx = 1",
    "#!lua name=l\nreturn foo",
    "#!lua name=l\nredis.register_function('a-b', function() end)",
    "#!lua name=l\nredis.register_function('a', 1)",
    "#!lua name=l\nredis.register_function(1)",
    "#!lua name=l\nredis.register_function()",
    "#!lua name=l\nredis.register_function('a', function() end, 1)",
    "#!lua name=l\nredis.register_function('a', function() end) redis.register_function('a', function() end)",
    "#!lua name=l\nredis.register_function{function_name='a', callback=function() end, flags={'x'}}",
    "#!lua name=l\nredis.register_function{function_name='a', callback=function() end, flags='x'}",
    "#!lua name=l\nredis.register_function{function_name='a', callback=function() end, x=1}",
    "#!lua name=l\nredis.register_function{function_name='a', callback=function() end, [1]=1}",
    "#!lua name=l\nredis.register_function{function_name='a', callback=1}",
    "#!lua name=l\nredis.register_function{function_name={}, callback=function() end}",
    "#!lua name=l\nredis.register_function{function_name='a', description={}, callback=function() end}",
    "#!lua name=l\nredis.register_function{function_name='a'}",
    "#!lua name=l\nredis.register_function{callback=function() end}",
    "#!lua name=l\nwhile true do end",
]


@pytest.mark.parametrize("source", BAD_SOURCES)
def test_bad_library_is_refused(peers: Peers, source: str) -> None:
    assert peers.same("FUNCTION", "LOAD", source)[0] == "error"
    assert peers.same("FUNCTION", "LIST") == []


def test_names_are_unique(peers: Peers) -> None:
    peers.same("FUNCTION", "LOAD", LIBRARY)
    peers.same("FUNCTION", "LOAD", LIBRARY)
    peers.same("FUNCTION", "LOAD", "REPLACE", LIBRARY)
    peers.same("FUNCTION", "LOAD", "X", LIBRARY)
    one = "#!lua name=mylib\nredis.register_function('one', function() return 1 end)"
    peers.same("FUNCTION", "LOAD", "REPLACE", one)
    peers.same("FCALL", "one", "0")
    peers.same("FCALL", "echo", "0")
    peers.same("FUNCTION", "LOAD", one.replace("mylib", "other"))
    peers.same("FUNCTION", "LOAD", LIBRARY.replace("mylib", "other"))
    peers.same("FUNCTION", "LOAD", "REPLACE", one.replace("'one'", "'echo'"))
    peers.same("FCALL", "one", "0")


def plain(value: Any) -> Any:
    """Lists of functions have no order."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, set, frozenset)):
        return sorted((plain(item) for item in value), key=repr)
    return value


def test_list_describes_libraries(peers: Peers) -> None:
    peers.same("FUNCTION", "LOAD", LIBRARY)
    peers.same("FUNCTION", "LOAD", "#!lua name=other\nredis.register_function('o', function() end)")
    for more in [
        (),
        ("WITHCODE",),
        ("LIBRARYNAME", "my*"),
        ("LIBRARYNAME", "MY*"),
        ("WITHCODE", "LIBRARYNAME", "o*"),
    ]:
        expected, got = (wire("FUNCTION", "LIST", *more) for wire in (peers.redis, peers.garrison))
        assert plain(got) == plain(expected)


def test_libraries_travel_between_servers(peers: Peers) -> None:
    peers.same("FUNCTION", "LOAD", LIBRARY)
    ours, theirs = peers.garrison("FUNCTION", "DUMP"), peers.redis("FUNCTION", "DUMP")
    peers.same("FUNCTION", "RESTORE", ours)
    peers.same("FUNCTION", "RESTORE", ours, "APPEND")
    peers.same("FUNCTION", "RESTORE", theirs, "REPLACE")
    peers.same("FUNCTION", "RESTORE", theirs, "FLUSH")
    peers.same("FUNCTION", "RESTORE", ours[:-1] + b"x")
    peers.same("FUNCTION", "RESTORE", "x")
    peers.same("FUNCTION", "RESTORE", ours, "X")
    peers.same("FUNCTION", "FLUSH")
    peers.same("FUNCTION", "RESTORE", ours)
    peers.same("FCALL", "echo", "1", "k", "a")


def test_failed_restore_changes_nothing(r: Wire) -> None:
    r("FUNCTION", "LOAD", LIBRARY)
    payload = r("FUNCTION", "DUMP")
    r("FUNCTION", "FLUSH")
    r("FUNCTION", "LOAD", "#!lua name=other\nredis.register_function('echo', function() return 7 end)")
    assert isinstance(r("FUNCTION", "RESTORE", payload), Failure)
    assert r("FCALL", "echo", "0") == 7
    assert len(r("FUNCTION", "LIST")) == 1


def test_library_is_replicated_and_synced(own_servers: dict[str, Server]) -> None:
    redis, garrison = Wire(own_servers["redis"]), Wire(own_servers["garrison"])
    garrison("FUNCTION", "LOAD", LIBRARY)
    redis("REPLICAOF", "127.0.0.1", garrison.server.port)
    redis.expect(b"master_link_status:up", "INFO", "replication")
    assert redis("FCALL_RO", "peek", "1", "k") is None
    garrison(
        "FUNCTION",
        "LOAD",
        "#!lua name=l\nredis.register_function('one', function() redis.call('INCR', 'n') return 1 end)",
    )
    assert garrison("FCALL", "one", "0") == 1
    redis.until(b"1", "GET", "n")
    garrison("FUNCTION", "DELETE", "l")
    redis.until(1, "FUNCTION", "LIST", read_as=len)
    redis("REPLICAOF", "NO", "ONE")
    garrison("FUNCTION", "FLUSH")
    garrison("REPLICAOF", "127.0.0.1", redis.server.port)
    garrison.until([1, 3], "EVAL_RO", "return {1, 3}", "0")
    garrison.until(1, "FUNCTION", "LIST", read_as=len)
    redis.close()
    garrison.close()


@pytest.mark.parametrize("options", [("--appendonly", "yes"), ()])
def test_library_survives_a_restart(
    tmp_path_factory: pytest.TempPathFactory, options: tuple[str, ...]
) -> None:
    folder = tmp_path_factory.mktemp("garrison")
    for start in range(2):
        server = start_garrison(folder, *options)
        assert isinstance(server, Server), server
        try:
            wire = Wire(server)
            if start == 0:
                wire("FUNCTION", "LOAD", LIBRARY)
                wire("FCALL", "put", "1", "k", "v")
                if options:
                    wire("BGREWRITEAOF")
                    wire.expect(b"aof_rewrite_in_progress:0", "INFO", "persistence")
                else:
                    wire("SAVE")
            assert wire("FCALL_RO", "peek", "1", "k") == b"v"
            assert len(wire("FUNCTION", "LIST")) == 1
            wire.close()
        finally:
            server.stop()
