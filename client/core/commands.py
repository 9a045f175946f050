"""The table of commands as the client needs it: where the keys are, and what a second sending does.

Every line of :data:`_TABLE` is ``retry keys NAME NAME ...``.

``retry`` says what may happen if a command is sent again because its connection broke before the
reply came, when the first sending may or may not have been executed:

=======  =================================================================================
read     nothing is changed: always safe to repeat
state    the data are the same after two executions as after one (SET, DEL, HSET, EXPIRE).
         Safe to repeat, with two things to know: the reply describes the last execution (a
         repeated DEL may count 0), and a write that another client made between the two
         executions is overwritten, as if ours had come a moment later. (That the first one
         is not executed after later commands of ours is seen to by a fence: ``nodes.py``)
once     a second execution would change the data again (INCR, APPEND, LPUSH), or its reply is
         what the caller is after (SETNX, GETDEL, RENAME): never repeated unless asked to
=======  =================================================================================

``keys`` says which arguments are keys; arguments are counted from 1, behind the name:

=========  ===============================================================================
``2``      the second; ``1,2``: the first and the second
``1..``    the first and all that follow; ``1../2`` every second one; ``1..-2`` but the last
``#2``     the second is the number of keys, which follow it; ``#1/2`` each with a value;
           ``#2?`` there may be none: any node will do then
``streams``  the first half of what follows the word STREAMS
``any``    no key; any node's answer is as good as another's
``node``   no key; the answer is about the node that was asked, so one must be chosen
``alone``  changes the state of its connection, which all callers share: refused, with what to use instead
=========  ===============================================================================

>>> find_command(["get", "user:7"]).name
b'GET'
>>> find_command([b"EVAL", b"return 1", 2, b"a", b"b"]).keys([b"return 1", 2, b"a", b"b"])
[b'a', b'b']
>>> find_command(["OBJECT", "ENCODING", "k"]).retry
<Retry.READ: 'read'>
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from garrison.client.core.resp import Arg, command_prefix, to_bytes
from garrison.client.errors import UsageError

__all__ = ["Command", "Retry", "command", "find_command", "known_commands"]


class Retry(Enum):
    """What a second execution of a command does; see the module's text."""

    READ = "read"
    STATE = "state"
    ONCE = "once"


