"""cjson, cmsgpack, struct and bit in scripts, against a real Redis 7.0."""

from __future__ import annotations

import pytest

from tests.commands.wire import Peers

JSON = r"""
return cjson.encode({})
return cjson.encode({1, 2, 3})
return cjson.encode({a = 1})
return cjson.encode({1, nil, 3})
return cjson.encode({[1] = 1, [5] = 5})
return cjson.encode({[1] = 1, [100] = 5})
return cjson.encode({[1.5] = 1})
return cjson.encode({[0] = 1})
return cjson.encode({[-1] = 1})
return cjson.encode({1, 2, a = 3})
return cjson.encode('a"b\\c/d\n\r\t\b\f\0\1\127\200')
return cjson.encode(1.5)
return cjson.encode(1e15)
return cjson.encode(123456789012345)
return cjson.encode(99999999999999)
return cjson.encode(0.1 + 0.2)
return cjson.encode(-0)
return cjson.encode(-0.0)
return cjson.encode(1/0)
return cjson.encode(0/0)
return cjson.encode({1/0})
return cjson.encode(nil)
return cjson.encode(cjson.null)
return cjson.encode({cjson.null, false, true})
return cjson.encode(print)
return cjson.encode(function() end)
return cjson.encode({function() end})
return cjson.encode({[true] = 1})
return cjson.encode()
return cjson.encode(1, 2)
local t = {} for i = 1, 1005 do t = {t} end return cjson.encode(t)
local t = {} for i = 1, 900 do t = {t} end return #cjson.encode(t)
cjson.encode_max_depth(3) return cjson.encode({{{{1}}}})
cjson.encode_sparse_array(true) return cjson.encode({[1] = 1, [100] = 5})
return {cjson.encode_sparse_array(true, 3, 4)}
return cjson.encode_sparse_array('x')
return cjson.encode_sparse_array(true, -1)
return {cjson.encode_max_depth(), cjson.decode_max_depth(), cjson.encode_number_precision()}
return cjson.encode_max_depth(0)
return cjson.encode_number_precision(15)
cjson.encode_number_precision(3) return cjson.encode(math.pi)
cjson.encode_number_precision(3) return cjson.encode(12345)
cjson.encode_invalid_numbers(true) return cjson.encode({1/0, -1/0, 0/0})
cjson.encode_invalid_numbers('null') return cjson.encode({1/0})
return cjson.encode_invalid_numbers()
return cjson.encode_invalid_numbers('x')
return cjson.decode_invalid_numbers()
return cjson.encode_keep_buffer(false)
return cjson.decode('[1, 2, 3]')
return cjson.decode('{"a": 1}').a
return cjson.decode('{"a": {"b": [1, {"c": "d"}]}}').a.b[2].c
return cjson.decode('"x\\u0041\\u00e9\\u20ac\\ud83d\\ude00\\n\\/\\""')
return cjson.decode('"\\ud83d"')
return cjson.decode('"\\udc00"')
return cjson.decode('"\\ud83d\\u0041"')
return cjson.decode('"\\u00g0"')
return cjson.decode('"\\x"')
return cjson.decode('"abc')
return cjson.decode('"a\\u0000b"')
return cjson.decode('true')
return cjson.decode('null') == cjson.null
return tostring(cjson.decode('1.5e3'))
return tostring(cjson.decode('-0'))
return tostring(cjson.decode('0x10'))
return tostring(cjson.decode('+1'))
return tostring(cjson.decode('01'))
return tostring(cjson.decode('inf'))
return tostring(cjson.decode('-Infinity'))
return tostring(cjson.decode('nan'))
return tostring(cjson.decode('1e400'))
return tostring(cjson.decode('123456789012345678901234567890'))
return tostring(cjson.decode('0.1'))
return tostring(cjson.decode('1.'))
return tostring(cjson.decode('-'))
return tostring(cjson.decode('.5'))
cjson.decode_invalid_numbers(false) return cjson.decode('0x10')
cjson.decode_invalid_numbers(false) return cjson.decode('nan')
cjson.decode_invalid_numbers(false) return cjson.decode('01')
return cjson.decode('')
return cjson.decode(' ')
return cjson.decode('[')
return cjson.decode('[1')
return cjson.decode('[1,')
return cjson.decode('[1,]')
return cjson.decode('[,1]')
return cjson.decode('[1 2]')
return cjson.decode('{')
return cjson.decode('{1:2}')
return cjson.decode('{"a"}')
return cjson.decode('{"a":}')
return cjson.decode('{"a":1')
return cjson.decode('{"a":1,}')
return cjson.decode('{"a":1 "b":2}')
return cjson.decode('{"a":1}}')
return cjson.decode('[]]')
return cjson.decode('1 2')
return cjson.decode('x')
return cjson.decode('nul')
return cjson.decode('tru')
return cjson.decode('\0')
return cjson.decode('a\0')
return cjson.decode('1\0')
return cjson.decode('[1]\0x')
return cjson.decode('@')
return cjson.decode(1)
return cjson.decode({})
return cjson.decode()
return cjson.decode(string.rep('[', 1001) .. string.rep(']', 1001))
return #cjson.decode(string.rep('[', 1000) .. string.rep(']', 1000))
cjson.decode_max_depth(2) return cjson.decode('[[[1]]]')
return cjson.encode(cjson.decode('{"a":[1,2,{"b":null}],"c":"d"}').a)
return {cjson._NAME, cjson._VERSION}
return cjson.new().encode({1})
return cjson.encode(cjson.decode('[{}, [], "", 0, false]'))
"""

