"""Random commands of all types on shared keys, against a real Redis 7.0.

The other random tests each stay with one type. Here every key may hold any type, arguments are often wrong,
some commands are in MULTI, and limits are small, so that encodings change. What is compared:

- each reply, where it is specified (sets and hashes are sorted, scores are compared as numbers);
- the keyspace events;
- DEBUG DIGEST-VALUE of each key, and DEBUG DIGEST of a real Redis 7.0 that replicates from each.

`test_random_mixed.py` runs a little of it. A campaign:

    python -m tests.commands.differential --commands 200000 --first 100
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.commands.random_source import Source
from tests.commands.resp import Failure, ReplySet
from tests.commands.wire import Server, Wire, Word, start_garrison, start_redis_7_0

COMMANDS_PER_SEED = 2000
COMPARE_EVERY = 100

SMALL: dict[str, int] = {
    "hash-max-listpack-entries": 6,
    "hash-max-listpack-value": 12,
    "list-max-listpack-size": 4,
    "set-max-intset-entries": 6,
    "zset-max-listpack-entries": 6,
    "zset-max-listpack-value": 12,
    "stream-node-max-entries": 5,
    "hll-sparse-max-bytes": 60,
}

PLACE_HOLDERS: dict[str, list[str]] = {
    "K": [f"k{number}" for number in range(7)],
    "V": ["", "a", "12", "-7", "3.5", "0", "hello world", "x" * 50, "9223372036854775807", "1e3", "007"],
    "M": [*"abcdef", "", "1", "2", "-3", "70000", "99999999999", "a member of more than twelve bytes"],
    "N": [*"0123", "-1", "-2", "10", "-10", "x", "9223372036854775807", "-9223372036854775808", "1.5", ""],
    "I": ["0", "1", "-1", "5", "-3", "100", "x", "9223372036854775807", "-9223372036854775808"],
    # Redis 7.0 takes -2^63 for a rank, 7.2 does not.
    "#": ["0", "1", "-1", "2", "-3", "x", "9223372036854775807", "-9223372036854775807"],
    "D": ["0.1", "-2.75", "1e-3", "inf", "nan", "x", "1e400", "5"],
    "S": ["0", "1", "-1", "2.5", "-0.25", "1e3", "inf", "-inf", "x", "nan"],
    "L": ["-inf", "+inf", "0", "1", "(1", "(-0.25", "2.5", "x", "("],
    "C": ["1", "2", "5", "0", "-1", "x", "9223372036854775807"],
    "E": ["LEFT", "RIGHT", "left", "UP"],
    "Z": [f"{ms}-{number}" for ms in (0, 1, 5, 9, 30) for number in (0, 1)] + ["-", "+", "(5", "x", "7-x"],
    "J": [f"{ms}-*" for ms in (1, 3, 5, 9, 30, 60)] + ["5-1", "30-2", "0-0", "18446744073709551615-1"],
    "G": ["g", "h"],
    "Q": ["c", "d"],
    "B": ["0", "1", "2"],
    "O": ["0", "7", "70", "300", "4294967296", "-1", "x"],
    # Nothing expires while a seed runs.
    "T": ["1000000", "20000000", "-1", "0", "x", "9223372036854775807"],
    "F": ["u1", "i8", "u17", "i64", "u63", "u64", "i65", "x"],
    "P": ["13.36 38.1", "15.08 37.5", "-1 2", "200 1", "x 1"],
    "R": ["1", "150", "20000", "-1", "x"],
    "U": ["m", "km", "ft", "mi", "parsec"],
    "W": ["0", "1", "2", "-1.5", "inf", "x"],
    "A": ["SUM", "MIN", "MAX", "AVG"],
    "Y": ["NX", "XX", "GT", "LT", "CH", "INCR"],
}

TEMPLATES = """
SET K V|SET K V NX|SET K V XX GET|SET K V KEEPTTL|SET K V PX T|SET K V EX T GET|SET K V NX XX|GET K
GETSET K V|GETDEL K|GETEX K PERSIST
GETEX K EX T|MGET K K K|MSET K V K V|MSET K V K|MSETNX K V K V|SETNX K V|SETEX K T V|PSETEX K T V|INCR K
DECR K|INCRBY K I|DECRBY K I
INCRBYFLOAT K D|APPEND K V|STRLEN K|SETRANGE K O V|GETRANGE K N N|SUBSTR K N N|LCS K K
LCS K K IDX MINMATCHLEN C WITHMATCHLEN
SETBIT K O B|GETBIT K O|BITCOUNT K N N|BITCOUNT K N N BIT|BITPOS K B N N|BITPOS K B
BITFIELD K SET F O I GET F #2|BITFIELD K OVERFLOW SAT INCRBY F O I
BITFIELD_RO K GET F O|BITOP AND K K K|BITOP NOT K K|BITOP XOR K K K|BITOP NOT K K K|PFADD K M M|PFADD K
PFCOUNT K K|PFMERGE K K K
DEL K|DEL K K|UNLINK K|EXISTS K K|TYPE K|EXPIRE K T|PEXPIRE K T NX|EXPIREAT K 99999999999 GT|PERSIST K
RENAME K K|RENAMENX K K|COPY K K|COPY K K REPLACE
OBJECT ENCODING K|TOUCH K K|DBSIZE|MOVE K x|MOVE K 0|DUMP missing|RESTORE K 0 x|OBJECT REFCOUNT missing
SORT K|SORT K ALPHA|SORT K ALPHA DESC LIMIT N N
SORT K ALPHA STORE K|SORT_RO K ALPHA GET w_*|SORT K BY w_*
LPUSH K M M|RPUSH K M M M|LPUSHX K M|RPUSHX K M|LPOP K|LPOP K C|RPOP K C|LLEN K|LINDEX K N|LRANGE K N N
LSET K N M|LREM K N M|LTRIM K N N
LINSERT K BEFORE M M|LINSERT K AFTER M M|LINSERT K x M M|LPOS K M|LPOS K M RANK # COUNT C
LPOS K M MAXLEN C|LMOVE K K E E|RPOPLPUSH K K
LMPOP 2 K K E|LMPOP 1 K E COUNT C|LMPOP C K E|BLPOP K K 0.001|BRPOP K 0.001|BLMOVE K K E E 0.001
BLMPOP 0.001 2 K K E COUNT C
SADD K M|SADD K M M M|SADD K 1 2 3|SREM K M M|SCARD K|SISMEMBER K M|SMISMEMBER K M M|SMEMBERS K
SMOVE K K M|SINTER K K|SUNION K K|SDIFF K K K
SINTERSTORE K K K|SUNIONSTORE K K K|SDIFFSTORE K K K|SINTERCARD 2 K K|SINTERCARD 2 K K LIMIT C
SINTERCARD C K|SPOP K 100|SPOP K -1|SRANDMEMBER K 100|SSCAN K 0 COUNT 1000
ZADD K S M|ZADD K S M S M S M|ZADD K Y S M|ZADD K Y Y S M|ZINCRBY K S M|ZREM K M M|ZCARD K|ZSCORE K M
ZMSCORE K M M|ZRANK K M|ZREVRANK K M|ZCOUNT K L L
ZRANGE K N N|ZRANGE K N N WITHSCORES|ZRANGE K N N REV|ZRANGE K L L BYSCORE LIMIT N N
ZRANGE K L L BYSCORE REV|ZRANGEBYSCORE K L L WITHSCORES|ZREVRANGEBYSCORE K L L
ZRANGESTORE K K N N|ZREMRANGEBYRANK K N N|ZREMRANGEBYSCORE K L L|ZPOPMIN K|ZPOPMAX K C
ZMPOP 2 K K MIN COUNT C|ZUNION 2 K K WITHSCORES|ZINTER 2 K K WITHSCORES
ZUNIONSTORE K 2 K K WEIGHTS W W AGGREGATE A|ZINTERSTORE K 2 K K|ZDIFF 2 K K|ZDIFFSTORE K 2 K K
ZINTERCARD 2 K K LIMIT C|ZRANDMEMBER K 100|BZPOPMIN K K 0.001
BZPOPMAX K K 0.001|BZMPOP 0.001 2 K K MAX COUNT C|ZSCAN K 0 COUNT 1000|ZUNION C K
HSET K M V|HSET K M V M V M V|HSET K M|HMSET K M V|HSETNX K M V|HGET K M|HMGET K M M|HGETALL K|HKEYS K
HVALS K|HDEL K M M|HLEN K|HEXISTS K M|HSTRLEN K M
HINCRBY K M I|HINCRBYFLOAT K M D|HRANDFIELD K 100|HRANDFIELD K 100 WITHVALUES|HSCAN K 0 COUNT 1000
XADD K J M V|XADD K NOMKSTREAM J M V|XADD K MAXLEN C J M V|XADD K MINID ~ J J M V|XADD K J M|XLEN K
XRANGE K Z Z|XRANGE K Z Z COUNT C|XREVRANGE K Z Z|XDEL K Z Z|XTRIM K MAXLEN C
XTRIM K MINID Z|XTRIM K MAXLEN ~ C|XSETID K Z|XREAD COUNT C STREAMS K K Z Z|XGROUP CREATE K G Z
XGROUP CREATE K G $ MKSTREAM|XGROUP SETID K G Z|XGROUP DESTROY K G
XGROUP CREATECONSUMER K G Q|XGROUP DELCONSUMER K G Q|XREADGROUP GROUP G Q COUNT C STREAMS K >
XREADGROUP GROUP G Q NOACK STREAMS K >|XREADGROUP GROUP G Q STREAMS K Z
XACK K G Z Z|XPENDING K G|XCLAIM K G Q 0 Z Z JUSTID|XCLAIM K G Q 0 Z FORCE
XAUTOCLAIM K G Q 0 Z JUSTID COUNT C|XREAD BLOCK 1 STREAMS K $
GEOADD K P M|GEOADD K NX P M P M|GEOPOS K M M|GEOHASH K M|GEODIST K M M U
GEOSEARCH K FROMLONLAT P BYRADIUS R U ASC COUNT 1|GEOSEARCHSTORE K K FROMMEMBER M BYBOX R R U
GEORADIUS K P R U STORE K|GEORADIUSBYMEMBER K M R U STOREDIST K
"""

UNORDERED = {
    *("SMEMBERS", "SINTER", "SUNION", "SDIFF", "SPOP", "SRANDMEMBER", "ZRANDMEMBER", "HRANDFIELD"),
    *("HGETALL", "HKEYS", "HVALS", "HSCAN", "SSCAN", "ZSCAN"),
}
PAIRS = {"HGETALL", "HSCAN", "ZSCAN"}


def by_number(reply: Any) -> Any:
    """A reply in which all ways to write a number are equal."""
    if isinstance(reply, Failure):
        return ("error", str(reply))
    if isinstance(reply, dict):
        return {by_number(key): by_number(value) for key, value in reply.items()}
    if isinstance(reply, list | ReplySet):
        return [by_number(item) for item in reply]
    if isinstance(reply, bytes):
        try:
            return repr(float(reply))
        except ValueError:
            return reply
    return repr(float(reply)) if isinstance(reply, float) else reply


def comparable(words: list[Word], reply: Any) -> Any:
    """What is specified of a reply."""
    name = str(words[0])
    if words[:2] == ["OBJECT", "ENCODING"] and reply in (b"hashtable", b"listpack", b"skiplist"):
        # A small set of strings is packed since Redis 7.2, and Redis's SORT unpacks a sorted set.
        return "either"
    if name in UNORDERED and not isinstance(reply, Failure) and reply is not None:
        if name in ("HSCAN", "SSCAN", "ZSCAN"):
            reply = reply[1]
        if isinstance(reply, dict):
            reply = [item for pair in reply.items() for item in pair]
        wants_pairs = name in PAIRS or words[-1] == "WITHVALUES"
        if wants_pairs and isinstance(reply, list) and reply and not isinstance(reply[0], list):
            reply = [list(pair) for pair in zip(reply[::2], reply[1::2], strict=True)]
        if isinstance(reply, list | ReplySet):
            return sorted(map(repr, map(by_number, reply)))
    return by_number(reply)


class Pair:
    """A real Redis and ours, each with a listener to its events and a real Redis as a replica."""

    def __init__(self, peers: dict[str, Wire], replicas: dict[str, Wire]) -> None:
        self.peers = peers
        self.replicas = replicas
        self.listeners = {name: wire.another(3) for name, wire in peers.items()}
        for name, listener in self.listeners.items():
            assert peers[name]("CONFIG", "SET", "notify-keyspace-events", "KEA") == "OK"
            for setting, value in SMALL.items():
                assert peers[name]("CONFIG", "SET", setting, value) == "OK"
            listener("PSUBSCRIBE", "__key*__:*")
            listener("SUBSCRIBE", "marker")

    def run(self, seed: int, commands: int) -> None:
        """Run one seed. Raises AssertionError with the last commands at the first difference."""
        source = Source(seed, TEMPLATES, PLACE_HOLDERS, several="P")
        history: list[list[Word]] = []
        for wire in self.peers.values():
            wire("FLUSHALL")
            wire(
                "MSET",
                *(f"w_{text}" if even else f"{len(text)}" for text in "abcde" for even in (True, False)),
            )
        self._events()
        for turn in range(commands):
            if source.random.random() < 0.02:
                batch = [source.draw() for _ in range(3)]
                history += [["MULTI"], *batch, ["EXEC"]]
                replies = {name: self._transaction(wire, batch) for name, wire in self.peers.items()}
            else:
                words = source.draw()
                history.append(words)
                replies = {name: comparable(words, wire(*words)) for name, wire in self.peers.items()}
            where = f"seed {seed}, turn {turn}: {history[-8:]}"
            assert replies["garrison"] == replies["redis"], f"{where}: {replies}"
            if turn % COMPARE_EVERY == COMPARE_EVERY - 1:
                events = self._events()
                assert events["garrison"] == events["redis"], (
                    f"seed {seed}, turn {turn}: {history[-COMPARE_EVERY:]}: {_parting(events)}"
                )
                digests = {
                    name: wire("DEBUG", "DIGEST-VALUE", *PLACE_HOLDERS["K"])
                    for name, wire in self.peers.items()
                }
                assert digests["garrison"] == digests["redis"], (
                    f"seed {seed}, turn {turn}: {history[-COMPARE_EVERY:]}: {digests}"
                )
        self._compare_replicas(seed, history)

    def _transaction(self, wire: Wire, batch: list[list[Word]]) -> Any:
        wire("MULTI")
        queued = [by_number(wire(*words)) for words in batch]
        answers = wire("EXEC")
        if isinstance(answers, Failure):
            return queued, str(answers)
        return queued, [comparable(words, answer) for words, answer in zip(batch, answers, strict=True)]

    def _events(self) -> dict[str, list[Any]]:
        """The keyspace events since the last call."""
        heard: dict[str, list[Any]] = {}
        for name, listener in self.listeners.items():
            self.peers[name]("PUBLISH", "marker", "now")
            heard[name] = []
            while (push := listener.read())[1] != b"marker":
                heard[name].append(push[2:])
        return heard

    def _compare_replicas(self, seed: int, history: list[list[Word]]) -> None:
        for name, wire in self.peers.items():
            if name not in self.replicas:
                continue
            assert wire("WAIT", 1, 10_000) == 1
            own, copied = wire("DEBUG", "DIGEST"), self.replicas[name]("DEBUG", "DIGEST")
            assert own == copied, f"seed {seed}: the replica of {name} differs after {history}"


def _parting(events: dict[str, list[Any]]) -> Any:
    """Where two lists of events part."""
    pairs = zip(events["redis"], events["garrison"], strict=False)
    at = next((index for index, (one, other) in enumerate(pairs) if one != other), 0)
    return {name: heard[max(at - 3, 0) : at + 4] for name, heard in events.items()}


@contextmanager
def _running(folder: Path, protocol: int) -> Iterator[Pair]:
    servers: list[Server] = []

    def begin(name: str, *more: str) -> Server:
        (folder / name).mkdir()
        start = start_garrison if name == "garrison" else start_redis_7_0
        server = start(folder / name, *more)
        assert isinstance(server, Server), server
        servers.append(server)
        return server

    try:
        peers = {name: begin(name) for name in ("redis", "garrison")}
        copies = {
            name: begin(f"replica-of-{name}", "--replicaof", f"127.0.0.1 {peer.port}")
            for name, peer in peers.items()
        }
        replicas = {name: Wire(server) for name, server in copies.items()}
        for wire in replicas.values():
            wire.expect(b"master_link_status:up", "INFO", "replication")
        yield Pair({name: Wire(server, protocol) for name, server in peers.items()}, replicas)
    finally:
        for server in servers:
            server.stop()


def main() -> None:
    """Run a campaign; print each difference and go on with the next seed."""
    parser = argparse.ArgumentParser(description="random commands of all types against a real Redis 7.0")
    parser.add_argument(
        "--commands", type=int, default=20_000, help="about how many in sum (default: %(default)s)"
    )
    parser.add_argument("--first", type=int, default=1000, help="the first seed (default: %(default)s)")
    parser.add_argument("--resp3", action="store_true", help="speak RESP3")
    options = parser.parse_args()
    failed: list[int] = []
    seeds = range(options.first, options.first + -(-options.commands // COMMANDS_PER_SEED))
    protocol = 3 if options.resp3 else 2
    with tempfile.TemporaryDirectory() as folder, _running(Path(folder), protocol) as pair:
        for seed in seeds:
            try:
                pair.run(seed, COMMANDS_PER_SEED)
            except AssertionError as difference:
                failed.append(seed)
                print(str(difference)[:6000], flush=True)
    print(f"{len(seeds)} seeds of {COMMANDS_PER_SEED} commands, {len(failed)} differ: {failed}")


if __name__ == "__main__":
    main()
