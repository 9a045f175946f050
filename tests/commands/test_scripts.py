"""EVAL and its kin: what scripts see, return and may do, against a real Redis 7.0."""

from __future__ import annotations

import pytest

from tests.commands.wire import Peers, Wire

RETURNS = """
return 1
return -1
return 1.9
return -1.9
return 1e15
return 'text'
return ''
return 'a\\r\\nb'
return true
return false
return nil
return
return {}
return {1, 2, 3}
return {1, nil, 3}
return {1, {2, {3, {4}}}, 'x', true, false}
return {a = 1}
return {1, 2, a = 3}
return {ok = 'fine'}
return {ok = 'two\\r\\nlines'}
return {err = 'MYERR bad'}
return {err = 'MYERR two\\r\\nlines'}
return {err = '-MYERR bad'}
return {err = ''}
return {ok = 1}
return {double = 1.5}
return {double = 'x'}
return {map = {a = 1}}
return {map = {1, 2}}
return {set = {a = true}}
return {big_number = '12345678901234567890'}
return {big_number = '12\\r\\n34'}
return {verbatim_string = {format = 'txt', string = 'hello'}}
return {verbatim_string = {string = 'hello'}}
return {verbatim_string = 1}
return print
return function() end
return cjson.null
return setmetatable({}, {__index = function(_, i) if i < 4 then return i end end})
return coroutine.create(function() end)
return #KEYS + #ARGV
return {KEYS[1], ARGV[1], KEYS[2]}
return redis.status_reply('fine')
return redis.error_reply('bad')
return redis.error_reply('MYERR bad')
return redis.error_reply('-MYERR bad')
return redis.error_reply('-bad')
return redis.error_reply('')
return redis.error_reply(1)
return redis.status_reply()
return {redis.error_reply('x'), 1}
return redis.call('set', KEYS[1], 'v')
return redis.call('get', 'nothing')
return redis.call('lrange', 'nothing', 0, -1)
return redis.call('incr', 'c')
return redis.call('mget', 'a', 'b')
return redis.pcall('incr')
return redis.pcall('nothing', 'x')
return redis.call('incr')
return redis.call('nothing', 'x')
return redis.call()
return redis.pcall()
return redis.call({})
return redis.call('get', nil)
return redis.call('get', true)
return redis.pcall('get', {})
return redis.call('set', 'n', 1.5)
return {redis.call('set', 'n', 10), redis.call('get', 'n')}
return {redis.call('set', 'n', 0.1), redis.call('get', 'n')}
return {redis.call('set', 'n', 1e20), redis.call('get', 'n')}
return {redis.call('set', 'n', -0.0), redis.call('get', 'n')}
return {redis.call('set', 'n', 2^53), redis.call('get', 'n')}
return {redis.call('set', 'n', 1/0), redis.call('get', 'n')}
return redis.call('eval', 'return 1', 0)
return redis.call('multi')
return redis.call('exec')
return redis.call('watch', 'a')
return redis.call('subscribe', 'a')
return redis.call('auth', 'x')
return redis.call('hello')
return redis.call('config', 'get', 'hz')
return redis.call('script', 'exists', 'x')
return redis.call('debug', 'sleep', 0)
return redis.call('monitor')
return redis.call('wait', 0, 0)
return redis.call('blpop', 'nothing', 0)
return redis.call('ping')
return redis.call('echo', 'x')
return redis.call('PING', 'x')
return redis.call('client', 'reply', 'off')
return redis.call('shutdown')
return redis.call('acl', 'whoami')
return redis.call('object', 'nothing')
return redis.call('object')
redis.call('lpush', 'l', 1) return redis.call('incr', 'l')
redis.call('lpush', 'l', 1) return redis.pcall('incr', 'l')
redis.call('lpush', 'l', 1) return {pcall(redis.call, 'incr', 'l')}
redis.call('lpush', 'l', 1) return redis.pcall('incr', 'l').err
local t = redis.pcall('nothing') local r = {} for k, v in pairs(t) do r[#r+1] = k .. tostring(v) \
end table.sort(r) return r
redis.call('select', 1) redis.call('set', 'in1', 1) return redis.call('exists', 'in1')
return redis.call('exists', 'in1')
return redis.sha1hex('')
return redis.sha1hex('abc')
return redis.sha1hex()
return redis.log(redis.LOG_DEBUG, 'x', 1)
return redis.log(1)
return redis.log(9, 'x')
return redis.log('x', 'x')
return redis.setresp(4)
return redis.setresp()
return redis.replicate_commands()
return redis.breakpoint()
return redis.set_repl(redis.REPL_NONE)
return redis.set_repl(9)
return redis.set_repl()
return redis.acl_check_cmd('get', 'x')
return redis.acl_check_cmd('nothing')
return redis.acl_check_cmd()
return redis.acl_check_cmd('config', 'nothing')
return {redis.LOG_DEBUG, redis.LOG_VERBOSE, redis.LOG_NOTICE, redis.LOG_WARNING, redis.REPL_ALL, \
redis.REPL_AOF}
error('x')
error('x', 0)
error({err = 'MYERR x'})
error()
error(true)
error(1)
error({err = '-MYERR x'})
error({err = 'a\\r\\nb'})
error('a\\r\\nb')
return {pcall(error, 'x')}
return {pcall(error, {err = 'x'})}
return {pcall(error, {1})}
local ok, e = pcall(function() error('x') end) return e
return {xpcall(function() error('x') end, function(e) return e .. '!' end)}
return assert(false, 'why')
return assert(nil)
return ('x'):nothing()
return nil .. 'x'
return 1 + {}
return nothing
nothing = 1
return _G.nothing
local function f() return nothing end return f()
function f() end
KEYS = 1
return tostring(KEYS[3])
return loadstring('return 1 + 1')()
return load(function() return nil end)
return loadstring('x x')
return {loadstring('x x')}
return unpack({1, 2, 3})
return {unpack({1, 2, 3})}
return select('#', 1, nil, nil)
math.randomseed(7) return {tostring(math.random()), math.random(100), math.random(1, 1000000)}
return math.random(0)
return math.random(2, 1)
return math.random(1, 2, 3)
return {tostring(1/0), tostring(-1/0), tostring(1e100), tostring(0.1), 10 / 3}
return string.format('%5.2f|%d|%s|%q|%x|%c|%i|%%', 3.14159, 42, 'x', 'a"b', 255, 65, 7)
return string.format('%d', 'x')
return {string.find('hello world', 'o w'), string.find('hello', 'l+'), string.match('key=val', '(%w+)=(%w+)')}
return {string.gsub('hello', 'l', {l = 'L'})}
return {string.gsub('hello', '.', '%0%0')}
return {('x'):rep(3), ('abc'):upper(), ('abc'):reverse(), ('abc'):byte(1, -1)}
return {('a,b,c'):gsub(',', ';')}
local r = {} for w in ('a b c'):gmatch('%a') do r[#r+1] = w end return r
return {table.concat({1, 2, 3}, ','), table.maxn({1, 2, nil, 4}), #{1, 2, 3}}
local t = {3, 1, 2} table.sort(t) return t
local t = {1, 2} table.insert(t, 3) table.insert(t, 1, 0) return {table.remove(t), t[1], #t}
return {tonumber('0x10'), tonumber('10', 2), tonumber('z', 36), tostring(tonumber('x')), tonumber('1e2')}
local co = coroutine.wrap(function() return redis.call('ping') end) return co()
local co = coroutine.create(function() coroutine.yield(1) error('x') end) return \
{coroutine.resume(co), coroutine.resume(co)}
return collectgarbage('count') > 0
return rawget(redis, 'nothing')
return redis.nothing
return redis.nothing.x
return getmetatable(_G).__index ~= nil
return type(getmetatable(''))
redis.call = 1
redis.nothing = 1
rawset(redis, 'x', 1)
rawset(_G, 'x', 1)
setmetatable(_G, {})
setmetatable(redis, {})
getmetatable('').__index = {}
getmetatable('').x = 1
getmetatable(_G).__index = nil
table.insert(_G, 1)
string.rep = 1
cjson.encode = 1
math.random = 1
cjson.null = 1
x
return 1 1
return "unfinished
for
#!lua
#!lua flags=nothing\\nreturn 1
#!lua name=x\\nreturn 1
#!python\\nreturn 1
#!lua\\nreturn 1
#!lua\\n\\nerror('x')
#!lua flags=no-writes\\nreturn redis.call('set', 'x', 1)
#!lua flags=no-writes\\nreturn redis.call('get', 'x')
#!lua flags=no-writes,allow-oom,allow-stale,no-cluster,allow-cross-slot-keys\\nreturn 7
return {1, 2, {err = 'in'}, {ok = 'in'}}
return setmetatable({1, 2}, {__len = function() return 1 end})
local t = {} t.t = t return 1
return string.rep('x', 100000)
local t = {} for i = 1, 1000 do t[i] = i end return t
return {[1] = 'a', [3] = 'c'}
return 9007199254740993
return 1e300
return -1e300
return 0/0
"""
SCRIPTS = [line.replace("\\n", "\n").replace("\\r", "\r") for line in RETURNS.strip().splitlines()]


