"""Followers are told without being waited for."""

from __future__ import annotations

from garrison.cluster.core.manager.picture import Event, Picture
from garrison.cluster.daemon.broadcast import Broadcast, ShownPicture


def event(number: int) -> Event:
    return Event(at_ms=number, kind="slots", text="t")


async def test_newer_picture_replaces_one_that_waits() -> None:
    broadcast = Broadcast(2, 10)
    follower = broadcast.follow()
    assert follower is not None
    old, new = ShownPicture(Picture(at_ms=1)), ShownPicture(Picture(at_ms=2))
    for news in (old, event(1), new):
        broadcast.tell(news)
    assert [await follower.next(), await follower.next()] == [event(1), new]


async def test_slow_follower_is_lost_and_others_go_on() -> None:
    broadcast = Broadcast(2, 3)
    slow, quick = broadcast.follow(), broadcast.follow()
    assert slow is not None
    assert quick is not None
    assert broadcast.follow() is None
    for number in range(5):
        broadcast.tell(event(number))
        assert await quick.next() == event(number)
    assert await slow.next() is None
    broadcast.leave(slow)
    assert len(broadcast) == 1
    broadcast.end()
    assert await quick.next() is None


def test_readers_see_that_they_only_read() -> None:
    shown = ShownPicture(Picture(at_ms=1))
    assert Picture.model_validate_json(shown.for_readers).read_only
    assert not Picture.model_validate_json(shown.for_actors).read_only
