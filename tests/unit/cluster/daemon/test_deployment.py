"""What is behind the entries is found out, and then followed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from garrison.cluster.core.manager.picture import Event, Picture
from garrison.cluster.core.topology import Address
from garrison.cluster.daemon import deployment
from garrison.cluster.daemon.deployment import DeploymentObserver, Found, Kind, find_kind
from garrison.cluster.errors import UnreachableError
from garrison.cluster.manager.admin_client import Access

NODE, OTHER = Address("10.0.0.1", 7001), Address("10.0.0.2", 7001)
ACCESS, OF_SENTINELS = Access(password="a"), Access(password="b")


class Server:
    """Says in INFO what it is; knows one password."""

    said = b"redis_mode:standalone\r\n"
    password = "a"

    def __init__(self, entry: Address, access: Access) -> None:
        self._access = access

    async def __aenter__(self) -> Server:
        return self

    async def __aexit__(self, *error: object) -> None:
        """Nothing is open."""

    async def call(self, entry: Address, *words: str) -> bytes:
        if self._access.password != self.password:
            raise UnreachableError("refused the login")
        return self.said


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (b"redis_mode:cluster", "cluster"),
        (b"redis_mode:sentinel", "sentinel"),
        (b"redis_mode:standalone", "single"),
        (b"server_name:valkey\r\nserver_mode:cluster", "cluster"),
        (b"server_name:valkey\r\nserver_mode:sentinel", "sentinel"),
        (b"", "single"),
    ],
)
async def test_kind_is_what_info_says(said: bytes, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Server, "said", said)
    monkeypatch.setattr(deployment, "AdminClient", Server)
    assert await find_kind(NODE, ACCESS) == Found(NODE, kind, ACCESS)


async def test_password_of_sentinels_is_tried_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Server, "password", "b")
    monkeypatch.setattr(deployment, "AdminClient", Server)
    assert (await find_kind(NODE, ACCESS, OF_SENTINELS)).access == OF_SENTINELS
    with pytest.raises(UnreachableError, match="refused the login"):
        await find_kind(NODE, ACCESS)


async def observe(answers: dict[Address, list[Kind | None]], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The first picture with nodes or an end; what is followed by then."""
    followed: list[Any] = []
    pictures: list[Picture] = []
    is_followed = asyncio.Event()

    async def ask(entry: Address, access: Access) -> Found:
        kind = answers[entry].pop(0)
        if kind is None:
            raise UnreachableError(f"{entry} is away")
        return Found(entry, kind, access)

    class Followed:
        def __init__(self, *what: Any, **more: Any) -> None:
            self.what = what
            self.noted: list[Event] = []

        def note(self, events: list[Event]) -> None:
            self.noted += events

        async def run(self) -> None:
            followed.append(self)
            is_followed.set()

    monkeypatch.setattr(deployment, "ask_kind", ask)
    monkeypatch.setattr(deployment, "Observer", Followed)
    monkeypatch.setattr(deployment, "GroupFollower", Followed)
    monkeypatch.setattr(deployment, "DRAW_INTERVAL_S", 0.0)
    observer = DeploymentObserver(list(answers), ACCESS, ACCESS, lambda seen, events: pictures.append(seen))
    event = Event(at_ms=1, kind="lease", text="early")
    observer.note([event])
    assert observer.sample("x") is None
    await asyncio.wait_for(observer.run(), 5)
    assert followed[0].noted == [event]
    return followed[0], pictures


async def test_entries_are_asked_until_one_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    followed, pictures = await observe({NODE: [None, None], OTHER: [None, "cluster"]}, monkeypatch)
    assert [picture.problems for picture in pictures] == [(f"no node answers: {NODE} is away",)]
    assert followed.what[0] == [NODE, OTHER]


async def test_entries_of_two_kinds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: dict[Address, list[Kind | None]] = {NODE: ["cluster", None], OTHER: ["sentinel", "sentinel"]}
    followed, pictures = await observe(answers, monkeypatch)
    assert "different kinds" in pictures[0].problems[0]
    assert f"{OTHER} (sentinel)" in pictures[0].problems[0]
    await followed.what[0].close()
