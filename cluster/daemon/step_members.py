"""The steps about membership and roles: meet, replicate, hand-over, forget, reset."""

import asyncio
import time

from garrison.client import ReplyError
from garrison.cluster.core.cluster_state import ClusterState
from garrison.cluster.core.topology import Address, Node
from garrison.cluster.daemon.leased import LeasedClient
from garrison.cluster.daemon.step_context import (
    StepContext,
    UnsureError,
    find_member,
    replication_of,
    wait_in_sync,
)
from garrison.cluster.errors import ManagerError
from garrison.cluster.manager import form
from garrison.cluster.manager.session import resolve, settled_state

SYNC_TIMEOUT_S = 3_600.0
"""How long a replica may take for a full sync."""
HAND_OVER_TIMEOUT_S = 30.0
AGREE_TIMEOUT_S = 30.0


async def meet(context: StepContext) -> None:
    """Introduce the node at `address` to the cluster, unless it is a member already."""
    address = (await resolve([_address(context.word("address"))]))[0]
    async with context.admin() as admin:
        state = await admin.cluster_state()
        view = await admin.view(address)
        members = frozenset(state.views)
        if view.my_id not in members:
            try:
                view = (await form.probe(admin, [address]))[address]
            except ManagerError as error:
                raise UnsureError(f"{address} cannot be taken: {error}") from error
            context.demand_going_on()
            sponsor = next(node for node in state.primaries if node.id in state.views)
            await admin.demand_many(sponsor.address, [form.meet(view, address)])
        known = [state.nodes[node_id].address for node_id in members - {view.my_id}]
        await form.wait_joined(admin, [*known, address], members | {view.my_id})


async def replicate(context: StepContext) -> None:
    """Make `node` a replica of `primary` and wait until it is in sync."""
    async with context.admin() as admin:
        state = await settled_state(admin)
        node = find_member(state, context.word("node"))
        primary = find_member(state, context.word("primary"))
        if not primary.is_primary:
            raise UnsureError(f"{primary.label} is not a primary any more")
        if node.id == primary.id:
            raise UnsureError(f"{node.label} cannot replicate itself")
        if node.is_primary and state.slots_of.get(node.id):
            raise UnsureError(f"{node.label} owns slots and so cannot become a replica")
        if node.primary_id != primary.id:
            context.demand_going_on()
            await admin.call(node.address, "CLUSTER", "REPLICATE", primary.id)
        await wait_in_sync(context, admin, node, SYNC_TIMEOUT_S)


async def hand_over(context: StepContext) -> None:
    """Make `node` the primary in place of `from`, which stops writes until the replica has them all."""
    async with context.admin() as admin:
        state = await settled_state(admin)
        node = find_member(state, context.word("node"))
        if node.is_primary and state.slots_of.get(node.id):
            return
        former = find_member(state, context.word("from"))
        if node.is_primary or node.primary_id != former.id or not former.is_primary:
            raise UnsureError(f"{node.label} is not a replica of {former.label} any more")
        fields = await replication_of(admin, node.address)
        if fields.get("master_link_status") != "up":
            raise ManagerError(f"{node.label} is not in sync with its primary")
        context.demand_going_on()
        await admin.call(node.address, "CLUSTER", "FAILOVER")
        deadline = time.monotonic() + HAND_OVER_TIMEOUT_S
        while time.monotonic() < deadline:
            view = await admin.view(node.address)
            if view.myself.is_primary and view.myself.ranges:
                await _wait_agreed(admin, node)
                return
            await context.pause()
        raise ManagerError(f"{node.label} has not become primary within {HAND_OVER_TIMEOUT_S:.0f} s")


async def _wait_agreed(admin: LeasedClient, node: Node) -> None:
    """Wait until every node that answers knows the new primary."""
    deadline = time.monotonic() + AGREE_TIMEOUT_S
    while True:
        state = await settled_state(admin)
        late = [
            view.myself.label
            for view in state.views.values()
            if node.id not in view.nodes or not view.nodes[node.id].is_primary
        ]
        if not late:
            return
        if time.monotonic() > deadline:
            raise ManagerError(f"{late[0]} does not know of the new primary {node.label}")


async def forget(context: StepContext) -> None:
    """Let every node forget `node`, all at once: whoever still knows it would bring it back."""
    node_id = context.word("node")
    async with context.admin() as admin:
        state = await admin.cluster_state()
        if not _knowing(state, node_id):
            return
        node = state.nodes[node_id]
        if state.slots_of.get(node_id):
            raise UnsureError(f"{node.label} owns slots: they would be served by nobody")
        if replicas := state.replicas_of(node_id):
            raise UnsureError(f"{replicas[0].label} replicates {node.label}")
        silent = [
            other.label
            for other in state.nodes.values()
            if other.id not in state.views and other.id != node_id and not other.failing
        ]
        if silent:
            raise ManagerError(f"{silent[0]} does not answer, and would bring {node.label} back")
        context.demand_going_on()
        addresses = [state.views[other].myself.address for other in _knowing(state, node_id)]
        command = ("CLUSTER", "FORGET", node_id)
        replies = await asyncio.gather(*(admin.call_many(address, [command]) for address in addresses))
        for address, (reply,) in zip(addresses, replies, strict=True):
            if isinstance(reply, ReplyError) and "Unknown node" not in reply.message:
                raise ManagerError(f"{address} does not forget {node.label}: {reply}")
        left = _knowing(await admin.cluster_state(), node_id)
        if left:
            raise ManagerError(f"{len(left)} nodes know {node.label} again")


def _knowing(state: ClusterState, node_id: str) -> list[str]:
    """The nodes, other than itself, that list it."""
    return [view.my_id for view in state.views.values() if node_id in view.nodes and view.my_id != node_id]


async def reset(context: StepContext) -> None:
    """Make the node at `address` a spare: it owns nothing, knows nobody and has no data."""
    address = _address(context.word("address"))
    async with context.admin() as admin:
        view = await admin.view(address)
        keys = await admin.call(address, "DBSIZE")
        if len(view.nodes) == 1 and not view.myself.ranges and not keys:
            return
        if view.my_id != context.word("node"):
            raise UnsureError(f"another node answers at {address}")
        if view.myself.ranges:
            raise UnsureError(f"{view.myself.label} owns slots")
        if view.myself.is_primary and keys:
            raise UnsureError(f"{view.myself.label} is a primary with {keys} keys, which are not deleted")
        context.demand_going_on()
        await admin.call(address, "CLUSTER", "RESET", "HARD")
        deadline = time.monotonic() + AGREE_TIMEOUT_S
        while time.monotonic() < deadline:
            view = await admin.view(address)
            if len(view.nodes) == 1 and not await admin.call(address, "DBSIZE"):
                return
            await context.pause()
        raise ManagerError(f"{address} still knows others, or has keys, after its reset")


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    if not port.isdecimal():
        raise UnsureError(f"{text!r} is not host:port")
    return Address(host.strip("[]"), int(port))