_TABLE = """
# strings
read  1       GET GETRANGE SUBSTR STRLEN
read  1..     MGET
read  1,2     LCS
state 1       SET SETEX PSETEX SETRANGE GETEX
state 1../2   MSET
once  1       SETNX GETSET GETDEL APPEND INCR INCRBY INCRBYFLOAT DECR DECRBY
once  1../2   MSETNX
once  #1/2    MSETEX
# keys
read  1..     EXISTS TOUCH
read  1       TYPE TTL PTTL EXPIRETIME PEXPIRETIME DUMP SORT_RO MEMORY_USAGE OBJECT_ENCODING
read  1       OBJECT_FREQ OBJECT_IDLETIME OBJECT_REFCOUNT DEBUG_OBJECT
state 1..     DEL UNLINK
state 1       EXPIRE PEXPIRE EXPIREAT PEXPIREAT PERSIST
once  1,2     RENAME RENAMENX COPY
once  1       MOVE RESTORE SORT
# hashes
read  1       HGET HMGET HGETALL HKEYS HVALS HLEN HEXISTS HSTRLEN HRANDFIELD HSCAN HTTL HPTTL
read  1       HEXPIRETIME HPEXPIRETIME
state 1       HSET HMSET HDEL HEXPIRE HPEXPIRE HEXPIREAT HPEXPIREAT HPERSIST HGETEX
once  1       HSETEX HGETDEL HSETNX HINCRBY HINCRBYFLOAT
# bits
read  1       GETBIT BITCOUNT BITPOS BITFIELD_RO
once  1       SETBIT BITFIELD
once  2..     BITOP
# lists
read  1       LINDEX LLEN LRANGE LPOS
state 1       LSET
once  1       LINSERT LREM LTRIM LPUSH LPUSHX RPUSH RPUSHX LPOP RPOP
once  1,2     LMOVE RPOPLPUSH BLMOVE BRPOPLPUSH
once  #1      LMPOP
once  1..-2   BLPOP BRPOP
once  #2      BLMPOP
# sets
read  1       SCARD SISMEMBER SMISMEMBER SMEMBERS SRANDMEMBER SSCAN
read  1..     SDIFF SINTER SUNION
read  #1      SINTERCARD
state 1       SADD SREM
once  1       SPOP
once  1,2     SMOVE
once  1..     SDIFFSTORE SINTERSTORE SUNIONSTORE
# sorted sets
read  1       ZCARD ZCOUNT ZLEXCOUNT ZMSCORE ZRANDMEMBER ZRANGE ZRANGEBYLEX ZRANGEBYSCORE ZRANK
read  1       ZREVRANGE ZREVRANGEBYLEX ZREVRANGEBYSCORE ZREVRANK ZSCAN ZSCORE
read  #1      ZDIFF ZINTER ZINTERCARD ZUNION
state 1       ZADD ZREM ZREMRANGEBYLEX ZREMRANGEBYSCORE
once  1       ZREMRANGEBYRANK ZINCRBY ZPOPMAX ZPOPMIN
once  #1      ZMPOP
once  #2      BZMPOP
once  1..-2   BZPOPMAX BZPOPMIN
once  1,2     ZRANGESTORE
once  1,#2    ZDIFFSTORE ZINTERSTORE ZUNIONSTORE
# geo, hyperloglog
read  1       GEODIST GEOHASH GEOPOS GEOSEARCH GEORADIUS_RO GEORADIUSBYMEMBER_RO
state 1       GEOADD PFADD
once  1       GEORADIUS GEORADIUSBYMEMBER
once  1,2     GEOSEARCHSTORE
read  1..     PFCOUNT
state 1..     PFMERGE
# Bloom filters
read  1       BF.EXISTS BF.MEXISTS BF.CARD BF.INFO BF.SCANDUMP
state 1       BF.ADD BF.MADD BF.INSERT BF.LOADCHUNK
once  1       BF.RESERVE
# streams
read  1       XLEN XRANGE XREVRANGE XPENDING XINFO_STREAM XINFO_GROUPS XINFO_CONSUMERS
read  streams XREAD
state 1       XACK XDEL XTRIM XSETID
once  1       XADD XCLAIM XAUTOCLAIM XGROUP_CREATE XGROUP_CREATECONSUMER XGROUP_DELCONSUMER
once  1       XGROUP_DESTROY XGROUP_SETID
once  streams XREADGROUP
# scripts, pub/sub
once  #2?     EVAL EVALSHA FCALL
read  #2?     EVAL_RO EVALSHA_RO FCALL_RO
read  node    SCRIPT_EXISTS SCRIPT_SHOW FUNCTION_LIST FUNCTION_DUMP FUNCTION_STATS
once  node    SCRIPT_KILL FUNCTION_LOAD FUNCTION_DELETE FUNCTION_RESTORE FUNCTION_KILL
once  1       SPUBLISH
once  any     PUBLISH
read  node    PUBSUB_SHARDCHANNELS PUBSUB_SHARDNUMSUB PUBSUB_CHANNELS PUBSUB_NUMSUB PUBSUB_NUMPAT
# server
read  any     PING ECHO TIME LOLWUT COMMAND COMMAND_COUNT COMMAND_INFO COMMAND_DOCS COMMAND_LIST
read  any     COMMAND_GETKEYS COMMAND_GETKEYSANDFLAGS CLUSTER_INFO CLUSTER_NODES CLUSTER_SLOTS
read  any     CLUSTER_SHARDS CLUSTER_KEYSLOT ACL_GENPASS ACL_CAT
read  node    RANDOMKEY DBSIZE KEYS SCAN INFO ROLE LASTSAVE CONFIG_GET CLIENT_LIST SLOWLOG_GET
read  node    SLOWLOG_LEN
state node    FLUSHALL FLUSHDB CONFIG_SET SCRIPT_LOAD SCRIPT_FLUSH FUNCTION_FLUSH
# connection
once  alone   WATCH UNWATCH MULTI EXEC DISCARD SUBSCRIBE PSUBSCRIBE SSUBSCRIBE UNSUBSCRIBE
once  alone   PUNSUBSCRIBE SUNSUBSCRIBE MONITOR SYNC PSYNC REPLCONF QUIT RESET HELLO AUTH SELECT
once  alone   ASKING READONLY READWRITE CLIENT_REPLY CLIENT_TRACKING WAIT WAITAOF
"""

_INSTEAD = {
    "WATCH": "use client.pipeline() and its watch(), or client.transaction(...)",
    "UNWATCH": "use client.pipeline() and its watch()",
    "WAIT": "it counts what its own connection has written: write and wait in client.dedicated(key)",
    "WAITAOF": "it counts what its own connection has written: write and wait in client.dedicated(key)",
    "MULTI": "use client.pipeline(transaction=True)",
    "EXEC": "use client.pipeline(transaction=True)",
    "DISCARD": "use client.pipeline(transaction=True)",
    "SUBSCRIBE": "use client.subscribe(...)",
    "PSUBSCRIBE": "use client.psubscribe(...)",
    "SSUBSCRIBE": "use client.ssubscribe(...)",
    "SELECT": "give the database in the URL: redis://host:port/2",
    "AUTH": "give user and password in the URL or to connect()",
    "HELLO": "give protocol=2 or 3 to connect()",
}
_BLOCKING = frozenset(("BLPOP", "BRPOP", "BLMOVE", "BRPOPLPUSH", "BLMPOP", "BZMPOP", "BZPOPMAX", "BZPOPMIN"))
# Options that turn a "state" command into one whose reply the caller is after.
# The number says from which argument on options can stand: a value of SET may itself be "GET".
# Entries that came between two readings from "$" would be missed.
_ONCE_OPTIONS = {
    b"SET": (2, frozenset((b"NX", b"GET"))),
    b"ZADD": (1, frozenset((b"INCR",))),
    b"XREAD": (2, frozenset((b"$",))),
}


