"""Pictures from the nodes themselves, without a manager: from any node, server or Sentinel."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import replace

from garrison.cluster.core.manager.jobs import Job
from garrison.cluster.core.manager.picture import Event, NodeState, Picture
from garrison.cluster.core.topology import Address
from garrison.cluster.daemon.deployment import Found, find_kind
from garrison.cluster.daemon.group_observing import GroupKind, GroupObserver
from garrison.cluster.daemon.observing import Observer
from garrison.cluster.errors import ManagerError
from garrison.cluster.manager.admin_client import Access
from garrison.cluster.top.picture_sources import SourceError

INTERVAL_S = 1.0
PAUSE_S_MIN = 0.05
SETTLE_S_MAX = 3.0
"""How long a single picture of a cluster waits until each node has answered twice, which rates need."""
SETTLE_INTERVAL_S = 0.05


class NodeSource:
    """Asks one address what it is, and then follows the cluster, Sentinel group or server behind it."""

    jobs: tuple[Job, ...] = ()
    """There is no manager that has any."""

    def __init__(self, entry: Address, access: Access, sentinel_password: str | None = None) -> None:
        """`sentinel_password` is for Sentinels that have one of their own."""
        self._entry = entry
        self._access = access
        self._sentinel_access = replace(access, password=sentinel_password or access.password)

    @property
    def name(self) -> str:
        return str(self._entry)

    async def once(self) -> Picture:
        try:
            kind = (await self._found()).kind
            if kind == "cluster":
                return await self._settled_cluster()
            async with contextlib.aclosing(self._group(kind)) as pictures:
                await anext(pictures)
                return await anext(pictures)
        except ManagerError as error:
            raise SourceError(str(error)) from error

    async def pictures(self) -> AsyncIterator[Picture]:
        try:
            kind = (await self._found()).kind
            followed = self._cluster() if kind == "cluster" else self._group(kind)
            async with contextlib.aclosing(followed) as pictures:
                async for picture in pictures:
                    yield picture
        except ManagerError as error:
            raise SourceError(str(error)) from error

    async def _found(self) -> Found:
        return await find_kind(self._entry, self._access, self._sentinel_access)

    async def _group(self, kind: GroupKind) -> AsyncGenerator[Picture, None]:
        observer = GroupObserver(kind, self._entry, self._access, self._sentinel_access)
        loop = asyncio.get_running_loop()
        try:
            while True:
                began = loop.time()
                yield await observer.picture()
                await asyncio.sleep(max(PAUSE_S_MIN, INTERVAL_S - (loop.time() - began)))
        finally:
            await observer.close()

    async def _cluster(self) -> AsyncGenerator[Picture, None]:
        newest: asyncio.Queue[Picture | None] = asyncio.Queue(1)

        def put(picture: Picture | None) -> None:
            with contextlib.suppress(asyncio.QueueEmpty):
                newest.get_nowait()
            newest.put_nowait(picture)

        async with self._observing(put) as (_, task):
            task.add_done_callback(lambda _: put(None))
            while picture := await newest.get():
                # Before the first answers a picture is empty, and nothing is wrong with that.
                if picture.nodes or picture.problems:
                    yield _with_nodes(picture)
            task.result()

    async def _settled_cluster(self) -> Picture:
        """The first picture in which every node has answered twice, or is known not to answer."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + SETTLE_S_MAX
        async with self._observing(lambda picture: None) as (observer, task):
            while True:
                await asyncio.sleep(SETTLE_INTERVAL_S)
                if task.done():
                    task.result()
                picture = observer.draw()
                if is_settled(picture) or loop.time() > deadline:
                    return _with_nodes(picture)

    @contextlib.asynccontextmanager
    async def _observing(
        self, seen: Callable[[Picture], None]
    ) -> AsyncIterator[tuple[Observer, asyncio.Task[None]]]:
        """An observer that runs while this is entered."""

        def take(picture: Picture, events: tuple[Event, ...]) -> None:
            seen(picture)

        observer = Observer([self._entry], self._access, take, slot_figures=False)
        task = asyncio.create_task(observer.run(), name="garrison: observe")
        try:
            yield observer, task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def is_settled(picture: Picture) -> bool:
    """Whether every node has figures with rates, or is known not to answer."""
    return bool(picture.nodes) and all(
        node.load.ops_per_s is not None or node.state in (NodeState.FAILED, NodeState.SILENT)
        for node in picture.nodes
    )


def _with_nodes(picture: Picture) -> Picture:
    if picture.nodes:
        return picture
    raise SourceError(picture.problems[0] if picture.problems else "no node answers")