@pytest.mark.parametrize("script", SCRIPTS)
def test_script_gives_what_redis_gives(peers: Peers, script: str) -> None:
    peers.same("EVAL", script, "1", "key", "arg")


RESP3 = """
return true
return false
return nil
return {map = {a = 1}}
return {set = {a = true}}
return {double = 1.5}
return {double = 0.1}
return {double = 1e20}
return {double = 3}
return {double = 1/0}
return {big_number = '12345678901234567890'}
return {verbatim_string = {format = 'txt', string = 'hello'}}
redis.call('hset', 'h', 'f', 'v') return redis.call('hgetall', 'h')
redis.call('hset', 'h', 'f', 'v') return redis.call('hgetall', 'h').map.f
redis.call('sadd', 's', 'm') return redis.call('smembers', 's')
redis.call('sadd', 's', 'm') return redis.call('smembers', 's').set.m
redis.call('zadd', 'z', 1.5, 'm') return redis.call('zscore', 'z', 'm')
redis.call('zadd', 'z', 1.5, 'm') return redis.call('zscore', 'z', 'm').double
redis.call('zadd', 'z', 1.5, 'm') return redis.call('zrange', 'z', 0, -1, 'withscores')
return redis.call('get', 'nothing')
return type(redis.call('get', 'nothing'))
return redis.call('lrange', 'nothing', 0, -1)
redis.setresp(2) return redis.call('hgetall', 'h')
return {redis.call('get', 'nothing'), 1}
"""


