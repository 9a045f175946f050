"""What commands become on their way to replicas: the stream of each server, command by command."""

from __future__ import annotations

import re
import time

import pytest

from tests.commands.resp import IncompleteError
from tests.commands.test_string import words_of
from tests.commands.wire import Peers, Wire

SCRIPTS: dict[str, str] = {
    "scripts": """
        EVAL "return 1" 0 | EVAL "return redis.call('GET','a')" 0 | EVAL "return redis.call('SET','a',1)" 0
        EVAL "redis.call('SET','a',1) redis.call('INCR','a') return redis.call('EXPIRE','a',100)" 0
        EVAL "redis.call('SET','a',1) redis.call('INCR') " 0
        EVAL "redis.call('SELECT',1) redis.call('SET','b',2)" 0
        EVAL "redis.set_repl(redis.REPL_NONE) redis.call('SET','c',1)" 0 | FUNCTION FLUSH | SCRIPT FLUSH
        MULTI | SET d 1 | EVAL "redis.call('INCR','d') redis.call('INCR','d')" 0 | EXEC | EVAL_RO "return 1" 0
        EVAL "redis.call('SPOP','none') redis.call('SADD','s','x') redis.call('SPOP','s')" 0""",
    "set": """
        SET k v | SET k v EX 100 | SET k v PX 500000 NX | SET k2 v PX 500000 NX | SET k v EXAT 99999999999
        SET k v KEEPTTL | SET k v GET | SET k v XX GET | SET k w GET EX 10 | SET none v XX | SET k v NX
        SETEX k 100 v | PSETEX k 100000 v | SETNX k v | SETNX n v | GETSET k w | MSET a 1 b 2
        MSETNX a 1 z 2
        MSETNX y 1 z 2 | SET k v PXAT 99999999999999 GET""",
    "read and change": """
        SET k v | GETEX k | GETEX k EX 100 | GETEX k PERSIST | GETEX k PERSIST | GETEX k PXAT 99999999999999
        GETEX k EXAT 1 | SET k v | GETDEL k | GETDEL k | GET k""",
    "numbers and edits": """
        INCR n | DECR n | INCRBY n 5 | DECRBY n 3 | INCRBYFLOAT n 0.1 | INCRBYFLOAT m 1e3 | APPEND s abc
        APPEND s '' | SETRANGE s 5 x | SETRANGE s 5 '' | SETRANGE none 0 '' | INCR s""",
    "expiry": """
        SET k v | EXPIRE k 100 | PEXPIRE k 100000 | EXPIREAT k 99999999999 | PEXPIREAT k 99999999999999
        EXPIRE k 5 GT | EXPIRE k 5 LT | PERSIST k | PERSIST k | EXPIRE k -1 | EXPIRE k 10 | SET k v
        EXPIREAT k 1
        SET k v | PEXPIREAT k 99999999999998 NX""",
    "keys": """
        SET a 1 | SET b 2 | RENAME a c | RENAMENX c b | RENAMENX c d | RENAME d d | COPY b e
        COPY b e | COPY b e REPLACE
        COPY b e DB 1 | MOVE b 2 | DEL e none | DEL none | UNLINK c d | TOUCH e | SELECT 1 | DEL e
        SELECT 0
        SWAPDB 0 1 | FLUSHDB | FLUSHALL | FLUSHALL ASYNC""",
    "hashes": """
        HSET h a 1 b 2 | HSET h a 1 | HMSET h c 3 d 4 | HSETNX h a 9 | HSETNX h e 5 | HINCRBY h a 10
        HINCRBYFLOAT h a 0.25 | HINCRBYFLOAT new f 1e2 | HINCRBY h none x | HINCRBYFLOAT h a inf
        HDEL h none | HDEL h a b | HDEL h c d e | HSET h a | HGETALL h | HRANDFIELD new
        SET s text | HSET s f v | HDEL s f""",
    "bits": """
        SETBIT k 7 1 | SETBIT k 7 1 | SETBIT k 100 0 | GETBIT k 7 | BITCOUNT k | BITFIELD k SET u8 0 5
        BITFIELD k SET u8 0 5 | BITFIELD k GET u8 0 | BITFIELD k INCRBY u8 0 1 | BITOP NOT t k
        BITOP AND t none | BITOP AND t none | BITFIELD k OVERFLOW FAIL SET u1 0 2 INCRBY u8 8 1""",
    "sketches": """
        PFADD k a b | PFADD k a | PFCOUNT k | PFCOUNT k | PFCOUNT k none | PFMERGE t k | PFMERGE t k
        PFADD e | PFADD e | PFCOUNT e | PFCOUNT none | PFDEBUG TODENSE k | PFDEBUG TODENSE k
        PFDEBUG GETREG t""",
    "sets": """
        SADD s a b c | SADD s a | SREM s x | SREM s a | SMOVE s t b | SMOVE s t b | SMOVE t t b
        SPOP t | SPOP t | SADD u 1 2 | SPOP u 0 | SPOP u 5 | SADD v 1 2 3
        SINTERSTORE d s v | SUNIONSTORE d s v
        SINTERSTORE d s v | SINTERSTORE d s v | SDIFFSTORE d s v | SREM s b c | SADD v x | SRANDMEMBER v""",
    "sorted sets": """
        ZADD z 1 a 2 b 3 c 4 d 5 e 6 f 7 g | ZADD z 1 a | ZADD z XX 1 new | ZADD z GT CH 0 a | ZADD z INCR 1 a
        ZINCRBY z 0.1 a | ZINCRBY z 0 a | ZREM z x | ZREM z a | ZPOPMIN z | ZPOPMAX z 1 | ZPOPMIN z 0
        ZMPOP 2 none z MIN | ZMPOP 1 none MAX | BZPOPMIN z 0 | BZPOPMAX none z 0 | BZMPOP 0 1 z MAX COUNT 9
        ZADD z 1 a 2 b 3 c | ZUNIONSTORE d 1 z | ZINTERSTORE d 2 z none | ZINTERSTORE d 2 z none
        ZRANGESTORE d z 0 1 | ZDIFFSTORE d 2 z d | ZREMRANGEBYSCORE z 9 9 | ZREMRANGEBYSCORE z 1 1
        ZREMRANGEBYRANK z 0 0 | ZREMRANGEBYLEX z - +""",
    "coordinates": """
        GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania | GEOADD g NX 1 1 Palermo
        GEOADD g XX CH 1 1 Palermo | GEOSEARCHSTORE d g FROMLONLAT 1 1 BYRADIUS 100 km STOREDIST
        GEORADIUS g 1 1 100 km STORE e | GEORADIUS g 50 50 1 m STORE e | GEORADIUS g 50 50 1 m STORE e
        GEORADIUS g 1 1 100 km""",
    "streams": """
        XADD s 1-1 a b | XADD s 2-* a b | XADD s 2-* a b | XADD s 3 a b | XADD s 9-* MAXLEN ~ 2 a b
        XADD s MAXLEN ~ 2 9-* a b | XADD s MAXLEN = 4 9-* a b | XADD s MINID ~ 2 10-1 a b
        XADD none NOMKSTREAM 1-1 a b | XTRIM s MAXLEN ~ 1 | XTRIM s MAXLEN 3 | XTRIM s MINID 9-1
        XTRIM s MAXLEN 3 | XDEL s 9-1 none | XDEL s 9-1 | XDEL s 9-1 | XSETID s 20-0 | XSETID s 1-1
        XTRIM s MINID ~ 0 | DEL s | XTRIM s MAXLEN 1""",
    "groups": """
        XADD s 1-1 a b | XADD s 2-1 a b | XADD s 3-1 a b | XADD s 4-1 a b | XADD s 5-1 a b
        XGROUP CREATE s g 0 | XGROUP CREATE s g 0 | XGROUP CREATE new g $ MKSTREAM | XGROUP SETID new g 5-5
        XGROUP CREATECONSUMER s g z | XGROUP CREATECONSUMER s g z
        XREADGROUP GROUP g c COUNT 2 STREAMS s > | XREADGROUP GROUP g d NOACK COUNT 1 STREAMS s >
        XREADGROUP GROUP g c STREAMS s 0 | XREADGROUP GROUP g c STREAMS s new > >
        XREADGROUP GROUP g c STREAMS s > | XACK s g 1-1 9-9 | XACK s g 1-1
        XCLAIM s g e 0 2-1 | XCLAIM s g e 0 2-1 RETRYCOUNT 9 JUSTID | XCLAIM s g f 0 9-9
        XCLAIM s g e 0 1-1 FORCE IDLE 1000000000 | XCLAIM s g e 0 9-9 LASTID 8-8
        XDEL s 2-1 4-1 | XCLAIM s g e 0 2-1 | XAUTOCLAIM s g q 0 0 COUNT 1 | XAUTOCLAIM s g q 0 0
        XAUTOCLAIM s g q 1000000 0 | XPENDING s g | XGROUP DELCONSUMER s g q | XGROUP DELCONSUMER s g q
        XGROUP DESTROY s g | XGROUP DESTROY s g""",
    "transactions": """
        MULTI | SET a 1 | EXEC | MULTI | SET a 1 | INCR a | GETDEL a | EXEC | MULTI | GET a | EXEC
        MULTI | EXEC
        MULTI | SET b 1 EX 100 | DEL none | EXEC
        MULTI | SET a 1 | SELECT 5 | SET b 1 | SELECT 9 | EXEC | SET c 1 | SELECT 0 | MULTI | SELECT 3
        SET d 1 | EXEC | SELECT 0 | SET e 1""",
}