class Command:
    """One row of the table, with the encoded beginning of the command for each number of arguments."""

    __slots__ = ("_prefixes", "keys_at", "name", "prefix_of_one", "prefix_of_two", "retry")

    def __init__(self, name: str, retry: Retry, keys_at: str) -> None:
        self.name = name.encode()
        self.retry = retry
        self.keys_at = keys_at
        self._prefixes: dict[int, bytes] = {}
        self.prefix_of_one = self.prefix(1)
        self.prefix_of_two = self.prefix(2)

    def __repr__(self) -> str:
        return f"Command({self.name.decode()!r}, {self.retry}, {self.keys_at!r})"

    def prefix(self, arg_count: int) -> bytes:
        """The command encoded up to its arguments."""
        made = self._prefixes.get(arg_count)
        if made is None:
            made = self._prefixes[arg_count] = command_prefix(self.name, arg_count)
        return made

    @property
    def word_count(self) -> int:
        return self.name.count(b" ") + 1

    @property
    def is_keyless(self) -> bool:
        return self.keys_at in ("any", "node", "alone")

    def blocks(self, args: Sequence[Arg]) -> bool:
        """Whether this call may wait on the server, so that it must not share a connection."""
        if self.keys_at == "streams":
            words = [to_bytes(arg).upper() for arg in args]
            return b"BLOCK" in words[: words.index(b"STREAMS") if b"STREAMS" in words else None]
        return self.name.decode() in _BLOCKING

    def retry_of(self, args: Sequence[Arg]) -> Retry:
        """The retry class of this call: that of the command, unless an option makes it stricter."""
        start, options = _ONCE_OPTIONS.get(self.name, (0, frozenset()))
        if options and any(to_bytes(arg).upper() in options for arg in args[start:]):
            return Retry.ONCE
        return self.retry

    def keys(self, args: Sequence[Arg]) -> list[bytes]:
        """The keys among ``args``; raises :class:`UsageError` when they are not where they belong."""
        if self.is_keyless:
            return []
        try:
            found = [to_bytes(args[at]) for part in self.keys_at.split(",") for at in _positions(part, args)]
            is_complete = bool(found) or self.keys_at.endswith("?")
        except (IndexError, ValueError):
            is_complete = False
        if not is_complete:
            text = f"{self.name.decode()} with {len(args)} arguments holds no key where one belongs"
            raise UsageError(f"{text} ({self.keys_at}): check the arguments")
        return found

    def check_shared(self, *, clustered: bool) -> None:
        """Raise :class:`UsageError`, with what to do instead, if any caller may not just send this."""
        name = self.name.decode()
        if self.keys_at == "alone":
            instead = _INSTEAD.get(name, "use client.dedicated(key) for a connection of your own")
            raise UsageError(f"{name} changes the state of a connection that all callers share: {instead}")
        if self.keys_at == "node" and clustered:
            raise UsageError(f"{name} is about one node: use call_node(address, ...) or call_primaries(...)")


def _positions(part: str, args: Sequence[Arg]) -> range:
    """Turn one part of a key rule into the indexes of ``args``."""
    if part == "streams":
        words = [to_bytes(arg).upper() for arg in args]
        start = words.index(b"STREAMS") + 1
        return range(start, start + (len(args) - start) // 2)
    if part.startswith("#"):
        count_at, _, step = part[1:].removesuffix("?").partition("/")
        at = int(count_at)
        end = at + int(to_bytes(args[at - 1])) * int(step or 1)
        if not at <= end <= len(args):
            raise IndexError(end)
        return range(at, end, int(step or 1))
    first, dots, rest = part.partition("..")
    start = int(first) - 1
    if not dots:
        return range(start, start + 1)
    if rest.startswith("/"):
        return range(start, len(args), int(rest[1:]))
    return range(start, len(args) + 1 + int(rest) if rest else len(args))


def _read_table(text: str) -> dict[str, Command]:
    table: dict[str, Command] = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        retry, keys_at, *names = line.split()
        for name in names:
            # Underscores stand for the space of a two-word name, except in the read-only variants.
            spelled = name if name.endswith("_RO") else name.replace("_", " ")
            assert spelled not in table, f"{spelled} is in the table twice"
            table[spelled] = Command(spelled, Retry(retry), keys_at)
    return table


_COMMANDS = _read_table(_TABLE)
_CONTAINERS = frozenset(name.split()[0] for name in _COMMANDS if " " in name)


def command(name: str) -> Command:
    """The row of a command that is known to be in the table."""
    return _COMMANDS[name]


def known_commands() -> list[Command]:
    """All rows, in the order of the table."""
    return list(_COMMANDS.values())


def find_command(words: Sequence[Arg]) -> Command | None:
    """The row for a call written as words, two-word names included; None when it is not in the table."""
    if not words:
        raise UsageError("an empty command: give at least its name")
    name = to_bytes(words[0]).decode("utf-8", "replace").upper()
    if name in _CONTAINERS and len(words) > 1:
        second = to_bytes(words[1]).decode("utf-8", "replace").upper()
        return _COMMANDS.get(f"{name} {second}")
    return _COMMANDS.get(name)
