"""Tell every client that follows `/api/events`, without waiting for any."""

import asyncio
from collections.abc import Callable
from functools import cached_property

from garrison.cluster.core.manager.jobs import Job
from garrison.cluster.core.manager.picture import Event, Picture


class ShownPicture:
    """A picture as JSON, made at most once for each right however many follow."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture

    @cached_property
    def for_actors(self) -> str:
        return self.picture.model_dump_json()

    @cached_property
    def for_readers(self) -> str:
        return self.picture.model_copy(update={"read_only": True}).model_dump_json()


News = ShownPicture | Event | Job


class Follower:
    """One client's queue. A newer picture takes the place of one that still waits."""

    def __init__(self, waiting_max: int) -> None:
        self._waiting_max = waiting_max
        self._news: list[News] = []
        self._wake = asyncio.Event()
        self.is_lost = False
        """More waited than may: the client is told nothing any more."""

    def tell(self, news: News) -> None:
        if isinstance(news, ShownPicture):
            self._news = [each for each in self._news if not isinstance(each, ShownPicture)]
        if len(self._news) >= self._waiting_max:
            self.is_lost = True
        else:
            self._news.append(news)
        self._wake.set()

    async def next(self) -> News | None:
        """The next news; None when the follower was lost."""
        while not self._news and not self.is_lost:
            self._wake.clear()
            await self._wake.wait()
        return None if self.is_lost else self._news.pop(0)

    def end(self) -> None:
        self.is_lost = True
        self._wake.set()


class Broadcast:
    """All followers."""

    def __init__(self, followers_max: int, waiting_max: int) -> None:
        self._followers_max = followers_max
        self._waiting_max = waiting_max
        self._followers: set[Follower] = set()

    def __len__(self) -> int:
        return len(self._followers)

    def follow(self) -> Follower | None:
        """A new follower; None when there are as many as may be."""
        if len(self._followers) >= self._followers_max:
            return None
        follower = Follower(self._waiting_max)
        self._followers.add(follower)
        return follower

    def leave(self, follower: Follower) -> None:
        self._followers.discard(follower)

    def tell(self, news: News) -> None:
        for follower in self._followers:
            follower.tell(news)

    def end(self) -> None:
        """Let all followers go, as when the process ends."""
        for follower in list(self._followers):
            follower.end()


Listener = Callable[[News], None]