MSGPACK = r"""
return cmsgpack.pack(1)
return cmsgpack.pack(1, 'a', true, false, nil, 1.5, -1)
return cmsgpack.pack(127) .. cmsgpack.pack(128) .. cmsgpack.pack(255) .. cmsgpack.pack(256) .. \
cmsgpack.pack(65536)
return cmsgpack.pack(2^32) .. cmsgpack.pack(2^53) .. cmsgpack.pack(2^63) .. cmsgpack.pack(2^64)
return cmsgpack.pack(-32) .. cmsgpack.pack(-33) .. cmsgpack.pack(-128) .. cmsgpack.pack(-129) .. \
cmsgpack.pack(-32769)
return cmsgpack.pack(-2^31) .. cmsgpack.pack(-2^31 - 1) .. cmsgpack.pack(-2^63)
return cmsgpack.pack(0.1) .. cmsgpack.pack(0.5) .. cmsgpack.pack(1/0) .. cmsgpack.pack(-1/0)
return #cmsgpack.pack(0/0)
return cmsgpack.pack(-0.0)
return cmsgpack.pack(string.rep('x', 31)) .. cmsgpack.pack(string.rep('x', 32)) .. \
cmsgpack.pack(string.rep('x', 256))
return #cmsgpack.pack(string.rep('x', 65536))
return cmsgpack.pack({})
return cmsgpack.pack({1, 2, 3})
return cmsgpack.pack({a = 1})
return cmsgpack.pack({1, nil, 3})
return cmsgpack.pack({[1] = 1, [2] = 2, [3] = 3})
return cmsgpack.pack({[0] = 1})
return cmsgpack.pack({[1.5] = 1})
return cmsgpack.pack({{{{}}}})
return cmsgpack.pack(print)
return cmsgpack.pack(cjson.null)
return cmsgpack.pack({function() end})
return cmsgpack.pack()
local t = {} for i = 1, 20 do t = {t} end return cmsgpack.pack(t)
local t = {} for i = 1, 20 do t = {a = t} end return cmsgpack.pack(t)
local t = {} for i = 1, 20 do t[i] = i end return cmsgpack.pack(t)
local t = {} for i = 1, 20 do t['k' .. i] = i end return #cmsgpack.pack(t)
return cmsgpack.unpack(cmsgpack.pack({1, 'a', {b = 2}}))
return cmsgpack.unpack(cmsgpack.pack({1, 'a', {b = 2}}))[3].b
return {cmsgpack.unpack(cmsgpack.pack(1, 2, 3))}
return {cmsgpack.unpack_one(cmsgpack.pack(1, 2, 3))}
return {cmsgpack.unpack_one(cmsgpack.pack(1, 2, 3), 1)}
return {cmsgpack.unpack_one(cmsgpack.pack(1, 2, 3), 2)}
return {cmsgpack.unpack_one(cmsgpack.pack(1, 2, 3), 3)}
return {cmsgpack.unpack_one(cmsgpack.pack(1, 2, 3), 4)}
return {cmsgpack.unpack_one(cmsgpack.pack(1, 2, 3), -1)}
return {cmsgpack.unpack_limit(cmsgpack.pack(1, 2, 3), 2)}
return {cmsgpack.unpack_limit(cmsgpack.pack(1, 2, 3), 2, 1)}
return {cmsgpack.unpack_limit(cmsgpack.pack(1, 2, 3), -1)}
return {cmsgpack.unpack_limit(cmsgpack.pack(1, 2, 3), 0)}
return cmsgpack.unpack_limit(cmsgpack.pack(1))
return cmsgpack.unpack('')
return cmsgpack.unpack('\193')
return cmsgpack.unpack('\217')
return cmsgpack.unpack('\217\5abc')
return cmsgpack.unpack('\220\255\255')
return cmsgpack.unpack('\221\255\255\255\255')
return cmsgpack.unpack('\223\255\255\255\255')
return cmsgpack.unpack('\219\255\255\255\255x')
return cmsgpack.unpack('\129\192\1')
return cmsgpack.unpack('\199\1\1\1')
return cmsgpack.unpack('\196\3abc')
return cmsgpack.unpack('\197\0\3abc')
return cmsgpack.unpack('\203\63\248\0\0\0\0\0\0') * 10
return cmsgpack.unpack('\202\63\192\0\0') * 10
return cmsgpack.unpack('\208\128')
return cmsgpack.unpack('\207\255\255\255\255\255\255\255\255')
return cmsgpack.unpack('\211\255\255\255\255\255\255\255\255')
return cmsgpack.unpack('\255')
return cmsgpack.unpack(1)
return cmsgpack.unpack({})
return cmsgpack.unpack(string.rep('\145', 20000))
return select('#', cmsgpack.unpack(string.rep('\1', 1000)))
return select('#', cmsgpack.unpack(string.rep('\1', 10000)))
return {cmsgpack._NAME, cmsgpack._VERSION}
"""

