"""What is known to have broken interpreters of scripts: ours refuses it, changes nothing, and goes on.

docs/security.md lists the entries. Real servers are left alone: some of these end theirs.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.commands.wire import Server, Wire, start_garrison

READ_ONLY = b"Attempt to modify a readonly table"

# The entry, a script, and what its reply contains.
ATTACKS: list[tuple[str, str, bytes]] = [
    (
        "CVE-2015-4335",
        r"return select(2, loadstring(string.dump(function() return 1 end)))",
        b"unexpected symbol",
    ),
    (
        "CVE-2015-4335",
        r"return select(2, loadstring('\27Lua\81\0\1\4\8\4\8\0' .. string.rep('\0', 64)))",
        b"unexpected symbol",
    ),
    ("CVE-2018-11218", r"return cmsgpack.unpack(string.rep('\146', 20000))", b"stack overflow"),
    (
        "CVE-2018-11218",
        r"return cmsgpack.unpack('\221\255\255\255\255' .. string.rep('\1', 100))",
        b"Missing bytes",
    ),
    ("CVE-2018-11218", r"return cmsgpack.unpack(string.rep('\1', 100000))", b"stack overflow"),
    ("CVE-2018-11219", r"return struct.unpack('I10000000000', 'x')", b"integral size overflow"),
    (
        "CVE-2018-11219",
        r"return struct.unpack('c2147483647', string.rep('x', 100), 2147483647)",
        b"too short",
    ),
    ("CVE-2018-11219", r"return struct.unpack('bc0', '\255x')", b"too short"),
    ("CVE-2018-11219", r"return struct.unpack('s', 'x', 9007199254740992)", b"too short"),
    ("CVE-2020-14147", r"return struct.pack('>I2147483648', 10)", b"integral size overflow"),
    ("CVE-2020-14147", r"return struct.unpack('i2147483647', 'x')", b"larger than limit"),
    ("CVE-2020-14147", r"return struct.size('!2147483648')", b"overflow"),
    ("CVE-2022-0543", r"return package.loadlib('x', 'y')", b"nonexistent global variable 'package'"),
    ("CVE-2022-0543", r"return io.popen('id')", b"nonexistent global variable 'io'"),
    ("CVE-2022-0543", r"return os.execute('id')", b"a nil value"),
    ("CVE-2022-0543", r"return require('os')", b"nonexistent global variable 'require'"),
    ("CVE-2022-0543", r"return dofile('/etc/passwd')", b"nonexistent global variable 'dofile'"),
    ("CVE-2022-0543", r"return loadfile('/etc/passwd')", b"nonexistent global variable 'loadfile'"),
    ("CVE-2022-24735", r"redis.call = function() return 'stolen' end", READ_ONLY),
    ("CVE-2022-24735", r"rawset(_G, 'tostring', 1)", READ_ONLY),
    ("CVE-2022-24735", r"setmetatable(_G, {__index = {}})", READ_ONLY),
    ("CVE-2022-24735", r"getmetatable(_G).__index = function() return 1 end", READ_ONLY),
    ("CVE-2022-24735", r"cjson.decode = nil", READ_ONLY),
    ("CVE-2022-24735", r"table.insert(string, 'x')", READ_ONLY),
    ("CVE-2022-24735", r"return setfenv(0, {})", b"nonexistent global variable 'setfenv'"),
    ("CVE-2022-24834", r"return #cjson.encode(string.rep('\0', 20000000))", b"not enough memory"),
    (
        "CVE-2022-24834",
        r"return #cmsgpack.pack(string.rep('x', 20000000), string.rep('x', 20000000))",
        b"not enough memory",
    ),
    ("CVE-2022-24834", r"return #cjson.encode({string.rep('\\', 1000000)})", b"2000004"),
    ("CVE-2024-31449", r"return bit.tohex(65535, -2147483648)", b"0000FFFF"),
    ("CVE-2024-31449", r"return bit.tohex(65535, 2147483648)", b"0000FFFF"),
    ("CVE-2024-46981", r"return newproxy(true)", b"nonexistent global variable 'newproxy'"),
    (
        "CVE-2024-46981",
        r"local t = setmetatable({}, {__gc = function() error('x') end, __mode = 'kv'}) t = nil "
        r"for i = 1, 100 do collectgarbage() end return collectgarbage('count') > 0",
        b"1",
    ),
    ("CVE-2025-46817", r"return {unpack({0, 0, 0}, 0, 2147483647)}", b"too many results to unpack"),
    ("CVE-2025-46817", r"return {unpack({}, -2147483648, 2147483647)}", b"too many results to unpack"),
    ("CVE-2025-46817", r"return {unpack({}, -2, 2147483647)}", b"too many results to unpack"),
    ("CVE-2025-46818", r"getmetatable('').__index = function() return 'stolen' end", READ_ONLY),
    ("CVE-2025-46818", r"getmetatable('').__add = 1", READ_ONLY),
    ("CVE-2025-46818", r"setmetatable(getmetatable(''), {})", READ_ONLY),
    ("CVE-2025-46818", r"return debug.setmetatable(1, {})", b"nonexistent global variable 'debug'"),
    ("CVE-2025-46819", r"return loadstring('return [' .. string.rep('=', 1000000) .. '[x')", b""),
    (
        "CVE-2025-46819",
        r"return loadstring('return [' .. string.rep('=', 300) .. '[x]' .. string.rep('=', 300) .. ']')()",
        b"x",
    ),
    (
        "CVE-2025-49844",
        r"for i = 1, 2000 do loadstring('local a' .. i .. ' = ' .. i, string.rep('n', 500) .. i) end "
        r"return 'fine'",
        b"fine",
    ),
    (
        "CVE-2025-49844",
        r"local n = 0 local r = load(function() n = n + 1 collectgarbage() "
        r"return n < 50 and ('local x' .. n .. ' = {} ') or nil end, string.rep('c', 100) .. n) r() return n",
        b"50",
    ),
    ("CVE-2025-67733", r"return redis.error_reply('x\0\r\n$6\r\nstolen')", b"x"),
    ("CVE-2025-67733", r"error({err = 'x\0\r\n$6\r\nstolen'})", b"x"),
    ("CVE-2025-67733", r"return {ok = 'x\0\r\n$6\r\nstolen'}", b"x"),
    ("CVE-2025-67733", r"return redis.pcall('x\0\r\n$6\r\nstolen')", b"ERR Unknown Redis command"),
]


@pytest.fixture(scope="module")
def garrison(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = start_garrison(tmp_path_factory.mktemp("garrison"), "--lua-memory-max", "64mb")
    assert isinstance(server, Server), server
    yield server
    server.stop()


def text_of(reply: object) -> bytes:
    return b" ".join(map(text_of, reply)) if isinstance(reply, list) else str(reply).encode()


@pytest.mark.parametrize(("entry", "script", "wanted"), ATTACKS)
def test_attack_fails_and_leaves_nothing(garrison: Server, entry: str, script: str, wanted: bytes) -> None:
    wire = Wire(garrison)
    assert wanted in text_of(wire("EVAL", script, "0")), entry
    assert wire("PING") == "PONG"
    check = "return {redis.call('PING').ok, tostring(1), ('x'):rep(2), cjson.encode({1}), #KEYS}"
    assert wire("EVAL", check, "0") == [b"PONG", b"1", b"xx", b"[1]", 0]
    wire("SCRIPT", "FLUSH")
    wire.close()