class Stream:
    """A connection beside `control` that became a replica, after its copy of the data."""

    def __init__(self, control: Wire) -> None:
        self.wire = wire = control.another(2)
        wire("REPLCONF", "listening-port", "1", "capa", "eof", "capa", "psync2")
        wire.raw(b"PSYNC ? -1\r\n")
        self._data = b""
        self._skip_snapshot()
        # Redis may still wait for the process that made the copy: a FLUSHALL kills it and ends the stream.
        control.expect(b"rdb_bgsave_in_progress:0", "INFO", "persistence")

    def _more(self) -> None:
        data = self.wire._socket.recv(1 << 16)
        assert data, "the server closed the stream"
        self._data += data

    def _skip_snapshot(self) -> None:
        while not (match := re.search(rb"\$(EOF:(.{40})|(\d+))\r\n", self._data)):
            self._more()
        if mark := match.group(2):
            while (end := self._data.find(mark, match.end())) < 0:
                self._more()
            self._data = self._data[end + len(mark) :]
        else:
            length = match.end() + int(match.group(3))
            while len(self._data) < length:
                self._more()
            self._data = self._data[length:]
        self.wire._reader.feed(self._data)
        self.wire._socket.settimeout(0.2)

    def _read_on(self) -> None:
        """Reads, and acknowledges while nothing comes: Redis begins only after an acknowledgement."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                data = self.wire._socket.recv(1 << 16)
            except TimeoutError:
                self.wire.raw(b"REPLCONF ACK 0\r\n")
                continue
            assert data, "the server closed the stream"
            return self.wire._reader.feed(data)
        raise AssertionError("nothing came for 60 seconds")

    def until(self, end: bytes) -> list[tuple[bytes, ...]]:
        """The commands up to one that publishes `end`; pings and the like are left out."""
        commands: list[tuple[bytes, ...]] = []
        while True:
            try:
                command = tuple(self.wire._reader.take())
            except IncompleteError:
                self._read_on()
                continue
            if command[0].upper() == b"PUBLISH" and command[2] == end:
                return commands
            if command[0].upper() not in (b"PING", b"REPLCONF"):
                commands.append(tuple(map(comparable, enumerate(command))))


def comparable(numbered: tuple[int, bytes]) -> bytes:
    """The command's name in capitals; times of about now as one word, because the servers' clocks go on."""
    index, word = numbered
    if index == 0:
        return word.upper()
    return b"<about now>" if re.fullmatch(rb"1[6-9]\d{11}", word) else word


@pytest.mark.parametrize("name", SCRIPTS)
def test_streams_are_the_same(peers: Peers, name: str) -> None:
    streams = []
    for wire in (peers.redis, peers.garrison):
        wire("CONFIG", "SET", "repl-diskless-sync-delay", "0")
        stream = Stream(wire)
        wire("SET", "first", "1")
        for command in SCRIPTS[name].replace("\n", "|").split("|"):
            if command.strip():
                wire(*words_of(command))
        wire("PUBLISH", "channel", "end")
        streams.append(stream.until(b"end"))
    theirs, ours = streams
    if name == "groups":
        # Redis 7.0 tells replicas how much a group has read only with NOACK, so that they forget it.
        theirs, ours = ([words for words in stream if b"ENTRIESREAD" not in words] for stream in streams)
    assert ours == theirs
    assert theirs


def test_expired_keys_are_deleted_in_the_stream(r: Wire) -> None:
    r("CONFIG", "SET", "repl-diskless-sync-delay", "0")
    stream = Stream(r)
    r("SET", "k", "v", "PX", 20)
    r.until(None, "GET", "k")
    r("PUBLISH", "channel", "end")
    assert stream.until(b"end")[-1] == (b"DEL", b"k")