STRUCT = r"""
return struct.pack('>I2h', 1, -2)
return struct.pack('<I2h', 1, -2)
return struct.pack('bBhHlLTiIfd', 1, 2, 3, 4, 5, 6, 7, 8, 9, 1.5, 2.5)
return struct.pack('>bBhHlLTiIfd', -1, 255, -3, 4, -5, 6, 7, -8, 9, 1.5, -2.5)
return struct.pack('i1i2i3i4i5i8i16i32', 1, -2, 3, -4, 5, -6, 7, -8)
return struct.pack('i33', 1)
return struct.pack('i99999999999', 1)
return struct.pack('I0', 1)
return struct.pack('xx')
return struct.pack('s', 'abc')
return struct.pack('ss', 'abc', 'd')
return struct.pack('c2', 'abc')
return struct.pack('c5', 'abc')
return struct.pack('c0', 'abc')
return struct.pack('!4 b i', 1, 2)
return struct.pack('! b d', 1, 2)
return struct.pack('!3 b', 1)
return struct.pack('!16 b i16', 1, 2)
return struct.pack('!2 b i3', 1, 2)
return struct.pack('y', 1)
return struct.pack('i')
return struct.pack('i', 'x')
return struct.pack('i', '12')
return struct.pack('i', 1e30)
return struct.pack('l', -1e30)
return struct.pack('L', 2^63)
return struct.pack('L', 2^64)
return struct.pack('f', 1e300)
return struct.pack('')
return struct.pack()
return {struct.unpack('>I2h', '\0\1\255\254')}
return {struct.unpack('<I2h', '\1\0\254\255')}
return {struct.unpack('bBx', '\255\255\0')}
return {struct.unpack('s', 'abc\0def')}
return {struct.unpack('s', 'abc')}
return {struct.unpack('c2c0', 'abc')}
return {struct.unpack('bc0', '\3abc')}
return {struct.unpack('bc0', '\9abc')}
return {struct.unpack('bc0', '\255abc')}
return {struct.unpack('c3', 'ab')}
return {struct.unpack('i', '\1\0\0\0', 2)}
return {struct.unpack('i', '\9\1\0\0\0', 2)}
return {struct.unpack('i', '\1\0\0\0', 0)}
return {struct.unpack('i', '\1\0\0\0', -5)}
return {struct.unpack('i', '\1\0\0\0', 100)}
return {struct.unpack('c2147483647', 'x')}
return {struct.unpack('c99999999999', 'x')}
return {struct.unpack('i8', '\255\255\255\255\255\255\255\255')}
return {struct.unpack('I8', '\255\255\255\255\255\255\255\255')}
return {struct.unpack('>i16', '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1')}
return {struct.unpack('!4 bi', '\1\0\0\0\2\0\0\0')}
return {struct.unpack('d', struct.pack('d', 0.5))}
return {struct.unpack('f', struct.pack('f', 0.5))}
return {struct.unpack(string.rep('b', 9000), string.rep('x', 9000))}
return select('#', struct.unpack(string.rep('b', 100), string.rep('x', 100)))
return struct.size('bhi')
return struct.size('!bhi')
return struct.size('!8 b d')
return struct.size('s')
return struct.size('c0')
return struct.size('c10')
return struct.size('y')
return struct.size('?')
return struct.size('i33')
return struct.size('c2147483647')
return struct.size('c2147483648')
return struct.size('')
"""

