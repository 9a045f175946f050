"""Let a node join a cluster, or leave it."""

import asyncio
from collections.abc import Callable

from garrison.client import ReplyError
from garrison.cluster.core.cluster_state import ClusterState
from garrison.cluster.core.topology import Address, Node
from garrison.cluster.errors import ManagerError
from garrison.cluster.manager.admin_client import AdminClient
from garrison.cluster.manager.form import POLL_INTERVAL_S, meet, probe, wait_joined

LINK_TIMEOUT_S = 60.0
Note = Callable[[str], None]


async def add_node(
    admin: AdminClient, state: ClusterState, new: Address, primary: Node | None, note: Note
) -> str:
    """Let the empty node at ``new`` join; with ``primary``, as its replica. Return the new node's id."""
    known = state.nodes.get((await admin.view(new)).my_id)
    if known is not None:
        raise ManagerError(
            f"{new} is a member of this cluster already, as {_role(state, known)}: nothing was done"
        )
    view = (await probe(admin, [new]))[new]
    sponsor = next(node for node in state.primaries if node.id in state.views)
    if primary is None:
        await _copy_functions(admin, sponsor.address, new)
    await admin.demand_many(sponsor.address, [meet(view, new)])
    note(f"{sponsor.label} has met {new}; waiting until every node knows it")
    ids = frozenset(state.views) | {view.my_id}
    await wait_joined(admin, [state.nodes[node_id].address for node_id in state.views] + [new], ids)
    if primary is not None:
        await admin.call(new, "CLUSTER", "REPLICATE", primary.id)
        note(f"{new} replicates {primary.label}; waiting for the link")
        await _wait_linked(admin, new)
    return view.my_id


def _role(state: ClusterState, node: Node) -> str:
    if not node.is_primary:
        primary = state.nodes.get(node.primary_id or "")
        return f"a replica of {primary.label}" if primary else "a replica"
    return f"a primary with {len(state.slots_of.get(node.id, ()))} slots"


def choose_primary(state: ClusterState, new: Address) -> Node:
    """The primary that needs a replica at ``new`` the most: fewest replicas, then another host."""
    serving = [node for node in state.primaries if state.slots_of.get(node.id)]
    if not serving:
        raise ManagerError("no primary owns slots, so there is nothing to replicate")

    def need(node: Node) -> tuple[int, bool, Address]:
        return (len(state.replicas_of(node.id)), node.address.host == new.host, node.address)

    return min(serving, key=need)


async def _copy_functions(admin: AdminClient, source: Address, target: Address) -> None:
    """Copy functions to a new primary. It does not matter if the source node has none."""
    dump = (await admin.call_many(source, [("FUNCTION", "DUMP")]))[0]
    if isinstance(dump, bytes):
        await admin.call(target, "FUNCTION", "RESTORE", dump)


async def _wait_linked(admin: AdminClient, replica: Address) -> None:
    for _ in range(int(LINK_TIMEOUT_S / POLL_INTERVAL_S)):
        role = await admin.call(replica, "ROLE")
        if role[0] == b"slave" and role[3] == b"connected":
            return
        await asyncio.sleep(POLL_INTERVAL_S)
    raise ManagerError(
        f"{replica} joined, but its link to the primary is not up after {LINK_TIMEOUT_S:.0f} s; see its log"
    )


async def remove_node(admin: AdminClient, state: ClusterState, node: Node, note: Note) -> None:
    """Take a node without slots out of the cluster: its replicas go elsewhere, all nodes forget it."""
    owned = state.slots_of.get(node.id)
    if owned:
        raise ManagerError(
            f"{node.label} owns {len(owned)} slots; add --drain to move them to the others first, "
            "or reshard them yourself"
        )
    others = [state.nodes[node_id] for node_id in state.views if node_id != node.id]
    for replica in state.replicas_of(node.id):
        if replica.id in state.views:
            heir = choose_primary(state, replica.address)
            note(f"{replica.label} now replicates {heir.label}")
            await admin.call(replica.address, "CLUSTER", "REPLICATE", heir.id)
    # All at once: whoever still knows the node would bring it back when the bar of 60 s ends.
    forget = ("CLUSTER", "FORGET", node.id)
    replies = await asyncio.gather(*(admin.call_many(other.address, [forget]) for other in others))
    for other, (reply,) in zip(others, replies, strict=True):
        if isinstance(reply, ReplyError) and "Unknown node" not in reply.message:
            raise ManagerError(f"{other.label} does not forget it: {reply}; run the same command again")
    if node.id in state.views:
        await admin.call(node.address, "CLUSTER", "RESET", "SOFT")
