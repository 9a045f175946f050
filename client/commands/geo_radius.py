"""The older search of geo sets, GEORADIUS. New code searches with ``geosearch``."""

from __future__ import annotations

from typing import Any, Literal, overload

from garrison.client.commands.arguments import one_of
from garrison.client.commands.base import CommandSet, Reply, T
from garrison.client.commands.geo import Order, Unit, nearest, place_words, places
from garrison.client.commands.replies import Place
from garrison.client.core.commands import Command, command
from garrison.client.core.resp import Arg, Key
from garrison.client.errors import UsageError

__all__ = ["GeoRadiusCommands"]

_GEORADIUS = command("GEORADIUS")
_GEORADIUSBYMEMBER = command("GEORADIUSBYMEMBER")
_GEORADIUSBYMEMBER_RO = command("GEORADIUSBYMEMBER_RO")
_GEORADIUS_RO = command("GEORADIUS_RO")


class GeoRadiusCommands(CommandSet[T]):
    """The older commands that search around a position or a member; results as of ``geosearch``."""

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
    ) -> Reply[list[T]]: ...

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
    ) -> Reply[list[Place[T]]]: ...

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
    ) -> Reply[int]: ...

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
    ) -> Reply[int]: ...

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
        store: Key | None = None,
        store_dist: Key | None = None,
        any: bool = False,
    ) -> Reply[Any]:
        """The members within ``radius`` of a position; ``store`` or ``store_dist`` stores and counts them."""
        return self._search(
            _GEORADIUS,
            (key, longitude, latitude, radius, unit),
            withdist,
            withcoord,
            withhash,
            count,
            sort,
            any,
            store,
            store_dist,
        )

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
    ) -> Reply[list[T]]: ...

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
    ) -> Reply[list[Place[T]]]: ...

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
    ) -> Reply[Any]:
        """:meth:`georadius` without storing: a command that only reads."""
        return self._search(
            _GEORADIUS_RO,
            (key, longitude, latitude, radius, unit),
            withdist,
            withcoord,
            withhash,
            count,
            sort,
            any,
        )

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
    ) -> Reply[list[T]]: ...

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
    ) -> Reply[list[Place[T]]]: ...

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
    ) -> Reply[int]: ...

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
    ) -> Reply[int]: ...

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
        store: Key | None = None,
        store_dist: Key | None = None,
        any: bool = False,
    ) -> Reply[Any]:
        """The members within ``radius`` of a member; ``store`` or ``store_dist`` stores and counts them."""
        return self._search(
            _GEORADIUSBYMEMBER,
            (key, member, radius, unit),
            withdist,
            withcoord,
            withhash,
            count,
            sort,
            any,
            store,
            store_dist,
        )

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
    ) -> Reply[list[T]]: ...

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
    ) -> Reply[list[Place[T]]]: ...

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
    ) -> Reply[Any]:
        """:meth:`georadiusbymember` without storing: a command that only reads."""
        return self._search(
            _GEORADIUSBYMEMBER_RO,
            (key, member, radius, unit),
            withdist,
            withcoord,
            withhash,
            count,
            sort,
            any,
        )

    def _search(
        self,
        command: Command,
        args: tuple[Arg, ...],
        withdist: bool,
        withcoord: bool,
        withhash: bool,
        count: int | None,
        sort: Order | None,
        any: bool,
        store: Key | None = None,
        store_dist: Key | None = None,
    ) -> Reply[Any]:
        target = one_of({"STORE": store, "STOREDIST": store_dist})
        wanted = place_words(withcoord, withdist, withhash)
        if target and wanted:
            raise UsageError("what is stored has no distances or positions: leave withdist and the like out")
        words = (*args, *wanted, *nearest(sort, count, any), *target)
        return self._keyed(command, words, None if target else places(withcoord, withdist, withhash))
