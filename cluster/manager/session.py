"""What the commands share: how to reach nodes, how to talk to the user, how to find what the user names."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from garrison.base.endpoint import parse_endpoint
from garrison.cluster.core.cluster_state import ClusterState
from garrison.cluster.core.topology import Address, Node
from garrison.cluster.errors import ManagerError, UsageProblem
from garrison.cluster.manager.admin_client import Access, AdminClient
from garrison.cluster.manager.key_migration import MigrateOptions
from garrison.cluster.manager.progress import Display, Silent

SETTLE_TIMEOUT_S = 5.0
SETTLE_INTERVAL_S = 0.1


@dataclass
class Session:
    """How to reach nodes and how to talk to the user."""

    access: Access = field(default_factory=Access)
    display: Display = field(default_factory=Silent)
    confirm: Callable[[Sequence[str]], bool] = lambda lines: True
    """Show the plan and ask whether to carry it out."""
    options: MigrateOptions = field(default_factory=MigrateOptions)
    dry_run: bool = False
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """Set it, and a migration under way ends at the next slot boundary with StoppedError."""
    is_stoppable: bool = False
    """A migration is under way, which honours ``stop``; without one a cancellation is the way to stop."""
    stop_note: str = "stopping when the slots in flight are over; Ctrl-C again stops at once"
    """What the user is told when ``stop`` is set."""
    plan_file: Path | None = None
    """Where the plan is stored before it is carried out."""

    def note(self, text: str) -> None:
        self.display.note(text)

    def admin(self, entry: Address) -> AdminClient:
        return AdminClient(entry, self.access)


def demand_consent(session: Session, lines: Sequence[str]) -> None:
    if not session.confirm(lines):
        raise ManagerError("nothing was done")


async def settled_state(admin: AdminClient) -> ClusterState:
    """The cluster state in which all nodes agree, if they come to within a few seconds of gossip."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + SETTLE_TIMEOUT_S
    while True:
        state = await admin.cluster_state()
        agreed = len({view.signature for view in state.views.values()}) < 2
        if agreed or loop.time() > deadline:
            return state
        await asyncio.sleep(SETTLE_INTERVAL_S)


async def resolve(nodes: Sequence[Address]) -> list[Address]:
    """Names to addresses: CLUSTER MEET takes no names."""
    loop = asyncio.get_running_loop()
    resolved = []
    for node in nodes:
        try:
            found = await loop.getaddrinfo(node.host, node.port)
        except OSError as error:
            raise ManagerError(f"cannot resolve the host of {node}: {error}") from error
        hosts = sorted((place[0] for *_, place in found), key=lambda host: ":" in str(host))
        resolved.append(Address(str(hosts[0]), node.port))
    return resolved


def find_node(session: Session, state: ClusterState, name: str) -> Node:
    """The node named by id or by an address: the one that it announces, or the one that works from here."""
    with contextlib.suppress(ValueError):
        endpoint = parse_endpoint(name)
        address = Address(endpoint.host, endpoint.port)
        reached = [
            node
            for node in state.nodes.values()
            if address in (node.address, session.access.address_map.reached(node.address))
        ]
        if len(reached) == 1:
            return reached[0]
    try:
        return state.find(name)
    except LookupError as error:
        raise UsageProblem(str(error.args[0])) from error


def find_primary(session: Session, state: ClusterState, name: str) -> Node:
    node = find_node(session, state, name)
    if not node.is_primary:
        primary = state.nodes.get(node.primary_id or "")
        raise UsageProblem(
            f"{node.label} is a replica{f' of {primary.label}' if primary else ''}; name a primary"
        )
    return node
