"""Sorted sets: members with scores, by single set. Several sets together are in ``sorted_set_unions``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, overload

from garrison.client.commands.arguments import (
    Args,
    Keys,
    bound,
    conditions,
    counted,
    flag,
    limit,
    many,
    option,
)
from garrison.client.commands.base import CommandSet, Reply, T
from garrison.client.commands.replies import as_float, as_floats, as_pairs, as_score_pairs
from garrison.client.core.commands import Command, Retry, command
from garrison.client.core.resp import Arg, Key
from garrison.client.errors import UsageError

__all__ = ["SortedSetCommands", "as_popped_scores", "end_word"]

_ZADD = command("ZADD")
# With INCR the score changes again with a second execution; with NX the reply is what the caller is after.
_ZADD_ONCE = Command("ZADD", Retry.ONCE, "1")
_ZCARD = command("ZCARD")
_ZCOUNT = command("ZCOUNT")
_ZINCRBY = command("ZINCRBY")
_ZLEXCOUNT = command("ZLEXCOUNT")
_ZMPOP = command("ZMPOP")
_ZMSCORE = command("ZMSCORE")
_ZPOPMAX = command("ZPOPMAX")
_ZPOPMIN = command("ZPOPMIN")
_ZRANDMEMBER = command("ZRANDMEMBER")
_ZRANGE = command("ZRANGE")
_ZRANGEBYLEX = command("ZRANGEBYLEX")
_ZRANGEBYSCORE = command("ZRANGEBYSCORE")
_ZRANGESTORE = command("ZRANGESTORE")
_ZRANK = command("ZRANK")
_ZREM = command("ZREM")
_ZREMRANGEBYLEX = command("ZREMRANGEBYLEX")
_ZREMRANGEBYRANK = command("ZREMRANGEBYRANK")
_ZREMRANGEBYSCORE = command("ZREMRANGEBYSCORE")
_ZREVRANGE = command("ZREVRANGE")
_ZREVRANGEBYLEX = command("ZREVRANGEBYLEX")
_ZREVRANGEBYSCORE = command("ZREVRANGEBYSCORE")
_ZREVRANK = command("ZREVRANK")
_ZSCAN = command("ZSCAN")
_ZSCORE = command("ZSCORE")


class SortedSetCommands(CommandSet[T]):
    """The commands on sorted sets.

    An end of a range of scores is a number, or text: ``"(5"`` leaves 5 itself out. An end of a range of
    names (``lex``) is ``"[a"``, ``"(a"``, ``"-"`` or ``"+"``. With ``withscores`` members come in pairs with
    their scores.
    """

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
    ) -> Reply[int]: ...

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
    ) -> Reply[float | None]: ...

    def zadd(
        self,
        key: Key,
        mapping: Mapping[Any, float],
        nx: bool = False,
        xx: bool = False,
        ch: bool = False,
        incr: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Reply[Any]:
        """Set the scores of members: ``{member: score}``; how many are new, or, with ``ch``, changed.

        Only new members (``nx``) or only old ones (``xx``), only to a greater (``gt``) or lesser (``lt``)
        score. With ``incr`` the score of the one member is added to, and the reply is the new one, None if
        a condition did not hold.
        """
        if not mapping:
            raise UsageError("no members: give a mapping with at least one member and its score")
        if incr and len(mapping) > 1:
            raise UsageError("zadd: incr adds to the score of one member; give one, or call zincrby for each")
        words = (*conditions(nx=nx, xx=xx, gt=gt, lt=lt), *flag(ch, "CH"), *flag(incr, "INCR"))
        values = [part for member, score in mapping.items() for part in (bound(score), member)]
        convert = as_float if incr else None
        return self._keyed(_ZADD_ONCE if incr or nx else _ZADD, (key, *words, *values), convert)

    def zincrby(self, key: Key, amount: float, value: Arg) -> Reply[float]:
        """Add to the score of a member; the new one."""
        return self._keyed(_ZINCRBY, (key, bound(amount), value), as_float)

    def zrem(self, key: Key, *values: Arg) -> Reply[int]:
        """Remove members; how many there were."""
        return self._keyed(_ZREM, (key, *values))

    def zcard(self, key: Key) -> Reply[int]:
        """The number of members."""
        return self._keyed(_ZCARD, (key,))

    def zscore(self, key: Key, value: Arg) -> Reply[float | None]:
        """The score of a member; None if it is not one."""
        return self._keyed(_ZSCORE, (key, value), as_float)

    def zmscore(self, key: Key, members: Args, *more: Arg) -> Reply[list[float | None]]:
        """The scores of several members, in order."""
        return self._keyed(_ZMSCORE, (key, *many(members, *more)), as_floats)

    @overload
    def zrank(self, key: Key, value: Arg, withscore: Literal[False] = False) -> Reply[int | None]: ...

    @overload
    def zrank(self, key: Key, value: Arg, withscore: Literal[True]) -> Reply[tuple[int, float] | None]: ...

    def zrank(self, key: Key, value: Arg, withscore: bool = False) -> Reply[Any]:
        """How many members have a lower score; None if it is not a member."""
        return self._keyed(_ZRANK, *_rank(key, value, withscore))

    @overload
    def zrevrank(self, key: Key, value: Arg, withscore: Literal[False] = False) -> Reply[int | None]: ...

    @overload
    def zrevrank(self, key: Key, value: Arg, withscore: Literal[True]) -> Reply[tuple[int, float] | None]: ...

    def zrevrank(self, key: Key, value: Arg, withscore: bool = False) -> Reply[Any]:
        """How many members have a higher score; None if it is not a member."""
        return self._keyed(_ZREVRANK, *_rank(key, value, withscore))

    def zcount(self, key: Key, min: Arg, max: Arg) -> Reply[int]:
        """How many members have scores in a range."""
        return self._keyed(_ZCOUNT, (key, bound(min), bound(max)))

    def zlexcount(self, key: Key, min: Arg, max: Arg) -> Reply[int]:
        """How many members are in a range of names, all scores being equal."""
        return self._keyed(_ZLEXCOUNT, (key, min, max))

    # ---- ranges --------------------------------------------------------------------------------

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
    ) -> Reply[list[T]]: ...

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
    ) -> Reply[list[tuple[T, float]]]: ...

    def zrange(
        self,
        key: Key,
        start: Arg,
        end: Arg,
        desc: bool = False,
        withscores: bool = False,
        *,
        byscore: bool = False,
        bylex: bool = False,
        offset: int | None = None,
        num: int | None = None,
    ) -> Reply[Any]:
        """The members of ranks ``start`` to ``end``, both included, lowest score first.

        ``byscore`` and ``bylex`` make it a range of scores or names, of which ``num`` from ``offset`` on are
        returned. ``desc`` begins with the highest; ``start`` is then the higher end.
        """
        words = _range_words(desc, byscore, bylex, offset, num)
        args = (key, bound(start), bound(end), *words, *flag(withscores, "WITHSCORES"))
        return self._keyed(_ZRANGE, args, as_score_pairs if withscores else None)

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
    ) -> Reply[int]:
        """Store the result of :meth:`zrange` in a key of the same slot; its size."""
        words = _range_words(desc, byscore, bylex, offset, num)
        return self._keyed(_ZRANGESTORE, (dest, key, bound(start), bound(end), *words))

    @overload
    def zrevrange(
        self, key: Key, start: int, end: int, withscores: Literal[False] = False
    ) -> Reply[list[T]]: ...

    @overload
    def zrevrange(
        self, key: Key, start: int, end: int, withscores: Literal[True]
    ) -> Reply[list[tuple[T, float]]]: ...

    def zrevrange(self, key: Key, start: int, end: int, withscores: bool = False) -> Reply[Any]:
        """The members of ranks ``start`` to ``end``, highest score first."""
        args = (key, start, end, *flag(withscores, "WITHSCORES"))
        return self._keyed(_ZREVRANGE, args, as_score_pairs if withscores else None)

    @overload
    def zrangebyscore(
        self,
        key: Key,
        min: Arg,
        max: Arg,
        start: int | None = None,
        num: int | None = None,
        withscores: Literal[False] = False,
    ) -> Reply[list[T]]: ...

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
    ) -> Reply[list[tuple[T, float]]]: ...

    def zrangebyscore(
        self,
        key: Key,
        min: Arg,
        max: Arg,
        start: int | None = None,
        num: int | None = None,
        withscores: bool = False,
    ) -> Reply[Any]:
        """The members with scores ``min`` to ``max``, lowest first; ``num`` of them from ``start`` on."""
        args = (key, bound(min), bound(max), *flag(withscores, "WITHSCORES"), *limit(start, num))
        return self._keyed(_ZRANGEBYSCORE, args, as_score_pairs if withscores else None)

    @overload
    def zrevrangebyscore(
        self,
        key: Key,
        max: Arg,
        min: Arg,
        start: int | None = None,
        num: int | None = None,
        withscores: Literal[False] = False,
    ) -> Reply[list[T]]: ...

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
    ) -> Reply[list[tuple[T, float]]]: ...

    def zrevrangebyscore(
        self,
        key: Key,
        max: Arg,
        min: Arg,
        start: int | None = None,
        num: int | None = None,
        withscores: bool = False,
    ) -> Reply[Any]:
        """The members with scores ``max`` down to ``min``, highest first."""
        args = (key, bound(max), bound(min), *flag(withscores, "WITHSCORES"), *limit(start, num))
        return self._keyed(_ZREVRANGEBYSCORE, args, as_score_pairs if withscores else None)

    def zrangebylex(
        self, key: Key, min: Arg, max: Arg, start: int | None = None, num: int | None = None
    ) -> Reply[list[T]]:
        """The members in a range of names, all scores being equal."""
        return self._keyed(_ZRANGEBYLEX, (key, min, max, *limit(start, num)))

    def zrevrangebylex(
        self, key: Key, max: Arg, min: Arg, start: int | None = None, num: int | None = None
    ) -> Reply[list[T]]:
        """The members in a range of names, last name first."""
        return self._keyed(_ZREVRANGEBYLEX, (key, max, min, *limit(start, num)))

    def zremrangebyrank(self, key: Key, min: int, max: int) -> Reply[int]:
        """Remove the members of ranks ``min`` to ``max``; how many there were."""
        return self._keyed(_ZREMRANGEBYRANK, (key, min, max))

    def zremrangebyscore(self, key: Key, min: Arg, max: Arg) -> Reply[int]:
        """Remove the members with scores in a range; how many there were."""
        return self._keyed(_ZREMRANGEBYSCORE, (key, bound(min), bound(max)))

    def zremrangebylex(self, key: Key, min: Arg, max: Arg) -> Reply[int]:
        """Remove the members in a range of names; how many there were."""
        return self._keyed(_ZREMRANGEBYLEX, (key, min, max))

    # ---- taking, and at random -----------------------------------------------------------------

    def zpopmin(self, key: Key, count: int | None = None) -> Reply[list[tuple[T, float]]]:
        """Take the member with the lowest score, or at most ``count`` of them; empty if there is none."""
        return self._keyed(_ZPOPMIN, (key,) if count is None else (key, count), as_score_pairs)

    def zpopmax(self, key: Key, count: int | None = None) -> Reply[list[tuple[T, float]]]:
        """Take the member with the highest score, or at most ``count`` of them; empty if there is none."""
        return self._keyed(_ZPOPMAX, (key,) if count is None else (key, count), as_score_pairs)

    def zmpop(
        self, num_keys: int, keys: Keys, min: bool = False, max: bool = False, count: int = 1
    ) -> Reply[tuple[T, list[tuple[T, float]]] | None]:
        """Take the lowest (``min``) or highest (``max``) members of the first set that has any.

        Returns its key and at most ``count`` members with scores; None if all are empty. One slot.
        """
        args = [*counted(many(keys), num_keys), end_word(min, max), "COUNT", count]
        return self._routed(_ZMPOP, args, as_popped_scores)

    @overload
    def zrandmember(
        self, key: Key, count: None = None, withscores: Literal[False] = False
    ) -> Reply[T | None]: ...

    @overload
    def zrandmember(self, key: Key, count: int, withscores: Literal[False] = False) -> Reply[list[T]]: ...

    @overload
    def zrandmember(
        self, key: Key, count: int, withscores: Literal[True]
    ) -> Reply[list[tuple[T, float]]]: ...

    def zrandmember(self, key: Key, count: int | None = None, withscores: bool = False) -> Reply[Any]:
        """A random member, which stays; with ``count`` a list of so many, if negative with repetitions."""
        if count is None:
            if withscores:
                raise UsageError("zrandmember: withscores needs a count, such as count=1")
            return self._keyed(_ZRANDMEMBER, (key,))
        args = (key, count, *flag(withscores, "WITHSCORES"))
        return self._keyed(_ZRANDMEMBER, args, as_score_pairs if withscores else None)

    def zscan(
        self, key: Key, cursor: int = 0, match: Arg | None = None, count: int | None = None
    ) -> Reply[tuple[int, list[tuple[T, float]]]]:
        """One step through the members: the next cursor (0 at the end) and some members with scores."""
        args: tuple[Arg, ...] = (key, cursor, *option("MATCH", match), *option("COUNT", count))
        return self._keyed(_ZSCAN, args, _as_step)


def end_word(min: bool, max: bool) -> str:
    """Which end of a sorted set: exactly one of the two."""
    if min == max:
        raise UsageError("say which end: min=True for the lowest scores, or max=True for the highest")
    return "MIN" if min else "MAX"


def as_popped_scores(reply: Any) -> Any:
    """A key and its members with scores; None if there was nothing."""
    return None if reply is None else (reply[0], as_score_pairs(reply[1]))


def _rank(key: Key, value: Arg, withscore: bool) -> tuple[tuple[Arg, ...], Any]:
    if not withscore:
        return (key, value), None
    return (key, value, "WITHSCORE"), lambda reply: None if reply is None else (reply[0], float(reply[1]))


def _range_words(
    desc: bool, byscore: bool, bylex: bool, offset: int | None, num: int | None
) -> tuple[Arg, ...]:
    if byscore and bylex:
        raise UsageError("byscore and bylex exclude each other: give one of them")
    return (*flag(byscore, "BYSCORE"), *flag(bylex, "BYLEX"), *flag(desc, "REV"), *limit(offset, num))


def _as_step(reply: Any) -> Any:
    return int(reply[0]), [(member, float(score)) for member, score in as_pairs(reply[1])]
