"""What is behind an address is found out, and followed until it is not wanted any more."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from garrison.cluster.core.manager.picture import NodeState, Picture
from garrison.cluster.core.topology import Address
from garrison.cluster.daemon import deployment
from garrison.cluster.daemon.deployment import Found, Kind
from garrison.cluster.errors import ManagerError, UnreachableError
from garrison.cluster.manager.admin_client import Access
from garrison.cluster.top import node_source
from garrison.cluster.top.node_source import NodeSource, is_settled
from garrison.cluster.top.picture_sources import SourceError
from tests.unit.cluster.top.scenes import cluster, node_id

ENTRY = Address("10.0.0.1", 7000)


class FakeObserver:
    """Draws what the test has put into `drawn`, one after the other, and then fails as it is told."""

    drawn: Sequence[Picture] = ()
    error: Exception | None = None
    ended = 0

    def __init__(self, entries: Sequence[Address], access: Access, seen: Any, *, slot_figures: bool) -> None:
        assert not slot_figures, "nobody who looks at nodes reads the figures of single slots"
        self._left = list(self.drawn)
        self._seen = seen

    def draw(self) -> Picture:
        return self._left.pop(0)

    async def run(self) -> None:
        try:
            for picture in self.drawn:
                self._seen(picture, ())
                await asyncio.sleep(0)
            if self.error is not None:
                raise self.error
            await asyncio.Event().wait()
        finally:
            FakeObserver.ended += 1


@pytest.fixture
def modes(monkeypatch: pytest.MonkeyPatch) -> list[str | Exception]:
    """What the entry says that it is, one item for each time that it is asked."""
    said: list[str | Exception] = []

    async def ask(entry: Address, access: Access) -> Found:
        item = said.pop(0)
        if isinstance(item, Exception):
            raise item
        by_mode: dict[str, Kind] = {"cluster": "cluster", "sentinel": "sentinel"}
        return Found(entry, by_mode.get(item, "single"), access)

    monkeypatch.setattr(deployment, "ask_kind", ask)
    monkeypatch.setattr(node_source, "Observer", FakeObserver)
    monkeypatch.setattr(FakeObserver, "ended", 0)
    monkeypatch.setattr(FakeObserver, "error", None)
    return said


async def test_cluster_is_observed_until_nobody_looks(
    modes: list[str | Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    modes.append("cluster")
    monkeypatch.setattr(FakeObserver, "drawn", (Picture(at_ms=0), cluster(), cluster(2, 0)))
    pictures = NodeSource(ENTRY, Access()).pictures()
    assert await anext(pictures) == cluster()
    assert await anext(pictures) == cluster(2, 0)
    await pictures.aclose()  # type: ignore[attr-defined]
    assert FakeObserver.ended == 1


async def test_cluster_of_which_nobody_answers_is_an_error(
    modes: list[str | Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    modes.append("cluster")
    monkeypatch.setattr(FakeObserver, "drawn", (Picture(at_ms=1, problems=("no node answers: away",)),))
    with pytest.raises(SourceError, match="no node answers: away"):
        await anext(NodeSource(ENTRY, Access()).pictures())


async def test_observer_that_fails_ends_the_pictures(
    modes: list[str | Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    modes.append("cluster")
    monkeypatch.setattr(FakeObserver, "drawn", ())
    monkeypatch.setattr(FakeObserver, "error", ManagerError("broken"))
    with pytest.raises(SourceError, match="broken"):
        await anext(NodeSource(ENTRY, Access()).pictures())


async def test_one_picture_waits_for_figures(
    modes: list[str | Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    modes.append("cluster")
    early = cluster()
    blank = early.nodes[0].model_copy(
        update={"load": early.nodes[0].load.model_copy(update={"ops_per_s": None})}
    )
    early = early.model_copy(update={"nodes": (blank, *early.nodes[1:])})
    monkeypatch.setattr(FakeObserver, "drawn", (Picture(at_ms=0), early, cluster(), cluster(1, 0)))
    assert await NodeSource(ENTRY, Access()).once() == cluster()
    assert FakeObserver.ended == 1


def test_silent_node_is_not_waited_for() -> None:
    picture = cluster()
    gone = NodeState.SILENT
    nodes = tuple(
        node.model_copy(update={"state": gone, "load": type(node.load)()}) if node.id == node_id(1) else node
        for node in picture.nodes
    )
    assert is_settled(picture.model_copy(update={"nodes": nodes}))
    assert not is_settled(Picture(at_ms=0))


async def test_node_that_refuses_the_login_is_an_error(modes: list[str | Exception]) -> None:
    modes.append(UnreachableError("refused the login"))
    with pytest.raises(SourceError, match="refused the login"):
        await NodeSource(ENTRY, Access(password="a")).once()