BIT = r"""
return {bit.tobit(1), bit.tobit(2^31), bit.tobit(2^32), bit.tobit(-1), bit.tobit(1.5), \
bit.tobit(2.5), bit.tobit(-1.5)}
return {bit.tobit(2^40 + 7), bit.tobit(-2^40 - 7), bit.tobit(1e15)}
return {bit.bnot(0), bit.bnot(1), bit.band(15, 6), bit.bor(8, 1), bit.bxor(15, 5), bit.band(1, 3, \
5), bit.bor(1)}
return {bit.lshift(1, 4), bit.lshift(1, 31), bit.lshift(1, 32), bit.rshift(-1, 28), bit.arshift(-16, 2)}
return {bit.rol(1, 1), bit.ror(1, 1), bit.rol(0x12345678, 12), bit.ror(0x12345678, 12), bit.bswap(0x12345678)}
return {bit.tohex(255), bit.tohex(255, 4), bit.tohex(255, -4), bit.tohex(-1), bit.tohex(1, 0), \
bit.tohex(1, 9)}
return bit.tohex(255, -2147483648)
return bit.tohex(255, 2147483648)
return bit.tohex(-1, -8)
return bit.band('15', '6')
return bit.band()
return bit.band('x')
return bit.band({})
return bit.lshift(1)
return bit.tobit(0/0) == bit.tobit(0/0)
return bit.tobit(1/0)
"""


def lines(*groups: str) -> list[str]:
    return [line for group in groups for line in group.replace("\\\n", "").strip().splitlines()]


@pytest.mark.parametrize("script", lines(JSON, MSGPACK, STRUCT, BIT))
def test_library_gives_what_redis_gives(peers: Peers, script: str) -> None:
    # Redis keeps the settings of cjson from script to script; Garrison begins each with the same ones.
    peers.same("SCRIPT", "FLUSH")
    peers.same("EVAL", script, "0")