@pytest.mark.parametrize("script", RESP3.strip().splitlines())
def test_script_that_speaks_resp3(peers: Peers, script: str) -> None:
    peers.same("EVAL", "redis.setresp(3) " + script, "0")


def test_arguments_are_checked(peers: Peers) -> None:
    for words in [
        ("EVAL", "return 1"),
        ("EVAL", "return 1", "x"),
        ("EVAL", "return 1", "-1"),
        ("EVAL", "return 1", "2", "a"),
        ("EVAL", "return #KEYS", "2", "a", "b", "c"),
        ("EVALSHA", "x", "0"),
        ("EVALSHA", "f" * 40, "0"),
        ("EVALSHA", "f" * 40, "x"),
        ("EVAL_RO", "return redis.call('set', 'a', 1)", "0"),
        ("EVAL_RO", "return redis.call('get', 'a')", "0"),
        ("EVAL_RO", "#!lua\nreturn 1", "0"),
        ("EVAL_RO", "#!lua flags=no-writes\nreturn 1", "0"),
        ("SCRIPT", "LOAD", "return 7"),
        ("SCRIPT", "LOAD", "x x"),
        ("SCRIPT", "EXISTS", "x", "f" * 40),
        ("SCRIPT", "EXISTS"),
        ("SCRIPT", "FLUSH", "x"),
        ("SCRIPT", "FLUSH", "ASYNC", "x"),
        ("SCRIPT", "KILL"),
        ("SCRIPT", "NOTHING"),
        ("SCRIPT",),
    ]:
        peers.same(*words)


def test_scripts_are_kept_by_their_sha(r: Wire) -> None:
    sha = r("SCRIPT", "LOAD", "return KEYS[1]")
    assert r("EVALSHA", sha, "1", "k") == b"k"
    assert r("EVALSHA", sha.upper(), "1", "k") == b"k"
    assert r("EVALSHA_RO", sha, "1", "k") == b"k"
    assert r("SCRIPT", "EXISTS", sha, sha.upper(), "x") == [1, 1, 0]
    assert r("SCRIPT", "FLUSH") == "OK"
    assert r("SCRIPT", "EXISTS", sha) == [0]
    assert r.error("EVALSHA", sha, "1", "k").startswith("NOSCRIPT")


def test_eval_in_a_transaction(r: Wire) -> None:
    r("MULTI")
    assert r("EVAL", "return redis.call('incr', 'n')", "1", "n") == "QUEUED"
    assert r("EVAL", "error('x')", "0") == "QUEUED"
    r("INCR", "n")
    replies = r("EXEC")
    assert (replies[0], replies[2]) == (1, 2)
    assert str(replies[1]).startswith("ERR user_script:1: x script: ")


def test_selected_database_stays_the_client_s(r: Wire) -> None:
    r("EVAL", "redis.call('select', 3) redis.call('set', 'k', 'in 3')", "0")
    assert r("GET", "k") is None
    r("SELECT", "3")
    assert r("GET", "k") == b"in 3"


def test_protocol_of_the_client_decides_about_results(r: Wire) -> None:
    assert r("EVAL", "return {double = 1.5}", "0") == (1.5 if r.protocol == 3 else b"1.5")
    assert r("EVAL", "return false", "0") is None
    r("HSET", "h", "f", "v")
    assert r("EVAL", "return redis.call('hgetall', 'h')", "0") == [b"f", b"v"]
