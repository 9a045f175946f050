"""Connections that carry the lease."""

from __future__ import annotations

from typing import Any

import pytest

from garrison.client import ReplyError
from garrison.cluster.core.topology import Address
from garrison.cluster.daemon.leased import Lease, LeasedClient, LeasedSession, LeaseLostError
from garrison.cluster.errors import ManagerError
from garrison.cluster.manager.admin_client import AdminClient

PLACE = Address("h", 1)


class Link:
    def __init__(self, refusal: str) -> None:
        self.refusal = refusal
        self.sent: list[tuple[Any, ...]] = []
        self.is_closed = False

    async def call(self, *command: Any) -> bytes:
        self.sent.append(command)
        if self.refusal:
            raise ReplyError(self.refusal)
        return b"OK"

    async def close(self) -> None:
        self.is_closed = True


def opened(monkeypatch: pytest.MonkeyPatch, refusal: str = "") -> Link:
    link = Link(refusal)

    async def open_link(self: AdminClient, address: Address, timeout_s: float) -> Link:
        return link

    monkeypatch.setattr(AdminClient, "open", open_link)
    return link


async def test_every_connection_says_for_whom_it_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    link = opened(monkeypatch)
    admin = LeasedSession(lease=Lease("m", 3)).admin(PLACE)
    await admin.open(PLACE, 1.0)
    assert link.sent == [("CLUSTER", "MANAGER", "AS", "m", 3)]
    await LeasedClient(PLACE).open(PLACE, 1.0)
    assert len(link.sent) == 1


@pytest.mark.parametrize(
    ("refusal", "error"), [("STALEMANAGER 9", LeaseLostError), ("ERR unknown", ManagerError)]
)
async def test_refused_lease_closes_the_connection(
    monkeypatch: pytest.MonkeyPatch, refusal: str, error: type[ManagerError]
) -> None:
    link = opened(monkeypatch, refusal)
    with pytest.raises(error):
        await LeasedClient(PLACE, lease=Lease("m", 3)).open(PLACE, 1.0)
    assert link.is_closed
