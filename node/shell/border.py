"""The data plane as the control plane sees it; `garrison.node._engine.DataPlane` and test doubles look like
this.

The events and requests are described in ``node/_engine.pyi``.
"""

from __future__ import annotations

from typing import Any, Protocol, TypedDict


class ClientInfo(TypedDict):
    """A client that waits for the control plane."""

    id: int
    addr: str
    laddr: str
    resp: int
    user: str
    name: str


class Plane(Protocol):
    """One data plane."""

    def start(self, held: bool = False) -> None: ...
    def fileno(self) -> int: ...
    def drain(self) -> list[tuple[Any, ...]]: ...
    def post(self, requests: list[tuple[Any, ...]]) -> None: ...
    def replication(self) -> dict[str, Any]: ...
    def stop(self) -> None: ...
    def join(self) -> None: ...
