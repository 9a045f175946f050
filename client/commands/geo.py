"""Geo sets: members at longitudes and latitudes, found by circle, box or polygon. Sorted sets of cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, overload

from garrison.client.commands.arguments import conditions, flag, option
from garrison.client.commands.base import CommandSet, Reply, T
from garrison.client.commands.replies import Place, as_float, as_floats
from garrison.client.core.commands import command
from garrison.client.core.resp import Arg, Key
from garrison.client.errors import UsageError

__all__ = ["GeoCommands", "place_words", "places"]

Unit: TypeAlias = Literal["m", "km", "mi", "ft"]
Order: TypeAlias = Literal["ASC", "DESC"]

_GEOADD = command("GEOADD")
_GEODIST = command("GEODIST")
_GEOHASH = command("GEOHASH")
_GEOPOS = command("GEOPOS")
_GEOSEARCH = command("GEOSEARCH")
_GEOSEARCHSTORE = command("GEOSEARCHSTORE")


class GeoCommands(CommandSet[T]):
    """The commands on geo sets."""

    def geoadd(
        self, key: Key, values: Sequence[Arg], nx: bool = False, xx: bool = False, ch: bool = False
    ) -> Reply[int]:
        """Add members: ``[longitude, latitude, member, ...]``; how many are new, or, with ``ch``, moved."""
        if not values or len(values) % 3:
            raise UsageError("geoadd takes triples of longitude, latitude and member")
        return self._keyed(_GEOADD, (key, *conditions(nx=nx, xx=xx), *flag(ch, "CH"), *values))

    def geodist(self, key: Key, place1: Arg, place2: Arg, unit: Unit | None = None) -> Reply[float | None]:
        """The distance of two members, in metres unless ``unit`` says otherwise; None if one is missing."""
        args = (key, place1, place2) if unit is None else (key, place1, place2, unit)
        return self._keyed(_GEODIST, args, as_float)

    def geohash(self, key: Key, *values: Arg) -> Reply[list[T | None]]:
        """The geohash of each member: eleven letters that begin alike where members are near."""
        return self._keyed(_GEOHASH, (key, *values))

    def geopos(self, key: Key, *values: Arg) -> Reply[list[tuple[float, float] | None]]:
        """Longitude and latitude of each member."""
        return self._keyed(_GEOPOS, (key, *values), _as_positions)

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
    ) -> Reply[list[T]]: ...

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
    ) -> Reply[list[Place[T]]]: ...

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
    ) -> Reply[Any]:
        """The members within ``radius``, or a box of ``width`` and ``height``, of a member or a position.

        Or those inside a ``polygon``, given as the longitude and latitude of each corner; distances are then
        from the middle of its corners.

        At most ``count`` of them, the nearest, or, with ``any``, the first found, in the order ``sort``.
        With ``withcoord``, ``withdist`` or ``withhash`` the result is a list of
        :class:`~garrison.client.commands.replies.Place`, else of members.
        """
        words = _search_words(
            member, longitude, latitude, unit, radius, width, height, sort, count, any, polygon
        )
        args = (key, *words, *place_words(withcoord, withdist, withhash))
        return self._keyed(_GEOSEARCH, args, places(withcoord, withdist, withhash))

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
    ) -> Reply[int]:
        """Store what :meth:`geosearch` finds in a key of the same slot, with ``storedist`` by distance."""
        words = _search_words(
            member, longitude, latitude, unit, radius, width, height, sort, count, any, polygon
        )
        return self._keyed(_GEOSEARCHSTORE, (dest, key, *words, *flag(storedist, "STOREDIST")))


def _search_words(
    member: Arg | None,
    longitude: float | None,
    latitude: float | None,
    unit: Unit,
    radius: float | None,
    width: float | None,
    height: float | None,
    sort: Order | None,
    count: int | None,
    any: bool,
    polygon: Sequence[tuple[float, float]] | None,
) -> tuple[Arg, ...]:
    if polygon is not None:
        if (member, longitude, latitude, radius, width, height) != (None,) * 6:
            raise UsageError("a polygon says where and how far to search: give nothing else")
        corners = [coordinate for corner in polygon for coordinate in corner]
        return ("BYPOLYGON", len(polygon), *corners, *nearest(sort, count, any))
    if (longitude is None) != (latitude is None) or (member is None) == (longitude is None):
        raise UsageError("say where to search: give a member, or longitude and latitude")
    if (width is None) != (height is None) or (radius is None) == (width is None):
        raise UsageError("say how far to search: give a radius, or width and height")
    words = option("FROMMEMBER", member)
    if longitude is not None and latitude is not None:
        words += ("FROMLONLAT", longitude, latitude)
    if width is not None and height is not None:
        words += ("BYBOX", width, height, unit)
    elif radius is not None:
        words += ("BYRADIUS", radius, unit)
    return (*words, *nearest(sort, count, any))


def nearest(sort: Order | None, count: int | None, any: bool) -> tuple[Arg, ...]:
    """``ASC|DESC COUNT n ANY``."""
    if any and count is None:
        raise UsageError("any=True stops at count members: give count too")
    order = () if sort is None else (sort,)
    return (*order, *option("COUNT", count), *flag(any, "ANY"))


def place_words(withcoord: bool, withdist: bool, withhash: bool) -> tuple[str, ...]:
    """What is to be told of each member."""
    return (*flag(withdist, "WITHDIST"), *flag(withhash, "WITHHASH"), *flag(withcoord, "WITHCOORD"))


def places(withcoord: bool, withdist: bool, withhash: bool) -> Any:
    """The converter to :class:`Place`, or None where only members were asked for."""
    if not (withcoord or withdist or withhash):
        return None

    def convert(item: Any) -> Place[Any]:
        # The server's order, whatever that of the words: distance, hash, position.
        rest = iter(item[1:])
        return Place(
            item[0],
            distance=float(next(rest)) if withdist else None,
            hash=int(next(rest)) if withhash else None,
            position=_as_position(next(rest)) if withcoord else None,
        )

    return lambda reply: [convert(item) for item in reply]


def _as_position(reply: Any) -> Any:
    return None if reply is None else tuple(as_floats(reply))


def _as_positions(reply: Any) -> Any:
    return [_as_position(item) for item in reply]
