"""The typed methods as a pipeline has them. Written by .ci/queued_stub.py: do not edit."""

import builtins
from collections.abc import Mapping, Sequence
from typing import Any, Literal, overload

from garrison.client.commands.arguments import Args, Keys, Lifetime, Moment, Side
from garrison.client.commands.base import T
from garrison.client.commands.bitmaps import BitField, BitUnit, Overflow
from garrison.client.commands.geo import Order, Unit
from garrison.client.commands.replies import Place, StreamEntry
from garrison.client.commands.sorted_set_unions import Aggregate, Weighted
from garrison.client.commands.stream_groups import PendingEntry, PendingSummary
from garrison.client.commands.typed import TypedCommands
from garrison.client.core.resp import Arg, Key
from garrison.client.queued import Queued

__all__ = ["PipelinedCommands"]

class PipelinedCommands(TypedCommands[T]):
    """The typed methods, returning futures."""

    # StringCommands
    def get(self, key: Key) -> Queued[T | None]: ...
    @overload
    def set(
        self,
        key: Key,
        value: Arg,
        ex: Lifetime | None = None,
        px: Lifetime | None = None,
        nx: bool = False,
        xx: bool = False,
        keepttl: bool = False,
        get: Literal[False] = False,
        exat: Moment | None = None,
        pxat: Moment | None = None,
        ifeq: Arg | None = None,
    ) -> Queued[bool]: ...
    @overload
    def set(
        self,
        key: Key,
        value: Arg,
        ex: Lifetime | None = None,
        px: Lifetime | None = None,
        nx: bool = False,
        xx: bool = False,
        keepttl: bool = False,
        *,
        get: Literal[True],
        exat: Moment | None = None,
        pxat: Moment | None = None,
        ifeq: Arg | None = None,
    ) -> Queued[T | None]: ...
    def setnx(self, key: Key, value: Arg) -> Queued[bool]: ...
    def setex(self, key: Key, time: Lifetime, value: Arg) -> Queued[bool]: ...
    def psetex(self, key: Key, time_ms: Lifetime, value: Arg) -> Queued[bool]: ...
    def getset(self, key: Key, value: Arg) -> Queued[T | None]: ...
    def getdel(self, key: Key) -> Queued[T | None]: ...
    def getex(
        self,
        key: Key,
        ex: Lifetime | None = None,
        px: Lifetime | None = None,
        exat: Moment | None = None,
        pxat: Moment | None = None,
        persist: bool = False,
    ) -> Queued[T | None]: ...
    def mget(self, keys: Keys, *more: Key) -> Queued[list[T | None]]: ...
    def mset(self, mapping: Mapping[Any, Arg]) -> Queued[bool]: ...
    def msetnx(self, mapping: Mapping[Any, Arg]) -> Queued[bool]: ...
    def msetex(
        self,
        mapping: Mapping[Any, Arg],
        data_persist_option: Literal["NX", "XX"] | None = None,
        ex: Lifetime | None = None,
        px: Lifetime | None = None,
        exat: Moment | None = None,
        pxat: Moment | None = None,
        keepttl: bool = False,
    ) -> Queued[bool]: ...
    def incr(self, key: Key, amount: int = 1) -> Queued[int]: ...
    def incrby(self, key: Key, amount: int = 1) -> Queued[int]: ...
    def incrbyfloat(self, key: Key, amount: float = 1.0) -> Queued[float]: ...
    def decr(self, key: Key, amount: int = 1) -> Queued[int]: ...
    def decrby(self, key: Key, amount: int = 1) -> Queued[int]: ...
    def append(self, key: Key, value: Arg) -> Queued[int]: ...
    def strlen(self, key: Key) -> Queued[int]: ...
    def setrange(self, key: Key, offset: int, value: Arg) -> Queued[int]: ...
    def getrange(self, key: Key, start: int, end: int) -> Queued[T]: ...
    def substr(self, key: Key, start: int, end: int = -1) -> Queued[T]: ...
    @overload
    def lcs(
        self, key1: Key, key2: Key, len: Literal[False] = False, *, idx: Literal[False] = False
    ) -> Queued[T]: ...
    @overload
    def lcs(
        self, key1: Key, key2: Key, len: Literal[True], *, idx: Literal[False] = False
    ) -> Queued[int]: ...
    @overload
    def lcs(
        self,
        key1: Key,
        key2: Key,
        len: Literal[False] = False,
        *,
        idx: Literal[True],
        minmatchlen: int = 0,
        withmatchlen: bool = False,
    ) -> Queued[dict[str, Any]]: ...
    # KeyCommands
    def delete(self, *keys: Key) -> Queued[int]: ...
    def unlink(self, *keys: Key) -> Queued[int]: ...
    def exists(self, *keys: Key) -> Queued[int]: ...
    def touch(self, *keys: Key) -> Queued[int]: ...
    def type(self, key: Key) -> Queued[T]: ...
    def expire(
        self, key: Key, time: Lifetime, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False
    ) -> Queued[bool]: ...
    def pexpire(
        self, key: Key, time: Lifetime, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False
    ) -> Queued[bool]: ...
    def expireat(
        self, key: Key, when: Moment, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False
    ) -> Queued[bool]: ...
    def pexpireat(
        self, key: Key, when: Moment, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False
    ) -> Queued[bool]: ...
    def ttl(self, key: Key) -> Queued[int]: ...
    def pttl(self, key: Key) -> Queued[int]: ...
    def expiretime(self, key: Key) -> Queued[int]: ...
    def pexpiretime(self, key: Key) -> Queued[int]: ...
    def persist(self, key: Key) -> Queued[bool]: ...
    def rename(self, src: Key, dst: Key) -> Queued[bool]: ...
    def renamenx(self, src: Key, dst: Key) -> Queued[bool]: ...
    def copy(
        self, source: Key, destination: Key, destination_db: int | None = None, replace: bool = False
    ) -> Queued[bool]: ...
    def move(self, key: Key, db: int) -> Queued[bool]: ...
    def dump(self, key: Key) -> Queued[bytes | None]: ...
    def restore(
        self,
        key: Key,
        ttl: Lifetime,
        value: bytes,
        replace: bool = False,
        absttl: bool = False,
        idletime: int | None = None,
        frequency: int | None = None,
    ) -> Queued[bool]: ...
    @overload
    def sort(
        self,
        key: Key,
        start: int | None = None,
        num: int | None = None,
        by: Arg | None = None,
        get: Args | None = None,
        desc: bool = False,
        alpha: bool = False,
        store: None = None,
    ) -> Queued[list[T | None]]: ...
    @overload
    def sort(
        self,
        key: Key,
        start: int | None = None,
        num: int | None = None,
        by: Arg | None = None,
        get: Args | None = None,
        desc: bool = False,
        alpha: bool = False,
        *,
        store: Key,
    ) -> Queued[int]: ...
    def sort_ro(
        self,
        key: Key,
        start: int | None = None,
        num: int | None = None,
        by: Arg | None = None,
        get: Args | None = None,
        desc: bool = False,
        alpha: bool = False,
    ) -> Queued[list[T | None]]: ...
    def object_encoding(self, key: Key) -> Queued[T | None]: ...
    def object_idletime(self, key: Key) -> Queued[int | None]: ...
    def object_freq(self, key: Key) -> Queued[int | None]: ...
    def object_refcount(self, key: Key) -> Queued[int | None]: ...
    def memory_usage(self, key: Key, samples: int | None = None) -> Queued[int | None]: ...
    # HashCommands
    @overload
    def hset(
        self,
        key: Key,
        field: Arg,
        value: Arg,
        mapping: Mapping[Any, Arg] | None = None,
        items: Sequence[Arg] | None = None,
    ) -> Queued[int]: ...
    @overload
    def hset(self, key: Key, field: Mapping[Any, Arg]) -> Queued[int]: ...
    @overload
    def hset(
        self,
        key: Key,
        field: None = None,
        value: None = None,
        mapping: Mapping[Any, Arg] | None = None,
        *,
        items: Sequence[Arg],
    ) -> Queued[int]: ...
    @overload
    def hset(
        self, key: Key, field: None = None, value: None = None, *, mapping: Mapping[Any, Arg]
    ) -> Queued[int]: ...
    def hmset(self, key: Key, mapping: Mapping[Any, Arg]) -> Queued[bool]: ...
    def hsetnx(self, key: Key, field: Arg, value: Arg) -> Queued[bool]: ...
    def hget(self, key: Key, field: Arg) -> Queued[T | None]: ...
    def hmget(self, key: Key, fields: Args, *more: Arg) -> Queued[list[T | None]]: ...
    def hgetall(self, key: Key) -> Queued[dict[T, T]]: ...
    def hdel(self, key: Key, *fields: Arg) -> Queued[int]: ...
    def hexists(self, key: Key, field: Arg) -> Queued[bool]: ...
    def hlen(self, key: Key) -> Queued[int]: ...
    def hkeys(self, key: Key) -> Queued[list[T]]: ...
    def hvals(self, key: Key) -> Queued[list[T]]: ...
    def hstrlen(self, key: Key, field: Arg) -> Queued[int]: ...
    def hincrby(self, key: Key, field: Arg, amount: int = 1) -> Queued[int]: ...
    def hincrbyfloat(self, key: Key, field: Arg, amount: float = 1.0) -> Queued[float]: ...
    @overload
    def hrandfield(
        self, key: Key, count: None = None, withvalues: Literal[False] = False
    ) -> Queued[T | None]: ...
    @overload
    def hrandfield(self, key: Key, count: int, withvalues: Literal[False] = False) -> Queued[list[T]]: ...
    @overload
    def hrandfield(self, key: Key, count: int, withvalues: Literal[True]) -> Queued[list[tuple[T, T]]]: ...
    @overload
    def hscan(
        self,
        key: Key,
        cursor: int = 0,
        match: Arg | None = None,
        count: int | None = None,
        no_values: Literal[False] = False,
    ) -> Queued[tuple[int, dict[T, T]]]: ...
    @overload
    def hscan(
        self,
        key: Key,
        cursor: int = 0,
        match: Arg | None = None,
        count: int | None = None,
        *,
        no_values: Literal[True],
    ) -> Queued[tuple[int, list[T]]]: ...
    def hsetex(
        self,
        key: Key,
        field: Arg | Mapping[Any, Arg] | None = None,
        value: Arg | None = None,
        mapping: Mapping[Any, Arg] | None = None,
        ex: Lifetime | None = None,
        px: Lifetime | None = None,
        exat: Moment | None = None,
        pxat: Moment | None = None,
        data_persist_option: Literal["FNX", "FXX"] | None = None,
        keepttl: bool = False,
    ) -> Queued[bool]: ...
    def hgetex(
        self,
        key: Key,
        *fields: Arg,
        ex: Lifetime | None = None,
        px: Lifetime | None = None,
        exat: Moment | None = None,
        pxat: Moment | None = None,
        persist: bool = False,
    ) -> Queued[list[T | None]]: ...
    def hgetdel(self, key: Key, *fields: Arg) -> Queued[list[T | None]]: ...
    def hexpire(
        self,
        key: Key,
        seconds: Lifetime,
        *fields: Arg,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Queued[list[int]]: ...
    def hpexpire(
        self,
        key: Key,
        milliseconds: Lifetime,
        *fields: Arg,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Queued[list[int]]: ...
    def hexpireat(
        self,
        key: Key,
        when: Moment,
        *fields: Arg,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Queued[list[int]]: ...
    def hpexpireat(
        self,
        key: Key,
        when: Moment,
        *fields: Arg,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Queued[list[int]]: ...
    def httl(self, key: Key, *fields: Arg) -> Queued[list[int]]: ...
    def hpttl(self, key: Key, *fields: Arg) -> Queued[list[int]]: ...
    def hexpiretime(self, key: Key, *fields: Arg) -> Queued[list[int]]: ...
    def hpexpiretime(self, key: Key, *fields: Arg) -> Queued[list[int]]: ...
    def hpersist(self, key: Key, *fields: Arg) -> Queued[list[int]]: ...
    # ListCommands
    def lpush(self, key: Key, *values: Arg) -> Queued[int]: ...
    def rpush(self, key: Key, *values: Arg) -> Queued[int]: ...
    def lpushx(self, key: Key, *values: Arg) -> Queued[int]: ...
    def rpushx(self, key: Key, *values: Arg) -> Queued[int]: ...
    @overload
    def lpop(self, key: Key, count: None = None) -> Queued[T | None]: ...
    @overload
    def lpop(self, key: Key, count: int) -> Queued[list[T] | None]: ...
    @overload
    def rpop(self, key: Key, count: None = None) -> Queued[T | None]: ...
    @overload
    def rpop(self, key: Key, count: int) -> Queued[list[T] | None]: ...
    def lmpop(
        self, num_keys: int, *keys: Key, direction: Side, count: int = 1
    ) -> Queued[tuple[T, list[T]] | None]: ...
    def lmove(
        self, first_list: Key, second_list: Key, src: Side = "LEFT", dest: Side = "RIGHT"
    ) -> Queued[T | None]: ...
    def rpoplpush(self, src: Key, dst: Key) -> Queued[T | None]: ...
    def llen(self, key: Key) -> Queued[int]: ...
    def lindex(self, key: Key, index: int) -> Queued[T | None]: ...
    def lrange(self, key: Key, start: int, end: int) -> Queued[list[T]]: ...
    def lset(self, key: Key, index: int, value: Arg) -> Queued[bool]: ...
    def linsert(
        self, key: Key, where: Literal["BEFORE", "AFTER", "before", "after"], refvalue: Arg, value: Arg
    ) -> Queued[int]: ...
    def lrem(self, key: Key, count: int, value: Arg) -> Queued[int]: ...
    def ltrim(self, key: Key, start: int, end: int) -> Queued[bool]: ...
    @overload
    def lpos(
        self, key: Key, value: Arg, rank: int | None = None, count: None = None, maxlen: int | None = None
    ) -> Queued[int | None]: ...
    @overload
    def lpos(
        self, key: Key, value: Arg, rank: int | None = None, *, count: int, maxlen: int | None = None
    ) -> Queued[list[int]]: ...
    # SetCommands
    def sadd(self, key: Key, *values: Arg) -> Queued[int]: ...
    def srem(self, key: Key, *values: Arg) -> Queued[int]: ...
    def scard(self, key: Key) -> Queued[int]: ...
    def sismember(self, key: Key, value: Arg) -> Queued[bool]: ...
    def smismember(self, key: Key, values: Args, *more: Arg) -> Queued[list[bool]]: ...
    def smembers(self, key: Key) -> Queued[builtins.set[T]]: ...
    @overload
    def spop(self, key: Key, count: None = None) -> Queued[T | None]: ...
    @overload
    def spop(self, key: Key, count: int) -> Queued[builtins.set[T]]: ...
    @overload
    def srandmember(self, key: Key, number: None = None) -> Queued[T | None]: ...
    @overload
    def srandmember(self, key: Key, number: int) -> Queued[list[T]]: ...
    def smove(self, src: Key, dst: Key, value: Arg) -> Queued[bool]: ...
    def sdiff(self, keys: Keys, *more: Key) -> Queued[builtins.set[T]]: ...
    def sinter(self, keys: Keys, *more: Key) -> Queued[builtins.set[T]]: ...
    def sunion(self, keys: Keys, *more: Key) -> Queued[builtins.set[T]]: ...
    def sintercard(self, numkeys: int, keys: Keys, limit: int = 0) -> Queued[int]: ...
    def sdiffstore(self, dest: Key, keys: Keys, *more: Key) -> Queued[int]: ...
    def sinterstore(self, dest: Key, keys: Keys, *more: Key) -> Queued[int]: ...
    def sunionstore(self, dest: Key, keys: Keys, *more: Key) -> Queued[int]: ...
    def sscan(
        self, key: Key, cursor: int = 0, match: Arg | None = None, count: int | None = None
    ) -> Queued[tuple[int, list[T]]]: ...
    # SortedSetCommands
    @overload
    def zadd(
        self,
        key: Key,
        mapping: Mapping[Any, float],
        nx: bool = False,
        xx: bool = False,
        ch: bool = False,
        incr: Literal[False] = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Queued[int]: ...
    @overload
    def zadd(
        self,
        key: Key,
        mapping: Mapping[Any, float],
        nx: bool = False,
        xx: bool = False,
        ch: bool = False,
        *,
        incr: Literal[True],
        gt: bool = False,
        lt: bool = False,
    ) -> Queued[float | None]: ...
    def zincrby(self, key: Key, amount: float, value: Arg) -> Queued[float]: ...
    def zrem(self, key: Key, *values: Arg) -> Queued[int]: ...
    def zcard(self, key: Key) -> Queued[int]: ...
    def zscore(self, key: Key, value: Arg) -> Queued[float | None]: ...
    def zmscore(self, key: Key, members: Args, *more: Arg) -> Queued[list[float | None]]: ...
    @overload
    def zrank(self, key: Key, value: Arg, withscore: Literal[False] = False) -> Queued[int | None]: ...
    @overload
    def zrank(self, key: Key, value: Arg, withscore: Literal[True]) -> Queued[tuple[int, float] | None]: ...
    @overload
    def zrevrank(self, key: Key, value: Arg, withscore: Literal[False] = False) -> Queued[int | None]: ...
    @overload
    def zrevrank(
        self, key: Key, value: Arg, withscore: Literal[True]
    ) -> Queued[tuple[int, float] | None]: ...
    def zcount(self, key: Key, min: Arg, max: Arg) -> Queued[int]: ...
    def zlexcount(self, key: Key, min: Arg, max: Arg) -> Queued[int]: ...
    @overload
    def zrange(
        self,
        key: Key,
        start: Arg,
        end: Arg,
        desc: bool = False,
        withscores: Literal[False] = False,
        *,
        byscore: bool = False,
        bylex: bool = False,
        offset: int | None = None,
        num: int | None = None,
    ) -> Queued[list[T]]: ...
    @overload
    def zrange(
        self,
        key: Key,
        start: Arg,
        end: Arg,
        desc: bool = False,
        *,
        withscores: Literal[True],
        byscore: bool = False,
        bylex: bool = False,
        offset: int | None = None,
        num: int | None = None,
    ) -> Queued[list[tuple[T, float]]]: ...
    def zrangestore(
        self,
        dest: Key,
        key: Key,
        start: Arg,
        end: Arg,
        byscore: bool = False,
        bylex: bool = False,
        desc: bool = False,
        offset: int | None = None,
        num: int | None = None,
    ) -> Queued[int]: ...
    @overload
    def zrevrange(
        self, key: Key, start: int, end: int, withscores: Literal[False] = False
    ) -> Queued[list[T]]: ...
    @overload
    def zrevrange(
        self, key: Key, start: int, end: int, withscores: Literal[True]
    ) -> Queued[list[tuple[T, float]]]: ...
    @overload
    def zrangebyscore(
        self,
        key: Key,
        min: Arg,
        max: Arg,
        start: int | None = None,
        num: int | None = None,
        withscores: Literal[False] = False,
    ) -> Queued[list[T]]: ...
    @overload
    def zrangebyscore(
        self,
        key: Key,
        min: Arg,
        max: Arg,
        start: int | None = None,
        num: int | None = None,
        *,
        withscores: Literal[True],
    ) -> Queued[list[tuple[T, float]]]: ...
    @overload
    def zrevrangebyscore(
        self,
        key: Key,
        max: Arg,
        min: Arg,
        start: int | None = None,
        num: int | None = None,
        withscores: Literal[False] = False,
    ) -> Queued[list[T]]: ...
    @overload
    def zrevrangebyscore(
        self,
        key: Key,
        max: Arg,
        min: Arg,
        start: int | None = None,
        num: int | None = None,
        *,
        withscores: Literal[True],
    ) -> Queued[list[tuple[T, float]]]: ...
    def zrangebylex(
        self, key: Key, min: Arg, max: Arg, start: int | None = None, num: int | None = None
    ) -> Queued[list[T]]: ...
    def zrevrangebylex(
        self, key: Key, max: Arg, min: Arg, start: int | None = None, num: int | None = None
    ) -> Queued[list[T]]: ...
    def zremrangebyrank(self, key: Key, min: int, max: int) -> Queued[int]: ...
    def zremrangebyscore(self, key: Key, min: Arg, max: Arg) -> Queued[int]: ...
    def zremrangebylex(self, key: Key, min: Arg, max: Arg) -> Queued[int]: ...
    def zpopmin(self, key: Key, count: int | None = None) -> Queued[list[tuple[T, float]]]: ...
    def zpopmax(self, key: Key, count: int | None = None) -> Queued[list[tuple[T, float]]]: ...
    def zmpop(
        self, num_keys: int, keys: Keys, min: bool = False, max: bool = False, count: int = 1
    ) -> Queued[tuple[T, list[tuple[T, float]]] | None]: ...
    @overload
    def zrandmember(
        self, key: Key, count: None = None, withscores: Literal[False] = False
    ) -> Queued[T | None]: ...
    @overload
    def zrandmember(self, key: Key, count: int, withscores: Literal[False] = False) -> Queued[list[T]]: ...
    @overload
    def zrandmember(
        self, key: Key, count: int, withscores: Literal[True]
    ) -> Queued[list[tuple[T, float]]]: ...
    def zscan(
        self, key: Key, cursor: int = 0, match: Arg | None = None, count: int | None = None
    ) -> Queued[tuple[int, list[tuple[T, float]]]]: ...
    # SortedSetUnionCommands
    @overload
    def zdiff(self, keys: Keys, withscores: Literal[False] = False) -> Queued[list[T]]: ...
    @overload
    def zdiff(self, keys: Keys, withscores: Literal[True]) -> Queued[list[tuple[T, float]]]: ...
    @overload
    def zinter(
        self, keys: Weighted, aggregate: Aggregate | None = None, withscores: Literal[False] = False
    ) -> Queued[list[T]]: ...
    @overload
    def zinter(
        self, keys: Weighted, aggregate: Aggregate | None = None, *, withscores: Literal[True]
    ) -> Queued[list[tuple[T, float]]]: ...
    @overload
    def zunion(
        self, keys: Weighted, aggregate: Aggregate | None = None, withscores: Literal[False] = False
    ) -> Queued[list[T]]: ...
    @overload
    def zunion(
        self, keys: Weighted, aggregate: Aggregate | None = None, *, withscores: Literal[True]
    ) -> Queued[list[tuple[T, float]]]: ...
    def zintercard(self, numkeys: int, keys: Keys, limit: int = 0) -> Queued[int]: ...
    def zdiffstore(self, dest: Key, keys: Keys) -> Queued[int]: ...
    def zinterstore(self, dest: Key, keys: Weighted, aggregate: Aggregate | None = None) -> Queued[int]: ...
    def zunionstore(self, dest: Key, keys: Weighted, aggregate: Aggregate | None = None) -> Queued[int]: ...
    # StreamCommands
    def xadd(
        self,
        key: Key,
        fields: Mapping[Any, Arg],
        id: Arg = "*",
        maxlen: int | None = None,
        approximate: bool = True,
        nomkstream: bool = False,
        minid: Arg | None = None,
        limit: int | None = None,
    ) -> Queued[T | None]: ...
    def xtrim(
        self,
        key: Key,
        maxlen: int | None = None,
        approximate: bool = True,
        minid: Arg | None = None,
        limit: int | None = None,
    ) -> Queued[int]: ...
    def xdel(self, key: Key, *ids: Arg) -> Queued[int]: ...
    def xlen(self, key: Key) -> Queued[int]: ...
    def xrange(
        self, key: Key, min: Arg = "-", max: Arg = "+", count: int | None = None
    ) -> Queued[list[StreamEntry[T]]]: ...
    def xrevrange(
        self, key: Key, max: Arg = "+", min: Arg = "-", count: int | None = None
    ) -> Queued[list[StreamEntry[T]]]: ...
    def xread(
        self, streams: Mapping[Any, Arg], count: int | None = None, block: Lifetime | None = None
    ) -> Queued[dict[T, list[StreamEntry[T]]]]: ...
    def xsetid(
        self, key: Key, last_id: Arg, entries_added: int | None = None, max_deleted_id: Arg | None = None
    ) -> Queued[bool]: ...
    def xinfo_stream(
        self, key: Key, full: bool = False, count: int | None = None
    ) -> Queued[dict[str, Any]]: ...
    def xinfo_groups(self, key: Key) -> Queued[list[dict[str, Any]]]: ...
    def xinfo_consumers(self, key: Key, groupname: Arg) -> Queued[list[dict[str, Any]]]: ...
    # StreamGroupCommands
    def xgroup_create(
        self, key: Key, groupname: Arg, id: Arg = "$", mkstream: bool = False, entries_read: int | None = None
    ) -> Queued[bool]: ...
    def xgroup_setid(
        self, key: Key, groupname: Arg, id: Arg, entries_read: int | None = None
    ) -> Queued[bool]: ...
    def xgroup_destroy(self, key: Key, groupname: Arg) -> Queued[bool]: ...
    def xgroup_createconsumer(self, key: Key, groupname: Arg, consumername: Arg) -> Queued[bool]: ...
    def xgroup_delconsumer(self, key: Key, groupname: Arg, consumername: Arg) -> Queued[int]: ...
    def xreadgroup(
        self,
        groupname: Arg,
        consumername: Arg,
        streams: Mapping[Any, Arg],
        count: int | None = None,
        block: Lifetime | None = None,
        noack: bool = False,
    ) -> Queued[dict[T, list[StreamEntry[T]]]]: ...
    def xack(self, key: Key, groupname: Arg, *ids: Arg) -> Queued[int]: ...
    def xpending(self, key: Key, groupname: Arg) -> Queued[PendingSummary[T]]: ...
    def xpending_range(
        self,
        key: Key,
        groupname: Arg,
        min: Arg,
        max: Arg,
        count: int,
        consumername: Arg | None = None,
        idle: Lifetime | None = None,
    ) -> Queued[list[PendingEntry[T]]]: ...
    @overload
    def xclaim(
        self,
        key: Key,
        groupname: Arg,
        consumername: Arg,
        min_idle_time: Lifetime,
        message_ids: Sequence[Arg],
        idle: Lifetime | None = None,
        time: int | None = None,
        retrycount: int | None = None,
        force: bool = False,
        justid: Literal[False] = False,
    ) -> Queued[list[StreamEntry[T]]]: ...
    @overload
    def xclaim(
        self,
        key: Key,
        groupname: Arg,
        consumername: Arg,
        min_idle_time: Lifetime,
        message_ids: Sequence[Arg],
        idle: Lifetime | None = None,
        time: int | None = None,
        retrycount: int | None = None,
        force: bool = False,
        *,
        justid: Literal[True],
    ) -> Queued[list[T]]: ...
    @overload
    def xautoclaim(
        self,
        key: Key,
        groupname: Arg,
        consumername: Arg,
        min_idle_time: Lifetime,
        start_id: Arg = "0-0",
        count: int | None = None,
        justid: Literal[False] = False,
    ) -> Queued[tuple[T, list[StreamEntry[T]], list[T]]]: ...
    @overload
    def xautoclaim(
        self,
        key: Key,
        groupname: Arg,
        consumername: Arg,
        min_idle_time: Lifetime,
        start_id: Arg = "0-0",
        count: int | None = None,
        *,
        justid: Literal[True],
    ) -> Queued[tuple[T, list[T], list[T]]]: ...
    # BitmapCommands
    def getbit(self, key: Key, offset: int) -> Queued[int]: ...
    def setbit(self, key: Key, offset: int, value: int) -> Queued[int]: ...
    def bitcount(
        self, key: Key, start: int | None = None, end: int | None = None, mode: BitUnit | None = None
    ) -> Queued[int]: ...
    def bitpos(
        self,
        key: Key,
        bit: int,
        start: int | None = None,
        end: int | None = None,
        mode: BitUnit | None = None,
    ) -> Queued[int]: ...
    def bitop(
        self,
        operation: Literal["AND", "OR", "XOR", "NOT", "DIFF", "DIFF1", "ANDOR", "ONE"],
        dest: Key,
        *keys: Key,
    ) -> Queued[int]: ...
    def bitfield(
        self, key: Key, default_overflow: Overflow | None = None
    ) -> BitField[Queued[list[int | None]]]: ...
    def bitfield_ro(
        self, key: Key, encoding: str, offset: int | str, items: Sequence[tuple[str, int | str]] = ()
    ) -> Queued[list[int]]: ...
    # HyperLogLogCommands
    def pfadd(self, key: Key, *values: Arg) -> Queued[bool]: ...
    def pfcount(self, *sources: Key) -> Queued[int]: ...
    def pfmerge(self, dest: Key, *sources: Key) -> Queued[bool]: ...
    # GeoCommands
    def geoadd(
        self, key: Key, values: Sequence[Arg], nx: bool = False, xx: bool = False, ch: bool = False
    ) -> Queued[int]: ...
    def geodist(
        self, key: Key, place1: Arg, place2: Arg, unit: Unit | None = None
    ) -> Queued[float | None]: ...
    def geohash(self, key: Key, *values: Arg) -> Queued[list[T | None]]: ...
    def geopos(self, key: Key, *values: Arg) -> Queued[list[tuple[float, float] | None]]: ...
    @overload
    def geosearch(
        self,
        key: Key,
        member: Arg | None = None,
        longitude: float | None = None,
        latitude: float | None = None,
        unit: Unit = "m",
        radius: float | None = None,
        width: float | None = None,
        height: float | None = None,
        sort: Order | None = None,
        count: int | None = None,
        any: bool = False,
        withcoord: Literal[False] = False,
        withdist: Literal[False] = False,
        withhash: Literal[False] = False,
        polygon: Sequence[tuple[float, float]] | None = None,
    ) -> Queued[list[T]]: ...
    @overload
    def geosearch(
        self,
        key: Key,
        member: Arg | None = None,
        longitude: float | None = None,
        latitude: float | None = None,
        unit: Unit = "m",
        radius: float | None = None,
        width: float | None = None,
        height: float | None = None,
        sort: Order | None = None,
        count: int | None = None,
        any: bool = False,
        withcoord: bool = False,
        withdist: bool = False,
        withhash: bool = False,
        polygon: Sequence[tuple[float, float]] | None = None,
    ) -> Queued[list[Place[T]]]: ...
    def geosearchstore(
        self,
        dest: Key,
        key: Key,
        member: Arg | None = None,
        longitude: float | None = None,
        latitude: float | None = None,
        unit: Unit = "m",
        radius: float | None = None,
        width: float | None = None,
        height: float | None = None,
        sort: Order | None = None,
        count: int | None = None,
        any: bool = False,
        storedist: bool = False,
        polygon: Sequence[tuple[float, float]] | None = None,
    ) -> Queued[int]: ...
    # GeoRadiusCommands
    @overload
    def georadius(
        self,
        key: Key,
        longitude: float,
        latitude: float,
        radius: float,
        unit: Unit = "m",
        withdist: Literal[False] = False,
        withcoord: Literal[False] = False,
        withhash: Literal[False] = False,
        count: int | None = None,
        sort: Order | None = None,
        store: None = None,
        store_dist: None = None,
        any: bool = False,
    ) -> Queued[list[T]]: ...
    @overload
    def georadius(
        self,
        key: Key,
        longitude: float,
        latitude: float,
        radius: float,
        unit: Unit = "m",
        withdist: bool = False,
        withcoord: bool = False,
        withhash: bool = False,
        count: int | None = None,
        sort: Order | None = None,
        store: None = None,
        store_dist: None = None,
        any: bool = False,
    ) -> Queued[list[Place[T]]]: ...
    @overload
    def georadius(
        self,
        key: Key,
        longitude: float,
        latitude: float,
        radius: float,
        unit: Unit = "m",
        withdist: bool = False,
        withcoord: bool = False,
        withhash: bool = False,
        count: int | None = None,
        sort: Order | None = None,
        *,
        store: Key,
        any: bool = False,
    ) -> Queued[int]: ...
    @overload
    def georadius(
        self,
        key: Key,
        longitude: float,
        latitude: float,
        radius: float,
        unit: Unit = "m",
        withdist: bool = False,
        withcoord: bool = False,
        withhash: bool = False,
        count: int | None = None,
        sort: Order | None = None,
        *,
        store_dist: Key,
        any: bool = False,
    ) -> Queued[int]: ...
    @overload
    def georadius_ro(
        self,
        key: Key,
        longitude: float,
        latitude: float,
        radius: float,
        unit: Unit = "m",
        withdist: Literal[False] = False,
        withcoord: Literal[False] = False,
        withhash: Literal[False] = False,
        count: int | None = None,
        sort: Order | None = None,
        any: bool = False,
    ) -> Queued[list[T]]: ...
    @overload
    def georadius_ro(
        self,
        key: Key,
        longitude: float,
        latitude: float,
        radius: float,
        unit: Unit = "m",
        withdist: bool = False,
        withcoord: bool = False,
        withhash: bool = False,
        count: int | None = None,
        sort: Order | None = None,
        any: bool = False,
    ) -> Queued[list[Place[T]]]: ...
    @overload
    def georadiusbymember(
        self,
        key: Key,
        member: Arg,
        radius: float,
        unit: Unit = "m",
        withdist: Literal[False] = False,
        withcoord: Literal[False] = False,
        withhash: Literal[False] = False,
        count: int | None = None,
        sort: Order | None = None,
        store: None = None,
        store_dist: None = None,
        any: bool = False,
    ) -> Queued[list[T]]: ...
    @overload
    def georadiusbymember(
        self,
        key: Key,
        member: Arg,
        radius: float,
        unit: Unit = "m",
        withdist: bool = False,
        withcoord: bool = False,
        withhash: bool = False,
        count: int | None = None,
        sort: Order | None = None,
        store: None = None,
        store_dist: None = None,
        any: bool = False,
    ) -> Queued[list[Place[T]]]: ...
    @overload
    def georadiusbymember(
        self,
        key: Key,
        member: Arg,
        radius: float,
        unit: Unit = "m",
        withdist: bool = False,
        withcoord: bool = False,
        withhash: bool = False,
        count: int | None = None,
        sort: Order | None = None,
        *,
        store: Key,
        any: bool = False,
    ) -> Queued[int]: ...
    @overload
    def georadiusbymember(
        self,
        key: Key,
        member: Arg,
        radius: float,
        unit: Unit = "m",
        withdist: bool = False,
        withcoord: bool = False,
        withhash: bool = False,
        count: int | None = None,
        sort: Order | None = None,
        *,
        store_dist: Key,
        any: bool = False,
    ) -> Queued[int]: ...
    @overload
    def georadiusbymember_ro(
        self,
        key: Key,
        member: Arg,
        radius: float,
        unit: Unit = "m",
        withdist: Literal[False] = False,
        withcoord: Literal[False] = False,
        withhash: Literal[False] = False,
        count: int | None = None,
        sort: Order | None = None,
        any: bool = False,
    ) -> Queued[list[T]]: ...
    @overload
    def georadiusbymember_ro(
        self,
        key: Key,
        member: Arg,
        radius: float,
        unit: Unit = "m",
        withdist: bool = False,
        withcoord: bool = False,
        withhash: bool = False,
        count: int | None = None,
        sort: Order | None = None,
        any: bool = False,
    ) -> Queued[list[Place[T]]]: ...
    # BloomCommands
    def bf_reserve(
        self, key: Key, error_rate: float, capacity: int, expansion: int | None = None, no_scale: bool = False
    ) -> Queued[bool]: ...
    def bf_add(self, key: Key, item: Arg) -> Queued[bool]: ...
    def bf_madd(self, key: Key, *items: Arg) -> Queued[list[bool]]: ...
    def bf_insert(
        self,
        key: Key,
        items: Sequence[Arg],
        capacity: int | None = None,
        error: float | None = None,
        no_create: bool = False,
        expansion: int | None = None,
        no_scale: bool = False,
    ) -> Queued[list[bool]]: ...
    def bf_exists(self, key: Key, item: Arg) -> Queued[bool]: ...
    def bf_mexists(self, key: Key, *items: Arg) -> Queued[list[bool]]: ...
    def bf_card(self, key: Key) -> Queued[int]: ...
    def bf_info(self, key: Key) -> Queued[dict[str, Any]]: ...
    def bf_scandump(self, key: Key, iter: int) -> Queued[tuple[int, bytes]]: ...
    def bf_loadchunk(self, key: Key, iter: int, data: bytes) -> Queued[bool]: ...
    # ScriptingCommands
    def eval(self, script: Arg, numkeys: int, *keys_and_args: Arg) -> Queued[Any]: ...
    def eval_ro(self, script: Arg, numkeys: int, *keys_and_args: Arg) -> Queued[Any]: ...
    def evalsha(self, sha: Arg, numkeys: int, *keys_and_args: Arg) -> Queued[Any]: ...
    def evalsha_ro(self, sha: Arg, numkeys: int, *keys_and_args: Arg) -> Queued[Any]: ...
    def fcall(self, function: Arg, numkeys: int, *keys_and_args: Arg) -> Queued[Any]: ...
    def fcall_ro(self, function: Arg, numkeys: int, *keys_and_args: Arg) -> Queued[Any]: ...
